//! How far the history of events of one account in one region was delivered, and of other accounts that were read there
//! before. It computes only: asking, clocks and files are left to others. All times are seconds since 1970.
//!
//! The history can be asked for any range of time, and events appear in it late: before [`Reached::complete`] none is
//! still to come, from there on the events that were delivered are known one by one.

use super::done::ObjectId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::mem;

/// What an event of a history is known by: when it happened, and its id.
pub type EventKey = (i64, ObjectId);

/// How far a history was delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// What the start is called in the configuration: with another one it is another history.
    pub start_name: String,
    /// The last second that is to be read, or `None` to read without end.
    pub end: Option<i64>,
    complete: i64,
    delivered: BTreeSet<EventKey>,
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
    pub fn delivered(&self) -> &BTreeSet<EventKey> {
        &self.delivered
    }

    /// Notes that an event was delivered.
    pub fn deliver(&mut self, event: EventKey) {
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
}

/// How far the histories of accounts were delivered that were read in turn with the same settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// The account that is read, empty while nobody could say which one it is.
    account: String,
    /// How far its history was delivered.
    pub reached: Reached,
    others: BTreeMap<String, Reached>,
}

impl Places {
    /// Begins with one account, if it is known.
    pub fn new(account: Option<&str>, reached: Reached) -> Self {
        Self { account: account.unwrap_or_default().to_owned(), reached, others: BTreeMap::new() }
    }

    /// Goes on with an account: the one that was read last when it is not known, and the one that was not known then
    /// when it is now. Another one that was not read before has reached what `begin` says.
    pub fn go_on(&mut self, account: Option<&str>, begin: impl FnOnce() -> Reached) {
        let Some(account) = account.filter(|account| *account != self.account) else { return };
        let last = mem::replace(&mut self.account, account.to_owned());
        if last.is_empty() {
            return;
        }
        let reached = self.others.remove(account).unwrap_or_else(begin);
        self.others.insert(last, mem::replace(&mut self.reached, reached));
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
pub fn forget_before(events: &mut BTreeSet<EventKey>, second: i64) {
    *events = events.split_off(&(second, ObjectId::LEAST));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: i64, id: &str) -> EventKey {
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
    fn each_account_goes_on_where_it_was() {
        let begun = |start| move || Reached::new("", start, None);
        let begins_nowhere = || -> Reached { panic!("it was read before") };
        let mut places = Places::new(None, begun(100)());
        places.go_on(None, begins_nowhere);
        places.go_on(Some("a"), begins_nowhere);
        assert_eq!(places, Places::new(Some("a"), begun(100)()), "now it is known");
        places.go_on(Some("b"), begun(200));
        assert_eq!(places.reached.complete(), 200);
        places.reached.advance(250);
        places.go_on(Some("a"), begins_nowhere);
        assert_eq!(places.reached.complete(), 100);
        places.go_on(None, begins_nowhere);
        assert_eq!(places.reached.complete(), 100, "the last one");
        places.go_on(Some("b"), begins_nowhere);
        assert_eq!(places.reached.complete(), 250);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut places = Places::new(Some("012345678901"), Reached::new("5d-2d", -5, Some(7)));
        places.reached.deliver(event(3, "a"));
        places.reached.advance(2);
        places.go_on(Some("111122223333"), || Reached::new("", 9, None));
        assert_eq!(Places::from_bytes(&places.to_bytes()), Some(places));
        for other in [&b""[..], b"{}", b"[]", b"\xff"] {
            assert_eq!(Places::from_bytes(other), None);
        }
    }
}
