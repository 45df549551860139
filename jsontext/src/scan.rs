//! The one reading of JSON's grammar (RFC 8259), told to a [`Visit`] as positions in the text.
//!
//! Strict about structure, numbers and escapes; lenient inside strings, where any byte but `"` and `\` may stand,
//! since what a string means is [`text`](crate::text)'s concern. It never recurses and allocates nothing, so depth
//! costs neither stack nor heap. What the values are for is the visitor's concern.

use crate::Kind;
use crate::quotes::Quotes;
use std::mem;
use std::ops::Range;

/// The deepest nesting that can be scanned.
pub const MAX_DEPTH: usize = 1024;

/// Why a scan ended before the value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The text ends inside the value: more text may complete it.
    End,
    /// The byte at this position cannot stand there.
    Syntax(usize),
    /// The container that opens at this position is nested too deep.
    Depth(usize),
    /// The visitor has seen enough; the value that it saw last starts at this position.
    Asked(usize),
}

/// What a visitor answers to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// Reads on.
    On,
    /// Ends the scan with [`Stop::Asked`].
    Stop,
}

/// Where a string or a member's name stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The bytes between the quotes.
    pub range: Range<usize>,
    /// Whether a `\` stands among them.
    pub escaped: bool,
}

/// Is told the parts of a value in the order of the text. A `name` is that of the member that a part is, and empty for
/// what is none.
pub trait Visit {
    /// An object or an array opens at `at`.
    fn open(&mut self, name: Text, kind: Kind, at: usize) -> Go;
    /// The container that was opened last ends before `end`.
    fn close(&mut self, end: usize);
    /// A value that is no container. A string's range includes its quotes; `escaped` is false for other kinds.
    fn scalar(&mut self, name: Text, kind: Kind, range: Range<usize>, escaped: bool);
}

/// Scans the one value that starts at or after `at`, and returns the position behind it.
///
/// A number that ends with the text counts as unfinished ([`Stop::End`]).
pub fn value<V: Visit>(text: &[u8], at: usize, max_depth: usize, visit: &mut V) -> Result<usize, Stop> {
    let mut open = Containers::new(max_depth.min(MAX_DEPTH));
    let mut quotes = Quotes::new(text, at);
    let mut name = Text::default();
    let mut pos = at;
    'value: loop {
        pos = skip_white(text, pos);
        let first = byte(text, pos)?;
        // Most values are strings, and a branch that is mostly taken costs less than one of many.
        if first == b'"' {
            let (end, escaped) = quotes.string(pos)?;
            visit.scalar(mem::take(&mut name), Kind::String, pos..end, escaped);
            pos = end;
        } else {
            match first {
                b'{' => {
                    if visit.open(mem::take(&mut name), Kind::Object, pos) == Go::Stop {
                        return Err(Stop::Asked(pos));
                    }
                    open.push(true, pos)?;
                    pos = skip_white(text, pos + 1);
                    if byte(text, pos)? != b'}' {
                        (name, pos) = member(text, pos, &mut quotes)?;
                        continue;
                    }
                    open.pop();
                    pos += 1;
                    visit.close(pos);
                }
                b'[' => {
                    if visit.open(mem::take(&mut name), Kind::Array, pos) == Go::Stop {
                        return Err(Stop::Asked(pos));
                    }
                    open.push(false, pos)?;
                    pos = skip_white(text, pos + 1);
                    if byte(text, pos)? != b']' {
                        continue;
                    }
                    open.pop();
                    pos += 1;
                    visit.close(pos);
                }
                _ => {
                    let (kind, end) = match first {
                        b't' => (Kind::Bool, word_end(text, pos, b"true")?),
                        b'f' => (Kind::Bool, word_end(text, pos, b"false")?),
                        b'n' => (Kind::Null, word_end(text, pos, b"null")?),
                        b'-' | b'0'..=b'9' => (Kind::Number, number_end(text, pos)?),
                        _ => return Err(Stop::Syntax(pos)),
                    };
                    visit.scalar(mem::take(&mut name), kind, pos..end, false);
                    pos = end;
                }
            }
        }
        // A value has ended at `pos`: close what ends with it, up to the next value.
        loop {
            // Most of what follows a value is a member with a string, without white space: two bytes tell each time.
            while open.in_object && text.get(pos..pos + 2) == Some(b",\"") {
                let (end, escaped) = quotes.string(pos + 1)?;
                let member = Text { range: pos + 2..end - 1, escaped };
                if text.get(end..end + 2) != Some(b":\"") {
                    (name, pos) = (member, colon(text, end)?);
                    continue 'value;
                }
                let (next, escaped) = quotes.string(end + 1)?;
                visit.scalar(member, Kind::String, end + 1..next, escaped);
                pos = next;
            }
            if open.depth == 0 {
                return Ok(pos);
            }
            pos = skip_white(text, pos);
            let next = byte(text, pos)?;
            if next == b',' {
                pos += 1;
                if open.in_object {
                    (name, pos) = member(text, skip_white(text, pos), &mut quotes)?;
                }
                break;
            }
            if next != (if open.in_object { b'}' } else { b']' }) {
                return Err(Stop::Syntax(pos));
            }
            open.pop();
            pos += 1;
            visit.close(pos);
        }
    }
}

/// Returns the first position at or after `at` that holds no white space of JSON.
#[inline]
pub fn skip_white(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Scans a member's name and its colon from `at`, and returns the name and the position behind the colon.
pub fn member_name(text: &[u8], at: usize) -> Result<(Text, usize), Stop> {
    member(text, at, &mut Quotes::new(text, at))
}

#[inline(always)]
fn member(text: &[u8], at: usize, quotes: &mut Quotes<'_>) -> Result<(Text, usize), Stop> {
    if byte(text, at)? != b'"' {
        return Err(Stop::Syntax(at));
    }
    let (end, escaped) = quotes.string(at)?;
    Ok((Text { range: at + 1..end - 1, escaped }, colon(text, end)?))
}

/// Returns the position behind the colon that stands at or after `at`.
#[inline]
fn colon(text: &[u8], at: usize) -> Result<usize, Stop> {
    let colon = skip_white(text, at);
    match byte(text, colon)? {
        b':' => Ok(colon + 1),
        _ => Err(Stop::Syntax(colon)),
    }
}

#[inline]
fn byte(text: &[u8], at: usize) -> Result<u8, Stop> {
    text.get(at).copied().ok_or(Stop::End)
}

fn word_end(text: &[u8], at: usize, word: &[u8]) -> Result<usize, Stop> {
    for (i, expected) in word.iter().enumerate() {
        if byte(text, at + i)? != *expected {
            return Err(Stop::Syntax(at + i));
        }
    }
    Ok(at + word.len())
}

fn number_end(text: &[u8], at: usize) -> Result<usize, Stop> {
    let digits = |mut at: usize| -> Result<usize, Stop> {
        if !byte(text, at)?.is_ascii_digit() {
            return Err(Stop::Syntax(at));
        }
        while byte(text, at)?.is_ascii_digit() {
            at += 1;
        }
        Ok(at)
    };
    let first = at + usize::from(byte(text, at)? == b'-');
    let mut end = if byte(text, first)? == b'0' { first + 1 } else { digits(first)? };
    if byte(text, end)? == b'.' {
        end = digits(end + 1)?;
    }
    if matches!(byte(text, end)?, b'e' | b'E') {
        let sign = usize::from(matches!(byte(text, end + 1)?, b'+' | b'-'));
        end = digits(end + 1 + sign)?;
    }
    Ok(end)
}

/// The containers that are open: one bit each, set for an object.
struct Containers {
    bits: [u64; MAX_DEPTH / 64],
    depth: usize,
    max: usize,
    /// Whether the innermost one is an object.
    in_object: bool,
}

impl Containers {
    fn new(max: usize) -> Self {
        Self { bits: [0; MAX_DEPTH / 64], depth: 0, max, in_object: false }
    }

    #[inline(always)]
    fn push(&mut self, object: bool, at: usize) -> Result<(), Stop> {
        let word = self.bits.get_mut(self.depth / 64).filter(|_| self.depth < self.max);
        let (Some(word), bit) = (word, self.depth % 64) else { return Err(Stop::Depth(at)) };
        *word = *word & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
        self.in_object = object;
        Ok(())
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        let below = self.depth.checked_sub(1);
        let bit = below.and_then(|below| Some(self.bits.get(below / 64)? >> (below % 64) & 1));
        self.in_object = bit == Some(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ignore;
    impl Visit for Ignore {
        fn open(&mut self, _: Text, _: Kind, _: usize) -> Go {
            Go::On
        }
        fn close(&mut self, _: usize) {}
        fn scalar(&mut self, _: Text, _: Kind, _: Range<usize>, _: bool) {}
    }

    fn scan(text: &str) -> Result<usize, Stop> {
        value(text.as_bytes(), 0, MAX_DEPTH, &mut Ignore)
    }

    #[test]
    fn valid_values_end_where_they_end() {
        for text in [
            "{}",
            "[]",
            "[[],{}]",
            r#"{"a":1,"b":[true,false,null],"c":{"d":"e"}}"#,
            " \r\n\t{ \"a\" : [ 1 , 2 ] }",
            r#"["\"\\\/\b\f\n\r\t\u00e9"]"#,
            "[0,-0,-0.5,1e3,1E+3,1.25e-7,12345678901234567890]",
            "\"12345678\"",
            "[\"tab\there\"]",
        ] {
            assert_eq!(scan(text), Ok(text.len()), "{text}");
            assert_eq!(scan(&format!("{text},{{")), Ok(text.len()), "{text} with more behind it");
        }
    }

    #[test]
    fn every_prefix_of_a_value_is_unfinished_and_not_wrong() {
        let text = r#" {"a":[1.5e+3,-0,"x\u00e9\"y",true,null,{"long enough key":{}}],"b":false}"#;
        for end in 0..text.len() {
            assert_eq!(scan(&text[..end]), Err(Stop::End), "{}", &text[..end]);
        }
    }

    #[test]
    fn wrong_text_is_named_by_its_position() {
        for (text, at) in [
            ("[1,,2]", 3),
            ("[1,]", 3),
            ("{,}", 1),
            (r#"{"a" 1}"#, 5),
            (r#"{"a":1,}"#, 7),
            (r#"{"a":1]"#, 6),
            ("[1}", 2),
            ("[01]", 2),
            ("[1.]", 3),
            ("[.5]", 1),
            ("[+1]", 1),
            ("[1e]", 3),
            ("[--1]", 2),
            ("[tru]", 4),
            ("[nul!]", 4),
            (r#"["\x"]"#, 3),
            (r#"["\u12g4"]"#, 6),
            ("hello", 0),
        ] {
            assert_eq!(scan(text), Err(Stop::Syntax(at)), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_and_exact() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(scan(&nested(MAX_DEPTH)), Ok(2 * MAX_DEPTH));
        assert_eq!(scan(&nested(MAX_DEPTH + 1)), Err(Stop::Depth(MAX_DEPTH)));
        assert_eq!(value(nested(4).as_bytes(), 0, 3, &mut Ignore), Err(Stop::Depth(3)));
        assert_eq!(value(nested(3).as_bytes(), 0, 3, &mut Ignore), Ok(6));
    }

    #[test]
    fn quotes_are_found_at_every_alignment() {
        for before in 0..70 {
            for after in 0..20 {
                let text = format!(
                    "\"{}\"{}",
                    "\u{7f}é!#".repeat(20).chars().take(before).collect::<String>(),
                    "x".repeat(after)
                );
                let end = text.rfind('"').map(|p| p + 1);
                assert_eq!(scan(&text).ok(), end, "{text}");
            }
        }
    }
}
