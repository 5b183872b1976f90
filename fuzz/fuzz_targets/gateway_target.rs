#![no_main]

//! A target of any text: it is refused, or it prints as a target that is the same.

use proxyfix_gateway::Target;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(target) = Target::parse(text) {
        let printed = target.to_string();
        let again = Target::parse(&printed).expect("what is printed is a target");
        assert_eq!(again.to_string(), printed);
        if let Some((_, rest)) = printed.split_once("://").filter(|_| printed.starts_with("http")) {
            assert!(!rest.split('/').next().unwrap().contains('@'), "userinfo");
        }
    }
});
