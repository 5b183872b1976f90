// Java through the proxy, with the PKCS #12 file as its store of trusted certificates. Argument: an URL.
import java.net.URI;
import java.net.http.*;

public class Forward {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newBuilder().proxy(java.net.ProxySelector.getDefault()).build();
        for (String url : arguments) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.version() + " " + answer.body());
        }
    }
}
