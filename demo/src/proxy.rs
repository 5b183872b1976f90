//! Which proxy is in front of the application.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    str::FromStr,
};

use crate::{
    embedded, error,
    nginx::{self, Nginx},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// nginx if it is installed, otherwise the embedded proxy.
    Auto,
    /// A real nginx as a child process. An error if it is not installed.
    Nginx,
    /// A small proxy in this process that does what the usual nginx recipe does.
    Embedded,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "nginx" => Ok(Self::Nginx),
            "embedded" => Ok(Self::Embedded),
            _ => Err(format!("unknown proxy {text}; write auto, nginx or embedded")),
        }
    }
}

pub(crate) struct Proxy {
    /// Name and version.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Stops when the proxy is dropped.
    pub(crate) nginx: Option<Nginx>,
}

impl Proxy {
    pub(crate) async fn start(
        choice: Choice,
        app: SocketAddr,
        from: IpAddr,
    ) -> error::Result<Self> {
        let program = if choice == Choice::Embedded { None } else { nginx::find() };
        let Some(program) = program else {
            return match choice {
                Choice::Auto => Self::embedded(app, from, "nginx is not installed").await,
                Choice::Embedded => Self::embedded(app, from, "as asked for").await,
                Choice::Nginx => Err("nginx was found neither on the PATH nor in the usual \
                                      places; install it, or try --proxy embedded"
                    .into()),
            };
        };
        match Self::nginx(&program, app, from).await {
            Err(error) if choice == Choice::Auto => {
                eprintln!("warning: {error}");
                Self::embedded(app, from, "nginx does not work").await
            }
            result => result,
        }
    }

    async fn nginx(program: &Path, app: SocketAddr, from: IpAddr) -> error::Result<Self> {
        let name = nginx::version(program)?;
        let nginx = Nginx::start(program, app, from).await?;
        Ok(Self { name, address: nginx.address, nginx: Some(nginx) })
    }

    async fn embedded(app: SocketAddr, from: IpAddr, reason: &str) -> error::Result<Self> {
        let address = embedded::start(app, from).await?;
        Ok(Self { name: format!("the embedded proxy ({reason})"), address, nginx: None })
    }
}

/// 127.0.0.`last` if the system has more than one loopback address (Linux), otherwise 127.0.0.1.
pub(crate) fn loopback(last: u8) -> IpAddr {
    let address = Ipv4Addr::new(127, 0, 0, last);
    if TcpListener::bind((address, 0)).is_ok() {
        address.into()
    } else {
        Ipv4Addr::LOCALHOST.into()
    }
}
