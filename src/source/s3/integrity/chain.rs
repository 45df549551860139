//! How far the digests of a bucket are verified, and whether a digest follows the one before it. No I/O.

use super::super::layout;
use super::digest::{Digest, Flaw, Name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far behind the newest digest listings begin, for those that come late.
const LATE: i64 = 7 * 24 * 60 * 60;

/// How long after the end of its hour a digest is the newest one. The next one comes an hour later as a rule.
const OVERDUE: i64 = 6 * 60 * 60;

/// How many digests without a place in a chain are remembered for a folder. Whoever may write there can make more; they
/// are verified again then.
const MOST_SETTLED: usize = 10_000;

/// All that is kept of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What nobody else knows: those who write logs must not know the ids of the events about them before.
    pub secret: String,
    /// The time from which digests count, in seconds since the Unix epoch.
    pub since: Option<i64>,
    /// How far each folder of digests is verified.
    pub folders: BTreeMap<String, Folder>,
}

/// How far a folder is verified: the digests of an account and a region, of one or more trails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Folder {
    /// The last good digest of each chain.
    chains: BTreeMap<String, Link>,
    /// Digests that are done and no part of a chain, with their ETags: those that are not good, and backfill digests.
    settled: BTreeMap<String, String>,
}

/// A good digest, for the one behind it to name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub key: String,
    pub end: i64,
    pub hash: String,
    pub signature: String,
    /// Whether it was verified soon after its hour, so that another one is to come.
    pub is_awaited: bool,
}

/// A digest that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub name: Name,
    pub key: String,
    pub etag: String,
}

/// How a digest follows the good one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is the next one, or the first to be verified.
    Follows,
    /// It says that there is none before it, or that it is in another place: no link to what was verified.
    Begins,
    /// It names one between them, which was not found.
    Misses(String),
    /// What it says of the one before it is not what was found there.
    Breaks(Flaw),
}

impl Folder {
    /// Returns where to begin to list a folder of this name.
    pub fn list_from(&self, folder: &str) -> Option<String> {
        let newest = self.chains.values().map(|link| link.end).max()?;
        Some(layout::day_folder(folder, newest.saturating_sub(LATE)))
    }

    /// Returns whether a digest needs no look.
    pub fn is_done(&self, found: &Found) -> bool {
        let Found { name, key, etag } = found;
        let is_behind = |link: &Link| !name.is_backfill && *key <= link.key;
        self.chains.get(&name.chain).is_some_and(is_behind) || self.settled.get(key).is_some_and(|known| known == etag)
    }

    /// Notes a digest that is done and no link.
    pub fn settle(&mut self, found: &Found) {
        if self.settled.len() < MOST_SETTLED {
            self.settled.insert(found.key.clone(), found.etag.clone());
        }
    }

    /// Notes a good digest in a folder of this name; those behind it must follow it.
    pub fn link(&mut self, folder: &str, name: &Name, link: Link) {
        self.chains.insert(name.chain.clone(), link);
        let from = self.list_from(folder);
        self.settled.retain(|key, _| from.as_ref().is_none_or(|from| key >= from));
    }

    /// Returns the keys of the last digests of chains that should have gone on by now, each once.
    pub fn overdue(&mut self, now: i64) -> Vec<String> {
        let last = self.chains.values_mut().filter(|link| link.is_awaited && !is_fresh(link.end, now));
        last.map(|link| {
            link.is_awaited = false;
            link.key.clone()
        })
        .collect()
    }

    /// Returns how a good digest follows in a folder of this name.
    pub fn step(&self, folder: &str, name: &Name, digest: &Digest, bucket: &str) -> Step {
        let Some(last) = self.chains.get(&name.chain) else { return Step::Follows };
        let (Some(previous), Some(of)) = (&digest.previous_key, &digest.previous_bucket) else { return Step::Begins };
        let is_of_chain = Name::parse(previous).is_some_and(|previous| previous.chain == name.chain);
        if of != bucket || !previous.starts_with(folder) || !is_of_chain {
            return Step::Begins;
        }
        if *previous != last.key {
            return match self.settled.contains_key(previous) {
                true => Step::Follows,
                false if *previous > last.key => Step::Misses(previous.clone()),
                false => {
                    let reason = "the digest names another one before it than was found";
                    Step::Breaks(Flaw::new(reason, previous, &last.key))
                }
            };
        }
        let [hash, signature] = [&digest.previous_hash, &digest.previous_signature].map(Option::as_deref);
        if hash != Some(&last.hash) {
            let reason = "the digest is not the one that the next digest has the hash of";
            return Step::Breaks(Flaw::new(reason, hash.unwrap_or_default(), &last.hash));
        }
        if signature != Some(&last.signature) {
            let reason = "the digest is not the one that the next digest has the signature of";
            return Step::Breaks(Flaw::new(reason, signature.unwrap_or_default(), &last.signature));
        }
        Step::Follows
    }
}

/// Returns whether a digest whose hour ended then may be the newest one.
pub(super) fn is_fresh(end: i64, now: i64) -> bool {
    now.saturating_sub(end) < OVERDUE
}

#[cfg(test)]
mod tests {
    use super::super::digest::tests::{digest, key};
    use super::*;
    use serde_json::{Value, json};

    const FOLDER: &str = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/";

    fn name(key: &str) -> Name {
        Name::parse(key).unwrap()
    }

    fn found(key: &str, etag: &str) -> Found {
        Found { name: name(key), key: key.to_owned(), etag: etag.to_owned() }
    }

    fn link(hour: u32) -> Link {
        let key = key(hour);
        Link { end: name(&key).end, key, hash: "hash".to_owned(), signature: "signature".to_owned(), is_awaited: true }
    }

    /// A folder with the first hour's digest.
    fn folder() -> Folder {
        let mut folder = Folder::default();
        folder.link(FOLDER, &name(&key(1)), link(1));
        folder
    }

    /// Returns how the digest of an hour follows that names these of the one before it.
    fn step(folder: &Folder, hour: u32, previous: Value) -> Step {
        let key = key(hour);
        let mut fields = json!({
            "previousDigestS3Bucket": "trail", "previousDigestHashValue": "hash", "previousDigestSignature": "signature"
        });
        previous.as_object().unwrap().iter().for_each(|(name, value)| fields[name] = value.clone());
        folder.step(FOLDER, &name(&key), &digest(fields), "trail")
    }

    fn breaks(expected: &str, found: &str) -> impl Fn(Step) -> bool {
        move |step| matches!(step, Step::Breaks(flaw) if flaw.expected == expected && flaw.found == found)
    }

    #[test]
    fn a_digest_follows_the_one_that_it_names() {
        assert_eq!(step(&Folder::default(), 2, json!({"previousDigestS3Object": key(1)})), Step::Follows);
        assert_eq!(step(&folder(), 2, json!({"previousDigestS3Object": key(1)})), Step::Follows);
        let hash = step(&folder(), 2, json!({"previousDigestS3Object": key(1), "previousDigestHashValue": "other"}));
        assert!(breaks("other", "hash")(hash));
        let signature = json!({"previousDigestS3Object": key(1), "previousDigestSignature": null});
        assert!(breaks("", "signature")(step(&folder(), 2, signature)));
    }

    #[test]
    fn a_digest_that_is_not_there_is_missed_but_for_one_that_was_no_good() {
        let names_second = json!({"previousDigestS3Object": key(2), "previousDigestHashValue": "its own"});
        assert_eq!(step(&folder(), 3, names_second.clone()), Step::Misses(key(2)));
        let mut folder = folder();
        folder.settle(&found(&key(2), "etag"));
        assert_eq!(step(&folder, 3, names_second), Step::Follows);
        assert!(breaks(&key(0), &key(1))(step(&folder, 3, json!({"previousDigestS3Object": key(0)}))));
    }

    #[test]
    fn a_chain_begins_anew_behind_none_and_in_another_place() {
        let other = key(2).replace("my_trail", "other");
        for previous in [
            json!({"previousDigestS3Object": null, "previousDigestS3Bucket": null}),
            json!({"previousDigestS3Object": key(1), "previousDigestS3Bucket": "other"}),
            json!({"previousDigestS3Object": format!("prefix/{}", key(2))}),
            json!({ "previousDigestS3Object": other }),
        ] {
            assert_eq!(step(&folder(), 3, previous.clone()), Step::Begins, "{previous}");
        }
    }

    #[test]
    fn what_is_done_needs_no_look_until_it_is_another() {
        let mut folder = folder();
        let is_done = |folder: &Folder, key: &str, etag: &str| folder.is_done(&found(key, etag));
        let backfill = key(1).replace(".json", "_backfill.json");
        assert!(is_done(&folder, &key(0), "") && is_done(&folder, &key(1), "") && !is_done(&folder, &key(2), ""));
        assert!(!is_done(&folder, &key(0).replace("my_trail", "other"), "") && !is_done(&folder, &backfill, "a"));
        folder.settle(&found(&backfill, "a"));
        folder.settle(&found(&key(9), "a"));
        assert!(is_done(&folder, &backfill, "a") && is_done(&folder, &key(9), "a") && !is_done(&folder, &key(9), "b"));
        // One of a stranger moves nothing.
        assert!(!is_done(&folder, &key(2), "") && folder.list_from(FOLDER).unwrap().ends_with("/2026/02/22/"));
    }

    #[test]
    fn a_chain_that_was_alive_and_ends_is_told_once() {
        let mut folder = folder();
        let end = link(1).end;
        assert_eq!(folder.overdue(end + OVERDUE - 1), [""; 0]);
        assert_eq!(folder.overdue(end + OVERDUE), [key(1)]);
        assert_eq!(folder.overdue(end + OVERDUE), [""; 0]);
        folder.link(FOLDER, &name(&key(2)), Link { is_awaited: false, ..link(2) });
        assert_eq!(folder.overdue(i64::MAX), [""; 0], "it had ended before it was verified");
    }

    #[test]
    fn what_is_settled_is_forgotten_where_nothing_is_listed_any_more_and_bounded() {
        let mut folder = folder();
        (0..MOST_SETTLED + 5).for_each(|number| {
            let found = found(&key(1), "a");
            folder.settle(&Found { key: format!("{FOLDER}2026/02/{number}"), ..found });
        });
        assert_eq!(folder.settled.len(), MOST_SETTLED);
        folder.link(FOLDER, &name(&key(2)), link(2));
        assert!(
            folder
                .settled
                .keys()
                .all(|key| key.as_str() >= "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/02/22/")
        );
    }
    #[test]
    fn a_kept_time_at_the_end_of_all_is_no_fault() {
        for end in [i64::MIN, i64::MAX] {
            let mut folder = Folder::default();
            folder.link(FOLDER, &name(&key(1)), Link { end, ..link(1) });
            assert!(folder.list_from(FOLDER).is_some_and(|from| from.starts_with(FOLDER)));
            folder.overdue(i64::MAX);
        }
    }
}
