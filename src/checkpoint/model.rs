//! A bucket, a scan of it and everything that can happen to both, played with a visible clock: objects that come late and
//! during passes, kills, state that was saved before what is known. It checks the rules of partitions, not files.

use super::ObjectId;
use super::positions::{DAY, LATE, Layout, Object, Partition, Positions, TimeRange};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The longest time between an object's time and its appearance.
const DELAY: i64 = 60 * 60;

/// How far the clock of the host and that of S3 may be apart.
const SKEW: i64 = 15 * 60;

const PREFIX: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/";

#[derive(Clone, Debug)]
struct Stored {
    id: ObjectId,
    time: TimeRange,
    appeared: i64,
}

/// What is known at an instant: the positions, and beside them what they are to stand for.
#[derive(Clone)]
struct Known {
    positions: Positions,
    consumed: BTreeSet<ObjectId>,
    /// The latest time that was consumed.
    newest: i64,
    /// What a complete pass has settled: the time up to which all is done, but for what is late.
    settled: Option<i64>,
    /// When the pass that is not complete began at first, by the host's clock and in truth.
    began: Option<(i64, i64)>,
}

struct Play {
    rng: Rng,
    layout: Layout,
    now: i64,
    /// How long one step takes at most, and how many objects appear in a step at most.
    pace: (i64, usize),
    /// How many steps there are to a kill.
    kills: u32,
    skew: i64,
    /// What a listing shows now, by key.
    bucket: BTreeMap<String, Stored>,
    /// The last times of all objects that ever were in it.
    made: Vec<i64>,
    known: Known,
    saved: Known,
    saving: Option<Known>,
    passes: usize,
    most: usize,
}

impl Play {
    fn new(layout: Layout, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let now = 1_700_000_000 + rng.i64(0..DAY);
        let known = Known {
            positions: Positions::new("scan"),
            consumed: BTreeSet::new(),
            newest: i64::MIN,
            settled: None,
            began: None,
        };
        let pace = (rng.choice([10, 300, 2000, 20_000]).unwrap(), rng.usize(1..4));
        let kills = rng.choice([50, 200, 1000]).unwrap();
        let skew = rng.i64(-SKEW..=SKEW);
        let saved = known.clone();
        let (bucket, made) = (BTreeMap::new(), Vec::new());
        let mut play =
            Self { rng, layout, now, pace, kills, skew, bucket, made, known, saved, saving: None, passes: 0, most: 0 };
        for _ in 0..play.rng.usize(0..60) {
            let age = play.rng.i64(0..=play.pace.0 * 50);
            play.appear(now - age);
        }
        play
    }

    fn partition(&mut self) -> &mut Partition {
        self.known.positions.partition(PREFIX, self.layout)
    }

    /// Returns the number of objects that are remembered.
    fn done(&mut self) -> usize {
        match self.partition() {
            Partition::Dated(dated) => dated.done(),
            Partition::Flat(flat) => flat.done(),
        }
    }

    fn appear(&mut self, appeared: i64) {
        let written = appeared - self.rng.i64(0..=DELAY);
        let day = TimeRange::day_of(written);
        let mark = self.rng.u32(..);
        let (key, time) = match self.layout {
            Layout::Dated if self.rng.u8(0..4) == 0 => (format!("{PREFIX}{}/{mark:08x}", day.low), day),
            Layout::Dated => (format!("{PREFIX}{}/{written}_{mark:08x}", day.low), TimeRange::at(written)),
            // Few keys, so that some objects take the place of others.
            Layout::Flat => (format!("{PREFIX}{:02x}", mark % 200), TimeRange::at(written)),
        };
        self.made.push(time.high);
        let id = ObjectId::of(&["bucket", &key, &self.made.len().to_string()]);
        self.bucket.insert(key, Stored { id, time, appeared });
    }

    fn pass_time(&mut self) {
        let until = self.now + self.rng.i64(0..=self.pace.0);
        for _ in 0..self.rng.usize(0..=self.pace.1) {
            let appeared = self.rng.i64(self.now..=until) + 1;
            self.appear(appeared);
        }
        // Nothing that is in the bucket may appear later than now.
        self.now = until + 1;
    }

    /// Consumes an object that was found to be new.
    fn consume(&mut self, key: &str, stored: &Stored) {
        assert!(self.known.consumed.insert(stored.id), "{key} comes again");
        self.known.newest = self.known.newest.max(stored.time.low);
        self.partition().consume(&Object { key, id: stored.id, time: stored.time });
        if self.rng.u8(0..8) == 0 {
            self.check_room();
        }
    }

    /// Checks that what is remembered is what a later listing may show as new, and no more.
    fn check_room(&mut self) {
        let done = self.done();
        self.most = self.most.max(done);
        // The listing of a first pass shows nothing again, so there it is enough to remember what the next may show.
        let first = self.known.began.map_or(i64::MAX, |(clock, _)| clock);
        let settled = self.known.settled.unwrap_or(self.known.newest.min(first));
        let may_come = self.made.iter().filter(|time| **time >= settled.saturating_sub(LATE)).count();
        assert!(done <= may_come, "{done} are remembered where {may_come} can come again");
    }

    /// Goes over the partition once, unless it is killed, and returns whether it came to the end.
    fn pass(&mut self) -> bool {
        let clock = self.now + self.skew;
        let last = (clock, self.now);
        let first = *self.known.began.get_or_insert(last);
        self.partition().pass_begins(clock);
        let mut cursor = self.partition().resume_after().unwrap_or_default().to_owned();
        if let Some(from) = self.partition().list_from() {
            assert!(cursor.is_empty() && from % DAY == 0);
            cursor = format!("{PREFIX}{from}");
        }
        let mut flight: VecDeque<(String, Stored)> = VecDeque::new();
        let mut listed_all = false;
        while !listed_all || !flight.is_empty() {
            if self.rng.u32(0..self.kills) == 0 {
                self.kill();
                return false;
            }
            match self.rng.u8(0..20) {
                0..5 => {
                    let size = self.rng.usize(1..20);
                    let page: Vec<_> =
                        self.bucket.range(cursor.clone()..).filter(|(key, _)| **key != cursor).take(size).collect();
                    listed_all = page.len() < size;
                    let page: Vec<_> = page.into_iter().map(|(key, stored)| (key.clone(), stored.clone())).collect();
                    cursor = page.last().map_or(cursor, |(key, _)| key.clone());
                    for (key, stored) in page {
                        if self.partition().is_new(&Object { key: &key, id: stored.id, time: stored.time }) {
                            flight.push_back((key, stored));
                        }
                    }
                }
                5..15 => {
                    if let Some((key, stored)) = flight.pop_front() {
                        self.consume(&key, &stored);
                    }
                }
                15 => self.saving = Some(self.known.clone()),
                16 => self.save(),
                _ => self.pass_time(),
            }
        }
        self.partition().pass_ended();
        self.passes += 1;
        // A flat pass goes on behind its last key after a restart, a dated one starts anew from what it has reached.
        let (clock, began) = if self.layout == Layout::Flat { first } else { last };
        self.known.settled = self.known.settled.max(Some(self.known.newest.min(clock)));
        self.known.began = None;
        self.check_room();
        self.check_complete(began);
        true
    }

    fn save(&mut self) {
        if let Some(saving) = self.saving.take() {
            self.saved = saving;
        }
    }

    /// Starts again with what was saved, as a new process would read it.
    fn kill(&mut self) {
        self.saving = None;
        let bytes = self.saved.positions.to_bytes().unwrap();
        let positions = Positions::from_bytes(&bytes, "scan").unwrap();
        self.known = Known { positions, ..self.saved.clone() };
    }

    /// Checks that nothing is missing that was there when the last complete pass began.
    fn check_complete(&self, began: i64) {
        for (key, stored) in self.bucket.iter().filter(|(_, stored)| stored.appeared <= began) {
            assert!(self.known.consumed.contains(&stored.id), "{key} is missed: {stored:?}, pass began {began}");
        }
    }

    fn run(&mut self) {
        for _ in 0..self.rng.usize(1..12) {
            if self.pass() && self.rng.bool() {
                match self.rng.u8(0..4) {
                    0 => self.kill(),
                    1 => self.saving = Some(self.known.clone()),
                    _ => self.save(),
                }
                for _ in 0..self.rng.usize(0..10) {
                    self.pass_time();
                }
            }
        }
        self.kills = u32::MAX;
        while !self.pass() {}
    }
}

fn play(layout: Layout, seeds: std::ops::Range<u64>) {
    let (mut total, mut most) = (0, 0);
    for seed in seeds {
        let mut play = Play::new(layout, seed);
        play.run();
        total += play.passes;
        most = most.max(play.most);
    }
    assert!(total > 3000 && most > 100, "the play is too dull: {total} {most}");
}

#[test]
fn dated_partitions_lose_nothing_and_repeat_nothing() {
    play(Layout::Dated, 0..1000);
}

#[test]
fn flat_partitions_lose_nothing_and_repeat_nothing() {
    play(Layout::Flat, 0..1000);
}
