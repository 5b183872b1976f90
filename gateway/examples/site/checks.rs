//! What is tried, and the truth.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::table::Row;

/// A request, and what must come of it.
struct Try {
    what: &'static str,
    method: &'static str,
    path: &'static str,
    fields: &'static str,
    service: &'static str,
    /// The status, a field if one matters, and the body. `PREFIX` is what nginx strips, `ORIGIN` where the client is.
    truth: (&'static str, &'static str, &'static str),
}

const fn ask(
    what: &'static str,
    path: &'static str,
    service: &'static str,
    truth: (&'static str, &'static str, &'static str),
) -> Try {
    Try { what, method: "GET", path, fields: "", service, truth }
}

const TRIES: &[Try] = &[
    ask("the application", "/", "application", ("200", "", "home")),
    ask("any other path", "/any/path", "application", ("200", "", "the application's own page")),
    ask("a route below the files", "/static/about", "application", ("200", "", "about")),
    ask("the older application", "/admin/", "admin", ("200", "", "the admin's start")),
    ask("without its slash", "/admin", "admin", ("200", "", "the admin's start")),
    ask("its redirect", "/admin/old", "admin", ("303", "location: PREFIX/admin/users?all", "")),
    ask(
        "its cookie",
        "/admin/login",
        "admin",
        ("200", "set-cookie: id=1; Path=PREFIX/admin", "welcome"),
    ),
    ask(
        "its own URL",
        "/admin/users?all",
        "admin",
        ("200", "", "users at ORIGINPREFIX/admin/users?all"),
    ),
    ask("a file", "/robots.txt", "files", ("200", "", "User-agent: *")),
    ask(
        "a file of a directory",
        "/static/app-0a1b2c3d.js",
        "files",
        ("200", "cache-control: public, max-age=31536000, immutable", "start()"),
    ),
    Try {
        what: "compressed before",
        method: "GET",
        path: "/static/app-0a1b2c3d.js",
        fields: "Accept-Encoding: br\r\n",
        service: "files",
        truth: ("200", "content-encoding: br", "BROTLI"),
    },
    Try {
        what: "a part of it",
        method: "GET",
        path: "/static/app-0a1b2c3d.js",
        fields: "Range: bytes=0-4\r\n",
        service: "files",
        truth: ("206", "content-range: bytes 0-4/7", "start"),
    },
    ask(
        "an embedded file",
        "/assets/logo.svg",
        "files",
        ("200", "content-type: image/svg+xml; charset=utf-8", "<svg/>"),
    ),
    ask("the index of a directory", "/static/docs/", "files", ("200", "", "<p>docs")),
    ask(
        "a directory without its slash",
        "/static/docs",
        "files",
        ("307", "location: PREFIX/static/docs/", ""),
    ),
    Try {
        what: "POST to a file",
        method: "POST",
        path: "/robots.txt",
        fields: "Content-Length: 0\r\n",
        service: "application",
        truth: ("200", "", "the application's own page"),
    },
    ask(
        "a link out of the directory",
        "/static/link.txt",
        "application",
        ("200", "", "the application's own page"),
    ),
    ask("a hidden name", "/static/.env", "application", ("200", "", "the application's own page")),
    ask(
        "a disallowed name",
        "/static/app-0a1b2c3d.js.map",
        "application",
        ("200", "", "the application's own page"),
    ),
    ask(
        "a FIFO, if the system has such",
        "/static/fifo",
        "application",
        ("200", "", "the application's own page"),
    ),
    Try {
        what: "a forged Host",
        method: "GET",
        path: "/admin/users?all",
        fields: "Host: evil.example\r\n",
        service: "nobody",
        truth: ("400", "", ""),
    },
    ask(
        "another name of the mount",
        "/administrator",
        "application",
        ("200", "", "the application's own page"),
    ),
];

/// The same as through a proxy that sends the path on as it stands. nginx resolves dot segments and `%2f` itself.
const AS_IT_STANDS: &[Try] = &[
    ask("..", "/static/../secret.txt", "nobody", ("400", "", "400 Bad Request")),
    ask("%2e%2e", "/static/%2e%2e/secret.txt", "nobody", ("400", "", "400 Bad Request")),
    ask(
        "a dot segment into the mount",
        "/static/../admin/",
        "nobody",
        ("400", "", "400 Bad Request"),
    ),
    ask("the same, encoded", "/static/.%2E/admin/", "nobody", ("400", "", "400 Bad Request")),
    ask(
        "..%2f below an export",
        "/static/..%2fsecret.txt",
        "nobody",
        ("400", "", "400 Bad Request"),
    ),
    ask(
        "%2f below an export",
        "/static/docs%2findex.html",
        "application",
        ("200", "", "the application's own page"),
    ),
];

/// Where the requests go.
pub(crate) struct Site {
    /// nginx, or the site itself.
    pub(crate) front: SocketAddr,
    pub(crate) itself: SocketAddr,
    /// What nginx strips.
    pub(crate) prefix: &'static str,
}

impl Site {
    /// What a client writes, who forges the prefix.
    fn request(&self, own: &Try) -> String {
        let host = if own.fields.contains("Host:") {
            String::new()
        } else {
            format!("Host: 127.0.0.1:{}\r\n", self.front.port())
        };
        format!(
            "{} {}{} HTTP/1.1\r\n{host}X-Forwarded-Prefix: /evil\r\n{}Connection: close\r\n\r\n",
            own.method, self.prefix, own.path, own.fields
        )
    }

    /// What a proxy writes that strips the prefix, and nothing else.
    fn request_of_proxy(&self, own: &Try) -> String {
        format!(
            "{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Prefix: {}\r\nConnection: close\r\n\r\n",
            own.method,
            own.path,
            self.front.port(),
            self.prefix
        )
    }
}

/// Tries everything.
pub(crate) async fn all(site: &Site) -> Vec<Row> {
    let (front, prefix) = (site.front, site.prefix);
    let through = TRIES.iter().map(|own| (own, front, site.request(own)));
    let past = AS_IT_STANDS.iter().map(|own| (own, site.itself, site.request_of_proxy(own)));
    let mut rows = Vec::new();
    for (own, address, request) in through.chain(past) {
        let (status, head, body) = fetch(address, &request).await;
        let (true_status, field, true_body) = own.truth;
        let fill = |text: &str| {
            text.replace("ORIGIN", &format!("http://127.0.0.1:{}", front.port()))
                .replace("PREFIX", prefix)
        };
        let field = fill(field);
        let has_field = head.lines().any(|line| line.eq_ignore_ascii_case(&field));
        let found = if has_field { &*field } else { "" };
        let shown = |status: &str, field: &str, body: &str| {
            let parts = [status, field, body].into_iter().filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join(" · ")
        };
        rows.push(Row {
            what: own.what,
            upstream: who(&head, &status, &body).to_owned(),
            client: shown(&status, found, &body),
            truth: (own.service.to_owned(), shown(true_status, &field, &fill(true_body))),
        });
    }
    rows
}

/// Files have a field that no application here sends.
fn who(head: &str, status: &str, body: &str) -> &'static str {
    let has = |name: &str| head.to_ascii_lowercase().contains(name);
    match status {
        "307" => "files",
        "400" => "nobody",
        _ if has("x-content-type-options:") => "files",
        _ if has("/admin") || ["welcome", "the admin's start"].contains(&body) => "admin",
        _ if body.starts_with("users") => "admin",
        _ => "application",
    }
}

/// Sends a request as it stands, and reads the response.
async fn fetch(address: SocketAddr, request: &str) -> (String, String, String) {
    let mut stream = TcpStream::connect(address).await.expect("the front listens");
    stream.write_all(request.as_bytes()).await.expect("the front reads");
    let mut got = Vec::new();
    let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut got)).await;
    read.expect("nothing waits for a writer of the FIFO").expect("the front answers");
    let got = String::from_utf8_lossy(&got);
    let (head, body) = got.split_once("\r\n\r\n").expect("a response");
    let status = head.split(' ').nth(1).unwrap_or_default();
    (status.to_owned(), head.to_owned(), body.trim_end().to_owned())
}
