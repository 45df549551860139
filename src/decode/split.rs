//! Finds the records in the text of one log, which comes in pieces of any size.
//!
//! It reads every container that CloudTrail logs come in: `{"Records":[…]}`, arrays of events, lone events, JSON
//! lines, and any of these one after the other. A record is a slice of the text and is never written anew. Damage
//! costs the records that it hits; the reading goes on behind them. What is remembered from one piece to the next is
//! at most one record.

use super::buffer::Text;
use super::damage::{Broken, Rereads, document_lines};
use super::record::{Clock, Members};
use super::seen::{Mark, Seen};
use super::{Block, Cause, Found, Skip};
use jsontext::Kind;
use jsontext::scan::{self, Go, Stop, Visit, skip_white};
use std::mem;
use std::ops::Range;

/// What a record may be like.
#[derive(Clone, Copy, Debug)]
pub struct RecordLimits {
    /// The largest record, in bytes.
    pub bytes: usize,
    /// The deepest nesting.
    pub depth: usize,
}

/// Splits one log into records.
#[derive(Debug)]
pub struct Splitter {
    limits: RecordLimits,
    place: Place,
    /// Whether the documents are the items of an array.
    in_array: bool,
    /// Text that is not a whole record yet.
    carry: Vec<u8>,
    /// How long `carry` must become before another look pays: looking at it for every piece would cost its square.
    look_at: usize,
    /// Where `carry` starts in the log's text.
    base: u64,
    rereads: Rereads,
    clock: Clock,
    /// What is remembered of the block's records, of those with an id.
    marks: Vec<Option<Mark>>,
    /// Whether nothing was found or skipped so far.
    is_empty: bool,
}

/// Where in a log the reading stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Between documents.
    Documents,
    /// Between the items of `Records`.
    Records,
    /// Among the members behind `Records`.
    Tail,
    /// In something broken, until it is balanced or a line starts a new document; then back to the place before.
    Skipping(Broken, Back),
}

/// The places that skipping returns to.
#[derive(Clone, Copy, Debug)]
enum Back {
    Documents,
    Records,
}

/// What one step of the reading came to.
enum Step {
    /// The reading stands at this position.
    At(usize),
    /// What starts at this position needs more text.
    Starved(usize),
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Splitter {
    /// Prepares for a log.
    pub fn new(limits: RecordLimits) -> Self {
        Self {
            limits,
            place: Place::Documents,
            in_array: false,
            carry: Vec::new(),
            look_at: 0,
            base: 0,
            rereads: Rereads::default(),
            clock: Clock::default(),
            marks: Vec::new(),
            is_empty: true,
        }
    }

    /// Takes the next piece of text and gives the records that are whole by now.
    pub fn push(&mut self, mut piece: Text, seen: &mut Seen) -> Block {
        if self.carry.len() + piece.len() < self.look_at {
            self.carry.extend_from_slice(&piece);
            return Block::default();
        }
        piece.prepend(&self.carry);
        let mut block = Block { text: piece, ..Block::default() };
        let mut at = 0;
        loop {
            match self.step(&mut block, at, seen) {
                Step::At(next) => at = next,
                Step::Starved(start) => {
                    self.carry.clear();
                    self.carry.extend_from_slice(block.text.get(start..).unwrap_or_default());
                    self.look_at = 2 * self.carry.len();
                    self.base += start as u64;
                    return self.finished(block, seen);
                }
            }
        }
    }

    /// Ends the log and gives what is left; `damage` says why the text ended if it did not end by itself.
    pub fn finish(&mut self, damage: Option<Skip>, seen: &mut Seen) -> Block {
        let mut rest = mem::take(&mut self.carry);
        // It may have been as large as a record can be, and waits for Falco now.
        rest.shrink_to_fit();
        let mut block = Block { text: rest.into(), ..Block::default() };
        let mut at = 0;
        let is_whole = loop {
            match self.step(&mut block, at, seen) {
                Step::At(next) => at = next,
                Step::Starved(start) => {
                    // A document that never ends may have lines behind it that are documents of their own.
                    let Some(line) = self.line_to_read(&block.text, start) else {
                        at = start;
                        break start == block.text.len() && !matches!(self.place, Place::Records | Place::Tail);
                    };
                    self.note(&mut block, Cause::EndsInRecord, start);
                    self.place = Place::Documents;
                    at = line;
                }
            }
        };
        match damage {
            Some(Skip { cause, at, detail }) => block.skips.add(cause, at, detail),
            None if !is_whole => self.note(&mut block, Cause::EndsInRecord, at),
            None => {}
        }
        let mut block = self.finished(block, seen);
        if self.is_empty {
            block.skips.add(Cause::Empty, None, None);
        }
        block
    }

    /// Leaves out the records that were seen before, and keeps the text only when there are others.
    fn finished(&mut self, mut block: Block, seen: &mut Seen) -> Block {
        self.is_empty &= block.records.is_empty() && block.skips.is_empty();
        // Ids lie all over their memory: asked for right after each other, a processor waits for several together.
        let mut marks = self.marks.drain(..);
        let found = block.records.len();
        block.records.retain_mut(|record| {
            let is_new = marks.next().flatten().is_none_or(|mark| seen.insert(mark));
            record.ids = seen.count();
            is_new
        });
        block.skips.duplicates += (found - block.records.len()) as u64;
        if block.records.is_empty() {
            block.text = Text::default();
        }
        block
    }

    fn step(&mut self, block: &mut Block, at: usize, seen: &Seen) -> Step {
        match self.try_step(block, at, seen) {
            Step::Starved(start) if block.text.len() - start > self.limits.bytes => {
                Step::At(self.give_up_large(block, start))
            }
            step => step,
        }
    }

    fn try_step(&mut self, block: &mut Block, at: usize, seen: &Seen) -> Step {
        match self.place {
            Place::Documents => self.document(block, at, seen),
            Place::Records => self.record(block, at, seen),
            Place::Tail => self.tail(block, at),
            Place::Skipping(mut broken, back) => {
                let end = broken.skip(&block.text, at, self.base, &mut self.rereads);
                self.place = match (end, back) {
                    (None, _) => Place::Skipping(broken, back),
                    (Some(_), Back::Documents) => Place::Documents,
                    (Some(_), Back::Records) => Place::Records,
                };
                end.map_or(Step::Starved(block.text.len()), Step::At)
            }
        }
    }

    fn document(&mut self, block: &mut Block, at: usize, seen: &Seen) -> Step {
        let start = skip_white(&block.text, at);
        let rest = block.text.get(start..).unwrap_or_default();
        match rest.first() {
            None => Step::Starved(start),
            Some(b'{') => self.object(block, start, seen),
            Some(b'[') if !self.in_array => {
                self.in_array = true;
                Step::At(start + 1)
            }
            Some(b']') if self.in_array => {
                self.in_array = false;
                Step::At(start + 1)
            }
            Some(b',') if self.in_array => Step::At(start + 1),
            // Behind an item of `Records` that has `Records` itself, the next item.
            Some(b',') => {
                self.note(block, Cause::NotJson, start);
                Step::At(start + 1)
            }
            Some(0xef) if rest.starts_with(BYTE_ORDER_MARK) => Step::At(start + BYTE_ORDER_MARK.len()),
            Some(0xef) if BYTE_ORDER_MARK.starts_with(rest) => Step::Starved(start),
            Some(_) if self.in_array => self.other_value(block, start, Cause::NotJson),
            Some(_) => Step::At(self.give_up(block, start, Cause::NotJson, start)),
        }
    }

    fn record(&mut self, block: &mut Block, at: usize, seen: &Seen) -> Step {
        let start = skip_white(&block.text, at);
        match block.text.get(start) {
            None => Step::Starved(start),
            Some(b'{') => self.object(block, start, seen),
            Some(b',') => Step::At(start + 1),
            Some(b']') => {
                self.place = Place::Tail;
                Step::At(start + 1)
            }
            Some(_) => self.other_value(block, start, Cause::MalformedRecord),
        }
    }

    /// Reads the members behind `Records`, and the end of the object that they belong to.
    fn tail(&mut self, block: &mut Block, at: usize) -> Step {
        let start = skip_white(&block.text, at);
        match block.text.get(start) {
            None => Step::Starved(start),
            Some(b',') => Step::At(start + 1),
            Some(b'}') => {
                self.place = Place::Documents;
                Step::At(start + 1)
            }
            Some(_) => {
                // An array of records that comes again is read again: no event is lost to a second `Records`.
                let value = scan::member_name(&block.text, start).and_then(|(name, value)| {
                    let stop_at_array = block.text.get(name.range) == Some(b"Records");
                    scan::value(&block.text, value, self.limits.depth, &mut Member { stop_at_array, depth: 0 })
                });
                match value {
                    scanned if self.is_large(start, scanned) => Step::At(self.give_up_large(block, start)),
                    Ok(end) => Step::At(end),
                    Err(Stop::Asked(array)) => {
                        self.place = Place::Records;
                        Step::At(array + 1)
                    }
                    Err(Stop::End) => Step::Starved(start),
                    Err(Stop::Syntax(fault) | Stop::Depth(fault)) => {
                        Step::At(self.give_up(block, start, Cause::NotJson, fault))
                    }
                }
            }
        }
    }

    /// Reads an object that may be an event, or hold `Records`.
    fn object(&mut self, block: &mut Block, start: usize, seen: &Seen) -> Step {
        let mut members = Members::new(&block.text);
        match scan::value(&block.text, start, self.limits.depth, &mut members) {
            scanned if self.is_large(start, scanned) => Step::At(self.give_up_large(block, start)),
            Ok(end) => {
                let event = match self.place {
                    Place::Records => members.as_record(&mut self.clock),
                    _ => members.as_document(&mut self.clock),
                };
                match event {
                    Ok((time_ns, id)) => {
                        self.marks.push(id.map(|id| seen.mark(id)));
                        block.records.push(Found { range: start..end, time_ns, ids: 0 });
                    }
                    Err(cause) => self.note(block, cause, start),
                }
                Step::At(end)
            }
            Err(Stop::Asked(array)) => {
                self.place = Place::Records;
                Step::At(array + 1)
            }
            Err(Stop::End) => Step::Starved(start),
            Err(Stop::Syntax(fault)) => Step::At(self.give_up(block, start, Cause::MalformedRecord, fault)),
            Err(Stop::Depth(fault)) => Step::At(self.give_up_deep(block, start, fault)),
        }
    }

    /// Reads a value that should be an object and is not; `broken` is what it is when it is no value either.
    fn other_value(&mut self, block: &mut Block, start: usize, broken: Cause) -> Step {
        match scan::value(&block.text, start, self.limits.depth, &mut Member::default()) {
            scanned if self.is_large(start, scanned) => Step::At(self.give_up_large(block, start)),
            // No string of a log has lines: behind damage, its quote is the end of another one.
            Ok(end) if is_string_with_lines(block.text.get(start..end).unwrap_or_default()) => {
                Step::At(self.give_up(block, start, broken, start))
            }
            Ok(end) => {
                self.note(block, Cause::NotAnObject, start);
                Step::At(end)
            }
            Err(Stop::End | Stop::Asked(_)) => Step::Starved(start),
            Err(Stop::Syntax(fault)) => Step::At(self.give_up(block, start, broken, fault)),
            Err(Stop::Depth(fault)) => Step::At(self.give_up_deep(block, start, fault)),
        }
    }

    /// Returns whether a scan from `start` went beyond the largest record. Whatever else it found out does not count
    /// then, since with the text in smaller pieces it would not have been found out.
    fn is_large(&self, start: usize, scanned: Result<usize, Stop>) -> bool {
        let (Ok(end) | Err(Stop::Syntax(end) | Stop::Depth(end) | Stop::Asked(end))) = scanned else { return false };
        end - start > self.limits.bytes
    }

    fn give_up_large(&mut self, block: &mut Block, start: usize) -> usize {
        self.note(block, Cause::RecordTooLarge, start);
        // Lines inside of what is one value so far are no documents.
        self.skip_from(block, start, Broken::one_value_to(self.position(start + self.limits.bytes)))
    }

    fn give_up_deep(&mut self, block: &mut Block, start: usize, fault: usize) -> usize {
        self.note(block, Cause::RecordTooDeep, start);
        self.skip_from(block, start, Broken::read_to(self.position(fault)))
    }

    /// Notes what is broken at `fault`, and skips from `start` to where reading can go on.
    fn give_up(&mut self, block: &mut Block, start: usize, cause: Cause, fault: usize) -> usize {
        self.note(block, cause, fault);
        self.skip_from(block, start, Broken::read_to(self.position(fault)))
    }

    fn skip_from(&mut self, block: &Block, start: usize, broken: Broken) -> usize {
        let back = if matches!(self.place, Place::Records) { Back::Records } else { Back::Documents };
        let has_end = match block.text.get(start) {
            Some(b'{' | b'[') => true,
            Some(b'"') => {
                matches!(self.place, Place::Records) || matches!(self.place, Place::Documents if self.in_array)
            }
            _ => false,
        };
        self.place = Place::Skipping(if has_end { broken.with_end() } else { broken }, back);
        start
    }

    /// Returns the first line behind `at` that starts a document and may be read, when all text has been read before.
    fn line_to_read(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let end = self.position(text.len());
        document_lines(text, at).find(|line| self.rereads.allow(self.base + *line as u64, end))
    }

    /// The position in the log of a position in the current text.
    fn position(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    fn note(&self, block: &mut Block, cause: Cause, at: usize) {
        block.skips.add(cause, Some(self.position(at)), None);
    }
}

/// Returns whether a value is a string in which a line starts a document.
fn is_string_with_lines(value: &[u8]) -> bool {
    value.starts_with(b"\"") && document_lines(value, 0).next().is_some()
}

/// One member behind `Records`, or a value that is of no use.
#[derive(Default)]
struct Member {
    stop_at_array: bool,
    depth: usize,
}

impl Visit for Member {
    fn open(&mut self, _: scan::Text, kind: Kind, _: usize) -> Go {
        if self.depth == 0 && self.stop_at_array && kind == Kind::Array {
            return Go::Stop;
        }
        self.depth += 1;
        Go::On
    }

    fn close(&mut self, _: usize) {
        self.depth -= 1;
    }

    fn scalar(&mut self, _: scan::Text, _: Kind, _: Range<usize>, _: bool) {}
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const LIMITS: RecordLimits = RecordLimits { bytes: 400, depth: 8 };

    /// Why something was skipped, and at which byte.
    pub type At = (Cause, Option<u64>);

    /// The records of a log that comes in pieces of `size`, and why something was skipped at which byte.
    pub fn split_in(size: usize, text: &[u8]) -> (Vec<String>, Vec<At>, u64) {
        let mut splitter = Splitter::new(LIMITS);
        let mut seen = Seen::new(100);
        let mut blocks: Vec<Block> =
            text.chunks(size).map(|piece| splitter.push(piece.to_vec().into(), &mut seen)).collect();
        blocks.push(splitter.finish(None, &mut seen));
        let records = blocks.iter().flat_map(|block| {
            block.records.iter().map(|found| String::from_utf8_lossy(&block.text[found.range.clone()]).into_owned())
        });
        let skips = blocks.iter().flat_map(|block| block.skips.kept.iter().map(|skip| (skip.cause, skip.at)));
        (records.collect(), skips.collect(), blocks.iter().map(|block| block.skips.duplicates).sum())
    }

    /// Asserts what comes out of a log, whatever the size of the pieces.
    #[track_caller]
    pub fn assert_split(text: &str, records: &[&str], skips: &[(Cause, Option<u64>)]) {
        for size in [1, 2, 3, 7, 64, text.len().max(1)] {
            let (found, skipped, _) = split_in(size, text.as_bytes());
            assert_eq!(found, records, "records of {text} in pieces of {size}");
            assert_eq!(skipped, skips, "skips of {text} in pieces of {size}");
        }
    }

    pub const A: &str = r#"{"eventName":"A","x":["}]",{"y":"\\\""}]}"#;
    pub const B: &str = r#"{"eventName":"B"}"#;

    #[test]
    fn every_container_is_read() {
        for text in [
            format!(r#"{{"Records":[{A},{B}]}}"#),
            format!("\u{feff} \n{{\"a\":{{\"Records\":[1]}}, \"Records\" : [\n {A} ,\r\n {B} ] , \"b\":[{{}}] }}\n "),
            format!("[{A},{B}]"),
            format!("[ {A} , {B} ] \n"),
            format!("{A}\n{B}\n\n"),
            format!("{A}\r\n{B}\r\n"),
            format!("{A}{B}"),
            format!(r#"{{"Records":[{A}]}}{{"Records":[{B}]}}"#),
            format!(r#"{{"Records":[{A}],"x":1,"Records":[{B}]}}"#),
            format!(r#"[{{"Records":[{A}]}},{B}]"#),
            format!("{A}\n\u{feff}{B}"),
        ] {
            assert_split(&text, &[A, B], &[]);
        }
        assert_split(A, &[A], &[]);
    }

    #[test]
    fn records_behind_an_item_that_has_records_itself_are_read() {
        let text = format!(r#"{{"Records":[{A},{{"Records":[{A}]}},{B},{A}]}}"#);
        let commas = [text.find("},{\"eventName\":\"B"), text.rfind("},{")].map(|at| Some(at.unwrap() as u64 + 1));
        let end = Some(text.len() as u64 - 2);
        assert_split(&text, &[A, A, B, A], &[commas[0], commas[1], end].map(|at| (Cause::NotJson, at)));
    }

    #[test]
    fn the_list_round_the_records_is_no_level_of_theirs() {
        let mut splitter = Splitter::new(RecordLimits { depth: 1, ..LIMITS });
        let text = format!(r#"{{"Records":[{B},{A},{B}]}}"#);
        let block = splitter.push(text.into_bytes().into(), &mut Seen::new(0));
        assert_eq!((block.records.len(), block.skips.counts), (2, [(Cause::RecordTooDeep, 1)].into()));
    }

    #[test]
    fn a_cut_text_gives_what_was_before_the_cut() {
        let whole = format!(r#"{{"Records":[{A},{B}]}}"#);
        for end in 1..whole.len() {
            let (records, skips, _) = split_in(5, &whole.as_bytes()[..end]);
            let expected = [A, B].iter().filter(|record| end >= whole.find(*record).unwrap() + record.len());
            assert_eq!(records, expected.copied().collect::<Vec<_>>(), "{}", &whole[..end]);
            assert_eq!(skips.iter().map(|skip| skip.0).collect::<Vec<_>>(), [Cause::EndsInRecord], "{}", &whole[..end]);
        }
    }

    #[test]
    fn what_is_no_event_is_named() {
        for (text, cause) in [
            (r#"{"Records":[null]}"#, Cause::NotAnObject),
            (r#"{"Records":[42]}"#, Cause::NotAnObject),
            (r#"{"Records":["x"]}"#, Cause::NotAnObject),
            (r#"{"Records":[[{}]]}"#, Cause::NotAnObject),
            (r#"{"Records":{}}"#, Cause::RecordsNotAnArray),
            (r#"{"Records":"x"}"#, Cause::RecordsNotAnArray),
            (r#"{"Records":[]}"#, Cause::Empty),
            (r#"{"logFiles":[],"digestStartTime":"x"}"#, Cause::Digest),
            (r#"{"a":1}"#, Cause::NotAnEvent),
            ("", Cause::Empty),
            (" \n", Cause::Empty),
            ("words", Cause::NotJson),
            (r#"{"Records":[{"a":[[[[[[[[]]]]]]]]}]}"#, Cause::RecordTooDeep),
        ] {
            for size in [1, 100] {
                let (records, skips, _) = split_in(size, text.as_bytes());
                assert_eq!((records.len(), skips.len()), (0, 1), "{text}: {skips:?}");
                assert_eq!(skips[0].0, cause, "{text}");
            }
        }
    }

    #[test]
    fn an_event_is_delivered_once() {
        let event = r#"{"eventName":"A","eventID":"1"}"#;
        let (records, skips, duplicates) =
            split_in(9, format!(r#"[{event},{event},{{"eventName":"A","eventID":"2"}}]"#).as_bytes());
        assert_eq!((records.len(), skips.len(), duplicates), (2, 0, 1));
    }

    #[test]
    fn the_rest_of_a_log_takes_no_more_memory_than_it_has_text() {
        let limits = RecordLimits { bytes: 1 << 20, ..LIMITS };
        let (mut splitter, mut seen) = (Splitter::new(limits), Seen::new(0));
        let large = format!(r#"{{"eventName":"A","x":"{}"}}"#, "x".repeat(1 << 19));
        let rest = "{\"a\":[\n{\"eventName\":\"B\"}";
        for piece in format!("{large}\n{}\n{rest}", " ".repeat(3 << 19)).as_bytes().chunks(1 << 17) {
            splitter.push(piece.to_vec().into(), &mut seen);
        }
        let block = splitter.finish(None, &mut seen);
        assert_eq!(block.records.len(), 1);
        assert!(block.text.memory() < 1 << 10, "{}", block.text.memory());
    }

    #[test]
    fn many_faults_are_counted_and_few_are_kept() {
        let mut splitter = Splitter::new(LIMITS);
        let block =
            splitter.push(format!(r#"{{"Records":[{}1]}}"#, "1,".repeat(99)).into_bytes().into(), &mut Seen::new(0));
        assert_eq!(block.skips.counts[&Cause::NotAnObject], 100);
        assert_eq!(block.skips.kept.len(), 8);
    }
}
