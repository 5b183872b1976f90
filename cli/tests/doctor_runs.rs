//! `proxyfix doctor` end to end, behind the proxy that needs no installation: `proxyfix serve`.

use std::{
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_proxyfix");

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody has.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody listens on {port}");
        sleep(Duration::from_millis(20));
    }
}

/// `proxyfix serve` in front of this port, and its own port.
fn serve(to: u16, more: &[&str]) -> (Ends, u16) {
    let own = port();
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--bind", &format!("127.0.0.1:{own}")]);
    command.args(["--proxy", &format!("/=http://127.0.0.1:{to}/")]).args(more);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ends = Ends(child);
    wait_for(own);
    (ends, own)
}

fn answer(command: &mut Command) -> (Option<i32>, serde_json::Value, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default(), text)
}

#[test]
fn behind_one_proxy_and_behind_two() {
    let application = port();
    let (_inner, first) = serve(application, &[]);
    let (_outer, second) = serve(first, &[]);
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.json");
    for (port, status) in [(first, 0), (second, 1)] {
        let mut command = Command::new(PROGRAM);
        command.args(["doctor", "run", &format!("http://127.0.0.1:{port}/"), "--json"]);
        command.args(["--bind", &format!("127.0.0.1:{application}"), "--save"]).arg(&saved);
        let (code, report, text) = answer(&mut command);
        assert_eq!(code, Some(status), "{report:#} {text}");
        let judged = Command::new(PROGRAM).args(["doctor", "judge", "--json"]).arg(&saved).output();
        let judged: serde_json::Value = serde_json::from_slice(&judged.unwrap().stdout).unwrap();
        assert_eq!(judged, report);
        if status == 0 {
            let line = report["line"]["text"].as_str().unwrap();
            assert!(line.starts_with("proxies=loopback for=1 proto=1"), "{line}");
        } else {
            // `serve` believes nobody unless told, so the inner one replaces what the outer one wrote.
            assert_eq!(report["findings"][0]["code"], "client-overwritten", "{report:#}");
        }
        let text = std::fs::read_to_string(&saved).unwrap();
        assert!(text.contains("................................"), "the token is hidden");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&saved).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// The receiver by itself, the prober by itself, and curl if there is one.
#[test]
fn in_two_halves() {
    let application = port();
    let mut command = Command::new(PROGRAM);
    command.args(["doctor", "listen", "--bind", &format!("127.0.0.1:{application}")]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut receiver = Ends(child);
    wait_for(application);
    let lines = BufReader::new(receiver.0.stderr.take().unwrap()).lines();
    let token = lines.map_while(Result::ok).find_map(|line| {
        let (_, rest) = line.split_once("PROXYFIX_DOCTOR_TOKEN=")?;
        rest.split(' ').next().map(str::to_owned)
    });
    let token = token.expect("the token");
    let (_proxy, port) = serve(application, &[]);
    let url = format!("http://127.0.0.1:{port}/");

    let probe = |token: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(["doctor", "probe", &url, "--json"]).env("PROXYFIX_DOCTOR_TOKEN", token);
        answer(&mut command)
    };
    let (code, report, text) = probe(&token);
    assert_eq!(code, Some(0), "{report:#} {text}");
    let line = report["line"]["text"].clone();
    let (code, report, _) = probe("00000000000000000000000000000000");
    assert_eq!((code, &report["findings"][0]["code"]), (Some(1), &"no-answer".into()));

    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        return;
    }
    let script = Command::new(PROGRAM)
        .args(["doctor", "curl", &url])
        .env("PROXYFIX_DOCTOR_TOKEN", &token)
        .output()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probes.sh");
    // From an address of its own, which curl would not take by itself.
    let text = String::from_utf8(script.stdout).unwrap();
    std::fs::write(&path, text.replace("curl -sS", "curl -sS --interface 127.0.0.9")).unwrap();
    let answers = Command::new("sh").arg(&path).output().unwrap();
    let file = folder.path().join("answers.txt");
    std::fs::write(&file, answers.stdout).unwrap();
    let mut judge = Command::new(PROGRAM);
    let (code, judged, text) = answer(judge.args(["doctor", "judge", "--json"]).arg(&file));
    if !cfg!(target_os = "linux") {
        return;
    }
    // curl sends no second `Host`, so the line about the host is not proved.
    assert_eq!(code, Some(1), "{judged:#} {text}");
    assert_eq!(judged["findings"][0]["code"], "needs-command");
    assert_eq!((&judged["line"], &judged["unproved"]), (&serde_json::Value::Null, &line));
}
