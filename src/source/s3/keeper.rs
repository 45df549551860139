//! Keeps the positions of a scan: is told what was found and what was delivered, and makes it last.

use super::listing::Place;
use crate::checkpoint::{Object, ObjectId, Positions, StateFile, TimeRange};
use crate::decode::Cause;
use crate::source::Verdict;
use crate::source::notes::{Level, Notes};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// How many times as long as writing took to wait before writing again: what is small lasts at once, what is large
/// keeps the disk busy for a fifth of the time.
const REST: u32 = 4;

/// An object of a place.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub id: ObjectId,
    pub time: TimeRange,
}

impl Entry {
    pub fn object(&self) -> Object<'_> {
        Object { key: &self.key, id: self.id, time: self.time }
    }
}

/// What the keeper is told.
#[derive(Debug)]
pub(super) enum Told {
    /// The scan begins: what was found before does not come.
    Begun,
    /// An object is on its way to Falco.
    Found(Arc<str>),
    /// Falco went through it.
    Settled(Place, Entry, Verdict),
    /// A place is listed; whether to its end.
    Listed(Place, bool),
    /// All places are listed.
    AllListed,
}

/// The positions that the scan reads and the keeper changes.
#[derive(Debug, Default)]
pub(super) struct Shared {
    positions: Mutex<Positions>,
    /// Told when all that a pass found was delivered.
    pub delivered: Notify,
}

impl Shared {
    pub fn new(positions: Positions) -> Self {
        Self { positions: Mutex::new(positions), delivered: Notify::new() }
    }

    pub fn positions(&self) -> MutexGuard<'_, Positions> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place whose objects are not all delivered.
#[derive(Debug)]
struct Open {
    outstanding: u64,
    is_listed: bool,
    /// Whether it was listed to its end and all that was found could be reached.
    is_whole: bool,
}

impl Default for Open {
    fn default() -> Self {
        Self { outstanding: 0, is_listed: false, is_whole: true }
    }
}

pub(super) struct Keeper {
    pub shared: Arc<Shared>,
    pub file: Option<Arc<StateFile>>,
    pub notes: Arc<Notes>,
    /// The process, when the scan has an end to note.
    pub process: Option<String>,
}

/// What the keeper knows of the pass.
#[derive(Debug)]
struct Pass {
    open: HashMap<Arc<str>, Open>,
    all_listed: bool,
    /// Whether every place was read whole.
    complete: bool,
}

impl Default for Pass {
    fn default() -> Self {
        Self { open: HashMap::new(), all_listed: false, complete: true }
    }
}

impl Keeper {
    /// Works until nobody is left to tell it anything.
    pub async fn run(self, mut told: mpsc::UnboundedReceiver<Told>) {
        let mut pass = Pass::default();
        let mut several = Vec::new();
        while told.recv_many(&mut several, 10_000).await > 0 {
            for told in several.drain(..) {
                self.note(&mut pass, told);
            }
            let begun = Instant::now();
            self.save().await;
            tokio::time::sleep((begun.elapsed() * REST).min(Duration::from_secs(1))).await;
        }
    }

    fn note(&self, pass: &mut Pass, told: Told) {
        let place = match told {
            Told::Begun => {
                *pass = Pass::default();
                return;
            }
            Told::Found(prefix) => {
                pass.open.entry(prefix).or_default().outstanding += 1;
                return;
            }
            Told::Settled(place, entry, verdict) => {
                let open = pass.open.entry(Arc::clone(&place.prefix)).or_default();
                open.outstanding = open.outstanding.saturating_sub(1);
                if verdict == Err(Cause::Unreachable) {
                    open.is_whole = false;
                } else {
                    // What cannot be read was told and counted; reading it again would give the same.
                    self.shared.positions().partition(&place.prefix, place.layout).consume(&entry.object());
                }
                Some(place)
            }
            Told::Listed(place, to_end) => {
                let open = pass.open.entry(Arc::clone(&place.prefix)).or_default();
                open.is_listed = true;
                open.is_whole &= to_end;
                Some(place)
            }
            Told::AllListed => {
                pass.all_listed = true;
                None
            }
        };
        if let Some(place) = place
            && let Some(Open { outstanding: 0, is_listed: true, is_whole }) = pass.open.get(&place.prefix)
        {
            if *is_whole {
                self.shared.positions().partition(&place.prefix, place.layout).pass_ended();
            }
            pass.complete &= is_whole;
            pass.open.remove(&place.prefix);
        }
        if pass.all_listed && pass.open.is_empty() {
            if pass.complete && self.process.is_some() {
                self.shared.positions().completed_by = self.process.clone();
            }
            *pass = Pass::default();
            self.shared.delivered.notify_one();
        }
    }

    async fn save(&self) {
        let Some(file) = self.file.clone() else { return };
        let Ok(bytes) = self.shared.positions().to_bytes() else { return };
        let saved = tokio::task::spawn_blocking(move || file.save(&bytes)).await;
        if let Ok(Err(error)) = saved {
            self.notes.say(Level::Warn, "state", format!("{error}; a restart will read again what is delivered now"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Layout;

    fn keeper() -> Keeper {
        let (shared, notes) = (Arc::new(Shared::new(Positions::new("scan"))), Arc::default());
        Keeper { shared, file: None, notes, process: Some("this".into()) }
    }

    fn place(prefix: &str) -> Place {
        Place { prefix: prefix.into(), layout: Layout::Flat, folder_only: false }
    }

    fn entry(key: &str) -> Entry {
        Entry { key: key.into(), id: ObjectId::of(&[key]), time: TimeRange::at(1000) }
    }

    /// Tells a keeper a story, and returns who completed the scan.
    fn completed_by(keeper: &Keeper, story: Vec<Told>) -> Option<String> {
        let mut pass = Pass::default();
        story.into_iter().for_each(|told| keeper.note(&mut pass, told));
        keeper.shared.positions().completed_by.clone()
    }

    fn is_new(keeper: &Keeper, key: &str) -> bool {
        let mut positions = keeper.shared.positions();
        let partition = positions.partition("a", Layout::Flat);
        partition.is_new(&entry(key).object())
    }

    #[test]
    fn a_scan_is_complete_when_all_is_listed_and_delivered() {
        let found = || Told::Found("a".into());
        let settled = |key| Told::Settled(place("a"), entry(key), Ok(()));
        let listed = || Told::Listed(place("a"), true);
        let done = Some("this".to_owned());
        assert_eq!(completed_by(&keeper(), vec![listed(), Told::AllListed]), done, "nothing to deliver");
        assert_eq!(completed_by(&keeper(), vec![found(), listed(), Told::AllListed]), None);
        assert_eq!(completed_by(&keeper(), vec![found(), settled("1"), listed(), Told::AllListed]), done);
        assert_eq!(completed_by(&keeper(), vec![found(), listed(), Told::AllListed, settled("1")]), done);
        assert_eq!(completed_by(&keeper(), vec![found(), settled("1"), listed()]), None);
        let two = vec![found(), found(), listed(), Told::AllListed, settled("1")];
        assert_eq!(completed_by(&keeper(), two), None);
    }

    #[test]
    fn a_place_that_was_not_listed_to_its_end_leaves_the_scan_incomplete() {
        let keeper = keeper();
        let story = vec![Told::Listed(place("a"), false), Told::Listed(place("b"), true), Told::AllListed];
        assert_eq!(completed_by(&keeper, story), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_read_again() {
        let keeper = keeper();
        keeper.shared.positions().partition("a", Layout::Flat).pass_begins(2000);
        assert!(is_new(&keeper, "1"));
        let settled = |key, cause| Told::Settled(place("a"), entry(key), Err(cause));
        completed_by(&keeper, vec![Told::Found("a".into()), settled("1", Cause::Denied)]);
        assert!(!is_new(&keeper, "1"));
        let story = vec![Told::Found("a".into()), settled("2", Cause::Unreachable), Told::Listed(place("a"), true)];
        assert_eq!(completed_by(&keeper, [story, vec![Told::AllListed]].into_iter().flatten().collect()), None);
        assert!(is_new(&keeper, "2"), "a download that was aborted");
    }
}
