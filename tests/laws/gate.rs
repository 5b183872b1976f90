//! The law of who is believed: an independent reading of `proxies`, several ways in, `secret-header` and
//! `proxy-only` agrees. It compares numbers and whole lines, and knows nothing of the headers' names.

use arbitrary::{Result, Unstructured};
use http::Request;
use proxyfix::{Config, ConfigBuilder, ConfigError, Peer, Resolved, fix_request};

use super::{
    Verdict,
    settings::{SECRET_HEADER, SECRETS},
};

/// A way in: peers 10.0.0.N, for N from `first` on.
#[derive(Debug)]
struct Way {
    first: u8,
    bits: u8,
    asks_secret: bool,
    guards: bool,
}

impl Way {
    fn arbitrary(u: &mut Unstructured<'_>) -> Result<Self> {
        let bits = u.int_in_range(0..=3)?;
        let first = u.int_in_range(0..=7)? >> bits << bits;
        Ok(Self { first, bits, asks_secret: u.ratio(1, 2)?, guards: u.ratio(1, 2)? })
    }

    fn has(&self, peer: u8) -> bool {
        (self.first..self.first + (1 << self.bits)).contains(&peer)
    }

    fn config(&self) -> std::result::Result<Config, ConfigError> {
        let mut text = format!("proxies=10.0.0.{}/{} for=1", self.first, 32 - self.bits);
        if self.asks_secret {
            text = format!("{text} secret-header={SECRET_HEADER}");
        }
        if self.guards {
            text.push_str(" proxy-only=Remote-User");
        }
        let mut builder: ConfigBuilder = text.parse()?;
        if self.asks_secret {
            builder = SECRETS.into_iter().fold(builder, ConfigBuilder::secret);
        }
        builder.build()
    }
}

/// **An independent reading agrees** on who is believed.
pub(crate) fn gate(data: &[u8]) -> Verdict {
    let mut u = Unstructured::new(data);
    read(&mut u).unwrap_or(Verdict::None)
}

fn read(u: &mut Unstructured<'_>) -> Result<Verdict> {
    let mut ways = vec![Way::arbitrary(u)?];
    let mut config = ways[0].config().expect("valid");
    for _ in 0..u.int_in_range(0..=3)? {
        let way = Way::arbitrary(u)?;
        match config.or(&way.config().expect("valid")) {
            Ok(more) => config = more,
            Err(_) => {
                let reaches = |peer| way.has(peer) && !ways.iter().any(|way| way.has(peer));
                assert!(!(0..8).any(reaches), "{way:?} after {ways:?}");
                continue;
            }
        }
        ways.push(way);
    }
    let peer = u.int_in_range(0..=9)?;
    let mut request = Request::get("/").body(()).expect("valid");
    request.extensions_mut().insert(Peer::from(std::net::IpAddr::from([10, 0, 0, peer])));
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", "203.0.113.9".parse().expect("valid"));
    let user = *u.choose(&["Remote-User", "remote_user", "REMOTE-USER"])?;
    headers
        .insert(user.parse::<http::HeaderName>().expect("valid"), "root".parse().expect("valid"));
    let mut sent = Vec::new();
    for _ in 0..*u.choose(&[0, 1, 1, 1, 1, 2])? {
        let secret = *u.choose(&SECRETS)?;
        let line = match u.int_in_range(0..=9)? {
            0 => String::new(),
            1 => secret.to_uppercase(),
            2 => secret[1..].to_owned(),
            3 => format!("{secret},{secret}"),
            _ => secret.to_owned(),
        };
        headers.append(SECRET_HEADER, line.parse().expect("valid"));
        sent.push(line);
    }

    let way = ways.iter().find(|way| way.has(peer));
    let proved = sent.len() == 1 && SECRETS.contains(&&*sent[0]);
    let believed = way.is_some_and(|way| !way.asks_secret || proved);
    fix_request(&mut request, &config).expect("a good request");
    let found: &Resolved = request.extensions().get().expect("fixed");
    let client = match way {
        _ if believed => "203.0.113.9".to_owned(),
        Some(_) => "unknown".to_owned(),
        None => format!("10.0.0.{peer}"),
    };
    assert_eq!(found.client().to_string(), client, "{ways:?} {peer} {sent:?}");
    assert_eq!(found.is_peer_trusted(), believed);
    let left = |name: &str| request.headers().contains_key(name);
    assert_eq!(left("x-forwarded-for"), believed);
    assert_eq!(left(SECRET_HEADER), !sent.is_empty() && !ways.iter().any(|way| way.asks_secret));
    let stays = match way {
        Some(way) if believed && way.guards => user.contains('-'),
        _ => !ways.iter().any(|way| way.guards),
    };
    assert_eq!(left(user), stays, "{user} {ways:?} {peer} {sent:?}");
    Ok(if believed { Verdict::Truth } else { Verdict::Fallback })
}
