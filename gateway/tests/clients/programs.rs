//! Programs that this machine may have, and packages that are installed below the target folder.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

/// Only one installation at a time.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The folder of the programs that are written here.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Whether this program can be run. If not, the output says that the test was left out; with
/// `GATEWAY_ALL_PROGRAMS=1` it fails instead.
pub(crate) fn is_there(program: &str, package: &str) -> bool {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    let text = format!("{program} is not installed (Debian: {package})");
    let must = env::var_os("GATEWAY_ALL_PROGRAMS").is_some_and(|value| value == "1");
    assert!(!must, "{text}");
    println!("LEFT OUT: {text}");
    false
}

/// The Python of a virtual environment that has what `requirements.txt` lists.
pub(crate) fn python() -> Option<PathBuf> {
    python_with("clients-python", "requirements.txt")
}

/// The Python of a virtual environment of this name that has what this file lists.
pub(crate) fn python_with(name: &str, list: &str) -> Option<PathBuf> {
    if !is_there("python3", "python3-venv") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    install(&folder, list, |list| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(list);
        run(&mut pip);
    });
    Some(folder.join("bin/python"))
}

/// The folder of an installation of what `package.json` lists.
pub(crate) fn node() -> Option<PathBuf> {
    if !is_there("node", "nodejs") || !is_there("npm", "npm") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-node");
    install(&folder, "package.json", |list| {
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(list, folder.join("package.json")).expect("a file");
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
        run(npm.current_dir(&folder));
    });
    Some(folder)
}

/// Installs, if this list was not the one that was installed last.
fn install(folder: &Path, list: &str, install: impl FnOnce(&Path)) {
    let _guard = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let list = here().join(list);
    let (mark, text) = (folder.join("installed"), fs::read_to_string(&list).expect("the list"));
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == text) {
        return;
    }
    install(&list);
    fs::write(mark, text).expect("a file");
}

/// Runs a command, and returns what it wrote.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// A server that writes its port, and ends with its standard input.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{command:?} wrote {line:?}"));
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
