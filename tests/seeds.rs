//! Runs the fuzz targets on their kept seeds, `fuzz/seeds/TARGET/*`, as an ordinary test. If a fuzzing run
//! left a corpus in `fuzz/corpus/TARGET/`, it runs on that too.

mod laws;

use std::{fs, path::Path};

use laws::Verdict;

type Law = fn(&[u8]) -> Verdict;

const TARGETS: [(&str, &[Law]); 6] = [
    ("config_text", &[laws::config_text]),
    ("fix_request", &[laws::fix_request]),
    ("forwarded", &[laws::forwarded]),
    ("non_interference", &[laws::non_interference]),
    ("round_trip", &[laws::round_trip]),
    ("x_forwarded", &[laws::x_forwarded, laws::x_scalars, laws::x_edge]),
];

#[test]
fn seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let targets =
        fs::read_dir(&folder).expect("seeds").map(|target| target.expect("a folder").file_name());
    // Those of the gateway are beside them, and are about another package.
    let is_ours = |name: &std::ffi::OsString| !name.as_encoded_bytes().starts_with(b"gateway_");
    let mut targets: Vec<_> = targets.filter(is_ours).collect();
    targets.sort();
    assert_eq!(targets, TARGETS.map(|(name, _)| name));
    for (name, laws) in TARGETS {
        let mut reached = vec![0; laws.len()];
        let corpus = folder.join("../corpus").join(name);
        let left = fs::read_dir(corpus).into_iter().flatten();
        for seed in fs::read_dir(folder.join(name)).expect("seeds").chain(left) {
            let seed = seed.expect("a seed").path();
            let data = fs::read(&seed).expect("bytes");
            for (law, reached) in laws.iter().zip(&mut reached) {
                let verdict = std::panic::catch_unwind(|| law(&data));
                let verdict = verdict.unwrap_or_else(|_| panic!("{} fails", seed.display()));
                *reached += usize::from(verdict == Verdict::Truth);
            }
        }
        assert!(!reached.contains(&0), "seeds of {name} that have an answer: {reached:?}");
    }
}
