//! The documents in `docs/recipes/` agree with each other, and each line in them is a doctest.

use std::fs;

use proxyfix_interop::{
    programs,
    recipe::{Family, Recipe, chains, folder, rows},
};

/// The names of all documents, sorted.
fn documents() -> Vec<String> {
    let files = fs::read_dir(folder()).expect("recipes").map(|file| file.expect("a recipe").path());
    let mut names: Vec<String> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Whether the document has a builder form for this line. A doctest checks that it means the same.
fn has_builder_form(recipe: &Recipe, line: &str) -> bool {
    recipe.blocks("rust").any(|(_, program)| {
        program.split('"').skip(1).step_by(2).any(|text| {
            // A string may go on in the next line, and may have fewer of a vendor's many networks.
            let words: Vec<_> = text.split_whitespace().filter(|word| *word != "\\").collect();
            same(&words.join(" "), line, |word, own| is_long(own) && key(word) == key(own))
        })
    })
}

/// Whether two lines have the same words, or words that `or` accepts as the same.
fn same(line: &str, own: &str, or: impl Fn(&str, &str) -> bool) -> bool {
    let (words, own) = (line.split(' '), own.split(' '));
    words.clone().count() == own.clone().count()
        && words.zip(own).all(|(word, own)| word == own || or(word, own))
}

fn key(word: &str) -> Option<&str> {
    word.split_once('=').map(|(key, _)| key)
}

/// Whether a word is a long list, such as the networks that a vendor publishes.
fn is_long(word: &str) -> bool {
    word.matches(',').count() > 5
}

#[test]
fn every_line_has_a_builder_form() {
    for name in documents() {
        let recipe = Recipe::read(&name).expect("a recipe");
        for (words, line) in recipe.blocks("text") {
            let words = words.join(" ");
            assert!(has_builder_form(&recipe, line), "{name}: no builder form for `text {words}`");
        }
    }
}

#[test]
fn a_chain_has_builder_forms_by_count_and_by_walk() {
    let document = Recipe::read("chains").expect("the chains");
    let [first, ..] = &*chains().expect("the chains") else { panic!("no chain") };
    for (line, how) in first.configs.iter().zip(["for=2", "for=walk"]) {
        assert!(line.contains(how), "{line}");
        assert!(has_builder_form(&document, line), "no builder form for `{line}`");
    }
}

#[test]
fn every_document_is_run_by_the_doctests() {
    let source = include_str!("../src/lib.rs");
    let calls = source.split("recipes!(").skip(1).filter(|call| !call.starts_with('@'));
    let lists = calls.map(|call| call.split(')').next().unwrap().replace(" = ", "="));
    let mut names: Vec<String> = Vec::new();
    for list in lists {
        let files = list.split_whitespace().map(|name| name.rsplit('=').next().unwrap());
        names.extend(files.map(|file| file.trim_matches('"').to_owned()));
    }
    names.sort();
    assert_eq!(names, documents(), "`recipes!` in lib.rs must list the files of docs/recipes");
}

#[test]
fn lines_are_those_of_the_recipes() {
    let rows = rows("README").expect("the index");
    for program in programs::ALL {
        let recipe = Recipe::read(program.name).expect("a recipe");
        let config = |family: Family| recipe.config(&[family.word()]).unwrap_or("–").to_owned();
        let row = [program.title.to_owned(), config(Family::XForwarded), config(Family::Forwarded)];
        assert!(rows.contains(&row.to_vec()), "the index lacks {row:?}");
    }
}

#[test]
fn lines_are_those_of_the_vendors_documents() {
    let index = fs::read_to_string(folder().join("README.md")).expect("the index");
    let (_, table) = index.split_once("| platform |").expect("the second table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut seen = 0;
    for row in rows {
        let (_, rest) = row.split_once("](").expect(row);
        let (name, rest) = rest.split_once(".md)").expect(row);
        let [_, line, _] = rest.split('`').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let recipe = Recipe::read(name).expect(name);
        let has = recipe.blocks("text").any(|(_, own)| {
            same(line, own, |word, own| {
                let left_out = key(own).map(|key| format!("{key}=…"));
                (own.starts_with("proxies=") || is_long(own)) && left_out.as_deref() == Some(word)
            })
        });
        assert!(has, "{name} has no line `{line}`");
        seen += 1;
    }
    assert!(seen > 0, "no rows");
}

#[test]
fn every_recipe_is_in_the_index() {
    let index = fs::read_to_string(folder().join("README.md")).expect("the index");
    for name in documents() {
        assert!(name == "README" || index.contains(&format!("({name}.md)")), "{name}");
    }
}
