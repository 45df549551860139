//! Keeps how far each history was delivered: is told what was sent and what Falco went through, and makes it last.

use crate::checkpoint::reached::EventKey;
use crate::checkpoint::{Places, StateFile};
use crate::source::notes::{Level, Notes};
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How many times as long as writing took to wait before writing again, and at most: what is small lasts at once, what is
/// large does not keep the disk busy.
const REST: u32 = 8;
const LONGEST_REST: Duration = Duration::from_secs(5);

/// How often to write how far histories came in which nothing happens: a start with an older place asks for some more
/// that is known.
const QUIET: Duration = Duration::from_secs(60);

/// Which of the histories the keeper is told of, and which run of its reading: what an earlier one sent may never have
/// come to Falco.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunId {
    pub history: usize,
    pub number: u64,
}

/// The number of no run.
const NO_RUN: u64 = 0;

/// What the keeper is told.
#[derive(Debug)]
pub(super) enum Told {
    /// A run begins.
    Begun,
    /// Falco went through an event.
    Settled(EventKey),
    /// All before a second was sent once so many events of the run were.
    Complete { second: i64, sent: u64 },
}

/// How far a history was delivered, for who reads it and for the keeper.
#[derive(Debug)]
pub(super) struct Shared(Mutex<Places>);

impl Shared {
    pub fn new(places: Places) -> Self {
        Self(Mutex::new(places))
    }

    pub fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A history that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    places: Arc<Shared>,
    file: Option<Arc<StateFile>>,
    /// The number of the run.
    run: u64,
    /// How many events of the run Falco went through.
    settled: u64,
    /// The seconds up to which all will be delivered once so many events are.
    ahead: VecDeque<(u64, i64)>,
    /// What was not written yet.
    unsaved: Unsaved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unsaved {
    Nothing,
    /// It came further, without an event.
    Place,
    Events,
}

impl Kept {
    pub fn new(places: Arc<Shared>, file: Option<StateFile>) -> Self {
        let file = file.map(Arc::new);
        Self { places, file, run: NO_RUN, settled: 0, ahead: VecDeque::new(), unsaved: Unsaved::Nothing }
    }

    fn note(&mut self, run: u64, told: &Told) {
        match *told {
            Told::Begun => {
                self.run = run;
                self.settled = 0;
                self.ahead.clear();
            }
            Told::Settled(event) => {
                self.places.lock().reached.deliver(event);
                self.unsaved = Unsaved::Events;
                self.settled += u64::from(run == self.run);
            }
            Told::Complete { second, sent } => {
                if run == self.run {
                    self.ahead.push_back((sent, second));
                }
            }
        }
        while let Some(&(sent, second)) = self.ahead.front()
            && sent <= self.settled
        {
            self.ahead.pop_front();
            if self.places.lock().reached.advance(second) {
                self.unsaved = self.unsaved.max(Unsaved::Place);
            }
        }
    }

    /// Writes what was not written, if it is at least so much, and returns why it cannot be.
    async fn save(&mut self, least: Unsaved, notes: &Notes) -> Option<String> {
        if self.unsaved < least {
            return None;
        }
        let unsaved = mem::replace(&mut self.unsaved, Unsaved::Nothing);
        let file = self.file.clone()?;
        let bytes = self.places.lock().to_bytes();
        let saved = tokio::task::spawn_blocking(move || file.save(&bytes)).await;
        let error = match saved {
            Ok(Ok(())) => {
                notes.state_kept();
                return None;
            }
            Ok(Err(error)) => error.to_string(),
            Err(fault) => fault.to_string(),
        };
        self.unsaved = unsaved;
        Some(error)
    }
}

pub(super) struct Keeper {
    state: AsyncMutex<State>,
    notes: Arc<Notes>,
}

/// What a keeper that begins anew after a fault goes on with.
#[derive(Debug)]
struct State {
    told: mpsc::UnboundedReceiver<(RunId, Told)>,
    histories: Vec<Kept>,
}

impl Keeper {
    pub fn new(told: mpsc::UnboundedReceiver<(RunId, Told)>, histories: Vec<Kept>, notes: Arc<Notes>) -> Self {
        Self { state: AsyncMutex::new(State { told, histories }), notes }
    }

    /// Works until nobody is left to tell it anything: the source is closed.
    pub async fn run(self: Arc<Self>) {
        let State { told, histories } = &mut *self.state.lock().await;
        // After a fault nothing is complete until the runs begin again: places must not pass what was missed.
        histories.iter_mut().for_each(|kept| kept.run = NO_RUN);
        let mut quiet = interval(QUIET);
        quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rested = Instant::now();
        let mut has_events = false;
        let mut several = Vec::new();
        loop {
            tokio::select! {
                count = told.recv_many(&mut several, 10_000) => {
                    if count == 0 {
                        break;
                    }
                    for (run, told) in several.drain(..) {
                        has_events |= matches!(told, Told::Settled(..));
                        if let Some(kept) = histories.get_mut(run.history) {
                            kept.note(run.number, &told);
                        }
                    }
                }
                () = sleep_until(rested), if has_events => {
                    has_events = false;
                    let begun = Instant::now();
                    self.save(histories, Unsaved::Events).await;
                    rested = Instant::now() + (begun.elapsed() * REST).min(LONGEST_REST);
                }
                _ = quiet.tick() => self.save(histories, Unsaved::Place).await,
            }
        }
        // There may be little time.
        self.save(histories, Unsaved::Events).await;
        self.save(histories, Unsaved::Place).await;
    }

    async fn save(&self, histories: &mut [Kept], least: Unsaved) {
        for kept in histories {
            if let Some(error) = kept.save(least, &self.notes).await {
                self.notes.say(
                    Level::Warn,
                    "state",
                    format!("{error}; a restart will read again what is delivered now"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{ObjectId, Reached};

    fn kept() -> Kept {
        Kept::new(Arc::new(Shared::new(Places::new(None, Reached::new("", 100, None)))), None)
    }

    fn settled(time: i64) -> Told {
        Told::Settled((time, ObjectId::of(&["a"])))
    }

    fn complete(sent: u64, second: i64) -> Told {
        Told::Complete { second, sent }
    }

    /// Tells a story, and returns from where on the history would be read again after each part of it.
    fn story(told: impl IntoIterator<Item = (u64, Told)>) -> Vec<i64> {
        let mut kept = kept();
        let places = Arc::clone(&kept.places);
        let after = |(run, told)| {
            kept.note(run, &told);
            places.lock().reached.complete()
        };
        told.into_iter().map(after).collect()
    }

    #[test]
    fn a_place_is_behind_all_events_that_are_still_to_be_delivered() {
        let one = |told| (1, told);
        assert_eq!(
            story([Told::Begun, complete(0, 110), complete(0, 120)].map(one)),
            [100, 110, 120],
            "nothing happened"
        );
        let events = [Told::Begun, complete(2, 110), settled(105), complete(2, 120), settled(107), complete(3, 130)];
        assert_eq!(story(events.map(one)), [100, 100, 100, 100, 120, 120]);
        let fault =
            [(1, Told::Begun), (1, complete(1, 110)), (2, Told::Begun), (1, settled(105)), (1, complete(0, 120))];
        assert_eq!(story(fault), [100; 5], "what an earlier run sent says nothing about this one");
    }

    #[test]
    fn what_was_delivered_is_known_whenever_it_was_sent() {
        let mut kept = kept();
        for (run, told) in [(2, Told::Begun), (1, settled(105)), (2, settled(99))] {
            kept.note(run, &told);
        }
        assert_eq!(kept.places.lock().reached.delivered().len(), 1);
        assert_eq!(kept.unsaved, Unsaved::Events);
    }
}
