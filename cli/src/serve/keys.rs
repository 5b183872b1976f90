//! The keys of a table in TOML, each with its line.
//!
//! 1. All keys of a table are checked before any is read, so that a misspelt key is not first reported as
//!    a missing one.
//! 2. A message names keys and the kinds of values, and never a value.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    file,
    settings::{Place, Placed},
};
use crate::{escape, status::Failure};

/// A file that was read.
pub(super) struct Source<'a> {
    /// Its name, printable.
    pub(super) name: &'a str,
    /// Where it is. The paths in it are relative to it.
    pub(super) folder: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The line of a byte.
    fn place(&self, at: usize) -> Place {
        let before = self.text.as_bytes().iter().take(at);
        Place::line(self.name, before.filter(|&&byte| byte == b'\n').count() + 1)
    }
}

/// The keys of a table that are not read yet.
pub(super) struct Keys<'a, 'i> {
    source: &'a Source<'i>,
    table: DeTable<'i>,
    /// Where the table begins.
    at: usize,
}

impl<'a, 'i> Keys<'a, 'i> {
    /// The keys of a whole file.
    pub(super) fn whole(source: &'a Source<'i>, known: &[&str]) -> Result<Self, Failure> {
        let table = DeTable::parse(source.text).map_err(|error| {
            let place = error.span().map(|span| source.place(span.start));
            place.unwrap_or_else(|| Place::file(source.name)).refuse(&error.message())
        })?;
        Self::new(source, table.into_inner(), 0, known)
    }

    fn new(
        source: &'a Source<'i>,
        table: DeTable<'i>,
        at: usize,
        known: &[&str],
    ) -> Result<Self, Failure> {
        // The first one of the file, because a table is sorted by name.
        let unknown = table.keys().filter(|key| !known.contains(&&**key.get_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(Self { source, table, at }),
            Some(key) => Err(source.place(key.span().start).refuse(&instead(key.get_ref(), known))),
        }
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Place {
        self.source.place(self.at)
    }

    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'i>>> {
        self.table.remove(key)
    }

    fn place_of(&self, value: &Spanned<DeValue<'_>>) -> Place {
        self.source.place(value.span().start)
    }

    /// A text.
    pub(super) fn text(
        &mut self,
        key: &str,
        example: &str,
    ) -> Result<Option<Placed<String>>, Failure> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let place = self.place_of(&value);
        match value.get_ref().as_str() {
            Some(text) => Ok(Some(Placed { value: text.to_owned(), place })),
            None => Err(place.refuse(&format!(
                "{key} is {}; write a text: {key} = {example:?}",
                kind(value.get_ref())
            ))),
        }
    }

    /// A path, relative to the file. An empty one stays empty, so that it is refused.
    pub(super) fn path(&mut self, key: &str, example: &str) -> Result<Option<PathBuf>, Failure> {
        let text = self.text(key, example)?.map(|text| text.value);
        Ok(text.map(|text| if text.is_empty() { PathBuf::new() } else { self.beside(&text) }))
    }

    /// A path beside the file.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.source.folder.join(path)
    }

    /// A list of texts.
    pub(super) fn list(
        &mut self,
        key: &str,
        example: &str,
    ) -> Result<Option<Vec<String>>, Failure> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let wrong = |what: String, value: &Spanned<DeValue<'_>>| {
            let text = format!("{key} {what}; write a list of texts: {key} = [{example:?}]");
            self.place_of(value).refuse(&text)
        };
        let Some(list) = value.get_ref().as_array() else {
            return Err(wrong(format!("is {}", kind(value.get_ref())), &value));
        };
        let texts = list.iter().map(|item| match item.get_ref().as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(wrong(format!("has {}", kind(item.get_ref())), item)),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &str) -> Result<bool, Failure> {
        let Some(value) = self.take(key) else { return Ok(false) };
        value.get_ref().as_bool().ok_or_else(|| {
            let text = format!("{key} is {}; write {key} = true", kind(value.get_ref()));
            self.place_of(&value).refuse(&text)
        })
    }

    /// A number.
    pub(super) fn number<N: std::str::FromStr>(
        &mut self,
        key: &str,
        example: &str,
    ) -> Result<Option<N>, Failure> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let wrong = |what: &str| {
            let text = format!("{key} is {what}; write a number: {key} = {example}");
            self.place_of(&value).refuse(&text)
        };
        if !value.get_ref().is_integer() && !value.get_ref().is_float() {
            return Err(wrong(kind(value.get_ref())));
        }
        let digits = self.source.text.get(value.span()).unwrap_or_default().replace('_', "");
        digits.parse().map(Some).map_err(|_| wrong("no such number"))
    }

    /// One of several words.
    pub(super) fn choice<C: ValueEnum>(&mut self, key: &str) -> Result<Option<C>, Failure> {
        let names: Vec<_> = C::value_variants()
            .iter()
            .filter_map(|choice| Some(choice.to_possible_value()?.get_name().to_owned()))
            .collect();
        let first = names.first().map(String::as_str).unwrap_or_default();
        let Some(text) = self.text(key, first)? else { return Ok(None) };
        C::from_str(&text.value, false).map(Some).map_err(|_| {
            let names = names.join(", ");
            text.place.refuse(&format!("{key} is none of {names}; write {key} = {first:?}"))
        })
    }

    /// `[key]`.
    pub(super) fn table(&mut self, key: &str, known: &[&str]) -> Result<Option<Self>, Failure> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let (at, place) = (value.span().start, self.place_of(&value));
        match value.into_inner() {
            DeValue::Table(table) => Self::new(self.source, table, at, known).map(Some),
            other => Err(place.refuse(&format!("{key} is {}; write [{key}]", kind(&other)))),
        }
    }

    /// `[[key]]`, each time.
    pub(super) fn tables(&mut self, key: &str, known: &[&str]) -> Result<Vec<Self>, Failure> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let place = self.place_of(&value);
        let wrong = |what: &str| {
            place.refuse(&format!("{key} {what}; write [[{key}]], once for each target"))
        };
        let list = match value.into_inner() {
            DeValue::Array(list) => list,
            DeValue::Table(_) => return Err(wrong("is one table")),
            other => return Err(wrong(&format!("is {}", kind(&other)))),
        };
        let tables = list.into_iter().map(|item| {
            let at = item.span().start;
            match item.into_inner() {
                DeValue::Table(table) => Self::new(self.source, table, at, known),
                other => Err(wrong(&format!("has {}", kind(&other)))),
            }
        });
        tables.collect()
    }
}

/// What to write instead of an unknown key.
fn instead(key: &str, known: &[&str]) -> String {
    let is_whole = known.contains(&"proxy");
    if is_whole && file::WHOLE.contains(&key) {
        return format!("{key} belongs in the outermost file: it holds for the whole server");
    }
    if !is_whole && file::WHOLE.contains(&key) {
        return format!("{key} is for the whole file; write it above the first table");
    }
    if is_whole && file::PROXY.contains(&key) {
        return format!("{key} is for one target; write it below its [[proxy]]");
    }
    let shown = escape::text(key.as_bytes());
    // `access_log`, `header`, `HTTP2`, as other programs spell them.
    let spelt = key.to_ascii_lowercase().replace('_', "-");
    let singular = match &*spelt {
        "proxies" | "target" | "targets" | "route" | "routes" => "proxy",
        other => other.strip_suffix('s').unwrap_or(other),
    };
    let meant = known.iter().find(|name| {
        **name == spelt || **name == singular || name.strip_suffix('s') == Some(singular)
    });
    let other = match &*spelt {
        "remove-prefix" => "the prefix is removed unless keep-prefix = true",
        "limits" | "timeouts" => "write timeout = 30 and body-bytes = 1_048_576",
        _ => "",
    };
    if !other.is_empty() && known.contains(&"timeout") {
        return format!("the key \"{shown}\" is unknown; {other}");
    }
    match meant {
        Some(name @ (&"proxy" | &"files" | &"mount")) => {
            format!("the key \"{shown}\" is unknown; did you mean [[{name}]]?")
        }
        Some(name) => format!("the key \"{shown}\" is unknown; write {name}"),
        None => format!("the key \"{shown}\" is unknown; here may be {}", known.join(", ")),
    }
}

/// The kind of a value, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
