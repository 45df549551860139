//! Choices that an input makes by its own last bytes, so that it stays the same while what is before them changes.

/// The choices of an input. They never end.
pub struct Choices<'a> {
    bytes: &'a [u8],
    taken: usize,
}

/// How many bytes make the choices.
const BYTES: usize = 16;

impl<'a> Choices<'a> {
    /// Begins with the choices of an input.
    pub fn of(input: &'a [u8]) -> Self {
        Self { bytes: input.last_chunk::<BYTES>().map_or(input, |last| last), taken: 0 }
    }

    /// Chooses one of so many.
    pub fn below(&mut self, bound: usize) -> usize {
        let byte = |at: usize| self.bytes.get(at % self.bytes.len().max(1)).copied().map_or(0, usize::from);
        // Neighbours alone would come again with every round.
        let (round, at) = (self.taken / BYTES, self.taken);
        self.taken += 1;
        (byte(at) ^ byte(at + 1 + round) << 5) % bound.max(1)
    }
}
