//! Keeps the positions of a scan: is told what was found and what was delivered, and makes it last.

use super::listing::Place;
use crate::checkpoint::{Object, ObjectId, Positions, StateFile, TimeRange};
use crate::decode::Cause;
use crate::source::Verdict;
use crate::source::notes::{Level, Notes};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

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

/// What the keeper is told by a run of the scan.
#[derive(Debug)]
pub(super) enum Told {
    /// It begins: what earlier runs found may not come, and what they tell from now on counts no more.
    Begun,
    /// An object is on its way to Falco.
    Found(Arc<str>),
    /// Falco went through it.
    Settled(Place, Entry, Verdict),
    /// A place is listed; whether to its end.
    Listed(Place, bool),
    /// All places are listed. Whoever waits is told when all that the pass found was delivered.
    AllListed(oneshot::Sender<()>),
}

/// Tells the keeper, on behalf of one run of the scan.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    run: u64,
    runs: Arc<AtomicU64>,
    told: mpsc::UnboundedSender<(u64, Told)>,
}

impl Teller {
    /// Makes one for no run yet, and what it tells.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<(u64, Told)>) {
        let (told, receiver) = mpsc::unbounded_channel();
        (Self { run: 0, runs: Arc::default(), told }, receiver)
    }

    /// Begins another run.
    pub fn begin(&self) -> Self {
        let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let next = Self { run, ..self.clone() };
        let _ = next.tell(Told::Begun);
        next
    }

    /// Tells something; `None` when the source is closed.
    pub fn tell(&self, told: Told) -> Option<()> {
        self.told.send((self.run, told)).ok()
    }
}

/// The positions that the scan reads and the keeper changes.
#[derive(Debug)]
pub(super) struct Shared(Mutex<Positions>);

impl Shared {
    pub fn new(positions: Positions) -> Self {
        Self(Mutex::new(positions))
    }

    pub fn positions(&self) -> MutexGuard<'_, Positions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// What it is told; a keeper that begins anew after a fault goes on with it.
    pub told: AsyncMutex<mpsc::UnboundedReceiver<(u64, Told)>>,
    pub shared: Arc<Shared>,
    pub file: Option<Arc<StateFile>>,
    pub notes: Arc<Notes>,
    /// What to note at the end of a scan that has one.
    pub ends_as: Option<String>,
}

/// What the keeper knows of the pass.
#[derive(Debug, Default)]
struct Pass {
    /// The run that it is of; none has the number 0.
    run: u64,
    open: HashMap<Arc<str>, Open>,
    /// Who waits for its end, once all is listed.
    all_listed: Option<oneshot::Sender<()>>,
    /// Whether all that the pass found was delivered, and it is over.
    is_over: bool,
}

impl Keeper {
    /// Works until nobody is left to tell it anything: the source is closed. A scan has come to its end only then; when
    /// Falco is killed before, the next start must not begin anew.
    pub async fn run(self: Arc<Self>) {
        let mut told = self.told.lock().await;
        // After a fault nothing counts until the scan begins again: positions must not pass what was missed.
        let mut pass = Pass::default();
        let mut several = Vec::new();
        while told.recv_many(&mut several, 10_000).await > 0 {
            // What is on its way changes no position.
            let has_moved = several.iter().any(|(_, told)| !matches!(told, Told::Found(_)));
            for (run, told) in several.drain(..) {
                self.note(&mut pass, run, told);
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

    fn note(&self, pass: &mut Pass, run: u64, told: Told) {
        if matches!(told, Told::Begun) {
            *pass = Pass { run, ..Pass::default() };
        }
        // Of what an earlier run told, something may have been missed that is to come again.
        if run != pass.run {
            return;
        }
        let place = match told {
            Told::Begun => return,
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
            Told::AllListed(over) => {
                pass.all_listed = Some(over);
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
        if pass.open.is_empty()
            && let Some(over) = pass.all_listed.take()
        {
            pass.is_over = true;
            // A scan with an end does not wait.
            let _ = over.send(());
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
        let told = mpsc::unbounded_channel().1.into();
        Keeper { told, shared, file: None, notes, ends_as: Some("this".into()) }
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

    fn all_listed() -> Told {
        Told::AllListed(oneshot::channel().0)
    }

    /// Tells a keeper the story of a run, and returns whether the pass is over.
    fn ends(keeper: &Keeper, story: impl IntoIterator<Item = Told>) -> bool {
        let story = story.into_iter().map(|told| (1, told));
        of_runs(keeper, [(1, Told::Begun)].into_iter().chain(story))
    }

    /// Tells a keeper the story of several runs, and returns whether the pass of the last one is over.
    fn of_runs(keeper: &Keeper, story: impl IntoIterator<Item = (u64, Told)>) -> bool {
        let mut pass = Pass::default();
        story.into_iter().for_each(|(run, told)| keeper.note(&mut pass, run, told));
        pass.is_over
    }

    fn is_new(keeper: &Keeper, key: &str) -> bool {
        let mut positions = keeper.shared.positions();
        positions.partition("a", Layout::Flat).is_new(&entry(key).object())
    }

    #[test]
    fn a_scan_ends_when_all_is_listed_and_delivered() {
        let first = || settled("1", Ok(()));
        assert!(ends(&keeper(), [listed(), all_listed()]), "nothing to deliver");
        assert!(!ends(&keeper(), [found(), listed(), all_listed()]));
        assert!(ends(&keeper(), [found(), first(), listed(), all_listed()]));
        assert!(ends(&keeper(), [found(), listed(), all_listed(), first()]));
        assert!(!ends(&keeper(), [found(), first(), listed()]));
        assert!(!ends(&keeper(), [found(), found(), listed(), all_listed(), first()]));
    }

    #[test]
    fn what_an_earlier_run_tells_counts_no_more() {
        let begun = [(1, Told::Begun), (1, found()), (2, Told::Begun), (2, found()), (2, listed()), (2, all_listed())];
        let second = keeper();
        assert!(!of_runs(&second, begun.into_iter().chain([(1, settled("1", Ok(())))])));
        assert!(is_new(&second, "1"), "it comes again");
        assert!(!of_runs(&keeper(), [(1, listed()), (1, all_listed())]), "nobody knows what was missed");
    }

    #[test]
    fn who_waits_for_the_end_of_a_pass_learns_of_it_or_that_it_was_missed() {
        let (keeper, mut pass) = (keeper(), Pass::default());
        let (over, mut delivered) = oneshot::channel();
        for told in [Told::Begun, found(), listed(), Told::AllListed(over)] {
            keeper.note(&mut pass, 1, told);
        }
        assert_eq!(delivered.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        keeper.note(&mut pass, 1, settled("1", Ok(())));
        assert_eq!(delivered.try_recv(), Ok(()));
        let (over, mut delivered) = oneshot::channel();
        keeper.note(&mut Pass::default(), 1, Told::AllListed(over));
        assert_eq!(delivered.try_recv(), Err(oneshot::error::TryRecvError::Closed));
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
