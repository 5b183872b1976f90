//! Requests that others collected, sent through our proxy on real sockets.
//!
//! `corpora/README.md` says where they come from. Each file below states what must be true of every request.

#[path = "corpora/downgrade.rs"]
mod downgrade;
#[path = "corpora/garden.rs"]
mod garden;
#[path = "corpora/guardian.rs"]
mod guardian;
#[path = "corpora/h1spec.rs"]
mod h1spec;
#[path = "corpora/smuggler.rs"]
mod smuggler;
#[path = "corpora/wire/mod.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod wire;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use proxyfix_gateway::ReverseProxy;
use tokio::{sync::Semaphore, task::JoinSet};

use self::wire::{front, latin1, recorder::Recorder, recorder::Seen};

/// How long a server may take to answer, where it must. On a busy machine this is long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Our proxy in front of this upstream.
async fn front_of(upstream: &Recorder) -> SocketAddr {
    let url = format!("http://{}/", upstream.address);
    front::serve(ReverseProxy::new(&url).expect("a target")).await
}

/// Runs these tasks, at most so many at once, and gives their results in order.
async fn at_once<T, F>(most: usize, tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let permits = Arc::new(Semaphore::new(most));
    let mut set = JoinSet::new();
    for (number, task) in tasks.into_iter().enumerate() {
        let permits = Arc::clone(&permits);
        set.spawn(async move {
            let _permit = permits.acquire_owned().await.expect("never closed");
            (number, task.await)
        });
    }
    let mut results = set.join_all().await;
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What is wrong with what upstream received, if another server could read it in another way: two framings,
/// none that is clear, or a line that a lenient parser takes for `Transfer-Encoding` or `Content-Length`.
fn unclear(seen: &Seen) -> Option<String> {
    use self::wire::recorder::Framing;
    if seen.framing == Framing::Unclear || !seen.is_complete {
        return Some(format!("no clear framing: {:?}", latin1(&seen.head)));
    }
    let text = latin1(&seen.head);
    let lines: Vec<&str> = text.split("\r\n").collect();
    let is_break = |c| matches!(c, '\r' | '\n' | '\x0b' | '\x0c' | '\0');
    if lines.iter().any(|line| line.contains(is_break)) {
        return Some(format!("a line break in a line: {text:?}"));
    }
    // CGI and WSGI read `_` as `-`, and some parsers strip what is no letter from the ends.
    let meant = |name: &str| -> String {
        let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        name.to_ascii_lowercase().replace(['_', ' '], "-")
    };
    if seen
        .fields()
        .iter()
        .any(|(name, value)| name == "content-length" && value.len() > 1 && value.starts_with('0'))
    {
        return Some(format!("a length that is another one in octal: {text:?}"));
    }
    for line in &lines[1..] {
        let name = line.split(':').next().unwrap_or_default();
        let is_real = |real: &str| name.eq_ignore_ascii_case(real);
        let meant = meant(name);
        if meant == "transfer-encoding" && !is_real("transfer-encoding")
            || meant == "content-length" && !is_real("content-length")
        {
            return Some(format!("a lenient parser reads another framing: {line:?}"));
        }
    }
    None
}
