//! Finds where reading can go on behind something broken, and bounds what that costs.
//!
//! What is broken, and what is read behind it, is the concern of [`split`](super::split).

use std::mem;

/// How much text of a log has been read again.
///
/// A line inside of something broken may be a document of its own, so it is read again. Text can be made so that every
/// line of it is read up to the same fault, which would cost the square of its length, so there is a bound that grows
/// with the log.
#[derive(Debug, Default)]
pub(super) struct Rereads {
    bytes: u64,
}

impl Rereads {
    /// What may be read again in any log.
    const FREE: u64 = 1 << 20;
    /// What may be read again for each byte before it.
    const FACTOR: u64 = 3;

    /// Returns whether the text from `at` may be read although it has been read up to `read_to`, and counts it if so;
    /// both are positions in the log.
    pub fn allow(&mut self, at: u64, read_to: u64) -> bool {
        let bytes = self.bytes + read_to.saturating_sub(at);
        let is_allowed = bytes <= Self::FREE + Self::FACTOR * at;
        if is_allowed {
            self.bytes = bytes;
        }
        is_allowed
    }
}

/// Returns the lines behind `at` that start a document.
pub(super) fn document_lines(text: &[u8], at: usize) -> impl Iterator<Item = usize> {
    let pairs = text.get(at..).unwrap_or_default().windows(2).enumerate();
    pairs.filter(|(_, pair)| pair == b"\n{").map(move |(line, _)| at + line + 1)
}

/// Something broken, and how far it has been skipped.
///
/// It ends with the line that starts a document, or if it is a value with its own last bracket or quote, for which
/// brackets outside of strings are counted without regard to grammar.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Broken {
    has_end: bool,
    read_to: u64,
    one_value_to: u64,
    depth: u64,
    in_string: bool,
    escaped: bool,
    after_newline: bool,
}

impl Broken {
    /// Something that has been read up to this position in the log.
    pub fn read_to(position: u64) -> Self {
        Self { read_to: position, ..Self::default() }
    }

    /// Something that is one value up to this position in the log, so that no line of it is a document.
    pub fn one_value_to(position: u64) -> Self {
        Self { one_value_to: position, ..Self::default() }
    }

    /// Lets it end with its own last bracket or quote.
    pub fn with_end(self) -> Self {
        Self { has_end: true, ..self }
    }

    /// Skips the text from `at`, and returns where reading can go on; `None` when all of the text is to be skipped.
    /// `base` is the position of the text in the log.
    pub fn skip(&mut self, text: &[u8], at: usize, base: u64, rereads: &mut Rereads) -> Option<usize> {
        for (at, byte) in text.iter().enumerate().skip(at) {
            let position = base + at as u64;
            if self.after_newline
                && *byte == b'{'
                && position > self.one_value_to
                && rereads.allow(position, self.read_to)
            {
                return Some(at);
            }
            self.after_newline = *byte == b'\n';
            match byte {
                _ if mem::take(&mut self.escaped) => {}
                b'\\' => self.escaped = self.in_string,
                b'"' => {
                    self.in_string = !self.in_string;
                    if self.has_end && self.depth == 0 && !self.in_string {
                        return Some(at + 1);
                    }
                }
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 1 && self.has_end => return Some(at + 1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen::Seen;
    use super::super::split::tests::{A, B, LIMITS, assert_split, split_in};
    use super::super::split::{RecordLimits, Splitter};
    use crate::decode::Cause;

    #[test]
    fn damage_costs_what_it_hits() {
        let at = |text: &str, what: &str| Some(text.find(what).unwrap() as u64);
        let text = format!(r#"{{"Records":[{A},{{"x":[1,,2],"y":{{}}}},{B}]}}"#);
        assert_split(&text, &[A, B], &[(Cause::MalformedRecord, at(&text, ",2]"))]);
        let text = format!("{A}\n{{\"eventName\":\"cut\n{B}");
        assert_split(&text, &[A, B], &[(Cause::MalformedRecord, at(&text, "eventName\":\"B"))]);
        let text = format!("{A}\n{{\"eventName\":[1\n{B}");
        assert_split(&text, &[A, B], &[(Cause::MalformedRecord, at(&text, B))]);
        let text = format!("{A}\n{{\"eventName\":\n{B}\n{B}");
        assert_split(&text, &[A, B, B], &[(Cause::MalformedRecord, Some(text.rfind(B).unwrap() as u64))]);
        let text = format!("{A}\nsome words\n[more] words\n{B}\n7");
        assert_split(&text, &[A, B], &[(Cause::NotJson, at(&text, "some")), (Cause::NotJson, at(&text, "7"))]);
        let text = format!("{A}\n{{\"a\":\"b\"}}[4\"}}\n{B}\n{A}");
        let (number, quote) = (at(&text, "4"), at(&text, "\"}\n{\"eventName\":\"B"));
        let skips = [(Cause::NotAnEvent, at(&text, "{\"a")), (Cause::NotAnObject, number), (Cause::NotJson, quote)];
        assert_split(&text, &[A, B, A], &skips);
        let text = format!("{A}{{\"eventName\":[1,}}{{]}}{B}");
        assert_split(&text, &[A, B], &[(Cause::MalformedRecord, at(&text, "}{]"))]);
    }

    #[test]
    fn a_large_record_costs_itself_only() {
        let large = format!(r#"{{"eventName":"L","x":"{}"}}"#, "[{".repeat(LIMITS.bytes / 2));
        for (open, close) in [(r#"{"Records":["#, "]}"), ("[", "]")] {
            let text = format!("{open}{A},{large},{B}{close}");
            assert_split(&text, &[A, B], &[(Cause::RecordTooLarge, Some((open.len() + A.len() + 1) as u64))]);
        }
        let fits = format!(r#"{{"eventName":"{}"}}"#, "f".repeat(LIMITS.bytes - 16));
        assert_eq!(fits.len(), LIMITS.bytes);
        assert_split(&format!("{fits}\n{A}"), &[&fits, A], &[]);
    }

    #[test]
    fn what_is_too_large_is_the_same_in_pieces_of_any_size() {
        let large = format!("{{\"eventName\":\"L\",\"x\":[\n{B}{}]}}", format!(",\n{B}").repeat(20));
        for text in [
            format!(r#"{{"Records":[{A},{large},{B}]}}"#),
            format!("{A}\n{large}\n{B}"),
            format!(r#"{{"Records":[{A},"{}",{B}]}}"#, "x".repeat(LIMITS.bytes)),
            format!("[{A},[\n{large}\n],{B}]"),
            format!(r#"[{{"Records":[{A}],"x":"{}"}}"#, "x".repeat(LIMITS.bytes)),
            format!(r#"[{A},{{"x":"{}"#, "x".repeat(LIMITS.bytes)),
        ] {
            let whole = split_in(text.len(), text.as_bytes());
            for size in [1, 2, 3, 7, 64, 500] {
                assert_eq!(split_in(size, text.as_bytes()), whole, "{text} in pieces of {size}");
            }
            assert!(whole.0.starts_with(&[A.to_owned()]), "{text}");
            assert!(whole.1.iter().any(|skip| skip.0 == Cause::RecordTooLarge), "{text}");
        }
        let text = format!(r#"{{"Records":[{A},"{}",{B}]}}"#, "x".repeat(LIMITS.bytes));
        assert_split(&text, &[A, B], &[(Cause::RecordTooLarge, text.find("\"xx").map(|at| at as u64))]);
    }

    #[test]
    fn text_is_not_read_again_and_again() {
        // Each line opens what never ends, and is read up to the same fault as the line before.
        let wide = "{\"a\":[\n".repeat(400) + &"7,".repeat(1 << 20);
        let deep = "{\"a\":\n".repeat(1 << 16);
        for (text, most) in [(wide, 20), (deep, 500)] {
            let split = |end: &str| {
                let mut splitter = Splitter::new(RecordLimits { bytes: 64 << 20, depth: 1000 });
                let mut seen = Seen::new(0);
                let blocks = [
                    splitter.push((text.clone() + end).into_bytes().into(), &mut seen),
                    splitter.finish(None, &mut seen),
                ];
                let records: usize = blocks.iter().map(|block| block.records.len()).sum();
                (records, blocks.iter().flat_map(|block| block.skips.counts.values()).sum::<u64>())
            };
            let (cut, broken) = (split(""), split(&format!("!\n{B}\n{A}")));
            assert!(cut.0 == 0 && cut.1 < most, "{cut:?}");
            assert!(broken.0 == 2 && broken.1 < most, "{broken:?}");
        }
    }
}
