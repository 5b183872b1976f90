//! The recipes in `docs/recipes/`. What is documented is what runs.
//!
//! A recipe is a Markdown file. Its code blocks are found by the words after the language:
//!
//! 1. `x-forwarded` or `forwarded`: the proxy's configuration for that family, if it is the only or the
//!    outermost proxy. With `inner`: its configuration if another proxy of ours is in front of it.
//! 2. `unix`: the line that replaces the one with the application's address, if the application listens
//!    on a Unix socket.
//! 3. `text` blocks with the same words: what to write for proxyfix.
//! 4. Any other single word: a further text with that name for both families, such as the configuration
//!    of a program that goes with the proxy. With `inner` before it: the same behind another proxy.
//! 5. `http` and `json` blocks, in recipes that are not run: a request's head as the application receives
//!    it, and what is true of it. They have the words of their `text` block, and one more.

use std::{fs, path::PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::{Context, Result};

/// Which headers a recipe is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `X-Forwarded-*`.
    XForwarded,
    /// RFC 7239 `Forwarded`.
    Forwarded,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::XForwarded, Self::Forwarded];

    /// The word in a code block's info string.
    pub fn word(self) -> &'static str {
        match self {
            Self::XForwarded => "x-forwarded",
            Self::Forwarded => "forwarded",
        }
    }
}

/// One code block.
#[derive(Clone, Debug)]
struct Block {
    language: String,
    words: Vec<String>,
    text: String,
}

/// The code blocks of one recipe.
#[derive(Clone, Debug)]
pub struct Recipe {
    name: String,
    blocks: Vec<Block>,
}

impl Recipe {
    /// Reads `docs/recipes/NAME.md`.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn read(name: &str) -> Result<Self> {
        let path = folder().join(name).with_extension("md");
        let text = fs::read_to_string(&path).context(path.display())?;
        Ok(Self { name: name.to_owned(), blocks: blocks(&text) })
    }

    /// The proxy's own configuration with these words.
    pub fn snippet(&self, words: &[&str]) -> Option<&str> {
        let ours = ["text", "rust", "sh", "http", "json"];
        self.find(words, |language| !ours.contains(&language))
    }

    /// The same, if there must be one.
    ///
    /// # Errors
    ///
    /// If the recipe has no block with these words.
    pub fn required(&self, words: &[&str]) -> Result<&str> {
        self.snippet(words).context(format_args!(
            "docs/recipes/{}.md has no block `{}`",
            self.name,
            words.join(" ")
        ))
    }

    /// What to write for proxyfix, in the text form.
    ///
    /// # Errors
    ///
    /// If the recipe has no `text` block with these words.
    pub fn config(&self, words: &[&str]) -> Result<&str> {
        self.find(words, |language| language == "text").context(format_args!(
            "docs/recipes/{}.md has no block `text {}`",
            self.name,
            words.join(" ")
        ))
    }

    /// The further texts, by name, for an inner proxy or for the outermost one.
    pub fn extra(&self, inner: bool) -> Vec<(&str, &str)> {
        let own = |name: &str| {
            name != "unix"
                && name != "inner"
                && Family::ALL.iter().all(|family| family.word() != name)
        };
        let extra = self.blocks.iter().filter_map(|block| match block.words.as_slice() {
            [name] if !inner => Some((name.as_str(), block.text.trim_end())),
            [first, name] if inner && first == "inner" => {
                Some((name.as_str(), block.text.trim_end()))
            }
            _ => None,
        });
        extra.filter(|(name, _)| own(name)).collect()
    }

    /// The blocks in a language: the words after the language, and the text.
    pub fn blocks(&self, language: &str) -> impl Iterator<Item = (&[String], &str)> {
        let blocks = self.blocks.iter().filter(move |block| block.language == language);
        blocks.map(|block| (block.words.as_slice(), block.text.trim_end()))
    }

    fn find(&self, words: &[&str], language: impl Fn(&str) -> bool) -> Option<&str> {
        let block =
            self.blocks.iter().find(|block| block.words == words && language(&block.language))?;
        Some(block.text.trim_end())
    }
}

/// A row of the table in `docs/recipes/chains.md`.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The names of the recipes, the edge first.
    pub names: Vec<String>,
    /// What to write for proxyfix: by count, and by walk.
    pub configs: [String; 2],
}

/// The documented chains.
///
/// # Errors
///
/// If the document does not exist, or its table has other columns.
pub fn chains() -> Result<Vec<Chain>> {
    let chain = |row: Vec<String>| {
        let [names, count, walk] = <[String; 3]>::try_from(row).ok()?;
        let names = names.split('→').map(|name| name.trim().to_owned()).collect();
        Some(Chain { names, configs: [count, walk] })
    };
    let rows = rows("chains")?;
    rows.into_iter().map(chain).collect::<Option<_>>().context("chains.md has an odd row")
}

/// The rows of all tables in `docs/recipes/NAME.md`, without their heads.
///
/// # Errors
///
/// If there is no such file.
pub fn rows(name: &str) -> Result<Vec<Vec<String>>> {
    let path = folder().join(name).with_extension("md");
    let text = fs::read_to_string(&path).context(path.display())?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let (mut head, mut inside) = (false, false);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableHead) => head = true,
            Event::End(TagEnd::TableHead) => head = false,
            Event::Start(Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) if !head => {
                inside = true;
                if let Some(row) = rows.last_mut() {
                    row.push(String::new());
                }
            }
            Event::End(TagEnd::TableCell) => inside = false,
            Event::Text(text) | Event::Code(text) if inside => {
                if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                    cell.push_str(&text);
                }
            }
            _ => {}
        }
    }
    Ok(rows)
}

/// Where the recipes are.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes")
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                blocks.push(Block { language, words: words.collect(), text: String::new() });
                inside = true;
            }
            Event::End(TagEnd::CodeBlock) => inside = false,
            Event::Text(text) if inside => {
                if let Some(block) = blocks.last_mut() {
                    block.text.push_str(&text);
                }
            }
            _ => {}
        }
    }
    blocks
}
