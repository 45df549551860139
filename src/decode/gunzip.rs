//! From the bytes of a file or object to its text: inflates gzip data, passes on anything else.
//!
//! It is the only place that inflates, since every inflated byte must count against the limits.

use super::buffer::{Buffer, Buffers, Text};
use super::{Cause, Skip};
use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, Read};

/// How much a file may inflate to before its ratio is looked at: short runs of anything may repeat themselves.
const FREE_OF_RATIO: u64 = 256 * 1024 * 1024;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What a gzip file may inflate to.
#[derive(Clone, Copy, Debug, Default)]
pub struct InflateLimits {
    /// How many times its size, 0 for any. It is looked at behind the first 256 MiB.
    pub ratio: u64,
    /// How many bytes, 0 for any.
    pub bytes: u64,
}

/// The text of one log.
pub struct LogText<R> {
    input: Input<R>,
    buffers: Buffers,
    format: Format,
    limits: InflateLimits,
    inflated: u64,
    /// Damage that is told once the text before it is taken.
    damage: Option<Skip>,
}

enum Format {
    /// Nothing has been read yet.
    Unknown,
    Plain,
    /// The current member of the gzip data.
    Gzip(Box<Decompress>),
    Ended,
}

/// What [`LogText::next_piece`] gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The next text; never empty.
    Text(Text),
    /// The end, and what was wrong with the file if something was.
    End(Option<Skip>),
}

impl<R: Read> LogText<R> {
    /// Reads a log into `buffers`.
    pub fn new(file: R, limits: InflateLimits, buffers: &Buffers) -> Self {
        let input = Input { file, buffer: buffers.take(), unread: 0..0, consumed: 0, ended: false };
        Self { input, buffers: buffers.clone(), format: Format::Unknown, limits, inflated: 0, damage: None }
    }

    /// Returns how many bytes of the file have been used.
    pub fn consumed(&self) -> u64 {
        self.input.consumed
    }

    /// Returns the next piece of text, up to [`CHUNK`](super::buffer::CHUNK) bytes. After the end it is the end again.
    pub fn next_piece(&mut self) -> Piece {
        if matches!(self.format, Format::Ended) {
            return Piece::End(self.damage.take());
        }
        let mut buffer = self.buffers.take();
        let mut filled = 0;
        if let Err(skip) = self.fill(&mut buffer, &mut filled) {
            self.damage = Some(skip);
            self.format = Format::Ended;
        }
        if filled == 0 { Piece::End(self.damage.take()) } else { Piece::Text(buffer.into_text(filled)) }
    }

    /// Fills the room with text until it is full or the file ends; what was `filled` before an error counts.
    fn fill(&mut self, room: &mut [u8], filled: &mut usize) -> Result<(), Skip> {
        if matches!(self.format, Format::Unknown) {
            let is_gzip = self.input.starts_with_gzip_magic()?;
            self.format = if is_gzip { Format::Gzip(new_member()) } else { Format::Plain };
        }
        while let Some(rest @ [_, ..]) = room.get_mut(*filled..)
            && !matches!(self.format, Format::Ended)
        {
            let (added, result) = match self.step(rest) {
                Ok(added) => (added, Ok(())),
                Err((added, skip)) => (added, Err(skip)),
            };
            *filled += added;
            result?;
        }
        Ok(())
    }

    /// Writes some text, perhaps none, and returns how much; an error comes with what was written before it.
    fn step(&mut self, out: &mut [u8]) -> Result<usize, (usize, Skip)> {
        let none = |skip| (0, skip);
        let Format::Gzip(member) = &mut self.format else {
            let copied = self.input.copy_to(out).map_err(none)?;
            if copied == 0 {
                self.format = Format::Ended;
            }
            return Ok(copied);
        };
        // What has been read may have more text in it, also when no more can be read.
        let refilled = self.input.refill();
        let (in_before, out_before) = (member.total_in(), member.total_out());
        let status = member.decompress(self.input.unread(), out, FlushDecompress::None);
        let used = (member.total_in() - in_before) as usize;
        let added = (member.total_out() - out_before) as usize;
        self.input.advance(used);
        self.inflated += added as u64;
        let skip = |cause, at| (added, Skip { cause, at: Some(at), detail: None });
        match status {
            Err(_) => return Err(skip(Cause::CorruptGzip, self.input.consumed)),
            Ok(Status::StreamEnd) => {
                let more = self.input.starts_with_gzip_magic().map_err(|skip| (added, skip))?;
                if more {
                    self.format = Format::Gzip(new_member());
                } else {
                    // What pads a file to a block's size is no damage; anything else may have been a member.
                    let at = self.input.consumed;
                    let padding = self.input.rest_is_zero().map_err(|skip| (added, skip))?;
                    self.format = Format::Ended;
                    if !padding {
                        return Err(skip(Cause::CorruptGzip, at));
                    }
                }
            }
            Ok(_) if used == 0 && added == 0 && self.input.unread().is_empty() => {
                return Err(refilled.err().map_or_else(|| skip(Cause::TruncatedGzip, self.input.consumed), none));
            }
            Ok(_) => {}
        }
        if self.is_bomb() { Err(skip(Cause::InflatesTooMuch, self.input.consumed)) } else { Ok(added) }
    }
}

impl<R> LogText<R> {
    /// Returns whether the file has inflated to more than it may.
    fn is_bomb(&self) -> bool {
        let InflateLimits { ratio, bytes } = self.limits;
        let is_dense = ratio > 0 && self.inflated > FREE_OF_RATIO && self.inflated / ratio > self.input.consumed;
        is_dense || (bytes > 0 && self.inflated > bytes)
    }
}

fn new_member() -> Box<Decompress> {
    const LARGEST_WINDOW: u8 = 15;
    Box::new(Decompress::new_gzip(LARGEST_WINDOW))
}

/// The file's bytes, read ahead by a buffer.
struct Input<R> {
    file: R,
    buffer: Buffer,
    unread: std::ops::Range<usize>,
    consumed: u64,
    ended: bool,
}

impl<R: Read> Input<R> {
    fn unread(&self) -> &[u8] {
        self.buffer.get(self.unread.clone()).unwrap_or_default()
    }

    fn advance(&mut self, used: usize) {
        self.unread.start += used;
        self.consumed += used as u64;
    }

    /// Reads more when all has been used.
    fn refill(&mut self) -> Result<(), Skip> {
        if self.unread.is_empty() && !self.ended {
            let length = read(&mut self.file, &mut self.buffer, self.consumed)?;
            self.unread = 0..length;
            self.ended = length == 0;
        }
        Ok(())
    }

    fn starts_with_gzip_magic(&mut self) -> Result<bool, Skip> {
        while self.unread.len() < GZIP_MAGIC.len() && !self.ended {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            let room = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
            let length = read(&mut self.file, room, self.consumed)?;
            self.unread.end += length;
            self.ended = length == 0;
        }
        Ok(self.unread().starts_with(&GZIP_MAGIC))
    }

    fn rest_is_zero(&mut self) -> Result<bool, Skip> {
        loop {
            self.refill()?;
            if self.unread.is_empty() {
                return Ok(true);
            }
            if self.unread().iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            self.advance(self.unread.len());
        }
    }

    /// Copies bytes as they are, first those that are in the buffer.
    fn copy_to(&mut self, out: &mut [u8]) -> Result<usize, Skip> {
        if self.unread.is_empty() && !self.ended {
            let length = read(&mut self.file, out, self.consumed)?;
            self.consumed += length as u64;
            return Ok(length);
        }
        let length = self.unread().read(out)?;
        self.advance(length);
        Ok(length)
    }
}

fn read(file: &mut impl Read, buffer: &mut [u8], at: u64) -> Result<usize, Skip> {
    loop {
        match file.read(buffer) {
            Ok(length) => return Ok(length),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Skip { at: Some(at), ..error.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::buffer::CHUNK;
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Text that gzip cannot make much smaller.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 28) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(buffer.len()).min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    fn read_all(file: impl Read, bytes: u64) -> (Vec<u8>, Option<Skip>) {
        let mut log = LogText::new(file, InflateLimits { ratio: 0, bytes }, &Buffers::default());
        let mut all = Vec::new();
        loop {
            match log.next_piece() {
                Piece::Text(text) => all.extend_from_slice(&text),
                Piece::End(damage) => return (all, damage),
            }
        }
    }

    #[test]
    fn content_decides_and_all_members_are_read() {
        let text = noise(3 * CHUNK + 17);
        let members = [gzip(&text), gzip(b""), gzip(b"second")].concat();
        let both = [&text[..], b"second"].concat();
        for (file, expected) in [
            (&text, &text),
            (&gzip(&text), &text),
            (&members, &both),
            (&Vec::new(), &Vec::new()),
            (&vec![0x1f], &vec![0x1f]),
        ] {
            assert_eq!(read_all(&file[..], 0), (expected.clone(), None));
            assert_eq!(read_all(Slow(file), 0), (expected.clone(), None));
        }
        assert_eq!(read_all(&[&gzip(b"x")[..], &[0; 70_000]].concat()[..], 0), (b"x".to_vec(), None));
    }

    #[test]
    fn text_before_damage_is_given() {
        let text = noise(CHUNK);
        let whole = gzip(&text);
        let (read, damage) = read_all(&whole[..whole.len() / 2], 0);
        assert!(read.len() > CHUNK / 3 && text.starts_with(&read));
        assert_eq!(damage, Some(Skip { cause: Cause::TruncatedGzip, at: Some(whole.len() as u64 / 2), detail: None }));

        let mut wrong_sum = whole.clone();
        let sum = wrong_sum.len() - 8;
        wrong_sum[sum] ^= 1;
        let (read, damage) = read_all(&wrong_sum[..], 0);
        assert_eq!(read, text, "all text was there before the check sum was seen to be wrong");
        assert_eq!(damage.map(|skip| skip.cause), Some(Cause::CorruptGzip));

        // A stored block's length must match its complement.
        let broken_block = [&gzip(&text)[..10], &[0, 1, 0, 1, 0, 9]].concat();
        let (read, damage) = read_all(&broken_block[..], 0);
        assert_eq!((read.len(), damage.map(|skip| skip.cause)), (0, Some(Cause::CorruptGzip)));

        let (read, damage) = read_all(&[&gzip(b"x")[..], b"junk"].concat()[..], 0);
        assert_eq!((&read[..], damage.map(|skip| skip.cause)), (&b"x"[..], Some(Cause::CorruptGzip)));
    }

    #[test]
    fn a_bomb_is_cut_off() {
        let zeros = vec![b' '; 1 << 20];
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..300 {
            encoder.write_all(&zeros).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        let mut log = LogText::new(&bomb[..], InflateLimits { ratio: 100, bytes: 0 }, &Buffers::default());
        let mut length = 0;
        let damage = loop {
            match log.next_piece() {
                Piece::Text(text) => length += text.len() as u64,
                Piece::End(damage) => break damage,
            }
        };
        assert_eq!(damage.map(|skip| skip.cause), Some(Cause::InflatesTooMuch));
        assert!((FREE_OF_RATIO..FREE_OF_RATIO + 2 * CHUNK as u64).contains(&length), "{length}");
    }

    #[test]
    fn more_text_than_is_allowed_is_cut_off_however_little_it_was_compressed() {
        let limit = 2 * CHUNK as u64;
        let texts = [limit as usize, limit as usize + 1, 9 * CHUNK].map(noise);
        for (text, is_cut) in texts.iter().zip([false, true, true]) {
            let (read, damage) = read_all(&gzip(text)[..], limit);
            assert_eq!(damage.map(|skip| skip.cause), is_cut.then_some(Cause::InflatesTooMuch));
            assert!(read.len() <= limit as usize + CHUNK && text.starts_with(&read), "{}", read.len());
            assert_eq!(read_all(&text[..], limit), (text.clone(), None), "plain text has the size of its file");
        }
    }

    #[test]
    fn an_error_of_the_file_is_told() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("device gone"))
            }
        }
        // A piece may end in the middle of a repetition whose last byte in the file has been read.
        for more in 1..300 {
            let text = vec![b' '; CHUNK + more];
            let packed = gzip(&text);
            let (read, damage) = read_all(packed[..packed.len() - 8].chain(Broken), 0);
            assert_eq!((read.len(), damage.map(|skip| skip.cause)), (text.len(), Some(Cause::Unreadable)));
        }
        let (read, damage) = read_all(b"abc".chain(Broken), 0);
        assert_eq!(read, b"abc");
        assert_eq!(damage, Some(Skip { cause: Cause::Unreadable, at: Some(3), detail: Some("device gone".into()) }));
    }
}
