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

/// How many times as long as writing took to wait before writing again, and at most: what is small lasts at once, what is
/// large does not keep the disk busy.
const REST: u32 = 4;
const LONGEST_REST: Duration = Duration::from_millis(200);

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
    /// Whether the listing came to the place's end.
    to_end: bool,
    /// Whether all that came so far could be reached.
    is_reached: bool,
}

impl Default for Open {
    fn default() -> Self {
        Self { outstanding: 0, is_listed: false, to_end: false, is_reached: true }
    }
}

pub(super) struct Keeper {
    pub shared: Arc<Shared>,
    pub file: Option<Arc<StateFile>>,
    pub notes: Arc<Notes>,
    /// What to note at the end of a scan that has one.
    pub ends_as: Option<String>,
}

/// What the keeper knows of the pass.
#[derive(Debug, Default)]
struct Pass {
    open: HashMap<Arc<str>, Open>,
    all_listed: bool,
    /// Whether all that the pass found was delivered, and it is over.
    is_over: bool,
}

impl Keeper {
    /// Works until nobody is left to tell it anything: the source is closed. A scan has come to its end only then; when
    /// Falco is killed before, the next start must not begin anew.
    pub async fn run(self, mut told: mpsc::UnboundedReceiver<Told>) {
        let mut pass = Pass::default();
        let mut several = Vec::new();
        while told.recv_many(&mut several, 10_000).await > 0 {
            // What is on its way changes no position.
            let has_moved = several.iter().any(|told| !matches!(told, Told::Found(_)));
            for told in several.drain(..) {
                self.note(&mut pass, told);
            }
            if !has_moved {
                continue;
            }
            let begun = Instant::now();
            self.save().await;
            tokio::time::sleep((begun.elapsed() * REST).min(LONGEST_REST)).await;
        }
        if pass.is_over && self.ends_as.is_some() {
            self.shared.positions().ended_by.clone_from(&self.ends_as);
            self.save().await;
        }
    }

    fn note(&self, pass: &mut Pass, told: Told) {
        let place = match told {
            Told::Begun => {
                *pass = Pass::default();
                return;
            }
            Told::Found(prefix) => {
                pass.is_over = false;
                pass.open.entry(prefix).or_default().outstanding += 1;
                return;
            }
            Told::Settled(place, entry, verdict) => {
                let open = pass.open.entry(Arc::clone(&place.prefix)).or_default();
                open.outstanding = open.outstanding.saturating_sub(1);
                open.is_reached &= verdict != Err(Cause::Unreachable);
                // Behind one that is to come again, the position must stay.
                if open.is_reached {
                    // What cannot be read was told and counted.
                    self.shared.positions().partition(&place.prefix, place.layout).consume(&entry.object());
                }
                Some(place)
            }
            Told::Listed(place, to_end) => {
                let open = pass.open.entry(Arc::clone(&place.prefix)).or_default();
                open.is_listed = true;
                open.to_end = to_end;
                Some(place)
            }
            Told::AllListed => {
                pass.all_listed = true;
                None
            }
        };
        if let Some(place) = place
            && let Some(Open { outstanding: 0, is_listed: true, to_end, is_reached }) = pass.open.get(&place.prefix)
        {
            if *to_end && *is_reached {
                self.shared.positions().partition(&place.prefix, place.layout).pass_ended();
            }
            pass.open.remove(&place.prefix);
        }
        if pass.all_listed && pass.open.is_empty() {
            *pass = Pass { is_over: true, ..Pass::default() };
            self.shared.delivered.notify_one();
        }
    }

    async fn save(&self) {
        let Some(file) = self.file.clone() else { return };
        let Ok(bytes) = self.shared.positions().to_bytes() else { return };
        let saved = tokio::task::spawn_blocking(move || file.save(&bytes)).await;
        match saved {
            Ok(Ok(())) => self.notes.state_kept(),
            Ok(Err(error)) => {
                let text = format!("{error}; a restart will read again what is delivered now");
                self.notes.say(Level::Warn, "state", text);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Layout;

    fn keeper() -> Keeper {
        let (shared, notes) = (Arc::new(Shared::new(Positions::new("scan"))), Arc::default());
        shared.positions().partition("a", Layout::Flat).pass_begins(2000);
        Keeper { shared, file: None, notes, ends_as: Some("this".into()) }
    }

    fn place(prefix: &str) -> Place {
        Place { prefix: prefix.into(), layout: Layout::Flat, folder_only: false }
    }

    fn entry(key: &str) -> Entry {
        Entry { key: key.into(), id: ObjectId::of(&[key]), time: TimeRange::at(1000) }
    }

    fn found() -> Told {
        Told::Found("a".into())
    }

    fn settled(key: &str, verdict: Verdict) -> Told {
        Told::Settled(place("a"), entry(key), verdict)
    }

    fn listed() -> Told {
        Told::Listed(place("a"), true)
    }

    /// Tells a keeper a story, and returns whether the pass is over.
    fn ends(keeper: &Keeper, story: impl IntoIterator<Item = Told>) -> bool {
        let mut pass = Pass::default();
        story.into_iter().for_each(|told| keeper.note(&mut pass, told));
        pass.is_over
    }

    fn is_new(keeper: &Keeper, key: &str) -> bool {
        let mut positions = keeper.shared.positions();
        positions.partition("a", Layout::Flat).is_new(&entry(key).object())
    }

    #[test]
    fn a_scan_ends_when_all_is_listed_and_delivered() {
        let first = || settled("1", Ok(()));
        assert!(ends(&keeper(), [listed(), Told::AllListed]), "nothing to deliver");
        assert!(!ends(&keeper(), [found(), listed(), Told::AllListed]));
        assert!(ends(&keeper(), [found(), first(), listed(), Told::AllListed]));
        assert!(ends(&keeper(), [found(), listed(), Told::AllListed, first()]));
        assert!(!ends(&keeper(), [found(), first(), listed()]));
        assert!(!ends(&keeper(), [found(), found(), listed(), Told::AllListed, first()]));
        assert!(!ends(&keeper(), [found(), listed(), Told::Begun, first()]), "the scan began anew");
    }

    #[test]
    fn what_may_not_be_read_is_not_read_again() {
        let keeper = keeper();
        assert!(is_new(&keeper, "1"));
        ends(&keeper, [found(), settled("1", Err(Cause::Denied))]);
        assert!(!is_new(&keeper, "1"));
    }

    #[test]
    fn what_could_not_be_reached_comes_again_and_what_is_behind_it() {
        let keeper = keeper();
        let second = settled("2", Err(Cause::Unreachable));
        let story = [found(), found(), found(), settled("1", Ok(())), second, settled("3", Ok(())), listed()];
        ends(&keeper, story);
        assert_eq!(["1", "2", "3"].map(|key| is_new(&keeper, key)), [false, true, true]);
    }
}
