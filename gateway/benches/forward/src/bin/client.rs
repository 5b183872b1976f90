//! Opens tunnels and sends requests: `client ADDRESS tunnels COUNT HOSTS` asks once in each tunnel, for one of so many
//! hosts; `client ADDRESS requests COUNT` asks over 16 tunnels. Prints the median time of one, in microseconds.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Believes every certificate: what is measured is the server.
#[derive(Debug)]
struct Any;

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as S;
        vec![S::ECDSA_NISTP256_SHA256, S::RSA_PSS_SHA256, S::RSA_PKCS1_SHA256, S::ED25519]
    }
}

/// Reads an answer: a head, and as many bytes as its length says.
async fn read<T: tokio::io::AsyncRead + Unpin>(stream: &mut T, has_body: bool) {
    let (mut text, mut buffer) = (Vec::new(), vec![0; 8192]);
    loop {
        let read = stream.read(&mut buffer).await.expect("bytes");
        assert!(read > 0, "the server closed: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..read]);
        let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        if !has_body || text.len() >= end + 4 + 1024 {
            return;
        }
    }
}

async fn tunnel(address: SocketAddr, host: &str, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let connect = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n");
    stream.write_all(connect.as_bytes()).await.expect("a connection");
    read(&mut stream, false).await;
    let name = ServerName::try_from(host.to_owned()).expect("a name");
    connector.connect(name, stream).await.expect("a handshake")
}

async fn ask(stream: &mut TlsStream<TcpStream>, host: &str) {
    let request = format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a connection");
    read(stream, true).await;
}

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let address: SocketAddr = arguments[0].parse().expect("an address");
    let count: usize = arguments[2].parse().expect("a number");
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Any))
            .with_no_client_auth();
    let mut config = config;
    config.resumption = rustls::client::Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(config));
    let mut times: Vec<Duration> = Vec::new();
    if arguments[1] == "tunnels" {
        let hosts: usize = arguments[3].parse().expect("a number");
        for number in 0..count {
            let host = format!("n{}.test", number % hosts);
            let start = Instant::now();
            let mut stream = tunnel(address, &host, &connector).await;
            ask(&mut stream, &host).await;
            times.push(start.elapsed());
        }
    } else {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let connector = connector.clone();
            tasks.spawn(async move {
                let mut stream = tunnel(address, "same.test", &connector).await;
                let mut times = Vec::new();
                for _ in 0..count / 16 {
                    let start = Instant::now();
                    ask(&mut stream, "same.test").await;
                    times.push(start.elapsed());
                }
                times
            });
        }
        for some in tasks.join_all().await {
            times.extend(some);
        }
    }
    times.sort();
    println!("{}", times[times.len() / 2].as_micros());
}
