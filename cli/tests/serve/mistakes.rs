//! What is wrong, and where.

use std::fs;

use crate::server::run;

fn error(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    let path = folder.path().join("front.toml");
    fs::write(&path, text).unwrap();
    let output = run(&["--check", "--config", path.to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}: {error}");
    assert_eq!(output.stdout, b"", "{text}");
    let begin = format!("error: {}:", path.display());
    error.strip_prefix(&begin).unwrap_or_else(|| panic!("{text}: {error}")).to_owned()
}

/// What only the library can tell has its line too.
#[test]
fn in_a_file() {
    let first = "[[proxy]]\nprefix = \"/a\"\nurl = \"http://a.example/\"\n";
    for (text, expected) in [
        (
            "[[proxy]]\nprefix = \"/a\"\nurl = \"a.example\"\n",
            "3: the target \"a.example\" has no scheme http, https or unix; ",
        ),
        (
            "[[proxy]]\n\nprefix = \"/a/../b\"\nurl = \"http://a.example/\"\n",
            "3: the prefix \"/a/../b\" has ",
        ),
        (
            &format!("{first}[[proxy]]\nurl = \"http://b.example/\"\nprefix = \"a/\"\n"),
            "6: the prefix \"/a\" is in the table twice; ",
        ),
        ("[[files]]\nprefix = \"/\"\npath = \"missing\"\n", "1: the path \""),
        ("[[files]]\nprefix = \"/\"\npath = \"\"\n", "1: the path \"\" cannot be exported: "),
        (
            "[[files]]\nprefix = \"/\"\npath = \"d\"\nindex = \"../x\"\n",
            "1: the export under \"/\" cannot work: its index is no name of a file; ",
        ),
        (
            "[[files]]\nprefix = \"/\"\npath = \"d\"\nfallback = \"x\"\n",
            "1: the fallback \"x\" is no file in the path \"",
        ),
        ("[[files]]\nprefix = \"/\"\n", "1: this [[files]] has no path; write path = \"dist\""),
        ("[[files]]\nprefix = \"/a/../b\"\npath = \"d\"\n", "1: the prefix \"/a/../b\" has "),
        (&format!("{first}timeout = 0\n"), "1: timeout: 0 is no number of seconds above zero; "),
        (
            &format!("{first}headers = [\"Connection: close\"]\n"),
            "1: the header connection cannot be set or removed here: ",
        ),
        (
            &format!("{first}headers = [\"a: b\", \"Authorization\"]\n"),
            "1: headers: number 2 has no colon; ",
        ),
        (
            &format!("{first}methods = [\"G T\"]\n"),
            "1: \"G T\" is not a valid method; methods are case-sensitive: write GET",
        ),
        (&format!("{first}host = \"a b\"\n"), "1: \"a b\" is no host; "),
        (&format!("{first}cacert = \"missing.pem\"\n"), "1: cacert: /"),
        (
            &format!("trust = \"for=1\"\n{first}"),
            "1: trust: no trusted proxies; write proxies=LIST",
        ),
        (
            &format!("trust = \"proxies=any for=1 secret-header=X-Secret\"\n{first}"),
            "1: trust: secret-header= needs the secret; set PROXYFIX_SECRET",
        ),
        (
            &format!("family = \"forwarded\"\npseudonym = \"a b\"\n{first}"),
            "2: the pseudonym \"a b\" is no token; ",
        ),
        (
            "\n[transparent]\n",
            "2: a transparent proxy needs the authorities that it may reach; write them in allow, ",
        ),
        (
            "[transparent]\nallow = [\"a.example\"]\nallow-network = [\"10.0.0.0/33\"]\n",
            "1: \"10.0.0.0/33\" is no network; ",
        ),
        ("pseudonym = \"a b\"\n[transparent]\nallow = [\"a.example\"]\n", "1: the pseudonym "),
        ("[[proxy]\n", "1: "),
        ("", " there is nothing to serve; "),
    ] {
        let error = error(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.toml");
    fs::write(&long, " ".repeat((1 << 20) + 1)).unwrap();
    let binary = folder.path().join("binary.toml");
    fs::write(&binary, b"\xff").unwrap();
    for (path, expected) in [
        (&long, "more than 1048576 bytes are no table of targets"),
        (&binary, "UTF-8"),
        (&folder.path().to_path_buf(), "directory"),
        (&"/dev/zero".into(), "more than 1048576 bytes are no table of targets"),
    ] {
        let output = run(&["--config", path.to_str().unwrap()]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{error}");
        assert_eq!(output.status.code(), Some(2));
    }
}

/// Whatever stands beside `--config` and is not used is refused.
#[test]
fn beside_a_file() {
    for argument in [
        "--proxy=/a=http://a.example/",
        "--transparent",
        "--trust=proxies=any",
        "--family=forwarded",
        "--listener=https",
        "--pseudonym=front",
        "--keep-prefix",
        "--host=client",
        "--header=A: b",
        "--remove-header=A",
        "--methods=GET",
        "--timeout=1",
        "--body-bytes=1",
        "--rewrite",
        "--http2",
        "--cacert=x.pem",
        "--insecure",
        "--allow=a.example",
        "--allow-network=10.0.0.0/8",
        "--force-host=a.example",
        "--force-scheme=https",
    ] {
        let output = run(&["--config", "front.toml", argument]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{argument}");
        assert!(!error.contains("front.toml: "), "{argument}: {error}");
    }
}

/// A password in a URL, or what follows `Authorization`, is a secret, whatever is wrong with it.
#[test]
fn secrets_are_not_repeated() {
    for arguments in [
        ["--proxy", "/=http://user:hunter2@a.example/", "--check"],
        ["--proxy", "http://user:hunter2@a.example/", "--check"],
        ["--proxy", "/=http://a.example/", "--header=Authorization hunter2"],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(!String::from_utf8(output.stderr).unwrap().contains("hunter2"), "{arguments:?}");
    }
    let error = error("[[proxy]]\nprefix = \"/\"\nurl = \"http://user:hunter2@a.example/\"\n");
    assert!(error.starts_with("3: ") && !error.contains("hunter2"), "{error}");
}

#[test]
fn mounted_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mount = |prefix: &str, name: &str| {
        format!("[[mount]]\nprefix = \"{prefix}\"\nconfig = \"{name}\"\n")
    };
    fs::write(at("itself.toml"), mount("/a", "itself.toml")).unwrap();
    fs::write(at("bind.toml"), "bind = \"127.0.0.1:1\"\n").unwrap();
    for (text, expected) in [
        (mount("/a", "itself.toml"), "itself.toml:1: ITSELF: this file is mounted in itself"),
        (mount("/a", "bind.toml"), "front.toml:1: BIND:1: bind belongs in the outermost file"),
        (mount("/a", "missing.toml"), "missing.toml: No such file"),
        ("[[mount]]\nprefix = \"/a\"\n".to_owned(), "1: this [[mount]] has no config; "),
    ] {
        fs::write(at("front.toml"), &text).unwrap();
        let output = run(&["--check", "--config", at("front.toml").to_str().unwrap()]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}: {error}");
        let name = |name: &str| at(name).display().to_string();
        let expected = expected.replace("ITSELF", &name("itself.toml"));
        let expected = expected.replace("BIND", &name("bind.toml"));
        assert!(error.contains(&expected), "{text}: {error}");
    }
    fs::create_dir(at("d")).unwrap();
    fs::write(at("inner.toml"), "[[files]]\nprefix = \"/\"\npath = \"d\"\n").unwrap();
    fs::write(at("front.toml"), mount("/a/../b", "inner.toml")).unwrap();
    let output = run(&["--check", "--config", at("front.toml").to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("front.toml:1: the prefix \"/a/../b\" has "), "{error}");
}

/// A file of settings may have secrets, so no export has it in it.
#[test]
fn settings_are_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("site")).unwrap();
    std::os::unix::fs::symlink(folder.path(), at("site/link")).unwrap();
    let files = |path: &str| format!("[[files]]\nprefix = \"/\"\npath = \"{path}\"\n");
    let (front, inner) = (at("front.toml"), at("site/inner.toml"));
    let front = front.to_str().unwrap();
    fs::write(&inner, "[[proxy]]\nprefix = \"/\"\nurl = \"http://a.example/\"\n").unwrap();
    let mount = "[[mount]]\nprefix = \"/m\"\nconfig = \"site/inner.toml\"\n";
    for text in [
        files("."),
        files("front.toml"),
        files("site/link"),
        // That of another file.
        format!("{}{mount}", files("site")),
    ] {
        fs::write(front, &text).unwrap();
        let error = run(&["--check", "--config", front]);
        assert_eq!(error.status.code(), Some(2), "{text}");
        let error = String::from_utf8(error.stderr).unwrap();
        assert!(
            error.contains("front.toml:1: the path ") && error.contains(" would publish "),
            "{error}"
        );
    }
    let (files, mount) = (format!("/={}", at("site").display()), format!("/m={}", inner.display()));
    let output = run(&["--check", "--files", &files, "--mount", &mount]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("error: --files /=") && error.contains(" would publish "), "{error}");
}

/// Who mounts a server means a target.
#[test]
fn a_mount_of_a_server() {
    let output = run(&["--check", "--mount", "/admin=http://127.0.0.1:5001/"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    let expected =
        "a mount has a TOML file; for a server write --proxy /admin=http://127.0.0.1:5001/";
    assert!(error.contains(expected), "{error}");
}
