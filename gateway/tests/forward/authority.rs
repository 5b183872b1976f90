//! The certificate authority: its file, its leaves, and its downloads.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use proxyfix_gateway::{CertificateAuthority, ConfigError, Credentials, Exposure, ForwardLimits};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};
use rustls::pki_types::CertificateDer;
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer as _, X509Certificate},
};

use super::{
    front::{Front, of, options},
    wire::Wire,
};

/// The chain that is sent for a host.
async fn chain(front: &Front, authority: &str) -> Vec<CertificateDer<'static>> {
    let host = authority.rsplit_once(':').unwrap().0;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let wire = Wire::tunnel(front.address, authority).await;
    let wire = wire.tls(front.tls(&[]), name).await.expect("a chain that rustls takes");
    wire.stream.get_ref().1.peer_certificates().unwrap().to_vec()
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> X509Certificate<'a> {
    X509Certificate::from_der(der).expect("a certificate").1
}

/// The names of a leaf, and whether they are critical.
fn names(leaf: &X509Certificate<'_>) -> (Vec<String>, bool) {
    let found = leaf.subject_alternative_name().unwrap().expect("names");
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::IPAddress(address) => format!("IP:{address:?}"),
        other => panic!("{other:?}"),
    };
    (found.value.general_names.iter().map(text).collect(), found.critical)
}

#[tokio::test]
async fn leaves() {
    let front = Front::start().await;
    let chain_of = chain(&front, "example.com:443").await;
    assert_eq!(chain_of.len(), 2);
    assert_eq!(&*chain_of[1], front.layer.authority().certificate_der());
    let (leaf, authority) = (parse(&chain_of[0]), parse(&chain_of[1]));
    assert_eq!(names(&leaf), (vec!["DNS:example.com".to_owned()], false));
    assert_eq!(leaf.subject().to_string(), "CN=example.com");
    assert_eq!(leaf.issuer().as_raw(), authority.subject().as_raw());
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.digital_signature() && usage.value.flags == 1);
    let extended = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && !extended.client_auth && extended.other.is_empty());
    let validity = leaf.validity();
    let seconds = validity.not_after.timestamp() - validity.not_before.timestamp();
    assert_eq!(seconds, 45 * 24 * 60 * 60);
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    assert!((now - validity.not_before.timestamp() - 2 * 86_400).abs() < 100);
    let serial = leaf.raw_serial();
    assert!(serial.len() == 16 && serial[0] & 0x80 == 0 && serial[0] != 0, "{serial:?}");
    assert!(leaf.basic_constraints().unwrap().is_none());
    assert_ne!(leaf.public_key().raw, authority.public_key().raw);
    // The identifier of the authority's key is the one that is stored there; the leaf has none of its own.
    let mut own = None;
    let mut stored = None;
    for extension in leaf.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => own = id.key_identifier.clone(),
            ParsedExtension::SubjectKeyIdentifier(_) => panic!("a leaf needs none"),
            _ => {}
        }
    }
    for extension in authority.extensions() {
        if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() {
            stored = Some(id.clone());
        }
    }
    assert!(own.is_some() && own == stored);
    let constraints = authority.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    // Every leaf has the same key, and a serial number of its own.
    let other = chain(&front, "other.test:443").await;
    let other = parse(&other[0]);
    assert_eq!(other.public_key().raw, leaf.public_key().raw);
    assert_ne!(other.raw_serial(), serial);
}

#[tokio::test]
async fn names_of_leaves() {
    let front = Front::start().await;
    let long = format!("{}.{}.test", "a".repeat(60), "b".repeat(60));
    for (authority, name, critical) in [
        ("foo.co.uk:443", "DNS:foo.co.uk", false),
        ("a.b.c.example.com:8443", "DNS:a.b.c.example.com", false),
        ("localhost:443", "DNS:localhost", false),
        ("a_b.test:443", "DNS:a_b.test", false),
        ("10.0.1.10:443", "IP:[10, 0, 1, 10]", false),
        ("[::1]:443", "IP:[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]", false),
        (&format!("{long}:443"), &format!("DNS:{long}"), true),
    ] {
        let chain = chain(&front, authority).await;
        let leaf = parse(&chain[0]);
        assert_eq!(names(&leaf), (vec![name.to_owned()], critical), "{authority}");
        assert_eq!(leaf.subject().iter().count(), usize::from(!critical));
    }
}

/// As many leaves as the limit says, the newest ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_bounded() {
    let limits = ForwardLimits::default().leaves(3);
    let front = Front::with(options().limits(limits)).await;
    let serial = async |host: &str| {
        let chain = chain(&front, &format!("{host}:443")).await;
        parse(&chain[0]).raw_serial().to_vec()
    };
    let first = serial("a.test").await;
    for number in 0..20 {
        serial(&format!("n{number}.test")).await;
        // It is used all the time, so it stays.
        assert_eq!(serial("a.test").await, first);
        assert!(front.layer.leaves() <= 3);
    }
    let other = serial("n0.test").await;
    assert_eq!(serial("n0.test").await, other);
    // Many at once get the same one.
    let front = Arc::new(Front::start().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let front = Arc::clone(&front);
        tasks.spawn(async move {
            let chain = chain(&front, "same.test:443").await;
            parse(&chain[0]).raw_serial().to_vec()
        });
    }
    let serials = tasks.join_all().await;
    assert!(serials.iter().all(|serial| *serial == serials[0]));
}

#[test]
fn the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca/inner/proxyfix-ca.pem");
    let authority = CertificateAuthority::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(authority.exposure(), None);
    assert_eq!(authority.path(), Some(&*path));
    // Nothing else is there.
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let end = authority.not_after().duration_since(SystemTime::now()).unwrap();
    assert!(end > Duration::from_secs(3649 * 86_400), "{end:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let again = CertificateAuthority::open(&path).unwrap();
    assert_eq!(again.exposure(), Some(Exposure::Permissions { mode: 0o644 }));
    // Only root can give a file away.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    if std::os::unix::fs::chown(&path, Some(54_321), None).is_ok() {
        let other = CertificateAuthority::open(&path).unwrap();
        assert_eq!(other.exposure(), Some(Exposure::Owner { uid: 54_321, own: 0 }));
    }
    assert_eq!(again.fingerprint(), authority.fingerprint());
    // What cannot be written says why.
    fs::write(folder.path().join("file"), "").unwrap();
    let error = CertificateAuthority::open(folder.path().join("file/ca.pem")).unwrap_err();
    assert!(error.to_string().contains("file/ca.pem"), "{error}");
}

/// Fifty processes that start at once end with one authority.
#[test]
fn many_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/ca.pem");
    let program = std::env::current_exe().unwrap();
    let children: Vec<_> = (0..50)
        .map(|_| {
            let mut command = Command::new(&program);
            command.args([
                "--ignored",
                "--exact",
                "--nocapture",
                "forward::authority::one_process",
            ]);
            command.env("FORWARD_CA", &path).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut found = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.split_once("fingerprint ")).expect(&text);
        found.push(line.1.to_owned());
    }
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    assert_eq!(found[0], CertificateAuthority::open(&path).unwrap().fingerprint());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
#[ignore = "a part of many_processes"]
fn one_process() {
    let Some(path) = std::env::var_os("FORWARD_CA") else { return };
    let authority = CertificateAuthority::open(Path::new(&path)).unwrap();
    println!("\nfingerprint {}", authority.fingerprint());
}

/// The text of a file with this key.
fn file(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::OrganizationName, "Tests");
    change(&mut params);
    key.serialize_pem() + &params.self_signed(key).unwrap().pem()
}

#[test]
fn files_that_are_refused() {
    let key = KeyPair::generate().unwrap();
    let good = file(&key, |_| {});
    CertificateAuthority::from_pem(&good).unwrap();
    let other = KeyPair::generate().unwrap();
    let mismatch = key.serialize_pem() + &file(&other, |_| {}).replace(&other.serialize_pem(), "");
    let expired = file(&key, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let early = file(&key, |params| params.not_before = rcgen::date_time_ymd(2090, 1, 1));
    let leaf = file(&key, |params| params.is_ca = IsCa::ExplicitNoCa);
    let plain = file(&key, |params| params.is_ca = IsCa::NoCa);
    let usage = file(&key, |params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let edwards = file(&KeyPair::generate_for(&PKCS_ED25519).unwrap(), |_| {});
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (text, reason) in [
        (mismatch.as_str(), "do not belong together"),
        (&expired, "is expired"),
        (&early, "not valid yet"),
        (&leaf, "no authority"),
        (&plain, "no authority"),
        (&usage, "no authority"),
        (&edwards, "neither RSA nor ECDSA"),
        (encrypted, "has a password"),
        ("", "no private key"),
        (&key.serialize_pem(), "no certificate"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate"),
    ] {
        let error = CertificateAuthority::from_pem(text).unwrap_err();
        assert!(error.to_string().contains(reason), "{reason}: {error}");
        assert!(matches!(error, ConfigError::Authority { .. }));
        // Nothing of the file is in it.
        let secret = key.serialize_pem();
        let lines = secret.lines().filter(|line| !line.starts_with('-'));
        assert!(lines.clone().all(|line| !format!("{error}{error:?}").contains(line)));
    }
}

/// A file as wsgiprox writes it, and those that OpenSSL makes: RSA and ECDSA in each form, names with several attributes.
#[tokio::test]
async fn files_of_others() {
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut files = vec![file(&p384, |params| {
        // The name is copied byte for byte: one that is read and printed again would lose an attribute.
        params.distinguished_name.push(DnType::OrganizationalUnitName, "a");
    })];
    for entry in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/files")).unwrap()
    {
        files.push(fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    assert!(files.len() >= 5);
    for text in files {
        let authority = CertificateAuthority::from_pem(&text).expect(&text);
        let front = Front::with(of(authority)).await;
        let chain = chain(&front, "example.com:443").await;
        let (leaf, issuer) = (parse(&chain[0]), parse(&chain[1]));
        assert_eq!(leaf.issuer().as_raw(), issuer.subject().as_raw());
        for end in [leaf.validity().not_after, issuer.validity().not_after] {
            assert!(end.timestamp() >= leaf.validity().not_after.timestamp());
        }
    }
}

/// A leaf does not outlive its authority.
#[tokio::test]
async fn an_authority_that_ends_soon() {
    let authority = CertificateAuthority::options().days(1).name("soon").in_memory().unwrap();
    let front = Front::with(of(authority)).await;
    let chain = chain(&front, "example.com:443").await;
    let (leaf, issuer) = (parse(&chain[0]), parse(&chain[1]));
    assert_eq!(leaf.validity().not_after, issuer.validity().not_after);
    assert_eq!(issuer.subject().to_string(), "CN=soon");
    for (name, days) in [("", 1), ("a\nb", 1), (&*"a".repeat(65), 1), ("a", 0), ("a", 1_000_000)] {
        assert!(
            CertificateAuthority::options().name(name).days(days).in_memory().is_err(),
            "{name}"
        );
    }
}

/// In memory, and as a text that is kept somewhere else.
#[tokio::test]
async fn without_a_file() {
    let text = CertificateAuthority::options().new_pem().unwrap();
    let authority = CertificateAuthority::from_pem(&text).unwrap();
    assert_eq!(authority.path(), None);
    let front = Front::with(of(authority)).await;
    assert_eq!(chain(&front, "example.com:443").await.len(), 2);
}

/// The parts of a private key in PEM and DER, as they might be found somewhere.
fn traces(text: &str) -> Vec<Vec<u8>> {
    let body: String = text.lines().skip(1).take_while(|line| !line.starts_with('-')).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &body).unwrap();
    // The number of a PKCS #8 key over P-256 comes after this.
    let mark = [2, 1, 1, 4, 32];
    let at = der.windows(5).position(|window| window == mark).unwrap() + 5;
    let number = &der[at..at + 32];
    let number_in_hexadecimal =
        number.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let decimal = format!("{number:?}");
    let inner = decimal.trim_matches(['[', ']']).to_owned();
    vec![
        b"PRIVATE KEY".to_vec(),
        number.to_vec(),
        body.as_bytes()[40..80].to_vec(),
        number_in_hexadecimal.clone().into_bytes(),
        number_in_hexadecimal.to_uppercase().into_bytes(),
        inner.into_bytes(),
    ]
}

/// The private key is in no answer and in no `Debug`.
#[tokio::test]
async fn downloads_have_no_key() {
    let text = CertificateAuthority::options().new_pem().unwrap();
    let authority = CertificateAuthority::from_pem(&text).unwrap();
    let front = Front::with(of(authority.clone())).await;
    let mut outputs = vec![
        format!("{authority:?}{:?}{:?}", front.layer, of(authority.clone())).into_bytes(),
        format!("{authority:#?}{:#?}", front.layer).into_bytes(),
        authority.certificate_pkcs12().to_vec(),
    ];
    for (path, mime, name) in [
        ("pem", "application/x-x509-ca-cert", Some("proxyfix-ca.pem")),
        ("p12", "application/x-pkcs12", Some("proxyfix-ca.p12")),
        ("cer", "application/x-x509-ca-cert", Some("proxyfix-ca.cer")),
        ("", "text/html; charset=utf-8", None),
    ] {
        let request =
            format!("GET http://wsgiprox/download/{path} HTTP/1.1\r\nHost: wsgiprox\r\n\r\n");
        let answer = Wire::once(front.address, request).await;
        assert_eq!((answer.status, answer.field("content-type").as_deref()), (200, Some(mime)));
        let disposition = name.map(|name| format!("attachment; filename=\"{name}\""));
        assert_eq!(answer.field("content-disposition"), disposition);
        assert_eq!(answer.field("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(answer.field("access-control-allow-origin"), None);
        match path {
            "pem" => {
                assert_eq!(answer.text(), authority.certificate_pem());
                assert_eq!(answer.text().matches("-----BEGIN").count(), 1);
            }
            "cer" => assert_eq!(answer.body, authority.certificate_der()),
            "" => assert!(answer.text().contains(&authority.fingerprint())),
            _ => assert!(!answer.body.is_empty()),
        }
        outputs.push(answer.body);
        outputs.push(answer.head.into_bytes());
    }
    outputs.extend(chain(&front, "example.com:443").await.iter().map(|der| der.to_vec()));
    for output in outputs {
        for trace in traces(&text) {
            let is_there = output.windows(trace.len()).any(|window| window == trace);
            assert!(!is_there, "{}", String::from_utf8_lossy(&output));
        }
    }
    // Other paths are the application's.
    for path in ["/download", "/download/key", "/download/pem/", "/", "/Download/pem"] {
        let request = format!("GET http://wsgiprox{path} HTTP/1.1\r\nHost: wsgiprox\r\n\r\n");
        let answer = Wire::once(front.address, request).await;
        assert_eq!(answer.text(), format!("Requested Url: {path}"));
    }
    // Without downloads, all are.
    let front = Front::with(of(authority).downloads(false)).await;
    let request = "GET http://wsgiprox/download/pem HTTP/1.1\r\nHost: wsgiprox\r\n\r\n";
    assert_eq!(Wire::once(front.address, request).await.text(), "Requested Url: /download/pem");
}

/// A tunnel to the download host begins without credentials, and has nothing but downloads then.
#[tokio::test]
async fn downloads_without_credentials() {
    let credentials = Credentials::users("x", [("ada", "secret")]).unwrap();
    let front = Front::with(options().credentials(credentials)).await;
    let wire = Wire::tunnel(front.address, "wsgiprox:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "wsgiprox").await.unwrap();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: wsgiprox\r\n\r\n");
    assert_eq!(wire.ask(get("/download/cer")).await.status, 200);
    assert_eq!(wire.ask(get("/other")).await.status, 403);
    assert_eq!(wire.ask(get("/download/../other")).await.status, 400);
    for authority in ["example.com:443", "192.0.2.1:443"] {
        let mut wire = Wire::connect(front.address).await;
        assert_eq!(wire.ask_for_tunnel(authority, "").await.status, 407);
    }
    assert!(front.log.all().is_empty());
}
