//! The ids of the events that were delivered last.
//!
//! CloudTrail delivers an event again now and then, up to 30 days later, a folder may hold a file twice, and a queue
//! may give a message twice. The memory can be written down, so that the next start goes on with it.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use siphasher::sip::SipHasher13;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The bytes of a key and of an id in the written form.
const KEY: usize = 16;
const ID: usize = 8;

/// What is remembered of an id.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// Remembers a bounded number of ids, the newest ones.
///
/// An id is kept as a keyed hash of 64 bits, so that ids of any length cost the same and nobody can make two meet. By
/// itself that happens once in 2^64 / `capacity` events: once in 7 * 10^13 where 262,144 are remembered.
#[derive(Debug)]
pub struct Seen {
    key: [u8; KEY],
    ids: HashTable<u64>,
    order: VecDeque<u64>,
    capacity: usize,
    /// How many ids were new so far.
    count: u64,
}

impl Seen {
    /// Remembers up to `capacity` ids; with 0 every id is new.
    pub fn new(capacity: usize) -> Self {
        let [high, low] = [0_u8, 1].map(|half| u128::from(RandomState::new().hash_one(half)));
        Self::with_key((high << 64 | low).to_le_bytes(), capacity)
    }

    /// Goes on with what [`written`](Self::written) gave: the newest ids, up to `capacity`.
    pub fn from_written(bytes: &[u8], capacity: usize) -> Self {
        let Some((key, ids)) = bytes.split_first_chunk() else { return Self::new(capacity) };
        let mut seen = Self::with_key(*key, capacity);
        for id in ids.as_chunks::<ID>().0 {
            seen.insert(Mark(u64::from_le_bytes(*id)));
        }
        seen
    }

    /// Writes down the key and the first `count` of the ids that were new so far, as far as they are remembered.
    pub fn written(&self, count: u64) -> Vec<u8> {
        let forgotten = self.count - self.order.len() as u64;
        let known = count.saturating_sub(forgotten).min(self.order.len() as u64) as usize;
        let ids = self.order.range(..known).flat_map(|id| id.to_le_bytes());
        self.key.into_iter().chain(ids).collect()
    }

    /// Returns what is remembered of an id.
    pub fn mark(&self, id: &[u8]) -> Mark {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(id);
        Mark(hasher.finish())
    }

    /// Remembers an id, and returns whether it is new.
    pub fn insert(&mut self, Mark(id): Mark) -> bool {
        if self.capacity == 0 {
            return true;
        }
        match self.ids.entry(id, |other| *other == id, |other| *other) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(place) => _ = place.insert(id),
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
            && let Ok(place) = self.ids.find_entry(oldest, |other| *other == oldest)
        {
            place.remove();
        }
        self.order.push_back(id);
        self.count += 1;
        true
    }

    /// Returns how many ids were new so far, those that it began with included.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn with_key(key: [u8; KEY], capacity: usize) -> Self {
        Self { key, ids: HashTable::new(), order: VecDeque::new(), capacity, count: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ids_are_remembered() {
        let mut seen = Seen::new(2);
        assert!(seen.insert(seen.mark(b"a")) && seen.insert(seen.mark(b"b")));
        assert!(!seen.insert(seen.mark(b"a")) && !seen.insert(seen.mark(b"b")));
        assert!(seen.insert(seen.mark(b"c")), "a is forgotten");
        assert!(!seen.insert(seen.mark(b"b")));
        assert!(seen.insert(seen.mark(b"a")), "a is new again");
        assert_eq!((seen.ids.len(), seen.order.len(), seen.count()), (2, 2, 4));
    }

    #[test]
    fn without_memory_every_id_is_new() {
        let mut seen = Seen::new(0);
        assert!(seen.insert(seen.mark(b"a")) && seen.insert(seen.mark(b"a")));
        assert_eq!(Seen::from_written(&seen.written(9), 0).count(), 0);
    }

    #[test]
    fn what_is_written_down_is_remembered_up_to_the_asked_count() {
        let mut seen = Seen::new(3);
        assert!([b"a", b"b", b"c", b"d"].into_iter().all(|id| seen.insert(seen.mark(id))), "a is forgotten");
        let mut again = Seen::from_written(&seen.written(3), 3);
        assert_eq!(again.count(), 2, "b and c");
        assert!(!again.insert(again.mark(b"b")) && !again.insert(again.mark(b"c")) && again.insert(again.mark(b"d")));
        for none in [0, 1] {
            assert_eq!(Seen::from_written(&seen.written(none), 3).count(), 0);
        }
        assert_eq!(Seen::from_written(&seen.written(9), 3).count(), 3);
        assert_eq!(Seen::from_written(&seen.written(9), 1).order.len(), 1);
    }

    #[test]
    fn what_is_no_memory_is_an_empty_one() {
        let mut seen = Seen::from_written(b"short", 3);
        assert!(seen.insert(seen.mark(b"a")));
    }
}
