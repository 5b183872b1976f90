//! The doctor behind a set-up of the lab.
//!
//! 1. The receiver stands in the application's place, and the prober asks every listener that the outermost proxy
//!    has: plain and TLS, IPv4 and IPv6, HTTP/1.1 and HTTP/2.
//! 2. The derived line then takes the place of the documented one, and the whole matrix must still hold.
//! 3. If a line of a recipe is taken out, the doctor names a fault, or its line is still safe and true.

use std::net::{Ipv4Addr, SocketAddr};

use proxyfix_doctor::{
    infer::{Report, Severity, infer},
    listen::Listener,
    prober::{Settings, Trust, Url, probe},
    receiver::Doctor,
    record::Recording,
};

use crate::{
    Context, Result, certificate,
    matrix::{self, can},
    program::Program,
    recipe::{Family, Recipe},
    request::Mode,
    setup::{Hop, Listens, Setup},
};

/// What the doctor says behind these proxies, the outermost first, and what it recorded.
///
/// # Errors
///
/// If something does not start.
pub async fn ask(hops: &[Hop<'_>]) -> Result<(Report, Recording)> {
    let doctor = Doctor::new().context("no token")?;
    let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.address().context("no address")?;
    let token = doctor.token().clone();
    let receiving = tokio::spawn(async move { listener.serve(doctor).await });
    let setup = Setup::start(hops, Listens::Already(address)).await?;
    let edge = hops.first().context("no proxy")?.program;
    let settings = settings(&setup, edge, token)?;
    let recording = probe(&settings, |_| ()).await;
    receiving.abort();
    let recording = recording.context(setup.logs())?;
    Ok((infer(&recording), recording))
}

fn settings(
    setup: &Setup,
    edge: &Program,
    token: proxyfix_doctor::receiver::Token,
) -> Result<Settings> {
    let mut urls = Vec::new();
    let mut resolve = Vec::new();
    for (scheme, mode, other) in
        [("https", Mode::Tls, Mode::Ipv6Tls), ("http", Mode::Plain, Mode::Ipv6)]
    {
        if !can(edge, mode) {
            continue;
        }
        let to = setup.client(mode)?.to;
        let url: Url = format!("{scheme}://{}:{}/", certificate::NAME, to.port()).parse()?;
        urls.push(url);
        resolve.push((certificate::NAME.to_owned(), to.port(), to.ip()));
        if can(edge, other) {
            resolve.push((certificate::NAME.to_owned(), to.port(), setup.client(other)?.to.ip()));
        }
    }
    let mut settings = Settings::new(urls, token);
    settings.resolve = resolve;
    settings.trust = Trust::Insecure;
    Ok(settings)
}

/// The codes of what is in the way.
pub fn blocks(report: &Report) -> Vec<&'static str> {
    let blocks = report.findings.iter().filter(|finding| finding.severity == Severity::Blocks);
    blocks.map(|finding| finding.code).collect()
}

/// What the doctor says without a line of a recipe.
#[derive(Clone, Debug)]
pub enum Without {
    /// Something is in the way: these codes.
    Blocked(Vec<&'static str>),
    /// This line, and what the matrix finds wrong with it.
    Line(String, Vec<String>),
}

/// A set-up of the lab.
#[derive(Clone, Debug)]
pub struct Case {
    /// The proxies, the outermost first.
    pub programs: Vec<&'static Program>,
    /// The family for which the outermost has its recipe.
    pub family: Family,
    /// The documented line.
    pub line: String,
}

impl Case {
    /// Its name.
    pub fn name(&self) -> String {
        let names: Vec<_> = self.programs.iter().map(|program| program.name).collect();
        format!("{} {}", names.join(" → "), self.family.word())
    }

    /// The recipes of its proxies.
    ///
    /// # Errors
    ///
    /// If one is missing.
    pub fn recipes(&self) -> Result<Vec<Recipe>> {
        self.programs.iter().map(|program| Recipe::read(program.name)).collect()
    }

    /// What the doctor says.
    ///
    /// # Errors
    ///
    /// If something does not start.
    pub async fn ask(&self) -> Result<(Report, Recording)> {
        let recipes = self.recipes()?;
        ask(&matrix::hops(&self.programs, &recipes, self.family)?).await
    }

    /// The numbers of the lines of this proxy's recipe that may be taken out: all that are not empty, a comment, or a
    /// bracket alone. The outermost proxy is 0.
    ///
    /// # Errors
    ///
    /// If the recipe is missing.
    pub fn lines(&self, hop: usize) -> Result<Vec<(usize, String)>> {
        let recipes = self.recipes()?;
        let hops = matrix::hops(&self.programs, &recipes, self.family)?;
        let text = hops.get(hop).context("no proxy")?.text;
        let says = |line: &str| {
            let line = line.trim();
            line.len() > 1 && !line.starts_with(['#', '<']) && !line.ends_with(['{', '}'])
        };
        let lines = text.lines().enumerate().filter(|(_, line)| says(line));
        Ok(lines.map(|(number, line)| (number, line.trim().to_owned())).collect())
    }

    /// What the doctor says if this line of this proxy's recipe is taken out: the codes of what is in the
    /// way, or a line and what is wrong with it; `None` if the proxy does not start, or reaches no application.
    ///
    /// # Errors
    ///
    /// If the matrix cannot be run.
    pub async fn without(&self, hop: usize, number: usize) -> Result<Option<Without>> {
        let recipes = self.recipes()?;
        let mut hops = matrix::hops(&self.programs, &recipes, self.family)?;
        let changed = hops.get_mut(hop).context("no proxy")?;
        let kept = changed.text.lines().enumerate().filter(|(at, _)| *at != number);
        let text = kept.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        changed.text = &text;
        let Ok((report, _)) = ask(&hops).await else { return Ok(None) };
        let blocks = blocks(&report);
        if blocks.contains(&"no-answer") {
            return Ok(None);
        }
        // Nothing is said about a way that is closed, except that it is.
        if report.findings.iter().any(|finding| finding.code == "way-closed") {
            return Ok(Some(Without::Blocked([&blocks[..], &["way-closed"]].concat())));
        }
        let is_warned = report.findings.iter().any(|finding| finding.code == "tunnel");
        if is_warned && blocks.is_empty() {
            return Ok(Some(Without::Blocked(vec!["tunnel"])));
        }
        let Some(line) = report.line else { return Ok(Some(Without::Blocked(blocks))) };
        let seen = matrix::with_hops(&hops, &line.text).await?;
        let wrong = seen.cells.iter().filter(|cell| !cell.passes()).map(ToString::to_string);
        Ok(Some(Without::Line(line.text, wrong.collect())))
    }

    /// What is wrong in the whole matrix with this line.
    ///
    /// # Errors
    ///
    /// If something does not start.
    pub async fn matrix(&self, line: &str) -> Result<Vec<String>> {
        let seen = match self.programs.as_slice() {
            [one] => matrix::single_with(one, self.family, line).await?,
            chain => matrix::chain_of(chain, self.family, line).await?,
        };
        Ok(seen.wrong(crate::cell::Cell::passes))
    }
}
