//! What documents show is what the program prints: README, `docs/CLI.md`, and the cases of `tests/cmd/`.
//! `TRYCMD=overwrite cargo test -p proxyfix-cli --test documents` writes what it prints now.

#[test]
fn as_shown() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("README.md")
        .case("../docs/CLI.md")
        .case("tests/cmd/*.md");
}
