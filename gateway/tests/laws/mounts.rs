//! Which mounted service gets a request, and what it sees.

use proptest::prelude::*;

use super::{
    generate::{cases, path, prefixes, query},
    mounted::is_right,
};

proptest! {
    #![proptest_config(cases())]

    /// The longest path wins, whatever the order; what follows goes on byte for byte, with the query; and the path of each
    /// mount around the service is known.
    #[test]
    fn mounts(path in path(), query in query(), prefixes in prefixes(), nested in any::<bool>()) {
        let text = match &query {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let Ok(uri) = text.parse::<http::Uri>() else { return Ok(()) };
        prop_assert_eq!(is_right(&prefixes, &uri, nested), Some(Ok(())));
    }
}
