//! What upstream sees, and what the client gets.

use std::{fs, io::Write, net::TcpStream};

use crate::server::{OK, PATIENCE, Server, answer, answering, assert_has, get};

#[test]
fn the_rest_of_the_path_goes_on() {
    let (up, seen) = answering(OK);
    let api = format!("/api=http://{up}/base");
    let server = Server::start(&["--proxy", &api, "--pseudonym", "front"]);
    assert_eq!(server.start, [format!("/api   →  http://{up}/base"), "other  →  404".to_owned()]);
    let got = get(server.address, "/api/x?a=1", "X-Forwarded-For: 6.6.6.6\r\n");
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with("\r\n\r\nok"), "{got}");
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /base/x?a=1 http/1.1\r\n"), "{head}");
    assert_has(
        &head,
        &[
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: app.example",
            "x-forwarded-prefix: /api",
            "via: 1.1 front",
        ],
    );
}

#[test]
fn a_trusted_proxy_is_believed() {
    let (up, seen) = answering(OK);
    let api = format!("/=http://{up}/");
    let server = Server::start(&["--proxy", &api, "--trust", "proxies=loopback for=1"]);
    get(server.address, "/", "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n");
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert_has(&head, &["x-forwarded-for: 203.0.113.9, 127.0.0.1"]);

    let got = get(server.address, "/", "X-Forwarded-For: no address\r\n");
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
    server.line();
    let line = server.line();
    assert!(line.starts_with("GET / 400 ") && line.contains("x-forwarded-for"), "{line}");
}

#[test]
fn a_file() {
    let (up, seen) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    let text = format!(
        "family = \"forwarded\"\npseudonym = \"front\"\n[[proxy]]\nprefix = \"/api\"\nurl = \"http://{up}/\"\n\
         keep-prefix = true\nhost = \"client\"\nheaders = [\"X-Tenant: blue\"]\nremove-headers = [\"Cookie\"]\n\
         methods = [\"GET\"]\n[[proxy]]\nprefix = \"/\"\nurl = \"http://{up}/rest\"\n"
    );
    fs::write(&path, text).unwrap();
    let server = Server::start(&["--config", path.to_str().unwrap(), "--access-log", "json"]);
    get(server.address, "/api/x", "X-Tenant: red\r\nCookie: a=b\r\n");
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /api/x http/1.1\r\n"), "{head}");
    let lines = [
        "host: app.example",
        "x-tenant: blue",
        "forwarded: for=127.0.0.1;proto=http;host=app.example",
    ];
    assert_has(&head, &lines);
    for absent in ["x-forwarded-", "red", "cookie"] {
        assert!(!head.contains(absent), "{head}");
    }
    get(server.address, "/y", "X-Tenant: red\r\n");
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /rest/y http/1.1\r\n"), "{head}");
    assert_has(&head, &["x-tenant: red", &format!("host: {up}")]);
}

/// The options of targets hold for the transparent proxy too.
#[test]
fn where_a_request_asks_to_go() {
    let (up, seen) = answering(OK);
    let arguments = ["--transparent", "--allow", &up.to_string(), "--header", "X-Tenant: blue"];
    let server = Server::start(&arguments);
    assert_eq!(server.start, [format!("other  →  where the request asks to go: {up}")]);
    assert!(get(server.address, &format!("http://{up}/x"), "").ends_with("ok"));
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /x http/1.1\r\n"), "{head}");
    assert_has(&head, &["x-tenant: blue"]);
    let got = get(server.address, "http://127.0.0.1:1/x", "");
    assert!(got.starts_with("HTTP/1.1 403 "), "{got}");
}

#[test]
fn redirects_and_cookies() {
    let (up, _seen) = answering(
        "HTTP/1.1 302 Found\r\nLocation: /app/login\r\nSet-Cookie: a=b; Path=/app/\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
    );
    let old = format!("/old=http://{up}/app/");
    let server = Server::start(&["--rewrite", "--proxy", &old]);
    let got = get(server.address, "/old/", "").to_lowercase();
    assert_has(&got, &["location: /old/login", "set-cookie: a=b; path=/old/"]);
}

#[test]
fn a_body_that_is_too_long() {
    let (up, _seen) = answering(OK);
    let api = format!("/=http://{up}/");
    let server = Server::start(&["--proxy", &api, "--body-bytes", "3"]);
    let got = get(server.address, "/", "Content-Length: 4\r\n");
    assert!(got.starts_with("HTTP/1.1 413 "), "{got}");
}

/// As many fields as the gateway admits, which are more than hyper does by itself.
#[test]
fn a_head_that_is_too_long() {
    let (up, _seen) = answering(OK);
    let server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
    for (fields, status) in [(240, 200), (300, 431)] {
        let got = get(server.address, "/", &"X-A: b\r\n".repeat(fields));
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{fields}: {got}");
    }
}

/// Files come first; what is no file goes to the target.
#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    fs::create_dir_all(site.join("d")).unwrap();
    fs::write(site.join("d/index.html"), "the index").unwrap();
    fs::write(site.join("a.key"), "SECRET").unwrap();
    let path = folder.path().join("front.toml");
    let text = "[[files]]\nprefix = \"/\"\npath = \"PATH\"\nindex = \"index.html\"\nredirect = true\n\
        disallow = [\"*.key\"]\n";
    fs::write(&path, text.replace("PATH", site.to_str().unwrap())).unwrap();
    let server = Server::start(&["--config", path.to_str().unwrap()]);
    let shown: Vec<_> = server.start[0].split_whitespace().collect();
    assert_eq!(shown, ["/", "→", site.to_str().unwrap(), "(files)"]);
    for (target, status, end) in [
        ("/d/", "200", "\r\n\r\nthe index"),
        ("/d", "307", "\r\n\r\n"),
        ("/a.key", "404", "404 Not Found\n"),
        ("/missing", "404", "404 Not Found\n"),
    ] {
        let got = get(server.address, target, "");
        let begin = format!("HTTP/1.1 {status} ");
        assert!(got.starts_with(&begin) && got.ends_with(end), "{target}: {got}");
    }
}

/// The page of a single-page application is behind files, mounts and targets.
#[test]
fn a_page_for_other_paths() {
    let (up, _) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("dist/assets")).unwrap();
    fs::write(at("dist/index.html"), "the page").unwrap();
    fs::write(at("dist/assets/app.js"), "start()").unwrap();
    let files = "[[files]]\nprefix = \"/shop\"\npath = \"dist\"\nfallback = \"index.html\"\n";
    let proxy = format!("[[proxy]]\nprefix = \"/shop/api\"\nurl = \"http://{up}/\"\n");
    fs::write(at("front.toml"), format!("{files}{proxy}")).unwrap();
    let server = Server::start(&["--config", at("front.toml").to_str().unwrap()]);
    assert!(
        server.start[0].ends_with(" (files; other paths get index.html)"),
        "{:?}",
        server.start
    );
    for (target, status, end) in [
        ("/shop", "200", "the page"),
        ("/shop/deep/link?q", "200", "the page"),
        ("/shop/assets/app.js", "200", "start()"),
        ("/shop/assets/missing.js", "404", "404 Not Found\n"),
        ("/shop/api/x", "200", "ok"),
        ("/other", "404", "404 Not Found\n"),
    ] {
        let got = get(server.address, target, "");
        let begin = format!("HTTP/1.1 {status} ");
        assert!(got.starts_with(&begin) && got.ends_with(end), "{target}: {got}");
        if end == "the page" {
            assert!(got.to_ascii_lowercase().contains("\r\ncache-control: no-cache\r\n"), "{got}");
        }
    }
    let head =
        "POST /shop/deep HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let got = answer(stream);
    assert!(got.starts_with("HTTP/1.1 404 "), "{got}");
}

/// The settings of another file, under a prefix.
#[test]
fn a_mount() {
    let (up, seen) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = format!("[[proxy]]\nprefix = \"/api\"\nurl = \"http://{up}/\"\n");
    fs::write(at("admin.toml"), text).unwrap();
    fs::write(at("front.toml"), "[[mount]]\nprefix = \"/admin\"\nconfig = \"admin.toml\"\n")
        .unwrap();
    let by_argument = format!("/admin={}", at("admin.toml").display());
    for arguments in [["--config", at("front.toml").to_str().unwrap()], ["--mount", &by_argument]] {
        let server = Server::start(&arguments);
        let note = format!("(mount {})", at("admin.toml").display());
        assert_eq!(server.start[0], format!("/admin/api    →  http://{up}/  {note}"));
        assert_eq!(server.start[1], format!("/admin other  →  404  {note}"));
        let got = get(server.address, "/admin/api/x", "");
        assert!(got.ends_with("ok"), "{got}");
        let head = seen.recv_timeout(PATIENCE).unwrap();
        assert!(head.starts_with("get /x http/1.1\r\n"), "{head}");
        assert_has(&head, &["x-forwarded-prefix: /admin/api"]);
        let got = get(server.address, "/admin", "");
        assert!(got.starts_with("HTTP/1.1 307 "), "{got}");
        assert_has(&got.to_ascii_lowercase(), &["location: /admin/"]);
        for path in ["/admin/x", "/api/x", "/x"] {
            let got = get(server.address, path, "");
            assert!(got.starts_with("HTTP/1.1 404 "), "{path}: {got}");
        }
    }
}

/// A directory of the command line has its index. One of a file has it if the file says so.
#[test]
fn the_index_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("dist/docs")).unwrap();
    for name in ["dist/index.html", "dist/docs/index.html"] {
        fs::write(at(name), name).unwrap();
    }
    let text = format!("[[files]]\nprefix = \"/\"\npath = {:?}\n", at("dist"));
    fs::write(at("front.toml"), text).unwrap();
    let argument = format!("/={}", at("dist").display());
    let config = at("front.toml").display().to_string();
    for (arguments, statuses) in
        [(["--files", &argument], ["200", "307", "200"]), (["--config", &config], ["404"; 3])]
    {
        let server = Server::start(&arguments);
        for (path, status) in ["/", "/docs", "/docs/"].into_iter().zip(statuses) {
            let got = get(server.address, path, "");
            assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{arguments:?} {path}: {got}");
        }
    }
}

/// A path in a file is relative to that file, wherever the program was started.
#[test]
fn paths_in_a_mounted_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("sub/public")).unwrap();
    fs::write(at("sub/public/a.txt"), "sub").unwrap();
    fs::write(at("sub/in.toml"), "[[files]]\nprefix = \"/\"\npath = \"public\"\n").unwrap();
    fs::write(at("front.toml"), "[[mount]]\nprefix = \"/m\"\nconfig = \"sub/in.toml\"\n").unwrap();
    let server = Server::start(&["--config", at("front.toml").to_str().unwrap()]);
    let got = get(server.address, "/m/a.txt", "");
    assert!(got.ends_with("sub"), "{got}");
}

/// A redirect of a target within a mount leads to where the client finds it.
#[test]
fn a_redirect_in_a_mount() {
    let (up, _) = answering(
        "HTTP/1.1 302 Found\r\nLocation: /base/next\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.toml");
    let text =
        format!("[[proxy]]\nprefix = \"/api\"\nurl = \"http://{up}/base/\"\nrewrite = true\n");
    fs::write(&path, text).unwrap();
    let server = Server::start(&["--mount", &format!("/m={}", path.display())]);
    let got = get(server.address, "/m/api/x", "").to_ascii_lowercase();
    assert!(got.contains("\r\nlocation: /m/api/next\r\n"), "{got}");
}
