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

#[cfg(test)]
mod tests {
    use super::super::positions::TimeRange;
    use super::*;

    const HOUR: i64 = 3600;

    fn object(key: &str, hour: i64) -> Object<'_> {
        Object { key, id: ObjectId::of(&[key, &hour.to_string()]), time: TimeRange::at(hour * HOUR) }
    }

    #[test]
    fn a_pass_goes_on_behind_the_last_key_after_a_restart() {
        let mut flat = Flat::default();
        flat.pass_begins(100 * HOUR);
        assert_eq!(flat.resume_after(), None);
        flat.consume(&object("b", 1));
        flat.pass_begins(200 * HOUR);
        assert_eq!(flat.resume_after(), Some("b"));
        assert!(!flat.is_new(&object("a", 150)), "it appeared behind the key, and is for the next pass");
        assert!(flat.is_new(&object("c", 2)));
        flat.consume(&object("c", 2));
        flat.consume(&object("d", 199));
        flat.pass_ended();
        flat.pass_begins(201 * HOUR);
        assert_eq!(flat.resume_after(), None);
        assert!(flat.is_new(&object("a", 150)), "it is younger than the first start of the pass that missed it");
        assert!(flat.is_new(&object("a", 98)) && !flat.is_new(&object("a", 97)));
        assert!(!flat.is_new(&object("d", 199)));
    }

    #[test]
    fn a_first_pass_over_many_objects_remembers_few() {
        let mut flat = Flat::default();
        flat.pass_begins(2000 * HOUR);
        for n in 0..10_000 {
            // In no order of time, over a thousand hours.
            flat.consume(&object(&format!("{n:05}"), n * 7919 % 1000));
        }
        assert!(flat.done() <= 10, "{}", flat.done());
        assert_eq!(flat.resume_after(), Some("09999"));
    }

    #[test]
    fn a_later_pass_over_much_that_is_new_remembers_little() {
        let mut flat = Flat::default();
        flat.pass_begins(100 * HOUR);
        flat.consume(&object("z", 99));
        flat.pass_ended();
        flat.pass_begins(2000 * HOUR);
        for n in 0..10_000 {
            flat.consume(&object(&format!("{n:05}"), 2000 - n * 7919 % 1000));
        }
        assert!(flat.done() <= 40, "{}", flat.done());
        assert!(!flat.is_new(&object("z", 99)), "it is ahead");
    }

    #[test]
    fn a_silent_partition_that_was_filled_at_once_is_forgotten_after_a_day() {
        let mut flat = Flat::default();
        flat.pass_begins(100 * HOUR);
        for n in 0..1000 {
            flat.consume(&object(&format!("{n:03}"), 99));
        }
        flat.pass_ended();
        assert_eq!(flat.done(), 1000, "they may be seen again while the clock may be wrong");
        flat.pass_begins(122 * HOUR);
        flat.pass_ended();
        assert_eq!(flat.done(), 1000);
        flat.pass_begins(126 * HOUR);
        flat.pass_ended();
        assert_eq!(flat.done(), 0);
        assert!(!flat.is_new(&object("000", 99)));
    }

    #[test]
    fn a_later_pass_does_not_forget_what_is_ahead_of_it() {
        let mut flat = Flat::default();
        flat.pass_begins(100 * HOUR);
        flat.consume(&object("z", 99));
        flat.pass_ended();
        flat.pass_begins(110 * HOUR);
        flat.consume(&object("a", 109));
        assert!(!flat.is_new(&object("z", 99)));
        flat.consume(&object("b", 100));
        flat.pass_ended();
        assert_eq!(flat.done(), 1, "only the newest can come again");
    }

    #[test]
    fn another_content_in_the_same_place_is_another_object() {
        let mut flat = Flat::default();
        flat.pass_begins(100 * HOUR);
        flat.consume(&object("a", 99));
        flat.pass_ended();
        flat.pass_begins(101 * HOUR);
        assert!(!flat.is_new(&object("a", 99)) && flat.is_new(&object("a", 100)));
    }

    #[test]
    fn a_clock_that_goes_back_moves_nothing_back() {
        let mut flat = Flat::default();
        flat.pass_begins(100 * HOUR);
        flat.consume(&object("a", 50));
        flat.consume(&object("b", 99));
        flat.pass_ended();
        flat.pass_begins(i64::MIN);
        flat.consume(&object("c", i64::MAX / HOUR));
        flat.pass_ended();
        assert!(!flat.is_new(&object("a", 50)) && !flat.is_new(&object("b", 99)));
        assert!(flat.is_new(&object("d", 97)));
    }
}
