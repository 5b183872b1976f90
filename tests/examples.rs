//! The examples do what their heads say.

#![cfg(all(unix, feature = "axum", feature = "tracing"))]

mod heads;

use std::{
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

/// The path of an example, beside the tests. It is built if it is missing or older than its source.
/// `cargo test` has built all examples, but `cargo test --test examples` has not.
fn program(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());

    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(name);
    let modified = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let _guard = BUILDING.lock();
    if modified(&program) < modified(Path::new(&format!("examples/{name}.rs"))) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--all-features", "--example", name, "--target-dir"]);
        cargo.arg(profile.parent().unwrap());
        cargo.args(profile.ends_with("release").then_some("--release"));
        assert!(cargo.status().unwrap().success());
    }
    program
}

/// Runs an example as its head says.
#[track_caller]
fn run(name: &str, source: &str) {
    let started_by = ["--example", name];
    if name != "unix_socket" {
        heads::run(&program(name), source, "127.0.0.1:0", &started_by);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.socket");
    // A killed server leaves such a socket.
    drop(UnixListener::bind(&socket).unwrap());
    let mut program = heads::run(&program(name), source, socket.to_str().unwrap(), &started_by);
    let mode = socket.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "{mode:o}");
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(program.child.wait().unwrap().success());
    assert!(!socket.exists());
}

macro_rules! examples {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let source = include_str!(concat!("../examples/", stringify!($name), ".rs"));
                run(stringify!($name), source);
            }
        )*

        /// Every example in one file runs here. An example that is a package has its own test.
        #[test]
        fn all() {
            let names = [$(stringify!($name)),*];
            for entry in std::fs::read_dir("examples").unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.file_stem().unwrap().to_str().unwrap();
                    assert!(names.contains(&name), "{name} is not run");
                }
            }
        }
    };
}

examples! {
    access_log axum_app hyper_app lambda_style pingora_style rate_limit sans_io static_files tonic_app
    unix_socket
}
