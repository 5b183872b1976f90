//! Every case is somewhere.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

#[derive(Deserialize)]
struct Named<'a> {
    id: &'a str,
}

/// Each id of the list is a case of `cases.jsonl` or a test that exists, and none is twice. Those in which we differ have a
/// row in `docs/FORWARD.md` besides.
#[test]
fn are_all_somewhere() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in include_str!("cases.jsonl").lines() {
        // The ids of this file have no escapes.
        let case: Named<'_> = serde_json::from_str(line).expect(line);
        places.entry(case.id.to_owned()).or_default().push("cases.jsonl".to_owned());
    }
    for line in include_str!("elsewhere.txt").lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ').rev();
        let (name, file) = (words.next().expect(line), words.next().expect(line));
        let id = words.rev().collect::<Vec<_>>().join(" ");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
        let source = fs::read_to_string(&path).expect(line);
        assert!(source.contains(&format!("fn {name}(")), "{line}: there is no such test");
        places.entry(id).or_default().push(file.to_owned());
    }
    let ids: Vec<_> = include_str!("ids.txt").lines().collect();
    for id in &ids {
        let places = places.get(*id).unwrap_or_else(|| panic!("{id} is nowhere"));
        assert_eq!(places.len(), 1, "{id} is twice: {places:?}");
    }
    for id in places.keys() {
        assert!(ids.contains(&id.as_str()), "{id} is no case");
    }
}
