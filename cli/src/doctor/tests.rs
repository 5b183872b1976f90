use proxyfix_doctor::infer::CODES;

use super::{SECTIONS, section};

/// Each finding has a section in the manual, in the order of the code, and no other section is there.
#[test]
fn each_code_has_a_section() {
    let sections: Vec<_> = SECTIONS.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(sections, CODES);
    for code in CODES {
        assert!(section(code).is_some_and(|text| text.lines().count() > 2), "{code}");
    }
}
