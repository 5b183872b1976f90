//! The program `proxyfix`: see the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    proxyfix_cli::main()
}
