//! Every case is somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;

#[derive(Deserialize)]
struct Named<'a> {
    id: &'a str,
    variant: Option<String>,
}

/// Each id of the list is a case of `cases.jsonl`, a test that exists, or a row of the deviations; and none is twice.
#[test]
fn are_all_somewhere() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut lines = BTreeSet::new();
    for line in include_str!("cases.jsonl").lines() {
        let case: Named<'_> = serde_json::from_str(line).expect(line);
        assert!(lines.insert((case.id, case.variant)), "{line} is twice");
    }
    for id in lines.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>() {
        places.entry(id.to_owned()).or_default().push("cases.jsonl".to_owned());
    }
    for line in include_str!("elsewhere.txt").lines().filter(|line| !line.is_empty()) {
        let (id, test) = line.split_once(' ').expect(line);
        let (file, name) = test.split_once(' ').expect(line);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = fs::read_to_string(&path).expect(line);
        assert!(source.contains(&format!("fn {name}(")), "{line}: there is no such test");
        places.entry(id.to_owned()).or_default().push(test.to_owned());
    }
    let deviations = include_str!("../../docs/DEVIATIONS.md");
    let (_, deviations) = deviations.split_once("\n## Static files\n").unwrap();
    for row in deviations.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cell = row.split(" | ").next().unwrap();
        for id in cell.trim_end_matches('`').split("`, `") {
            places.entry(id.to_owned()).or_default().push("DEVIATIONS.md".to_owned());
        }
    }
    let ids: Vec<_> = include_str!("ids.txt").lines().collect();
    for id in &ids {
        assert!(places.contains_key(*id), "{id} is nowhere");
    }
    for (id, places) in places.iter().filter(|(id, _)| ids.contains(&id.as_str())) {
        let tests = places.iter().filter(|place| *place != "DEVIATIONS.md").count();
        assert!(tests <= 1, "{id} is twice: {places:?}");
    }
}
