//! The ids of the events that were delivered last.
//!
//! CloudTrail delivers an event again now and then, up to 30 days later, and a folder may hold a file twice.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

/// Remembers a bounded number of ids, the newest ones.
///
/// An id is kept as a keyed hash of 128 bits, so that ids of any length cost the same and nobody can make two meet.
#[derive(Debug)]
pub struct Seen {
    keys: [RandomState; 2],
    ids: HashTable<u128>,
    order: VecDeque<u128>,
    capacity: usize,
}

impl Seen {
    /// Remembers up to `capacity` ids; with 0 every id is new.
    pub fn new(capacity: usize) -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], ids: HashTable::new(), order: VecDeque::new(), capacity }
    }

    /// Remembers an id, and returns whether it is new.
    pub fn insert(&mut self, id: &[u8]) -> bool {
        if self.capacity == 0 {
            return true;
        }
        let [high, low] = self.keys.each_ref().map(|key| u128::from(key.hash_one(id)));
        let id = high << 64 | low;
        match self.ids.entry(table_hash(&id), |other| *other == id, table_hash) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(place) => _ = place.insert(id),
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
            && let Ok(place) = self.ids.find_entry(table_hash(&oldest), |other| *other == oldest)
        {
            place.remove();
        }
        self.order.push_back(id);
        true
    }
}

/// What is kept is a hash already.
fn table_hash(id: &u128) -> u64 {
    *id as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ids_are_remembered() {
        let mut seen = Seen::new(2);
        assert!(seen.insert(b"a") && seen.insert(b"b"));
        assert!(!seen.insert(b"a") && !seen.insert(b"b"));
        assert!(seen.insert(b"c"), "a is forgotten");
        assert!(!seen.insert(b"b"));
        assert!(seen.insert(b"a"), "a is new again");
        assert_eq!((seen.ids.len(), seen.order.len()), (2, 2));
    }

    #[test]
    fn without_memory_every_id_is_new() {
        let mut seen = Seen::new(0);
        assert!(seen.insert(b"a") && seen.insert(b"a"));
    }
}
