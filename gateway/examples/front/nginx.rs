//! A real nginx, if one is installed. The example `site` uses it too.

use std::{
    error::Error,
    fs, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{net::TcpStream, time::sleep};

/// A running nginx. It ends when this is dropped.
pub(crate) struct Nginx {
    address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Nginx {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts nginx with these directives in its `server`. `None` if it is not installed.
pub(crate) async fn start(
    directives: impl FnOnce(&Path) -> io::Result<String>,
) -> Result<Option<Nginx>, Box<dyn Error>> {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let directives = directives(root)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let configuration = format!(
        "daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; client_body_temp_path {root}/1; proxy_temp_path {root}/2;\n\
         fastcgi_temp_path {root}/3; uwsgi_temp_path {root}/4; scgi_temp_path {root}/5;\n\
         server {{ listen {address}; {directives} }} }}\n",
        root = root.display(),
    );
    fs::write(root.join("nginx.conf"), configuration)?;
    let process = Command::new("nginx")
        .args(["-p", &root.display().to_string(), "-c"])
        .arg(root.join("nginx.conf"))
        .stderr(Stdio::null())
        .spawn()?;
    let nginx = Nginx { address, process, _folder: folder };
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(Some(nginx));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err("nginx does not start".into())
}
