//! Where the scan of a partition stands whose keys are in no order of time. See [`positions`](super::positions) for how
//! it is used.
//!
//! Each pass lists all keys. Within a pass the last consumed key parts what is done from what is not, so that the pass
//! can take days and go on after restarts. Objects that appear behind that key are for the next pass. It tells them by
//! the time at which they were modified, which is at most [`LATE`] before the start of the pass that missed them.

use super::done::ObjectId;
use super::positions::{DAY, LATE, Object, forget_before};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where the scan of a partition with flat keys stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flat {
    /// When the current or last pass began, before all restarts since.
    pass_started: i64,
    /// In a pass, the last key that was consumed.
    after: Option<String>,
    /// The latest time of all objects that were consumed.
    newest: Option<i64>,
    /// The time up to which all is done, but for what is late; it moves when a pass ends.
    frontier: Option<i64>,
    /// What is done of the time in which the next pass may find something new.
    done: BTreeSet<(i64, ObjectId)>,
}

impl Flat {
    /// Returns the number of objects that are remembered.
    pub fn done(&self) -> usize {
        self.done.len()
    }

    pub(super) fn pass_begins(&mut self, now: i64) {
        if self.after.is_none() {
            self.pass_started = now;
            self.after = Some(String::new());
        }
    }

    pub(super) fn resume_after(&self) -> Option<&str> {
        self.after.as_deref().filter(|key| !key.is_empty())
    }

    pub(super) fn is_new(&self, object: &Object<'_>) -> bool {
        self.resume_after().is_none_or(|after| object.key > after)
            && self.floor().is_none_or(|floor| object.time.high >= floor)
            && !self.done.contains(&(object.time.high, object.id))
    }

    pub(super) fn consume(&mut self, object: &Object<'_>) {
        self.after = Some(object.key.to_owned());
        self.newest = self.newest.max(Some(object.time.high));
        // The rest of this pass does not need it, since the key is behind; the passes after this one do not need what
        // is below their floor.
        let coming = self.coming_frontier().map(floor);
        if Some(object.time.high) >= coming {
            self.done.insert((object.time.high, object.id));
        }
        // Objects of earlier passes may be ahead in this one.
        if self.frontier.is_none() {
            forget_before(coming, &mut self.done);
        }
    }

    pub(super) fn pass_ended(&mut self) {
        self.frontier = self.coming_frontier();
        self.after = None;
        forget_before(self.floor(), &mut self.done);
    }

    /// Returns the time before which nothing is new.
    fn floor(&self) -> Option<i64> {
        self.frontier.map(floor)
    }

    /// Returns where the frontier would be if the pass ended now; it only grows. It trusts the clock, which may be ahead
    /// of S3's, no further than to a day ago, and behind that the objects. Without the clock a silent partition that was
    /// filled at once would have to be remembered whole for ever.
    fn coming_frontier(&self) -> Option<i64> {
        let seen = self.newest?.max(self.pass_started.saturating_sub(DAY));
        self.frontier.max(Some(seen.min(self.pass_started)))
    }
}

/// Returns the time of the oldest object that may appear after a frontier.
fn floor(frontier: i64) -> i64 {
    frontier.saturating_sub(LATE)
}
