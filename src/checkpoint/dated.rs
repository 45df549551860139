//! Where the scan of a partition stands whose keys are in the order of time. See [`positions`](super::positions) for how
//! it is used.
//!
//! All rests on [`reached`](Dated::reached): whatever may still appear in the partition is less than [`LATE`] older. An
//! object that the current pass has come to proves it only up to the pass's start, since behind its back objects appear
//! that are up to an hour older than that.

use super::done::ObjectId;
use super::positions::{LATE, Object, forget_before};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where the scan of a partition with dated keys stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dated {
    /// When the current or last pass began.
    pass_started: i64,
    /// The latest time of all objects that were consumed. It stays when the partition is silent, and with it the
    /// listing's start: what an outage holds back for longer than [`LATE`] is found if it is the next to come.
    newest: Option<i64>,
    /// The time up to which all is done, but for what is late.
    reached: Option<i64>,
    /// What is done of the time in which there may be something new.
    done: BTreeSet<(i64, ObjectId)>,
}

impl Dated {
    /// Returns the time before which nothing is new, or `None` while everything is.
    pub fn floor(&self) -> Option<i64> {
        self.reached.map(|reached| reached.saturating_sub(LATE))
    }

    /// Returns the number of objects that are remembered.
    pub fn done(&self) -> usize {
        self.done.len()
    }

    pub(super) fn pass_begins(&mut self, now: i64) {
        self.pass_started = now;
    }

    pub(super) fn is_new(&self, object: &Object<'_>) -> bool {
        self.floor().is_none_or(|floor| object.time.high >= floor)
            && !self.done.contains(&(object.time.high, object.id))
    }

    pub(super) fn consume(&mut self, object: &Object<'_>) {
        self.newest = self.newest.max(Some(object.time.low));
        self.done.insert((object.time.high, object.id));
        self.reach(object.time.low);
    }

    pub(super) fn pass_ended(&mut self) {
        if let Some(newest) = self.newest {
            self.reach(newest);
        }
    }

    /// Notes that the pass has come to objects of a time.
    fn reach(&mut self, time: i64) {
        let reached = self.reached.max(Some(time.min(self.pass_started)));
        if reached != self.reached {
            self.reached = reached;
            forget_before(self.floor(), &mut self.done);
        }
    }
}
