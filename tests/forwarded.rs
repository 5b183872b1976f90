//! Rule 4 of reading: `Forwarded` is lexed from the right. Also the values of an element.

mod util;

use proxyfix::ErrorKind::{
    self, DuplicateParameter, InvalidElement, InvalidHost, InvalidNode, InvalidScheme,
};
use proxyfix::forwarded_elements;
use util::request;

/// The elements of `Forwarded`, the nearest first. An error has its kind and offset.
fn elements(lines: &[&str]) -> Vec<Result<String, (ErrorKind, Option<usize>)>> {
    let request = request(util::PROXY, "/", lines);
    let show = |element: Result<proxyfix::ForwardedElement<'_>, proxyfix::Error>| {
        let element = element.map_err(|error| (error.kind(), error.offset()))?;
        Ok(String::from_utf8_lossy(&element.parameter("for").unwrap_or_default()).into_owned())
    };
    forwarded_elements(request.headers()).map(show).collect()
}

#[test]
fn from_the_right() {
    let ok = |text: &str| Ok(text.to_owned());
    let bad = |offset| Err((InvalidElement, Some(offset)));
    for (lines, expected) in [
        (&[r#"for="a,b";x=",;=\",", for=c"#][..], vec![ok("c"), ok("a,b")]),
        (&[r#"for="a\\", for=c"#], vec![ok("c"), ok(r"a\")]),
        (&[r#"for="a\\\"", for=c"#], vec![ok("c"), ok(r#"a\""#)]),
        (&[r#"for="=\"a", for=c"#], vec![ok("c"), ok(r#"="a"#)]),
        // A client's open quote ends where the proxy's element begins, or is malformed there.
        (&[r#"for="_x, for=c"#], vec![ok("c"), bad(4)]),
        (&[r#"for=", for=c"#], vec![ok("c"), bad(4)]),
        (&[r#"", for="c""#], vec![ok("c"), bad(0)]),
        (&[r#"x="=, for="c""#], vec![ok("c"), bad(2)]),
        (&[r#"for="a"b", for=c"#], vec![ok("c"), bad(6)]),
        (&[r#"for=x", for=c"#], vec![ok("c"), bad(5)]),
        // The malformed line does not reach into the next.
        (&[r#"for="_x"#, "for=c"], vec![ok("c"), bad(4)]),
        (&["for=c", r#"for="_x"#], vec![bad(4)]),
        // The boundaries are well-formed, but the element is malformed: reading goes on.
        (&["for=a, for=b for=b, for=c"], vec![ok("c"), bad(13), ok("a")]),
        (&["for=a, =b, for=c"], vec![ok("c"), bad(7), ok("a")]),
        (&["for=a, for =b, for=c"], vec![ok("c"), bad(10), ok("a")]),
        (&["for=a, for= b, for=c"], vec![ok("c"), bad(11), ok("a")]),
        (&["for=a, for, for=c"], vec![ok("c"), bad(10), ok("a")]),
        (&["for=a, for=b;=, for=c"], vec![ok("c"), bad(13), ok("a")]),
        (&["for=a, for=, for=c"], vec![ok("c"), bad(11), ok("a")]),
        (&["for=a, for=b/c"], vec![bad(12), ok("a")]),
        (&["for=a, for=b\u{fc}"], vec![bad(12), ok("a")]),
        (&[r#"for=a, for="b"c"#], vec![bad(14), ok("a")]),
        (&[r#"for=a, for="\""#], vec![bad(14), ok("a")]),
        (&["for=a, for=b;host=, for=c"], vec![ok("c"), bad(18), ok("a")]),
        (&["for=a;by=, for=c"], vec![ok("c"), bad(9)]),
        (&["for=a;proto="], vec![bad(12)]),
        (&["for=a;x=\"b\tc\""], vec![ok("a")]),
        // A parameter that is not read is not checked.
        (&["for=a;by=!!"], vec![ok("a")]),
        // Deliberately lenient.
        (&["FOR=a; ;;proto=http ; x= ;, for=[b]:1;"], vec![ok("[b]:1"), ok("a")]),
        (&[r#"for=a;ext="";ext2=x:[]"#], vec![ok("a")]),
        (&["for=a;for=b"], vec![Err((DuplicateParameter, Some(6)))]),
        (&["for=a;FOR=a"], vec![Err((DuplicateParameter, Some(6)))]),
        (&["x=1;y=2;X=3"], vec![Err((DuplicateParameter, Some(8)))]),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| format!("Forwarded: {line}")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(elements(&lines), expected, "{lines:?}");
    }
    let pairs = |count: usize| (0..count).map(|n| format!("p{n}=x")).collect::<Vec<_>>().join(";");
    assert_eq!(elements(&[&format!("Forwarded: {}", pairs(32))]), [Ok(String::new())]);
    assert_eq!(
        elements(&[&format!("Forwarded: {}", pairs(33))])[0].as_ref().unwrap_err().0,
        InvalidElement
    );
}

#[test]
fn values_of_an_element() {
    let line =
        r#"Forwarded: For="[2001:db8::7]:_p";by=_me;HOST="a.example:80";proto=WSS;ext="\a\"\\""#;
    let request = request(util::PROXY, "/", &[line]);
    let element = forwarded_elements(request.headers()).next().expect("one").expect("valid");
    assert_eq!(element.for_node().unwrap().unwrap().to_string(), "[2001:db8::7]:_p");
    assert_eq!(element.by_node().unwrap().unwrap().to_string(), "_me");
    assert_eq!(element.host().unwrap().unwrap(), "a.example:80");
    assert_eq!(element.proto().unwrap(), Some(proxyfix::Scheme::Https));
    assert_eq!(element.parameter("EXT").as_deref(), Some(&br#"a"\"#[..]));
    assert_eq!(element.parameter("other"), None);

    let bare = util::request(util::PROXY, "/", &["Forwarded: by=x;proto=ftp;host=\"a b\";for=y"]);
    let element = forwarded_elements(bare.headers()).next().expect("one").expect("well-formed");
    let kind = |error: proxyfix::Error| (error.kind(), error.hop(), error.offset());
    assert_eq!(kind(element.by_node().unwrap_err()), (InvalidNode, Some(1), Some(3)));
    assert_eq!(kind(element.proto().unwrap_err()), (InvalidScheme, Some(1), Some(11)));
    assert_eq!(kind(element.host().unwrap_err()), (InvalidHost, Some(1), Some(22)));
    assert_eq!(kind(element.for_node().unwrap_err()), (InvalidNode, Some(1), Some(30)));
}

/// A parameter is recognized by its whole name, in upper or lower case.
#[test]
fn parameters_by_name() {
    let element = "by=_a;for=_b;host=c;proto=http;BX=_x;FXR=_x;HOXT=x;PROTX=https;xost=x";
    for (line, known) in [
        (element, true),
        (
            &element
                .replace("by=", "bx2=")
                .replace("for=", "fox=")
                .replace("host=", "hosx=")
                .replace("proto=", "protx2="),
            false,
        ),
    ] {
        let request = request(util::PROXY, "/", &[&format!("Forwarded: {line}")]);
        let element = forwarded_elements(request.headers()).next().unwrap().unwrap();
        let text = |value: Option<String>| value.unwrap_or_default();
        let found = [
            text(element.by_node().unwrap().map(|node| node.to_string())),
            text(element.for_node().unwrap().map(|node| node.to_string())),
            text(element.host().unwrap().map(|host| host.to_string())),
            text(element.proto().unwrap().map(|scheme| scheme.to_string())),
        ];
        assert_eq!(found, if known { ["_a", "_b", "c", "http"] } else { [""; 4] }, "{line}");
    }
}
