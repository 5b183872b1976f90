//! Every case is somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::data::Case;

const IDS: &str = include_str!("ids.txt");
const ELSEWHERE: &str = include_str!("elsewhere.txt");
const LATER: &str = include_str!("later.txt");
const DEVIATIONS: &str = include_str!("../../docs/DEVIATIONS.md");

/// Each id of the list is a case of `reverse.jsonl`, a test that exists, or a row of the deviations; and none is twice.
#[test]
fn are_all_somewhere() {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let cases: Vec<Case> = include_str!("reverse.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let mut lines = BTreeSet::new();
    for case in &cases {
        assert!(lines.insert((&case.id, &case.variant)), "{} {:?} is twice", case.id, case.variant);
    }
    for id in lines.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>() {
        places.entry(id).or_default().push("reverse.jsonl".to_owned());
    }
    for line in ELSEWHERE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (id, test) = line.split_once(' ').expect(line);
        let (file, name) = test.split_once(' ').expect(line);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = fs::read_to_string(&path).expect(line);
        let function = format!("fn {name}(");
        assert!(source.contains(&function), "{line}: there is no such test");
        places.entry(id).or_default().push(test.to_owned());
    }
    for row in DEVIATIONS.lines().filter_map(|line| line.strip_prefix("| `")) {
        // The first cell has one id or several.
        let cell = row.split(" | ").next().unwrap();
        for id in cell.trim_end_matches('`').split("`, `") {
            places.entry(id).or_default().push("DEVIATIONS.md".to_owned());
        }
    }
    for id in IDS.lines() {
        assert!(places.contains_key(id), "{id} is nowhere");
    }
    for (id, places) in places {
        assert!(IDS.lines().any(|line| line == id), "{id} is no case");
        let tests = places.iter().filter(|place| *place != "DEVIATIONS.md").count();
        assert!(tests <= 1, "{id} is twice: {places:?}");
    }
}

/// What comes later is no case yet.
#[test]
fn come_later() {
    let later = LATER.lines().filter(|line| !line.starts_with('#'));
    for id in later {
        assert!(IDS.lines().all(|line| line != id), "{id} is a case already");
    }
}
