//! The hashes of the logs that were read, until a digest names them.

use crate::checkpoint::ObjectId;
use crate::source::hash::Hash;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are remembered, some 40 MB; the oldest ones make room. What is forgotten is read again.
const MOST: usize = 250_000;

/// The hashes of logs, by the names of bucket and key.
#[derive(Debug, Default)]
pub(super) struct Hashes(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// With the objects that they are of: their ETags too.
    hashes: HashMap<ObjectId, (ObjectId, Hash)>,
    order: VecDeque<ObjectId>,
}

impl Hashes {
    /// Remembers the hash of an object with this name.
    pub fn insert(&self, name: ObjectId, object: ObjectId, hash: Hash) {
        let mut known = self.lock();
        if known.hashes.insert(name, (object, hash)).is_none() {
            known.order.push_back(name);
        }
        if known.order.len() > MOST
            && let Some(oldest) = known.order.pop_front()
        {
            known.hashes.remove(&oldest);
        }
    }

    /// Takes what is remembered by a name, the object and its hash: what a digest has named is named by no other.
    pub fn take(&self, name: ObjectId) -> Option<(ObjectId, Hash)> {
        self.lock().hashes.remove(&name)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_until_they_are_taken() {
        let hashes = Hashes::default();
        let id = |number: usize| ObjectId::of(&[&number.to_string()]);
        (0..MOST + 2).for_each(|number| hashes.insert(id(number), id(0), [number as u8; 32]));
        assert_eq!((hashes.take(id(1)), hashes.take(id(2))), (None, Some((id(0), [2; 32]))));
        assert_eq!(hashes.take(id(2)), None);
        assert_eq!(hashes.lock().order.len(), MOST);
    }
}
