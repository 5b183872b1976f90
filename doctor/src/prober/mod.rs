//! The prober: sends the probes, and records what became of them.
//!
//! 1. HTTP/1 is written byte for byte ([`head`](crate::probe::head)) and read within limits. HTTP/2 is asked too, where a server
//!    offers it by ALPN (RFC 7301).
//! 2. Each listener that the user names is asked at each address of its name, up to eight. The first address
//!    gets all probes, the others those about the standard headers. If the user names no plain listener, port 80 gets
//!    one request without any secret: whether it is closed says what the scheme of every request is. The token and
//!    the lines of the user go unencrypted only to a URL with `http` that the user named. Redirects are not followed.
//! 3. On one machine the prober takes an address of its own in 127.0.0.0/8. Otherwise it could not be told from
//!    the proxies.
//! 4. A probe that does not arrive is sent again. It counts as refused only if it is refused again, and an honest
//!    one gets through at that time. A probe with several headers is then halved until the header is found.
//! 5. It ends by itself: each probe has a time limit, and each way a number of probes.

mod answer;
mod asker;
mod connect;
mod rounds;
mod secrets;
mod tls;
mod url;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

pub use self::{tls::Trust, url::Url};
use crate::{
    arrived::Field,
    receiver::{NoRandomness, Token},
    record::Recording,
};

/// What the prober is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The listeners, the one that clients use first.
    pub urls: Vec<Url>,
    /// The receiver's token.
    pub token: Token,
    /// Addresses instead of those of the name, as with `curl --resolve`.
    pub resolve: Vec<(String, u16, IpAddr)>,
    /// Which certificates are accepted.
    pub trust: Trust,
    /// Field lines of every probe, such as an access token.
    pub headers: Vec<Field>,
    /// The client's own addresses, if it does not know them itself.
    pub client: Vec<IpAddr>,
    /// The names of the proxies, such as `nginx`, if they do not show themselves.
    pub proxies: Vec<String>,
    /// The port at which plain HTTP is asked without any secret, if no URL names a plain listener.
    pub plain: u16,
    /// How long one probe may take.
    pub timeout: Duration,
}

impl Settings {
    /// What is usual, for a receiver with this token.
    pub fn new(urls: Vec<Url>, token: Token) -> Self {
        Self {
            urls,
            token,
            resolve: Vec::new(),
            trust: Trust::System,
            headers: Vec::new(),
            client: Vec::new(),
            proxies: Vec::new(),
            plain: 80,
            timeout: Duration::from_secs(10),
        }
    }
}

/// How far the prober is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The way that is asked.
    pub way: String,
    /// How many probes of this round are done.
    pub done: usize,
    /// How many there are.
    pub of: usize,
}

/// Why nothing could be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name has no address.
    #[error("{0} has no address: {1}; --resolve HOST:PORT:ADDRESS gives it one")]
    NoAddress(String, String),
    /// The certificates cannot be read.
    #[error("{0}")]
    Trust(String),
    /// The system's generator of random numbers failed.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Asks every listener, and records what became of each probe. `progress` is called after each.
///
/// # Errors
///
/// If a name has no address, or the certificates cannot be read. A probe that does not arrive is no error.
pub async fn probe(
    settings: &Settings,
    mut progress: impl FnMut(Progress),
) -> Result<Recording, Error> {
    let run = crate::receiver::name()?;
    let url = settings.urls.first().map(ToString::to_string).unwrap_or_default();
    let mut recording = Recording::new(url);
    recording.client.clone_from(&settings.client);
    recording.proxies.clone_from(&settings.proxies);
    let mut listeners = Vec::new();
    for url in &settings.urls {
        listeners.push((url.clone(), addresses(settings, url).await?));
    }
    let place = |settings, url, address, number| rounds::Place {
        settings,
        url,
        address,
        run: &run,
        first: number == 0,
        reached: true,
    };
    for (url, addresses) in &listeners {
        for (number, address) in addresses.iter().copied().enumerate() {
            let place = place(settings, url, address, number);
            if number < ADDRESSES {
                place.ask(&mut recording, &mut progress).await?;
            } else {
                recording.exchanges.push(place.left_out());
            }
        }
    }
    let first =
        listeners.first().filter(|_| listeners.iter().all(|(url, _)| url.scheme == "https"));
    if let Some((url, addresses)) = first {
        let silent = Settings { headers: Vec::new(), ..settings.clone() };
        let url = Url { scheme: "http".to_owned(), port: settings.plain, ..url.clone() };
        for address in addresses.iter().take(ADDRESSES) {
            let address = SocketAddr::new(address.ip(), settings.plain);
            place(&silent, &url, address, 0).knock(&mut recording, &mut progress).await;
        }
    }
    Ok(recording)
}

/// The most addresses of a name that are asked.
const ADDRESSES: usize = 8;

/// The addresses of a name, each once, the families by turns.
async fn addresses(settings: &Settings, url: &Url) -> Result<Vec<SocketAddr>, Error> {
    let host = url.host.trim_start_matches('[').trim_end_matches(']');
    let told = settings.resolve.iter().filter(|(name, port, _)| name == host && *port == url.port);
    let mut all: Vec<SocketAddr> = told.map(|(_, port, ip)| (*ip, *port).into()).collect();
    if all.is_empty() {
        let found = tokio::net::lookup_host((host, url.port)).await;
        let found = found.map_err(|error| Error::NoAddress(host.to_owned(), error.to_string()))?;
        all.extend(found);
    }
    let mut each = Vec::new();
    for address in &all {
        if !each.contains(address) {
            each.push(*address);
        }
    }
    // The sort keeps the order within a family.
    let (mut v4, mut v6) = (0_usize, 0_usize);
    each.sort_by_cached_key(|address| {
        let count = if address.is_ipv4() { &mut v4 } else { &mut v6 };
        *count = count.saturating_add(1);
        (*count, address.is_ipv6())
    });
    if each.is_empty() {
        return Err(Error::NoAddress(host.to_owned(), "the name is empty".to_owned()));
    }
    Ok(each)
}
