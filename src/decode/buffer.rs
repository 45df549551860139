//! The memory in which log text travels: buffers that go round between the threads.
//!
//! Why text is no `Vec`: a log comes in pieces, and each one would be allocated and cleared by the thread that reads,
//! copied behind the rest of the piece before it by the thread that cuts, and freed by Falco's. Here a buffer has room in
//! front for that rest, and goes back to where it came from when nobody holds its text any more. `cargo bench --bench
//! decode` shows what that is worth.

use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut, Range};
use std::sync::{Arc, Mutex, PoisonError};

/// The text that a buffer holds.
pub const CHUNK: usize = 512 * 1024;

/// The room in front of it; a longer rest costs an allocation.
const FRONT: usize = 16 * 1024;

/// How many buffers are kept when nobody uses them.
const SPARE: usize = 8;

/// Buffers for the text of logs.
#[derive(Clone, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// Gives a buffer with anything in it.
    pub fn take(&self) -> Buffer {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer { bytes: spare.unwrap_or_else(|| vec![0; FRONT + CHUNK]), home: self.clone() }
    }
}

/// A buffer, [`CHUNK`] bytes, which goes back when it is dropped.
pub struct Buffer {
    bytes: Vec<u8>,
    home: Buffers,
}

impl Buffer {
    /// Makes a text of the first `length` bytes.
    pub fn into_text(self, length: usize) -> Text {
        // Many logs are a single event: they must not hold the memory of large ones while they wait.
        if length < CHUNK / 2 {
            return self.get(..length).unwrap_or_default().to_vec().into();
        }
        Text { range: FRONT..FRONT + length, memory: Memory::Round(self) }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(FRONT..).unwrap_or_default()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(FRONT..).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(mem::take(&mut self.bytes));
        }
    }
}

/// A part of a log's text.
#[derive(Default)]
pub struct Text {
    memory: Memory,
    range: Range<usize>,
}

/// What a text is written in.
enum Memory {
    /// A buffer that goes round.
    Round(Buffer),
    /// Its own.
    Own(Vec<u8>),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Text {
    /// Puts `front` before the text.
    pub fn prepend(&mut self, front: &[u8]) {
        if front.is_empty() {
            return;
        }
        let room = self.range.start.checked_sub(front.len());
        if let (Memory::Round(buffer), Some(start)) = (&mut self.memory, room)
            && let Some(place) = buffer.bytes.get_mut(start..self.range.start)
        {
            place.copy_from_slice(front);
            self.range.start = start;
        } else {
            *self = [front, self].concat().into();
        }
    }

    /// Returns how many bytes of memory the text takes.
    pub fn memory(&self) -> usize {
        match &self.memory {
            Memory::Round(buffer) => buffer.bytes.len(),
            Memory::Own(bytes) => bytes.capacity(),
        }
    }
}

impl Deref for Text {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let bytes = match &self.memory {
            Memory::Round(buffer) => &buffer.bytes,
            Memory::Own(bytes) => bytes,
        };
        bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), memory: Memory::Own(bytes) }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self))
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(buffers: &Buffers, length: usize) -> Text {
        let mut buffer = buffers.take();
        buffer[..length].fill(b'x');
        buffer.into_text(length)
    }

    fn spare(buffers: &Buffers) -> usize {
        buffers.0.lock().unwrap().len()
    }

    #[test]
    fn what_comes_in_front_needs_no_memory_while_there_is_room() {
        let buffers = Buffers::default();
        let mut long = text(&buffers, CHUNK);
        long.prepend(b"abc");
        long.prepend(b"");
        assert_eq!((long.len(), &long[..4], long.memory()), (CHUNK + 3, &b"abcx"[..], FRONT + CHUNK));
        assert_eq!(spare(&buffers), 0);
        long.prepend(&[b'y'; FRONT - 2]);
        assert_eq!((long.len(), long.memory()), (CHUNK + FRONT + 1, CHUNK + FRONT + 1));
        assert_eq!((&long[FRONT - 3..FRONT + 2], spare(&buffers)), (&b"yabcx"[..], 1));
    }

    #[test]
    fn buffers_come_back_from_any_thread_and_few_are_kept() {
        let buffers = Buffers::default();
        let texts: Vec<_> = (0..SPARE + 3).map(|_| text(&buffers, CHUNK)).collect();
        std::thread::scope(|scope| scope.spawn(|| drop(texts)).join()).unwrap();
        assert_eq!(spare(&buffers), SPARE);
        let again = buffers.take();
        assert_eq!((again.bytes.len(), spare(&buffers)), (FRONT + CHUNK, SPARE - 1));
    }

    #[test]
    fn a_short_text_holds_no_more_than_itself() {
        let buffers = Buffers::default();
        let mut short = text(&buffers, 9);
        assert_eq!((short.memory(), spare(&buffers)), (9, 1));
        let place = short.as_ptr();
        short.prepend(b"");
        assert_eq!(short.as_ptr(), place);
        short.prepend(b"ab");
        assert_eq!(short, b"abxxxxxxxxx".to_vec().into());
    }
}
