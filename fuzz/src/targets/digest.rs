//! A digest file, and what is kept of those before it: either is read or refused, nothing without a key is signed, and what
//! is told of a fault can be shown.

use super::chain::{Folder, Found, Kept, Link, Step};
use super::digest::{Digest, Flaw, Name, Stored};
use crate::choices::Choices;
use crate::source::hash::{hash, hex};
use serde_json::Value;

/// The only algorithm of signatures.
const ALGORITHM: &str = "SHA256withRSA";

/// Reads a digest that is in its place, and a state.
pub fn run(input: &[u8]) {
    let mut choices = Choices::of(input);
    digest(input, &mut choices);
    if let Ok(mut kept) = serde_json::from_slice::<Kept>(input) {
        let written = serde_json::to_vec(&kept).unwrap();
        assert_eq!(serde_json::from_slice::<Kept>(&written).unwrap(), kept);
        for (name, folder) in &mut kept.folders {
            folder.list_from(name);
            folder.overdue(time(&mut choices));
            assert!(folder.overdue(i64::MIN).is_empty());
        }
    }
}

fn time(choices: &mut Choices<'_>) -> i64 {
    let near = choices.below(1 << 13) as i64;
    [1_772_326_800 + near, near, i64::MAX - near, i64::MIN + near][choices.below(4)]
}

fn digest(text: &[u8], choices: &mut Choices<'_>) {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    let [bucket, key, signature] = ["digestS3Bucket", "digestS3Object", "previousDigestSignature"]
        .map(|name| value[name].as_str().unwrap_or_default().to_owned());
    let stored =
        Stored { text: text.to_vec(), signature: Some(signature.clone()), algorithm: Some(ALGORITHM.to_owned()) };
    let digest = match Digest::parse(&stored, &bucket, &key) {
        Ok(digest) => digest,
        Err(flaw) => return shown(&flaw),
    };
    let moved = Digest::parse(&stored, &bucket, &format!("{key}x")).expect_err("it is in another place");
    shown(&moved);
    let own = hash(text);
    assert!(!digest.is_signed(&signature, &own, &[text.to_vec()]));

    let Some(name) = Name::parse(&key) else { return };
    assert!(key.contains(&name.chain));
    let folder_name = key.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut folder = Folder::default();
    assert_eq!(folder.step(folder_name, &name, &digest, &bucket), Step::Follows);
    let found = Found { name: name.clone(), key: key.clone(), etag: hex(&own) };
    if choices.below(2) == 0 {
        folder.settle(&found);
        assert!(folder.is_done(&found));
    }
    let previous = digest.previous_key.clone().filter(|_| choices.below(2) == 0).unwrap_or_else(|| key.clone());
    let hash = digest.previous_hash.clone().filter(|_| choices.below(4) > 0).unwrap_or_default();
    folder.link(folder_name, &name, Link { key: previous, end: time(choices), hash, signature, is_awaited: true });
    if let Step::Breaks(flaw) = folder.step(folder_name, &name, &digest, &bucket) {
        shown(&flaw);
    }
    assert!(folder.overdue(time(choices)).len() <= 1);
}

fn shown(flaw: &Flaw) {
    assert!(![&flaw.expected, &flaw.found].iter().any(|text| text.contains(char::is_control)), "{flaw:?}");
}
