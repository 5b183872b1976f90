//! Every case is somewhere.

use std::{collections::BTreeMap, fs, path::Path};

use super::data::Case;

const IDS: &str = include_str!("ids.txt");
const ELSEWHERE: &str = include_str!("elsewhere.txt");
const DEVIATIONS: &str = include_str!("../../docs/DEVIATIONS.md");

/// Each id of the list is a case of `reverse.jsonl`, a test that exists, or a row of the deviations; and none is twice.
#[test]
fn are_all_somewhere() {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let cases: Vec<Case> = include_str!("reverse.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    for case in &cases {
        places.entry(&case.id).or_default().push("reverse.jsonl".to_owned());
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
        let id = row.split('`').next().unwrap();
        places.entry(id).or_default().push("DEVIATIONS.md".to_owned());
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
