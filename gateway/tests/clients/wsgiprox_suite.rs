//! The client half of wsgiprox's own suite, from its package on `PyPI`, in front of our proxy. One case is left out: for
//! HTTP/1.0 it wants a length that somebody must have counted (docs/FORWARD.md, `U-http10-https`).

use std::{fs, net::SocketAddr, process::Command};

use proxyfix_gateway::{
    CertificateAuthority, Credentials, ForwardProxyBuilder, ForwardProxyLayer, UserResolver, serve,
};
use tokio::{net::TcpListener, task::spawn_blocking};
use tower::{Layer as _, service_fn};

use super::{
    application::{Log, application, custom},
    programs::{here, python_with, run},
};

async fn start(builder: ForwardProxyBuilder) -> SocketAddr {
    let proxy = builder.build().expect("valid");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { serve(listener, proxy.layer(application(&Log::default()))).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python; .ci/run runs it"]
async fn wsgiprox_suite() {
    let python = spawn_blocking(|| python_with("clients-wsgiprox", "wsgiprox.txt"));
    let Some(python) = python.await.expect("no panic") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "wsgiprox"]);
    run(pip.args(["--dest"]).arg(folder.path()).arg("wsgiprox==1.5.2"));
    run(Command::new("tar").args(["xzf", "wsgiprox-1.5.2.tar.gz"]).current_dir(folder.path()));
    let authority = CertificateAuthority::options().in_memory().expect("an authority");
    let certificate = folder.path().join("ca.pem");
    fs::write(&certificate, authority.certificate_pem()).expect("a file");
    let builder = ForwardProxyLayer::builder(authority).prefix("/prefix/");
    let builder = builder.alias("proxy-alias").app("proxy-app-1", service_fn(custom));
    let credentials = Credentials::any_user("Please enter prefix path").expect("valid");
    let auth = start(builder.clone().credentials(credentials).resolver(UserResolver::new())).await;
    let open = start(builder).await;
    let mut suite = Command::new(python);
    suite.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]).arg(folder.path());
    suite.args(["-k", "not (test_chunked_force_http10_buffer and https)"]);
    // Beside it here is a `websocket.py`, which Python would take for the package.
    let file = folder.path().join("wsgiprox_suite.py");
    fs::copy(here().join("wsgiprox_suite.py"), &file).expect("a file");
    suite.arg(file);
    suite.env("WSGIPROX", folder.path().join("wsgiprox-1.5.2")).env("CA", &certificate);
    suite.env("PORT", open.port().to_string()).env("AUTH_PORT", auth.port().to_string());
    let printed = spawn_blocking(move || run(&mut suite)).await.expect("no panic");
    assert!(printed.contains(" passed, 1 deselected"), "{printed}");
    println!("{printed}");
}
