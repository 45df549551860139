//! How far the history of events of one account in one region was delivered. It computes only: asking, clocks and files
//! are left to others. All times are seconds since 1970.
//!
//! The history can be asked for any range of time, and events appear in it late: before [`Reached::complete`] none is
//! still to come, from there on the events that were delivered are known one by one.

use super::done::ObjectId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An event of a history: when it happened, and its id.
pub type Event = (i64, ObjectId);

/// How far a history was delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// What the start is called in the configuration: with another one it is another history.
    pub start_name: String,
    /// The last second that is to be read, or `None` to read without end.
    pub end: Option<i64>,
    complete: i64,
    delivered: BTreeSet<Event>,
}

impl Reached {
    /// Begins at a second.
    pub fn new(start_name: &str, start: i64, end: Option<i64>) -> Self {
        Self { start_name: start_name.to_owned(), end, complete: start, delivered: BTreeSet::new() }
    }

    /// Returns the second from which on the history has to be asked for.
    pub fn complete(&self) -> i64 {
        self.complete
    }

    /// Returns the delivered events from [`complete`](Self::complete) on.
    pub fn delivered(&self) -> &BTreeSet<Event> {
        &self.delivered
    }

    /// Notes that an event was delivered.
    pub fn deliver(&mut self, event: Event) {
        if event.0 >= self.complete {
            self.delivered.insert(event);
        }
    }

    /// Notes that all events before a second were delivered, and returns whether this is news.
    pub fn advance(&mut self, complete: i64) -> bool {
        if complete <= self.complete {
            return false;
        }
        self.complete = complete;
        forget_before(&mut self.delivered, complete);
        true
    }

    /// Returns the written form.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Texts and numbers can be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the written form; `None` when it is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Forgets the events before a second.
pub fn forget_before(events: &mut BTreeSet<Event>, second: i64) {
    *events = events.split_off(&(second, ObjectId::LEAST));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: i64, id: &str) -> Event {
        (time, ObjectId::of(&[id]))
    }

    #[test]
    fn events_are_known_until_all_before_and_after_them_was_delivered() {
        let mut reached = Reached::new("", 100, None);
        [event(99, "a"), event(100, "b"), event(120, "c"), event(120, "d")]
            .into_iter()
            .for_each(|event| reached.deliver(event));
        assert_eq!(reached.delivered().len(), 3, "what was complete before is not kept");
        assert!(reached.advance(120));
        assert_eq!(Vec::from_iter(reached.delivered().iter().map(|event| event.0)), [120, 120]);
        assert!(!reached.advance(110) && !reached.advance(120));
        assert_eq!((reached.complete(), reached.delivered().len()), (120, 2), "it never goes back");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut reached = Reached::new("5d-2d", -5, Some(7));
        reached.deliver(event(3, "a"));
        reached.advance(2);
        assert_eq!(Reached::from_bytes(&reached.to_bytes()), Some(reached));
        for other in [&b""[..], b"{}", b"[]", b"\xff"] {
            assert_eq!(Reached::from_bytes(other), None);
        }
    }
}
