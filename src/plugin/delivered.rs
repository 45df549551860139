//! How far Falco came in the batch that it has: at a close in the middle, the rest must come again and what Falco has
//! evaluated must not.
//!
//! Falco asks for another batch when it has gone through the last one. Within a batch, the questions that its rules ask
//! tell which event it is at.

use crate::decode::{Block, Found};

/// The batch that Falco has.
#[derive(Debug, Default)]
pub struct Delivered {
    block: Block,
    /// How many of its records came up.
    records: usize,
    /// How many event ids were new up to the last record that came up, see [`Seen::count`](crate::decode::seen::Seen).
    ids: u64,
}

impl Delivered {
    /// Begins with a source that has delivered nothing yet.
    pub fn begin(&mut self, ids: u64) {
        *self = Self { ids, ..Self::default() };
    }

    /// Notes the next batch. All of the one before came up.
    pub fn batch(&mut self, block: Block) {
        self.all_came_up();
        self.block = block;
    }

    /// Notes that Falco went through the batch.
    pub fn all_came_up(&mut self) {
        self.ids = self.block.records.last().map_or(self.ids, |record| record.ids);
        self.block = Block::default();
        self.records = 0;
    }

    /// Notes that Falco asks about an event.
    pub fn came_up(&mut self, payload: &[u8]) {
        let rest = self.block.records.get(self.records..).unwrap_or_default();
        let is_it = |record: &Found| self.block.text.get(record.range.clone()) == Some(payload);
        if let Some((place, record)) = rest.iter().enumerate().find(|(_, record)| is_it(record)) {
            self.records += place + 1;
            self.ids = record.ids;
        }
    }

    /// Returns whether Falco went through the batch, as far as its questions tell.
    pub fn is_whole(&self) -> bool {
        self.records == self.block.records.len()
    }

    /// Returns how many event ids were new up to the last event that came up.
    pub fn ids(&self) -> u64 {
        self.ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Found;

    /// A batch of records `a`, `b`, `b`, `c`, of which the second has no id.
    fn block() -> Block {
        let records = [1, 1, 2, 3].iter().enumerate();
        let records = records.map(|(at, ids)| Found { range: at..at + 1, time_ns: None, ids: 10 + ids }).collect();
        Block { text: b"abbc".to_vec().into(), records, ..Block::default() }
    }

    #[test]
    fn questions_tell_how_far_the_engine_came() {
        let mut delivered = Delivered::default();
        delivered.begin(10);
        assert!(delivered.is_whole() && delivered.ids() == 10);
        delivered.batch(block());
        for (asked, ids) in [("x", 10), ("a", 11), ("a", 11), ("b", 11), ("b", 12), ("x", 12)] {
            delivered.came_up(asked.as_bytes());
            assert_eq!((delivered.ids(), delivered.is_whole()), (ids, false), "{asked}");
        }
        delivered.came_up(b"c");
        assert!(delivered.is_whole() && delivered.ids() == 13);
    }

    #[test]
    fn an_event_without_questions_is_passed_with_the_next_one() {
        let mut delivered = Delivered::default();
        delivered.batch(block());
        delivered.came_up(b"c");
        assert!(delivered.is_whole() && delivered.ids() == 13);
    }

    #[test]
    fn asking_for_the_next_batch_passes_the_last_one() {
        let mut delivered = Delivered::default();
        delivered.batch(block());
        delivered.batch(Block::default());
        assert!(delivered.is_whole() && delivered.ids() == 13);
    }
}
