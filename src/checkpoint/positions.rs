//! Where a scan of a bucket stands: which objects of each partition are still to be read. It computes only: listing,
//! reading, clocks and files are left to others. All times are seconds since 1970.
//!
//! A scan goes over a partition in passes. Each lists the partition, from [`Partition::list_from`] and behind
//! [`Partition::resume_after`], in the order of the keys, asks of each object whether it [is new](Partition::is_new), and
//! says of each new one when it is [consumed](Partition::consume), in the same order; one that is given up counts as
//! consumed. The next pass begins when all that the last one found is consumed.
//!
//! What is saved may be older than what is known here, but is one state of it: after a restart objects that were
//! consumed since come again, and none is left out.

use super::dated::Dated;
use super::done::ObjectId;
use super::flat::Flat;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How much later than its time an object may appear, in seconds: CloudTrail takes up to an hour, and the clocks that
/// are compared may differ.
pub const LATE: i64 = 2 * 60 * 60;

/// The seconds of a day.
pub const DAY: i64 = 24 * 60 * 60;

/// From when an object may be, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first second.
    pub low: i64,
    /// The last second.
    pub high: i64,
}

impl TimeRange {
    /// A known second.
    pub fn at(second: i64) -> Self {
        Self { low: second, high: second }
    }

    /// The day in UTC in which a second lies.
    pub fn day_of(second: i64) -> Self {
        let low = second.div_euclid(DAY).saturating_mul(DAY);
        Self { low, high: low.saturating_add(DAY - 1) }
    }
}

/// An object as a listing shows it.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its key.
    pub key: &'a str,
    /// What tells it from all others, also from one with the same key and other content.
    pub id: ObjectId,
    /// When CloudTrail wrote it, as its key says, or in a flat partition when it was last modified.
    pub time: TimeRange,
}

/// How the keys of a partition are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Keys hold the time at which CloudTrail wrote them, so that their order is that of time.
    Dated,
    /// Keys are in no order of time.
    Flat,
}

/// Where the scan of one partition stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Partition {
    /// One of [`Layout::Dated`].
    Dated(Dated),
    /// One of [`Layout::Flat`].
    Flat(Flat),
}

impl Partition {
    /// Makes a partition of which nothing is done.
    pub fn new(layout: Layout) -> Self {
        match layout {
            Layout::Dated => Self::Dated(Dated::default()),
            Layout::Flat => Self::Flat(Flat::default()),
        }
    }

    /// Returns how its keys are made.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Dated(_) => Layout::Dated,
            Self::Flat(_) => Layout::Flat,
        }
    }

    /// Says that a pass begins, before it lists anything. A pass that a restart cut off goes on.
    pub fn pass_begins(&mut self, now: i64) {
        match self {
            Self::Dated(dated) => dated.pass_begins(now),
            Self::Flat(flat) => flat.pass_begins(now),
        }
    }

    /// Returns the first second of the day, in UTC, with which the listing has to begin. `None` is the first key, as it
    /// always is for flat partitions.
    pub fn list_from(&self) -> Option<i64> {
        match self {
            Self::Dated(dated) => dated.floor().map(|floor| TimeRange::day_of(floor).low),
            Self::Flat(_) => None,
        }
    }

    /// Returns the key behind which the listing has to begin. `None` is the first key, and for dated partitions says
    /// nothing beyond [`list_from`](Self::list_from).
    pub fn resume_after(&self) -> Option<&str> {
        match self {
            Self::Dated(_) => None,
            Self::Flat(flat) => flat.resume_after(),
        }
    }

    /// Returns whether an object that the pass lists is to be read.
    pub fn is_new(&self, object: &Object<'_>) -> bool {
        match self {
            Self::Dated(dated) => dated.is_new(object),
            Self::Flat(flat) => flat.is_new(object),
        }
    }

    /// Says that an object will not have to be read again. Of each pass, objects are consumed in the order of their keys.
    pub fn consume(&mut self, object: &Object<'_>) {
        match self {
            Self::Dated(dated) => dated.consume(object),
            Self::Flat(flat) => flat.consume(object),
        }
    }

    /// Says that all new objects that the pass listed are consumed, and that it listed all.
    pub fn pass_ended(&mut self) {
        match self {
            Self::Dated(dated) => dated.pass_ended(),
            Self::Flat(flat) => flat.pass_ended(),
        }
    }
}

/// Removes the objects of a time at which nothing is new.
pub(super) fn forget_before(floor: Option<i64>, done: &mut BTreeSet<(i64, ObjectId)>) {
    while done.first().is_some_and(|(time, _)| Some(*time) < floor) {
        done.pop_first();
    }
}

/// Where the scan of a bucket stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Positions {
    /// What is scanned, such that another scan has another identity.
    pub identity: String,
    /// The process in which a scan that has an end came to it, in words of the one who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// The time window that the scan began with: one that was given as an age must not move with each restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<(i64, Option<i64>)>,
    /// The partitions, by the prefix of their keys.
    #[serde(default)]
    pub partitions: BTreeMap<String, Partition>,
}

impl Positions {
    /// Makes the positions of a scan that begins.
    pub fn new(identity: &str) -> Self {
        Self { identity: identity.to_owned(), ..Self::default() }
    }

    /// Returns the partition with a prefix. One that is missing, or whose keys were made in another way, begins.
    pub fn partition(&mut self, prefix: &str, layout: Layout) -> &mut Partition {
        let partition = self.partitions.entry(prefix.to_owned()).or_insert_with(|| Partition::new(layout));
        if partition.layout() != layout {
            *partition = Partition::new(layout);
        }
        partition
    }

    /// Writes the positions as JSON.
    ///
    /// # Errors
    /// None that can happen to what is held here.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, also in a version that knows more fields. Bytes that are something
    /// else, or the positions of another scan, are `None`.
    pub fn from_bytes(bytes: &[u8], identity: &str) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|positions: &Self| positions.identity == identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/";

    fn used() -> Positions {
        let mut positions = Positions::new("s3://trails");
        for (prefix, layout) in [(A, Layout::Dated), ("logs/", Layout::Flat)] {
            let partition = positions.partition(prefix, layout);
            partition.pass_begins(1_700_000_000);
            let time = TimeRange::at(1_699_999_000);
            partition.consume(&Object { key: "a\u{7f}\"é", id: ObjectId::of(&[prefix]), time });
        }
        positions.ended_by = Some("1234".into());
        positions
    }

    #[test]
    fn positions_survive_bytes() {
        for positions in [Positions::new("s3://trails"), used()] {
            let bytes = positions.to_bytes().unwrap();
            assert_eq!(Positions::from_bytes(&bytes, "s3://trails"), Some(positions));
        }
    }

    #[test]
    fn other_scans_and_other_bytes_are_none() {
        let bytes = used().to_bytes().unwrap();
        assert_eq!(Positions::from_bytes(&bytes, "s3://trails/"), None);
        for length in 0..bytes.len() {
            assert_eq!(Positions::from_bytes(&bytes[..length], "s3://trails"), None);
        }
    }

    #[test]
    fn fields_may_be_unknown_or_missing() {
        let text = r#"{"identity":"x","later":[1],"partitions":{"p/":{"dated":{"reached":86400,"more":{}}}}}"#;
        let mut positions = Positions::from_bytes(text.as_bytes(), "x").unwrap();
        assert_eq!(positions.partition("p/", Layout::Dated).list_from(), Some(0));
        assert_eq!(positions.ended_by, None);
    }

    #[test]
    fn a_partition_with_other_keys_begins_anew() {
        let mut positions = used();
        assert!(positions.partition(A, Layout::Dated).list_from().is_some());
        assert_eq!(positions.partition(A, Layout::Flat).resume_after(), None);
        assert_eq!(positions.partition(A, Layout::Flat).layout(), Layout::Flat);
        assert_eq!(positions.partition(A, Layout::Dated).list_from(), None);
    }

    #[test]
    fn listings_begin_with_the_day_of_the_floor() {
        let mut partition = Partition::new(Layout::Dated);
        partition.pass_begins(10 * DAY);
        let mut consume = |key: &str, second| {
            partition.consume(&Object { key, id: ObjectId::of(&[key]), time: TimeRange::at(second) });
            partition.list_from()
        };
        assert_eq!(consume("a", 3 * DAY + LATE), Some(3 * DAY));
        assert_eq!(consume("b", 4 * DAY + LATE - 1), Some(3 * DAY));
        assert_eq!(consume("c", 4 * DAY + LATE), Some(4 * DAY));
    }

    #[test]
    fn days_hold_for_times_before_1970_too() {
        assert_eq!(TimeRange::day_of(-1), TimeRange { low: -DAY, high: -1 });
        assert_eq!(TimeRange::day_of(0), TimeRange { low: 0, high: DAY - 1 });
        assert!(TimeRange::day_of(i64::MIN).low == i64::MIN && TimeRange::day_of(i64::MAX).high == i64::MAX);
    }

    #[test]
    fn many_partitions_are_written_in_little_room() {
        let mut positions = Positions::new("s3://trails");
        for account in 0..100 {
            let partition = positions.partition(&format!("AWSLogs/{account:012}/CloudTrail/eu-west-1/"), Layout::Dated);
            partition.pass_begins(1_700_000_000);
            for n in 0..24 {
                let key = format!("{account}/{n}");
                let time = TimeRange::at(1_699_990_000 + n * 300);
                partition.consume(&Object { key: &key, id: ObjectId::of(&[&key]), time });
            }
        }
        let bytes = positions.to_bytes().unwrap().len();
        assert!(bytes < 100 * (24 * 50 + 200), "{bytes} bytes");
    }
}
