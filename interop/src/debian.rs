//! A recipe must work beside the lines of Debian's packages: the program starts, and those lines undo
//! nothing in the recipe.
//!
//! 1. The lines are in the skeletons, each part under a comment with the file that has them. Only those
//!    that matter are there: sites that answer first, options that a recipe changes, other ports, other
//!    rules.
//! 2. An edge gets an honest request, a forged one, and CONNECT. The tests of inner proxies (by strangers,
//!    and behind a relay) always use Debian's lines.
//! 3. Debian's Squid has another port, for an ordinary proxy, which must not become a way in. Debian's
//!    `HAProxy` is in a `chroot`, and reaches a Unix socket from there.

use crate::{
    Result,
    arrived::Arrives,
    attacks,
    cell::{Cell, Seen},
    client::Client,
    matrix::{can, cell},
    program::Program,
    recipe::{Family, Recipe},
    request::{Mode, Request},
    setup::{Hop, Listens, Setup},
};

/// The proxies whose recipe goes into the configuration of a package.
pub const NAMES: [&str; 7] =
    ["nginx", "haproxy", "apache", "varnish", "lighttpd", "squid", "trafficserver"];

/// The results of a few requests to an edge.
///
/// # Errors
///
/// If something does not start, a recipe is missing, or nothing answers.
pub async fn edge(program: &'static Program, family: Family) -> Result<Seen> {
    let recipe = Recipe::read(program.name)?;
    let words = [family.word()];
    let config = recipe.config(&words)?;
    let hops = [Hop { debian: true, ..Hop::new(program, &recipe, &words)? }];

    let setup = Setup::start(&hops, Listens::OnTcp(config)).await?;
    let arrives = Arrives::by(config).and_tables(program.name, family)?;
    let modes = [Mode::Plain, Mode::Tls, Mode::Ipv6, Mode::Http2];
    let modes = modes.into_iter().filter(|mode| can(program, *mode));
    let mut seen = few(&setup, modes, &arrives).await?;
    if program.name == "squid" {
        let client = setup.client(Mode::Plain)?;
        let to = setup.further()?;
        let client = Client { to, ..client };
        let tunnel = Request { name: "CONNECT by Debian's port", ..attacks::tunnel("https") };
        seen.cells.push(cell(&client, &tunnel, Mode::Plain).await?);
    }
    drop(setup);
    if program.name == "haproxy" && rustix::process::geteuid().is_root() {
        let unix = recipe.required(&["unix"])?;
        let setup = Setup::start(&hops, Listens::OnUnixInside(config, unix)).await?;
        seen = seen.and(few(&setup, [Mode::Unix], &arrives).await?);
    }
    Ok(seen)
}

async fn few(
    setup: &Setup,
    modes: impl IntoIterator<Item = Mode>,
    arrives: &Arrives,
) -> Result<Seen> {
    let all = async {
        let mut cells = Vec::new();
        for mode in modes {
            let client = Client { arrives: arrives.clone(), ..setup.client(mode)? };
            let (_, lie) = mode.schemes();
            let all = attacks::all(lie).into_iter();
            let chosen = all.filter(|it| it.is_honest() || it.name == "the whole family");
            for request in chosen.chain([attacks::tunnel(lie)]) {
                cells.push(cell(&client, &request, mode).await?);
            }
        }
        Ok::<Vec<Cell>, _>(cells)
    };
    Seen::of(setup, all.await)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::Context;

    /// The proxies with files in their package, and their skeletons. (Varnish is not here: the recipe
    /// replaces its file, and only keeps the command of its service.)
    const SKELETONS: [(&str, &str); 6] = [
        ("nginx", "nginx.conf"),
        ("haproxy", "haproxy.cfg"),
        ("apache", "httpd.conf"),
        ("lighttpd", "lighttpd.conf"),
        ("squid", "squid.conf"),
        ("trafficserver", "trafficserver/records.config"),
    ];

    /// The lines that this skeleton attributes to Debian's files but that are not in them. The files are
    /// below `root`. A file that does not exist is not checked.
    fn invented(skeleton: &str, root: &Path) -> Result<Vec<String>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("skeletons").join(skeleton);
        let text = fs::read_to_string(&path).context(path.display())?;
        let mut invented = Vec::new();
        let mut theirs: Option<Vec<String>> = None;
        for line in text.lines() {
            if let Some((_, comment)) = line.split_once("{# ") {
                let file = comment.split([' ', ',']).next().unwrap_or_default();
                let file = file.strip_prefix('/').unwrap_or("none");
                let text = fs::read_to_string(root.join(file)).ok();
                theirs = text.map(|text| text.lines().map(plain).collect());
                continue;
            }
            if line.contains("{%") {
                theirs = None;
            }
            // Lines with one of our addresses or paths differ from theirs, so they are not compared.
            let Some(theirs) = theirs.as_ref().filter(|_| !line.contains("{{")) else { continue };
            if !line.trim().is_empty() && !theirs.contains(&plain(line)) {
                invented.push(format!("{skeleton}: {}", line.trim()));
            }
        }
        Ok(invented)
    }

    /// Collapses spaces.
    fn plain(line: &str) -> String {
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The lines attributed to Debian are Debian's. Checked for installed packages.
    #[test]
    fn nothing_is_invented() {
        for (_, skeleton) in SKELETONS {
            let invented = invented(skeleton, Path::new("/")).unwrap();
            assert!(invented.is_empty(), "{invented:#?}");
        }
    }

    #[test]
    fn an_invention_is_found() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/haproxy")).unwrap();
        fs::write(root.path().join("etc/haproxy/haproxy.cfg"), "\tlog\tglobal\n").unwrap();
        let found = invented("haproxy.cfg", root.path()).unwrap();
        assert!(found.contains(&"haproxy.cfg: mode http".to_owned()), "{found:#?}");
        assert!(!found.iter().any(|line| line.ends_with("log global")), "{found:#?}");
        assert!(!found.iter().any(|line| line.contains("maxconn")), "{found:#?}");
    }
}
