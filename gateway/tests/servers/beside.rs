//! The same requests to all servers, and what most of them do otherwise than ours.

use std::{collections::BTreeMap, net::SocketAddr};

use futures_util::future::join_all;
use proxyfix_gateway::{Dir, FilesLayer};

use super::{
    PATIENCE,
    facts::{Tags, facts},
    names,
    requests::{self, Request},
    running,
    tree::Tree,
    wire::{bytes, client::ask, front},
};

/// Of how many servers most have to differ. Two say nothing.
const MAJORITY_OF: usize = 3;

/// What is known of an answer: fact, value. `None` if this server could not be asked, because it has no tag or date.
type Facts = Option<BTreeMap<&'static str, String>>;

/// What most servers do otherwise than ours.
#[derive(Debug)]
pub(crate) struct Difference<'a> {
    pub(crate) request: &'a Request,
    pub(crate) fact: &'static str,
    pub(crate) ours: &'a str,
    /// Our status.
    pub(crate) status: &'a str,
    /// Which servers say what.
    pub(crate) theirs: Vec<(&'static str, &'a str)>,
}

impl Difference<'_> {
    fn text(&self) -> String {
        let cut = |text: &str| text.chars().take(40).collect::<String>();
        let theirs = self.theirs.iter().map(|(name, their)| format!("{name} {:?}", cut(their)));
        let theirs = theirs.collect::<Vec<_>>().join(", ");
        format!("{} {}: {:?}, but {theirs}", self.request.text(), self.fact, cut(self.ours))
    }
}

async fn ours(tree: &Tree) -> SocketAddr {
    let dir = Dir::open(tree.root()).expect("a folder");
    let dir = dir.index("index.html").redirect(true).precompressed(true);
    let layer = FilesLayer::builder().export("/", dir).build().expect("an export");
    front::serve(layer.service()).await
}

/// Sends all requests to a server, one after the other.
async fn answers(server: SocketAddr, requests: &[Request]) -> Vec<Facts> {
    let mut known: BTreeMap<(&str, &str), Tags> = BTreeMap::new();
    let mut all = Vec::new();
    for request in requests {
        let codings = request.value("Accept-Encoding").unwrap_or_default();
        let place = (request.target.as_str(), codings);
        if request.fields.iter().any(|(_, value)| value.contains('{'))
            && !known.contains_key(&place)
        {
            let line = format!("Accept-Encoding: {codings}\r\n");
            known.insert(place, Tags::of(server, &request.target, &line).await);
        }
        let tags = known.get(&place).cloned().unwrap_or_default();
        let line = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
        all.push(match tags.request(line, &request.fields) {
            Some(text) => {
                let response = ask(server, &[&bytes(&text)], request.method, PATIENCE).await;
                Some(response.map_or_else(no_answer, |response| facts(&response, request.method)))
            }
            None => None,
        });
    }
    all
}

fn no_answer() -> BTreeMap<&'static str, String> {
    BTreeMap::from([("status", "none".to_owned())])
}

/// How often a server says the same as ours, of how many facts.
#[derive(Default)]
struct Count {
    same: usize,
    all: usize,
}

/// Compares. With all servers, each difference has to have a name, and with the usual seed, each name has to occur.
pub(crate) async fn compare(seed: Option<u64>) {
    let tree = Tree::new();
    let servers = running::all(&tree);
    let requests = requests::requests(seed.unwrap_or(15));
    let addresses = servers.iter().map(|(_, server)| server.address());
    let ours = answers(ours(&tree).await, &requests).await;
    let theirs = join_all(addresses.map(|address| answers(address, &requests))).await;

    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut found: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let (mut unexplained, mut facts) = (Vec::new(), 0);
    for (number, (request, ours)) in requests.iter().zip(&ours).enumerate() {
        let ours = ours.as_ref().expect("ours has tags and dates");
        let all = servers.iter().zip(&theirs);
        let all = all.filter_map(|((name, _), all)| Some((*name, all[number].as_ref()?)));
        let all: Vec<_> = all.collect();
        for (fact, value) in ours {
            facts += 1;
            let theirs = comparable(fact, &ours["status"], &all);
            for (name, their) in &theirs {
                let count = counts.entry(name).or_default();
                count.all += 1;
                count.same += usize::from(their == value);
            }
            let same = theirs.iter().filter(|(_, their)| their == value).count();
            if theirs.len() < MAJORITY_OF || same * 2 >= theirs.len() {
                continue;
            }
            let difference =
                Difference { request, fact, ours: value, status: &ours["status"], theirs };
            match names::name(&difference) {
                Some((name, reason)) => found.entry(name).or_insert((0, reason)).0 += 1,
                None => unexplained.push(difference.text()),
            }
        }
    }
    println!(
        "{} requests to ours and {} servers: {facts} facts of ours",
        requests.len(),
        servers.len()
    );
    for (name, count) in &counts {
        println!("{name:13} {:5} of {:5} facts are the same", count.same, count.all);
    }
    let named: usize = found.values().map(|(times, _)| times).sum();
    println!("{named} of them most servers have otherwise, by {} names:", found.len());
    for (name, (times, reason)) in &found {
        println!("{name:21} {times:4}  {reason}");
    }
    let text = format!("{} without a reason:\n{}", unexplained.len(), unexplained.join("\n"));
    let silent: Vec<_> = names::all().filter(|name| !found.contains_key(name)).collect();
    if servers.len() < running::ALL {
        println!("servers are missing, so most of them are others than those of the names; {text}");
        return;
    }
    assert!(unexplained.is_empty(), "{text}");
    assert!(silent.is_empty() || seed.is_some(), "did not occur: {silent:?}");
}

/// What the servers say of a fact. Other facts than the status are compared where that is the same.
fn comparable<'a>(
    fact: &str,
    status: &str,
    all: &[(&'static str, &'a BTreeMap<&'static str, String>)],
) -> Vec<(&'static str, &'a str)> {
    let all = all.iter().filter(|(_, facts)| fact == "status" || facts["status"] == status);
    all.map(|(name, facts)| (*name, facts.get(fact).map_or("", String::as_str))).collect()
}
