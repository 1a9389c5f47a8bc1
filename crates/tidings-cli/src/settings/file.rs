//! What does the configuration file say, and on which line?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::KEYS;
use super::value::{Given, Source};
use crate::exit::{Exit, Failure};

/// Bytes of a configuration file, at most.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The settings of one file; none if there is no file.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    entries: BTreeMap<&'static str, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    values: Vec<String>,
    line: usize,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<ConfigFile, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            Failure::new(Exit::Usage, format!("cannot read the configuration {path}: {error}"))
        })?;
        ConfigFile::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<ConfigFile, Failure> {
        let at = |line: usize, problem: String| {
            Failure::new(Exit::Usage, format!("{}, line {line}: {problem}", path.display()))
        };
        if text.len() > FILE_BYTES_MAX {
            return Err(at(1, format!("more than {FILE_BYTES_MAX} bytes of configuration")));
        }
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            at(line_of(text, start), error.message().to_owned())
        })?;
        let mut entries = BTreeMap::new();
        for (name, value) in table.get_ref() {
            let line = line_of(text, name.span().start);
            let key = known(name.get_ref()).ok_or_else(|| {
                let failure = at(line, format!("unknown setting `{}`", name.get_ref()));
                match nearest(name.get_ref()) {
                    Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
                    None => failure.hint(format!("the settings are {}", KEYS.join(", "))),
                }
            })?;
            let values = texts(value.get_ref())
                .ok_or_else(|| at(line, format!("`{key}` must be text or a list of texts")))?;
            entries.insert(key, Entry { values, line });
        }
        Ok(ConfigFile { path: path.to_owned(), entries })
    }

    pub(super) fn given(&self, key: &'static str) -> Option<Given> {
        let entry = self.entries.get(key)?;
        let source = Source::File { path: self.path.clone(), line: entry.line };
        Some(Given { key, values: entry.values.clone(), source })
    }
}

fn known(name: &str) -> Option<&'static str> {
    KEYS.into_iter().find(|key| *key == name)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// A value as the texts that a flag would have given.
fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::Array(items) => items.iter().map(|item| text(item.get_ref())).collect(),
        one => text(one).map(|text| vec![text]),
    }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        _ => None,
    }
}

/// The key that was most likely meant: at most a third of it is mistyped.
fn nearest(name: &str) -> Option<&'static str> {
    let dashed = name.replace('-', "_");
    let near = KEYS.into_iter().map(|key| (edits(&dashed, key), key)).min()?;
    (near.0 <= near.1.len() / 3).then_some(near.1)
}

/// How many letters must be put in, taken out or changed to make `a` of `b`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
