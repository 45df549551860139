//! Names of objects that are short and cannot be made to meet, and a bounded set of them. What an object is named by is
//! left to the sources.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::{HashSet, VecDeque};
use std::fmt;

/// The name of an object: 128 bits of a digest over all that tells it from others. As text, and where it is serialized,
/// it has 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(u128);

impl ObjectId {
    /// Bytes of an id.
    pub const BYTES: usize = 16;

    /// The first one in their order.
    pub const LEAST: Self = Self(0);

    /// Names the object that is told from others by these parts, in this order, such as bucket, key and entity tag.
    pub fn of(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // Without the lengths, text could move from one part to the next and the name would stay.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().iter().take(Self::BYTES).fold(0, |bits, byte| bits << 8 | u128::from(*byte)))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 2 * Self::BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = if digits { u128::from_str_radix(&text, 16).ok() } else { None };
        id.map(Self).ok_or_else(|| Error::custom("an object's id is not text of 32 hexadecimal digits"))
    }
}

/// The last so many objects that are done, each once.
#[derive(Clone, Debug)]
pub struct DoneSet {
    capacity: usize,
    order: VecDeque<ObjectId>,
    members: HashSet<ObjectId>,
}

impl DoneSet {
    /// Makes an empty set that forgets its oldest member when it would hold more than `capacity`.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, order: VecDeque::new(), members: HashSet::new() }
    }

    /// Makes a set of ids, oldest first, of which the last `capacity` stay.
    pub fn from_ids(capacity: usize, ids: impl IntoIterator<Item = ObjectId>) -> Self {
        let mut set = Self::new(capacity);
        for id in ids {
            set.insert(id);
        }
        set
    }

    /// Adds an id and returns whether it is new. One that is there keeps its age.
    pub fn insert(&mut self, id: ObjectId) -> bool {
        if self.capacity == 0 {
            return true;
        }
        if !self.members.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        true
    }

    /// Returns whether an id is in the set.
    pub fn contains(&self, id: ObjectId) -> bool {
        self.members.contains(&id)
    }

    /// Returns the ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.order.iter().copied()
    }

    /// Returns the number of ids.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Writes the ids, oldest first, in [`ObjectId::BYTES`] each.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|id| id.0.to_be_bytes()).collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, of which the last `capacity` ids stay, or returns `None` for bytes
    /// that are no ids.
    pub fn from_bytes(capacity: usize, bytes: &[u8]) -> Option<Self> {
        let (ids, []) = bytes.as_chunks::<{ ObjectId::BYTES }>() else { return None };
        Some(Self::from_ids(capacity, ids.iter().map(|id| ObjectId(u128::from_be_bytes(*id)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> ObjectId {
        ObjectId::of(&[&n.to_string()])
    }

    #[test]
    fn names_meet_only_when_all_parts_are_equal() {
        let same = ObjectId::of(&["bucket", "key", "tag"]);
        assert_eq!(same, ObjectId::of(&["bucket", "key", "tag"]));
        let others: [&[&str]; 6] = [
            &["bucket", "ke", "ytag"],
            &["bucketkey", "", "tag"],
            &["bucket", "key"],
            &["bucket", "key", "tag", ""],
            &["key", "bucket", "tag"],
            &["bucket\0\0\0\0\0\0\0\u{3}key", "tag"],
        ];
        assert!(others.iter().all(|parts| ObjectId::of(parts) != same));
        assert_ne!(ObjectId::of(&[]), ObjectId::of(&[""]));
    }

    #[test]
    fn the_name_is_the_start_of_the_digest() {
        // SHA-256 of nothing begins with these bytes.
        assert_eq!(serde_json::to_string(&ObjectId::of(&[])).unwrap(), r#""e3b0c44298fc1c149afbf4c8996fb924""#);
    }

    #[test]
    fn ids_survive_json_and_other_text_is_refused() {
        for id in [ObjectId(0), ObjectId(u128::MAX), id(1)] {
            let text = serde_json::to_string(&id).unwrap();
            assert_eq!(text.len(), 34);
            assert_eq!(serde_json::from_str::<ObjectId>(&text).unwrap(), id);
        }
        for text in
            [r#""""#, r#""12""#, r#""+1234567890123456789012345678901""#, "7", r#""é2345678901234567890123456789012""#]
        {
            assert!(serde_json::from_str::<ObjectId>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut set = DoneSet::new(3);
        assert!(set.is_empty());
        assert!((0..3).all(|n| set.insert(id(n))));
        assert!(!set.insert(id(0)), "it is there, and stays the oldest");
        assert!(set.insert(id(3)));
        assert_eq!(set.len(), 3);
        assert!(!set.contains(id(0)) && set.contains(id(1)));
        assert_eq!(set.iter().collect::<Vec<_>>(), [id(1), id(2), id(3)]);
        assert!(set.insert(id(0)), "what is forgotten is new again");
    }

    #[test]
    fn a_set_without_room_holds_nothing() {
        let mut set = DoneSet::new(0);
        assert!(set.insert(id(1)) && set.insert(id(1)));
        assert!(set.is_empty() && !set.contains(id(1)));
    }

    #[test]
    fn sets_survive_bytes_in_their_order() {
        let set = DoneSet::from_ids(100, (0..100).map(id));
        let bytes = set.to_bytes();
        assert_eq!(bytes.len(), 1600);
        let read = DoneSet::from_bytes(100, &bytes).unwrap();
        assert!(read.iter().eq(set.iter()));
        let smaller = DoneSet::from_bytes(10, &bytes).unwrap();
        assert!(smaller.iter().eq((90..100).map(id)), "the newest stay");
        assert!(DoneSet::from_bytes(100, &bytes[1..]).is_none());
        assert!(DoneSet::from_bytes(100, &[]).unwrap().is_empty());
    }
}
