//! A short load through nginx and HAProxy; `docs/INTEROP.md` has a long one. If a program is not
//! installed, its test is ignored and says so in its name. With `INTEROP_ALL_PROXIES=1` it fails.

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use proxyfix_interop::{Result, program::all_must_be_there, programs};

fn main() -> ExitCode {
    let trials = ["nginx", "haproxy"].map(|name| {
        let missing = programs::named(name).is_none_or(|program| !program.missing().is_empty());
        let title = if missing { format!("{name} (needs {name})") } else { name.to_owned() };
        let test = move || match load(name) {
            Ok(()) => Ok(()),
            Err(error) => Err(Failed::from(error.to_string())),
        };
        Trial::test(title, test).with_ignored_flag(missing && !all_must_be_there())
    });
    // One after the other, because each keeps all cores busy.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn load(name: &str) -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_load"))
        .args(["--proxy", name, "--requests", "5000", "--markdown"])
        .output()?;
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !output.status.success() {
        return Err(said.into());
    }
    if !said.contains("| requests/s |") || !said.contains("2500 of them honest") {
        return Err(format!("no table, or not half of the requests honest:\n{said}").into());
    }
    Ok(())
}
