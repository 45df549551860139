//! Where the strings of a text begin and end: the positions of its quotes, found 64 bytes at a time.
//!
//! Why it is not a search from each string's start: such a search cannot begin before the string before it has ended, so
//! that a scan waits for memory, comparison and mask once a string, and an event has a hundred. Here a block is compared
//! once and gives all of its quotes, and the next one is at hand when a string begins. A scan takes about two thirds of
//! the time; `make count` and `cargo bench --bench extract` would show if that is no longer so. The instructions are
//! those that every processor of the target has, so nothing is chosen when the library is loaded.

use crate::scan::Stop;
use wide::u8x16;

/// The bytes of which one mask tells.
const BLOCK: usize = 64;

/// The quotes of a text from a position on, except those that a `\` makes part of a string.
pub(crate) struct Quotes<'a> {
    text: &'a [u8],
    /// Where the block starts.
    block: usize,
    /// The quotes of the block that have not been taken, one bit each.
    quotes: u64,
    /// The end of the last block with a `\`.
    backslashes_until: usize,
    /// Whether a `\` at the block's end escapes the byte behind it.
    escapes_next: bool,
}

impl<'a> Quotes<'a> {
    /// Looks at `text` from `at` on, which must not be inside a string.
    pub fn new(text: &'a [u8], at: usize) -> Self {
        let mut quotes = Self { text, block: at, quotes: 0, backslashes_until: 0, escapes_next: false };
        quotes.look();
        quotes
    }

    /// Returns the position behind the closing quote of the string that opens at `open`, and whether it has escapes.
    ///
    /// Every string must be asked for, in the order of the text.
    #[inline(always)]
    pub fn string(&mut self, open: usize) -> Result<(usize, bool), Stop> {
        self.take();
        let Some(close) = self.take() else { return Err(unfinished(self.text, open)) };
        let escaped = self.backslashes_until > open && has_escapes(self.text, open + 1, close)?;
        Ok((close + 1, escaped))
    }

    #[inline(always)]
    fn take(&mut self) -> Option<usize> {
        while self.quotes == 0 {
            self.block += BLOCK;
            if self.block >= self.text.len() {
                return None;
            }
            self.look();
        }
        // In the text, so it cannot overflow: to check that for each quote takes 2 % of the delivery of a plain log.
        let at = self.block.wrapping_add(self.quotes.trailing_zeros() as usize);
        self.quotes &= self.quotes - 1;
        Some(at)
    }

    #[inline(always)]
    fn look(&mut self) {
        let rest = self.text.get(self.block..).unwrap_or_default();
        match rest.first_chunk() {
            Some(block) => self.look_at(block),
            None => {
                let mut block = [0; BLOCK];
                block.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
                self.look_at(&block);
            }
        }
    }

    #[inline(always)]
    fn look_at(&mut self, block: &[u8; BLOCK]) {
        let mut quotes = mask(block, b'"');
        let backslashes = mask(block, b'\\');
        if backslashes != 0 || self.escapes_next {
            self.backslashes_until = self.block + BLOCK;
            quotes &= !self.escaped(backslashes);
        }
        self.quotes = quotes;
    }

    /// Returns which bytes of a block a `\` escapes.
    #[cold]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        // Every other one of a run of backslashes escapes. Whether its first one stands at an even or an odd place decides
        // which, and the carry of the subtraction takes that along the run.
        let before = u64::from(self.escapes_next);
        let starts = backslashes & !before;
        let series = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
        self.escapes_next = (series & backslashes) >> (BLOCK - 1) == 1;
        series ^ (backslashes | before)
    }
}

/// Returns where a byte stands in a block, one bit each.
#[inline(always)]
fn mask(block: &[u8; BLOCK], byte: u8) -> u64 {
    let (lanes, _) = block.as_chunks::<16>();
    let mut mask = 0;
    for (i, lane) in lanes.iter().enumerate() {
        mask |= (u8x16::new(*lane).cmp_eq(u8x16::splat(byte)).move_mask() as u64) << (16 * i);
    }
    mask
}

/// Returns whether a string has escapes; the first one that means nothing is an error.
#[cold]
fn has_escapes(text: &[u8], start: usize, end: usize) -> Result<bool, Stop> {
    let mut at = start;
    loop {
        let Some(backslash) = text.get(at..end).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) else {
            return Ok(at > start);
        };
        at += backslash;
        let escape = |at: usize| text.get(at).copied().ok_or(Stop::End);
        match escape(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
            b'u' => {
                for digit in at + 2..at + 6 {
                    if !escape(digit)?.is_ascii_hexdigit() {
                        return Err(Stop::Syntax(digit));
                    }
                }
                at += 6;
            }
            _ => return Err(Stop::Syntax(at + 1)),
        }
    }
}

/// Returns what is wrong with a string that does not end.
#[cold]
fn unfinished(text: &[u8], open: usize) -> Stop {
    has_escapes(text, open + 1, text.len()).err().unwrap_or(Stop::End)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a string byte by byte: its end, or the fault.
    fn slow(text: &[u8], open: usize) -> Result<(usize, bool), Stop> {
        let byte = |at: usize| text.get(at).copied().ok_or(Stop::End);
        let (mut at, mut escaped) = (open + 1, false);
        while byte(at)? != b'"' {
            if byte(at)? != b'\\' {
                at += 1;
                continue;
            }
            escaped = true;
            match byte(at + 1)? {
                b'u' => {
                    if let Some(digit) = (at + 2..at + 6).find(|i| !text.get(*i).is_none_or(u8::is_ascii_hexdigit)) {
                        return Err(Stop::Syntax(digit));
                    }
                    at += 6;
                }
                escape if b"\"\\/bfnrt".contains(&escape) => at += 2,
                _ => return Err(Stop::Syntax(at + 1)),
            }
        }
        Ok((at + 1, escaped))
    }

    #[test]
    fn strings_end_where_a_reading_byte_by_byte_says() {
        let mut random = 1_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 16) % below
        };
        let (mut whole, mut broken) = (0, 0);
        for _ in 0..20_000 {
            let text: Vec<u8> =
                (0..next(200)).map(|_| b"\"\\\\u0nabcdefghijklmnopqrstuvwxyz"[next(32) as usize]).collect();
            let text = [b"\"", &text[..], b"\""].concat();
            let mut quotes = Quotes::new(&text, 0);
            let mut open = 0;
            loop {
                let expected = slow(&text, open);
                assert_eq!(quotes.string(open), expected, "{} from {open}", String::from_utf8_lossy(&text));
                let Ok((end, _)) = expected else { break broken += 1 };
                whole += 1;
                // What stands between strings is the scan's concern: the next one opens at the next quote.
                let Some(next) = text[end..].iter().position(|byte| *byte == b'"') else { break };
                if text[end..end + next].contains(&b'\\') {
                    break;
                }
                open = end + next;
            }
        }
        assert!(whole > 5_000 && broken > 5_000, "{whole} {broken}");
    }

    #[test]
    fn runs_of_backslashes_escape_across_blocks() {
        for before in 0..2 * BLOCK {
            for run in 0..6 {
                let text = format!("[\"{}{}\"{}\",\"\"]", "x".repeat(before), "\\".repeat(run), "y".repeat(70));
                let text = text.as_bytes();
                assert_eq!(Quotes::new(text, 1).string(1), slow(text, 1), "{before} {run}");
            }
        }
    }
}
