//! `proxyfix doctor`: the right line, derived from what really arrives.
//!
//! 1. Everything is decided by the package `proxyfix-doctor`. Here are the arguments, the files and the terminal.
//! 2. The token is printed once, on standard error. Nothing is written to disk unless `--save` says so.
//! 3. Progress is shown on standard error, if that is a terminal.

pub(crate) mod args;
mod text;

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::Path,
    time::Duration,
};

use proxyfix_doctor::{
    arrived::Field,
    curl,
    infer::{CODES, infer},
    listen::Listener,
    prober::{self, Progress, Settings, Trust, Url},
    receiver::{Doctor, Token},
    record::{FORMAT, Recording},
};

use self::args::{
    Action, Ask, Curl, Explain, Judge, Listen, Place, Probe, Run, Show, TokenArgument,
};
use crate::{
    escape, json,
    status::{Failure, Status},
};

/// The variable with the token.
const TOKEN: &str = "PROXYFIX_DOCTOR_TOKEN";

/// The manual, by a symbolic link to the file in `docs/`.
const SECTIONS: &str = include_str!("DOCTOR.md");

/// Runs the subcommand.
pub(crate) fn run(arguments: &args::Doctor) -> Result<Status, Failure> {
    match &arguments.action {
        Action::Run(run) => both(run),
        Action::Listen(listen) => receive(listen),
        Action::Probe(probe) => ask(probe),
        Action::Curl(curl) => script(curl),
        Action::Judge(file) => judge(file),
        Action::Explain(Explain { code }) => {
            let text = code.as_ref().map_or_else(|| CODES.join("\n"), |code| explained(code));
            Status::Good.written(writeln!(anstream::stdout(), "{text}"))
        }
    }
}

/// What the manual says about a finding.
fn section(code: &str) -> Option<&'static str> {
    let mut sections = SECTIONS.split("\n### ").skip(1);
    let section = sections.find(|section| section.lines().next() == Some(code))?;
    section.split("\n## ").next().map(str::trim_end)
}

/// The same for a terminal: a link is its words, and where it leads.
fn explained(code: &str) -> String {
    let text = section(&code.to_ascii_lowercase()).unwrap_or_default();
    let mut parts = text.split("](");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((to, rest)) = part.split_once(')') else { continue };
        let Some(start) = out.rfind('[') else { continue };
        let words = out.split_off(start).split_off(1);
        let to =
            if to.starts_with('#') { format!("docs/DOCTOR.md{to}") } else { format!("docs/{to}") };
        if to.contains(&words) {
            out.push_str(&to);
        } else {
            out.extend([words.as_str(), ": ", &to]);
        }
        out.push_str(rest);
    }
    out
}

fn usage(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::Usage(escape::lines(&format!("{what}: {error}")))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

async fn listener(place: &Place) -> Result<Listener, Failure> {
    if let Some(address) = place.bind {
        return Listener::tcp(address).await.map_err(|error| {
            let busy = error.kind() == io::ErrorKind::AddrInUse;
            let hint = if busy {
                "; stop the application first, because the doctor stands in its place"
            } else {
                ""
            };
            usage("--bind", format!("{error}{hint}"))
        });
    }
    unix(place)
}

#[cfg(unix)]
fn unix(place: &Place) -> Result<Listener, Failure> {
    let path = place.unix.as_deref().unwrap_or_else(|| Path::new(""));
    Listener::unix(path).map_err(|error| usage("--unix", error))
}

#[cfg(not(unix))]
fn unix(_: &Place) -> Result<Listener, Failure> {
    Err(Failure::Usage("--unix: this system has no Unix sockets".to_owned()))
}

fn new_doctor(lifetime: Duration) -> Result<Doctor, Failure> {
    let token = Token::random().map_err(|error| usage("doctor", error))?;
    Doctor::with(token, lifetime).map_err(|error| usage("doctor", error))
}

/// Removes the socket again, however this ends.
struct Removed<'a>(&'a Place);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        if let Some(path) = &self.0.unix {
            let _ = fs::remove_file(path);
        }
    }
}

fn both(run: &Run) -> Result<Status, Failure> {
    let doctor = new_doctor(Duration::from_secs(60 * 60))?;
    let settings = settings(&run.ask, doctor.token().clone())?;
    let recording = runtime()?.block_on(async {
        let listener = listener(&run.place).await?;
        let _removed = Removed(&run.place);
        let receiving = tokio::spawn(async move { listener.serve(doctor).await });
        let recording = asked(&settings).await;
        receiving.abort();
        recording
    })?;
    save(run.ask.save.as_deref(), &recording)?;
    show(&recording, &run.show)
}

fn receive(listen: &Listen) -> Result<Status, Failure> {
    let doctor = new_doctor(Duration::from_secs(listen.minutes * 60))?;
    runtime()?.block_on(async {
        let listener = listener(&listen.place).await?;
        let _removed = Removed(&listen.place);
        let place = match listener.address() {
            Some(address) => address.to_string(),
            None => "the Unix socket".to_owned(),
        };
        anstream::eprintln!(
            "The doctor listens on {place} for {} minutes. Whoever has the token sees what arrives.\n\n  \
             open   https://YOUR-HOST{}\n  or run {TOKEN}={} proxyfix doctor probe https://YOUR-HOST/\n",
            listen.minutes,
            doctor.path(),
            doctor.token().as_str(),
        );
        tokio::select! {
            never = listener.serve(doctor) => match never {},
            () = tokio::time::sleep(Duration::from_secs(listen.minutes * 60)) => {}
            done = tokio::signal::ctrl_c() => done?,
        }
        Ok(Status::Good)
    })
}

fn token(argument: &TokenArgument) -> Result<Token, Failure> {
    let text = argument.token.clone().or_else(|| std::env::var(TOKEN).ok());
    let text = text.ok_or_else(|| {
        Failure::Usage(format!(
            "no token: doctor listen prints it; --token, or the variable {TOKEN}"
        ))
    })?;
    Token::of_text(text.trim())
        .ok_or_else(|| Failure::Usage("--token: expected 32 hexadecimal digits".to_owned()))
}

fn ask(probe: &Probe) -> Result<Status, Failure> {
    let settings = settings(&probe.ask, token(&probe.token)?)?;
    let recording = runtime()?.block_on(asked(&settings))?;
    save(probe.ask.save.as_deref(), &recording)?;
    show(&recording, &probe.show)
}

fn settings(ask: &Ask, token: Token) -> Result<Settings, Failure> {
    let urls = [ask.url.clone()].into_iter().chain(ask.http.clone()).collect();
    let mut settings = Settings::new(urls, token);
    settings.resolve.clone_from(&ask.reach.resolve);
    settings.client.clone_from(&ask.client_ip);
    settings.proxies.clone_from(&ask.proxies.proxy);
    settings.timeout = Duration::from_secs(ask.timeout);
    settings.trust = match &ask.reach.cacert {
        Some(path) => Trust::Authorities(fs::read(path).map_err(|error| usage("--cacert", error))?),
        None if ask.reach.insecure => Trust::Insecure,
        None => Trust::System,
    };
    for (number, line) in ask.header.iter().enumerate() {
        let bad =
            || Failure::Usage(format!("--header, number {}: expected NAME: VALUE", number + 1));
        let (name, value) = line.split_once(':').ok_or_else(bad)?;
        let value = value.trim();
        http::HeaderName::try_from(name).map_err(|_| bad())?;
        http::HeaderValue::try_from(value).map_err(|_| bad())?;
        settings.headers.push(Field::new(name, value));
    }
    Ok(settings)
}

/// Sends the probes, and shows how far they are.
async fn asked(settings: &Settings) -> Result<Recording, Failure> {
    let shows = io::stderr().is_terminal();
    let progress = |Progress { way, done, of, .. }: Progress| {
        if shows {
            eprint!("\r\x1b[Kasking by {way}: {done} of {of}");
        }
    };
    let recording = prober::probe(settings, progress).await;
    if shows {
        eprint!("\r\x1b[K");
    }
    recording.map_err(|error| usage("probe", error))
}

/// Writes a recording for this user alone: it shows infrastructure. A new file takes the place of one that is there, whose
/// mode may be another, and of a link.
fn save(path: Option<&Path>, recording: &Recording) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let failed = |error: io::Error| usage("--save", error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Made with mode 0600 by `tempfile`.
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))
        .map_err(failed)?;
    json::line(&mut file, recording).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn script(curl: &Curl) -> Result<Status, Failure> {
    let token = token(&curl.token)?;
    let listener = |url: &Url| curl::Listener {
        scheme: url.scheme.clone(),
        host: url.host.clone(),
        port: url.port,
        path: url.path.clone(),
    };
    // What a shell would read as its own.
    let is_plain = |url: &Url| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/%@!&*+,;=[]".contains(&byte);
        [&url.scheme, &url.host, &url.path].iter().all(|part| part.bytes().all(plain))
    };
    if ![&curl.url].into_iter().chain(&curl.http).all(is_plain) {
        let text = "curl: the URL has a character that a shell reads; write it as %NN";
        return Err(Failure::Usage(text.to_owned()));
    }
    let listeners: Vec<_> = [&curl.url].into_iter().chain(&curl.http).map(listener).collect();
    let mut options = curl::Options::default();
    options.resolve.clone_from(&curl.reach.resolve);
    options.cacert = curl.reach.cacert.as_ref().map(|path| path.display().to_string());
    options.insecure = curl.reach.insecure;
    let script = curl::script(&listeners, &options, token.as_str());
    Status::Good.written(anstream::stdout().write_all(script.as_bytes()))
}

/// The most bytes of a file that is judged.
const MOST: u64 = 64 * 1024 * 1024;

fn judge(judge: &Judge) -> Result<Status, Failure> {
    let bad = |error: &dyn std::fmt::Display| usage("judge", error);
    let mut text = String::new();
    if judge.file.as_os_str() == "-" {
        io::stdin().take(MOST).read_to_string(&mut text).map_err(|error| bad(&error))?;
    } else {
        let file = fs::File::open(&judge.file).map_err(|error| bad(&error))?;
        file.take(MOST).read_to_string(&mut text).map_err(|error| bad(&error))?;
    }
    let mut recording = match serde_json::from_str::<Recording>(&text) {
        Ok(recording) if recording.format == FORMAT => recording,
        Ok(recording) => {
            let format = recording.format;
            return Err(bad(&format!("format {format}; this program reads format {FORMAT}")));
        }
        Err(_) => curl::read(&text).map_err(|error| bad(&error))?,
    };
    recording.client.extend(&judge.client_ip);
    if !judge.proxies.proxy.is_empty() {
        recording.proxies.clone_from(&judge.proxies.proxy);
    }
    show(&recording, &judge.show)
}

fn show(recording: &Recording, show: &Show) -> Result<Status, Failure> {
    let report = infer(recording);
    let status = if report.is_blocked() { Status::Found } else { Status::Good };
    status.written(if show.json {
        json::line(&mut io::stdout().lock(), &report)
    } else {
        anstream::stdout().lock().write_all(text::text(&report).as_bytes())
    })
}

#[cfg(test)]
mod tests;
