//! The other servers, each of the same folder: how to start them, and where they listen.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::{
    programs::{self, is_there},
    tree::Tree,
};

/// A server that runs. It is ended with this.
pub(crate) enum Running {
    /// It wrote its port, and ends with its standard input.
    Told(programs::Server),
    /// It was told its port.
    Given(SocketAddr, Child),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Given(_, child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Told(server) => server.address,
            Self::Given(address, _) => *address,
        }
    }

    /// A program with its file from `configs/`. `@ROOT@`, `@OWN@` and `@PORT@` are the served folder, a folder of the
    /// program's own, and where to listen. It stays one process, so that ending that ends it.
    fn given(tree: &Tree, config: &str, command: impl Fn(&Path) -> Command) -> Self {
        let mut why = String::new();
        // Another connection can take the port before the program does.
        for _ in 0..3 {
            match Self::try_given(tree, config, &command) {
                Ok(running) => return running,
                Err(log) => why = log,
            }
        }
        panic!("{config}: {why}");
    }

    /// The error is what the program wrote.
    fn try_given(
        tree: &Tree,
        config: &str,
        command: impl Fn(&Path) -> Command,
    ) -> Result<Self, String> {
        let own = tree.beside(config);
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.expect("a port");
        let text = fs::read_to_string(configs().join(config)).expect("a file");
        let text = [
            ("@ROOT@", tree.root().display().to_string()),
            ("@OWN@", own.display().to_string()),
            ("@PORT@", address.port().to_string()),
        ]
        .into_iter()
        .fold(text, |text, (place, value)| text.replace(place, &value));
        let config = own.join(config);
        fs::write(&config, text).expect("a file");
        let log = own.join("log");
        let mut command = command(&config);
        command.stdin(Stdio::null()).stdout(fs::File::create(&log).expect("a file"));
        command.stderr(fs::File::create(&log).expect("a file")).env("HOME", &own);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        for _ in 0..200 {
            let has_ended = child.try_wait().expect("its state").is_some();
            if has_ended {
                break;
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(Self::Given(address, child));
            }
            sleep(Duration::from_millis(50));
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(fs::read_to_string(&log).unwrap_or_default())
    }
}

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/configs")
}

fn with(program: &str, arguments: &[&str], config: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(config);
    command
}

/// nginx with this file.
pub(crate) fn nginx(tree: &Tree, config: &str) -> Option<Running> {
    is_here("nginx", "-v", "nginx").then(|| {
        Running::given(tree, config, |config| {
            with("nginx", &["-p", "/tmp", "-e", "stderr", "-c"], config)
        })
    })
}

/// Go's program; with `suites`, as the lines of its suites need it.
pub(crate) fn go(tree: &Tree, suites: bool) -> Option<Running> {
    if !is_here("go", "version", "golang-go") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    let binary = folder.join("files");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&binary).arg(configs().join("files.go"));
    build.env("GOCACHE", folder.join("cache")).env("GOPROXY", "off").env("GOFLAGS", "-mod=mod");
    programs::run(&mut build);
    let mut command = Command::new(binary);
    command.arg(tree.root()).args(suites.then_some("suites"));
    Some(Running::Told(programs::Server::start(&mut command)))
}

fn caddy(tree: &Tree) -> Option<Running> {
    is_here("caddy", "version", "caddy").then(|| {
        Running::given(tree, "Caddyfile", |config| {
            with("caddy", &["run", "--adapter", "caddyfile", "--config"], config)
        })
    })
}

fn apache(tree: &Tree) -> Option<Running> {
    is_here("apache2", "-v", "apache2").then(|| {
        Running::given(tree, "apache.conf", |config| with("apache2", &["-X", "-f"], config))
    })
}

fn lighttpd(tree: &Tree) -> Option<Running> {
    is_here("lighttpd", "-v", "lighttpd").then(|| {
        Running::given(tree, "lighttpd.conf", |config| with("lighttpd", &["-D", "-f"], config))
    })
}

fn h2o(tree: &Tree) -> Option<Running> {
    is_here("h2o", "--version", "h2o")
        .then(|| Running::given(tree, "h2o.conf", |config| with("h2o", &["-c"], config)))
}

fn python(tree: &Tree) -> Option<Running> {
    is_there("python3", "python3").then(|| {
        let mut command = Command::new("python3");
        command.arg(configs().join("http_server.py")).arg(tree.root());
        Running::Told(programs::Server::start(&mut command))
    })
}

fn npm(tree: &Tree, package: &str) -> Option<Running> {
    let packages = programs::node()?;
    let mut command = Command::new("node");
    command.arg(configs().join("packages.cjs")).arg(packages).arg(package).arg(tree.root());
    Some(Running::Told(programs::Server::start(command.env("NODE_ENV", "production"))))
}

/// A library in Rust, by the program of `gateway/benches/servers`. That is no member of the workspace: what it depends on
/// takes a minute to build, and nothing else needs it.
fn rust(tree: &Tree, library: &str) -> Option<Running> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/servers/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("servers");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--target-dir"]).arg(&target);
    build.env("CARGO_PROFILE_DEV_DEBUG", "0");
    let status = build.arg("--manifest-path").arg(manifest).status();
    if !status.is_ok_and(|status| status.success()) {
        return missing(&format!("{library} cannot be built"));
    }
    let mut command = Command::new(target.join("debug/proxyfix-gateway-servers"));
    Some(Running::Told(programs::Server::start(command.arg(library).arg(tree.root()))))
}

/// As `is_there`, with the argument that has the program say its version.
fn is_here(program: &str, argument: &str, package: &str) -> bool {
    let mut command = Command::new(program);
    let command = command.arg(argument).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    missing::<()>(&format!("{program} is not installed (Debian: {package})")).is_some()
}

/// Says what is missing. With `GATEWAY_ALL_PROGRAMS=1`, nothing may be.
fn missing<T>(what: &str) -> Option<T> {
    let must = env::var_os("GATEWAY_ALL_PROGRAMS").is_some_and(|value| value == "1");
    assert!(!must, "{what}");
    println!("{what}: not compared");
    None
}

/// All that can be had here, by name.
pub(crate) fn all(tree: &Tree) -> Vec<(&'static str, Running)> {
    let servers = [
        ("nginx", nginx(tree, "nginx.conf")),
        ("Apache", apache(tree)),
        ("lighttpd", lighttpd(tree)),
        ("Caddy", caddy(tree)),
        ("h2o", h2o(tree)),
        ("Go", go(tree, false)),
        ("http.server", python(tree)),
        ("serve-static", npm(tree, "serve-static")),
        ("sirv", npm(tree, "sirv")),
        ("ServeDir", rust(tree, "tower-http")),
        ("actix-files", rust(tree, "actix-files")),
    ];
    servers.into_iter().filter_map(|(name, server)| Some((name, server?))).collect()
}

/// How many there are.
pub(crate) const ALL: usize = 11;
