//! Every case is somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;

const IDS: &str = include_str!("ids.txt");
const ELSEWHERE: &str = include_str!("elsewhere.txt");
const DEVIATIONS: &str = include_str!("../../docs/DEVIATIONS.md");

/// The files with cases as data.
const DATA: [(&str, &str); 2] = [
    ("reverse.jsonl", include_str!("reverse.jsonl")),
    ("mounts.jsonl", include_str!("mounts.jsonl")),
];

/// What every case as data has.
#[derive(Deserialize)]
struct Named<'a> {
    id: &'a str,
    variant: Option<String>,
}

/// Each id of the list is a case of one of [`DATA`], a test that exists, or a row of the deviations; and none is twice.
#[test]
fn are_all_somewhere() {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (file, text) in DATA {
        let mut lines = BTreeSet::new();
        for line in text.lines() {
            let case: Named<'_> = serde_json::from_str(line).expect(line);
            assert!(lines.insert((case.id, case.variant)), "{line} is twice");
        }
        for id in lines.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>() {
            places.entry(id).or_default().push(file.to_owned());
        }
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
    let deviations = DEVIATIONS.lines().take_while(|line| *line != "## Static files");
    for row in deviations.filter_map(|line| line.strip_prefix("| `")) {
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
