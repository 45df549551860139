//! Reads the fixtures: single events, the values typed by hand for some of them, and the container
//! files with what must come out of each. What a field gives is left to the oracle.

use std::fs;
use std::path::{Path, PathBuf};

use super::json::{self, Json};

/// One event in `fixtures/events`.
#[derive(Debug, Clone)]
pub struct EventFixture {
    /// File name without `.json`.
    pub name: String,
    pub path: PathBuf,
    /// The event's own bytes, without the white space around it.
    pub payload: Vec<u8>,
}

/// One container file in `fixtures/files`, as its manifest describes it.
#[derive(Debug, Clone)]
pub struct FileFixture {
    pub name: String,
    pub path: PathBuf,
    /// `ct.id` of every event that must come out, in order; `None` for an event without eventID.
    pub ids: Vec<Option<String>>,
    /// How many skips must be counted; `None` where the contract does not say.
    pub skips: Option<u64>,
    /// How many events are left out because their eventID was there before.
    pub duplicates: u64,
    /// What is odd about the file.
    pub why: String,
}

/// Returns the folder `tests/fixtures`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns all single events in the order of their names.
pub fn events() -> Vec<EventFixture> {
    let files = files_in(&root().join("events"), "json");
    files
        .into_iter()
        .map(|path| EventFixture { name: stem(&path), payload: fs::read(&path).unwrap().trim_ascii().to_vec(), path })
        .collect()
}

/// Returns the values typed by hand for an event as pairs of a field and what [`super::Expect::shown`]
/// must give. Lines are `field = value`; `#` starts a comment line; `\u{202e}` is that character.
pub fn expected(event: &str) -> Option<Vec<(String, String)>> {
    let text = fs::read_to_string(root().join(format!("events/expected/{event}.txt"))).ok()?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(lines.map(pair).collect())
}

/// Returns the names of the events that have values typed by hand.
pub fn expected_names() -> Vec<String> {
    files_in(&root().join("events/expected"), "txt").iter().map(|path| stem(path)).collect()
}

/// Returns the container files in the order of the manifest.
pub fn files() -> Vec<FileFixture> {
    let folder = root().join("files");
    let manifest = json::read(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let text = |value: &Json| match value {
        Json::Str(text) => Some(text.value.clone()),
        _ => None,
    };
    let number = |value: &Json| match value {
        Json::Num(text) => text.parse().ok(),
        _ => None,
    };
    let files = manifest.items().unwrap().iter().map(|entry| {
        let name = entry.member("file").and_then(text).unwrap();
        let ids: Vec<_> = entry.member("ids").and_then(Json::items).unwrap().iter().map(text).collect();
        let events = entry.member("events").and_then(number);
        assert_eq!(events, Some(ids.len() as u64), "{name}: events and ids disagree");
        FileFixture {
            path: folder.join(&name),
            ids,
            skips: number(entry.member("skips").unwrap()),
            duplicates: entry.member("duplicates").map_or(0, |n| number(n).unwrap()),
            why: entry.member("why").and_then(text).unwrap(),
            name,
        }
    });
    files.collect()
}

fn pair(line: &str) -> (String, String) {
    let (field, value) = line.split_once(" =").unwrap_or_else(|| panic!("no value in: {line}"));
    (field.to_owned(), unescaped(value.strip_prefix(' ').unwrap_or(value)))
}

/// Replaces `\u{HEX}`; the escapes of JSON text have no braces and stay as they are.
fn unescaped(value: &str) -> String {
    let mut parts = value.split("\\u{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (hex, rest) = part.split_once('}').unwrap();
        text.extend(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
        text += rest;
    }
    text
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn files_in(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}
