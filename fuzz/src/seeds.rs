//! Where fuzzing begins: the inputs that are committed in `corpus`, the fixtures of the other tests, and the strings in
//! them as words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::openings;

/// One of how many events that the oracle is tried on is an input, since they are much alike. A prime, so that each part of
/// them is in some input.
const ALIKE: usize = 47;

/// The longest word that the engine takes.
const LONGEST_WORD: usize = 64;

/// Returns the folder of this crate's checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the inputs to begin with.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = files(&format!("fuzz/corpus/{target}"));
    match target {
        "decode" => seeds.extend(files("tests/fixtures/files")),
        "fields" | "json" => {
            seeds.extend(files("tests/fixtures/events"));
            seeds.extend(made_events().into_iter().step_by(ALIKE));
        }
        _ => {}
    }
    seeds
}

/// Returns the texts whose strings are a target's words.
fn spoken(target: &str) -> Vec<Vec<u8>> {
    let mut texts = of(target);
    match target {
        "fields" => texts.extend(made_events()),
        // Folders are their words.
        "key" => texts.iter_mut().flatten().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'"'),
        _ => {}
    }
    texts
}

/// The events that the oracle is tried on.
fn made_events() -> Vec<Vec<u8>> {
    openings::events().into_iter().map(String::into_bytes).collect()
}

/// Writes a target's inputs into a folder, one file each, and into `words` beside it the strings in them.
pub fn write(target: &str, folder: &Path) {
    let seeds = of(target);
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut files = seeds.iter().enumerate();
        files.try_for_each(|(number, seed)| fs::write(folder.join(format!("{number:04}")), seed))?;
        fs::write(folder.with_extension("words"), words(&spoken(target)))
    });
    if let Err(error) = written {
        eprintln!("cannot write inputs into {}: {error}", folder.display());
    }
}

/// Returns the strings in JSON texts as a dictionary of the engine.
fn words(texts: &[Vec<u8>]) -> String {
    let mut words: BTreeSet<&str> = BTreeSet::new();
    for text in texts.iter().filter_map(|text| std::str::from_utf8(text).ok()) {
        // Every second part is in a string; where one is not, because of a quote in a string, it is a word too.
        words.extend(text.split('"').skip(1).filter(|word| (1..=LONGEST_WORD).contains(&word.len())));
    }
    let escape = |word: &str| word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    words.into_iter().map(|word| format!("\"{}\"\n", escape(word))).collect()
}

/// Returns what is in the files of a folder, in the order of their names.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}
