//! The index of the recipes says what they say.

use std::fs;

use proxyfix_interop::{
    programs,
    recipe::{Family, Recipe, folder, rows},
};

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
fn every_recipe_is_in_the_index() {
    let index = fs::read_to_string(folder().join("README.md")).expect("the index");
    for file in fs::read_dir(folder()).expect("recipes") {
        let name = file.expect("a recipe").file_name().into_string().expect("a name");
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name}");
    }
}
