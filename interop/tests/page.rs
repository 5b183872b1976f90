//! The doctor's page in a real Chromium, through a real proxy over TLS.
//!
//! 1. The line on the page equals the prober's, behind each of [`PROXIES`].
//! 2. No error in the console, no request to anywhere else. The keyboard alone is enough. It is readable at a width of
//!    360 px, in light and in dark, and moves nothing if the user asks for that. axe-core finds nothing.
//! 3. Screenshots go to `target/tmp/page`; with `PAGE_WRITE=1` to `docs/`.
//!
//! It is ignored by default, because it needs Chromium, these proxies, Node and two packages of npm:
//! `cargo test -p proxyfix-interop --test page -- --ignored`.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use proxyfix_doctor::{listen::Listener, receiver::Doctor};
use proxyfix_interop::{
    Result, certificate,
    doctor::Case,
    matrix, programs,
    recipe::Family,
    request::Mode,
    setup::{Listens, Setup},
};

/// The folder of the packages of npm.
fn modules() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-node");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/package.json");
    let text = fs::read_to_string(&list).unwrap();
    let mark = folder.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == text) {
        return folder;
    }
    fs::create_dir_all(&folder).unwrap();
    fs::copy(&list, folder.join("package.json")).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
    assert!(npm.current_dir(&folder).status().expect("npm").success());
    fs::write(mark, text).unwrap();
    folder
}

fn chromium() -> &'static str {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let runs = |name: &&&str| {
        let mut command = Command::new(name);
        let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    names.iter().find(runs).expect("Chromium (Debian: chromium)")
}

/// The proxies, whose lines differ, and how the picture calls each: HAProxy does not show itself. Screenshots for the documents are those behind the first one.
const PROXIES: [(&str, &str); 3] = [("nginx", "nginx"), ("haproxy", "proxy"), ("caddy", "caddy")];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, nginx, HAProxy, Caddy and npm; `.ci/run doctor` runs it"]
async fn the_page() -> Result<()> {
    for (name, shown) in PROXIES {
        page_behind(name, shown).await.map_err(|error| format!("behind {name}: {error}"))?;
    }
    Ok(())
}

async fn page_behind(name: &str, shown: &str) -> Result<()> {
    let program = programs::named(name).ok_or("no such proxy")?;
    let case = Case { programs: vec![program], family: Family::XForwarded, line: String::new() };
    let (report, _) = case.ask().await?;
    let line = report.line.ok_or("the prober has no line")?.text;

    let doctor = Doctor::new()?;
    let path = doctor.path();
    let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.address().ok_or("no address")?;
    tokio::spawn(async move { listener.serve(doctor).await });
    let recipes = case.recipes()?;
    let hops = matrix::hops(&case.programs, &recipes, case.family)?;
    let setup = Setup::start(&hops, Listens::Already(address)).await?;
    let to = setup.client(Mode::Tls)?.to;

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let writes = std::env::var_os("PAGE_WRITE").is_some_and(|value| value == "1");
    let shots = if writes && name == PROXIES[0].0 {
        root.join("../docs/doctor")
    } else {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("page").join(name)
    };
    fs::create_dir_all(&shots)?;
    let told = serde_json::json!({
        "url": format!("https://{}:{}{path}", certificate::NAME, to.port()),
        "host": certificate::NAME,
        "port": to.port(),
        "ip": to.ip().to_string(),
        "line": line,
        "proxy": shown,
        "shots": shots,
        "modules": modules(),
        "chromium": which(chromium())?,
    });
    let script = root.join("tests/page/page.mjs");
    let command = tokio::task::spawn_blocking(move || {
        Command::new("node").arg(script).arg(told.to_string()).output()
    });
    let output = command.await??;
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    Ok(())
}

/// Where a program is.
fn which(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").ok_or("no PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    Ok(places.find(|place| place.is_file()).ok_or("not in PATH")?)
}
