//! Where fuzzing begins: the inputs that are committed in `corpus`, the fixtures of the other tests, and the strings in
//! them as words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::openings;

/// One of how many events that the oracle is tried on is an input, since they are much alike.
const ALIKE: usize = 50;

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
        "fields" | "json" => seeds.extend(events()),
        _ => {}
    }
    seeds
}

/// The events of the fixtures and some of those that the oracle is tried on.
fn events() -> Vec<Vec<u8>> {
    let made = openings::events().into_iter().step_by(ALIKE).map(String::into_bytes);
    files("tests/fixtures/events").into_iter().chain(made).collect()
}

/// Writes a target's inputs into a folder, one file each, and into `words` beside it the strings in them.
pub fn write(target: &str, folder: &Path) {
    let seeds = of(target);
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut files = seeds.iter().enumerate();
        files.try_for_each(|(number, seed)| fs::write(folder.join(format!("{number:04}")), seed))?;
        fs::write(folder.with_extension("words"), words(&seeds))
    });
    if let Err(error) = written {
        eprintln!("cannot write inputs into {}: {error}", folder.display());
    }
}

/// Returns the strings in JSON texts as a dictionary of the engine.
fn words(seeds: &[Vec<u8>]) -> String {
    let mut words: BTreeSet<&str> = BTreeSet::new();
    for seed in seeds.iter().filter_map(|seed| std::str::from_utf8(seed).ok()) {
        // Every second part is in a string; where one is not, because of a quote in a string, it is a word too.
        words.extend(seed.split('"').skip(1).filter(|word| (1..=LONGEST_WORD).contains(&word.len())));
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
