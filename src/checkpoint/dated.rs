//! Where the scan of a partition stands whose keys are in the order of time. See [`positions`](super::positions) for how
//! it is used.
//!
//! All rests on the time that is reached: whatever may still appear in the partition is less than [`LATE`] older. An
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

#[cfg(test)]
mod tests {
    use super::super::positions::TimeRange;
    use super::*;

    const HOUR: i64 = 3600;

    fn object(key: &str, time: TimeRange) -> Object<'_> {
        Object { key, id: ObjectId::of(&[key]), time }
    }

    #[test]
    fn all_is_new_before_the_first_object() {
        let mut dated = Dated::default();
        dated.pass_begins(1_000_000);
        assert!(dated.is_new(&object("a", TimeRange::at(0))) && dated.floor().is_none());
        dated.pass_ended();
        assert_eq!(dated.floor(), None, "a pass over nothing says nothing");
    }

    #[test]
    fn the_floor_follows_the_objects_up_to_the_start_of_the_pass() {
        let mut dated = Dated::default();
        dated.pass_begins(100 * HOUR);
        dated.consume(&object("a", TimeRange::at(50 * HOUR)));
        assert_eq!(dated.floor(), Some(48 * HOUR));
        dated.consume(&object("b", TimeRange::at(103 * HOUR)));
        assert_eq!(dated.floor(), Some(98 * HOUR), "behind the pass late objects may have appeared since it began");
        dated.pass_ended();
        // It took long: what appeared behind it is older than the start of the next pass by more than may be late.
        dated.pass_begins(110 * HOUR);
        let late = object("late", TimeRange::at(99 * HOUR));
        assert!(dated.is_new(&late));
        dated.consume(&late);
        assert_eq!(dated.floor(), Some(98 * HOUR));
        dated.pass_ended();
        assert_eq!(dated.floor(), Some(101 * HOUR), "now all is done that was there at its start");
        assert!(!dated.is_new(&late) && !dated.is_new(&object("b", TimeRange::at(103 * HOUR))));
        assert_eq!(dated.done(), 1, "what is below the floor is forgotten");
    }

    #[test]
    fn a_silent_partition_stays_where_it_is() {
        let mut dated = Dated::default();
        dated.pass_begins(10 * HOUR);
        dated.consume(&object("a", TimeRange::at(9 * HOUR)));
        dated.pass_ended();
        for hour in 11..1000 {
            dated.pass_begins(hour * HOUR);
            dated.pass_ended();
        }
        assert_eq!(dated.floor(), Some(7 * HOUR));
        assert!(dated.is_new(&object("held back by an outage", TimeRange::at(8 * HOUR))));
    }

    #[test]
    fn objects_of_a_day_are_new_until_the_day_is_below_the_floor() {
        let day = TimeRange::day_of(30 * HOUR);
        assert_eq!((day.low, day.high), (24 * HOUR, 48 * HOUR - 1));
        let mut dated = Dated::default();
        dated.pass_begins(100 * HOUR);
        dated.consume(&object("a", day));
        assert_eq!(dated.floor(), Some(22 * HOUR), "others of the same day may come behind it");
        dated.consume(&object("c", TimeRange::at(49 * HOUR)));
        assert!(!dated.is_new(&object("a", day)) && dated.is_new(&object("b", day)));
        dated.consume(&object("d", TimeRange::at(50 * HOUR)));
        assert!(!dated.is_new(&object("b", day)) && dated.done() == 2);
    }

    #[test]
    fn a_time_in_the_future_and_a_clock_that_goes_back_move_nothing() {
        let mut dated = Dated::default();
        dated.pass_begins(100 * HOUR);
        dated.consume(&object("a", TimeRange::at(i64::MAX)));
        dated.pass_ended();
        assert_eq!(dated.floor(), Some(98 * HOUR));
        dated.pass_begins(i64::MIN);
        dated.consume(&object("b", TimeRange::at(99 * HOUR)));
        dated.pass_ended();
        assert_eq!(dated.floor(), Some(98 * HOUR));
        assert!(!dated.is_new(&object("a", TimeRange::at(i64::MAX))));
    }
}
