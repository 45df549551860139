//! Reads logs ahead of Falco: one thread reads and inflates, one finds the records, Falco's own thread takes them.
//!
//! What is read ahead is bounded by bytes. Everything that is known of a log travels in its place among the records:
//! what was skipped, how far the reading is. Nothing is logged or counted on these threads; whoever takes the
//! batches does that. The threads end when the feed is dropped, and the drop waits for them.

mod queue;

use crate::decode::buffer::{Buffers, Text};
use crate::decode::gunzip::{InflateLimits, LogText, Piece};
use crate::decode::seen::Seen;
use crate::decode::split::{RecordLimits, Splitter};
use crate::decode::{Block, Cause, Skip};
use crate::source::{Log, Logs, Receipt, Verdict};
use queue::{Popped, Queue, Weight};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most text that waits to be cut.
const UNCUT: usize = 2 << 20;

/// How many times as much text as a record may have is looked through for the next event: a file without an end must not
/// keep others waiting.
const FRUITLESS: u64 = 64;

/// How many bytes of text a skip takes as long as: a file may be nothing but faults, two bytes each.
const SKIP_BYTES: u64 = 64;

/// How often in a row a source may fail by a fault of its own to give its next log.
const MOST_FAULTS: u32 = 10;

/// What a log is called that a source failed to give.
const UNNAMED: &str = "a log that was to come next";

/// How a feed reads.
#[derive(Clone, Copy, Debug)]
pub struct FeedLimits {
    /// The bytes of log text that are read ahead.
    pub in_flight_bytes: usize,
    /// What a record may be like.
    pub record: RecordLimits,
    /// What a gzip file may inflate to.
    pub inflate: InflateLimits,
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The logs that are done.
    pub logs: u64,
    /// The bytes of logs that are done, as they are stored.
    pub bytes: u64,
}

/// Records of one log, in order.
#[derive(Debug)]
pub struct Batch {
    /// The log's name.
    pub log: Arc<str>,
    /// The records and what was skipped between them.
    pub block: Block,
    /// How far the reading is behind this batch.
    pub progress: Progress,
    /// How many bytes of the log, as it is stored, were read for it.
    pub read: u64,
    /// At the log's end: what to tell the source once the records were delivered.
    pub end: Option<(Receipt, Verdict)>,
}

/// What [`Feed::next`] gives.
#[derive(Debug)]
pub enum Next {
    /// The next records, perhaps none of them.
    Batch(Batch),
    /// Nothing came in time.
    Nothing,
    /// All logs are read.
    End,
    /// Logs may be left, but a fault keeps them from being read.
    Failed,
}

/// What a feed has read ahead.
#[derive(Clone, Debug)]
pub struct InFlight {
    raw: Arc<Queue<Raw>>,
    batches: Arc<Queue<Batch>>,
}

impl InFlight {
    /// Returns its size in bytes; 0 when the feed has ended.
    pub fn bytes(&self) -> usize {
        self.raw.weight() + self.batches.weight()
    }
}

/// The running threads and the end of their line.
#[derive(Debug)]
pub struct Feed {
    in_flight: InFlight,
    /// Whether a thread ended before its time.
    has_failed: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    cutter: Option<JoinHandle<Seen>>,
}

impl Feed {
    /// Starts to read logs; events that were `seen` are left out.
    pub fn start(logs: Logs, limits: FeedLimits, seen: Seen) -> io::Result<Self> {
        // Text waits in one queue or the other; the threads hold no more than a record besides. Little waits to be cut:
        // it is at hand then, and the buffers are few.
        let uncut = UNCUT.min(limits.in_flight_bytes / 4);
        let raw = Arc::new(Queue::new(uncut));
        let batches = Arc::new(Queue::new(limits.in_flight_bytes - uncut));
        let in_flight = InFlight { raw: Arc::clone(&raw), batches: Arc::clone(&batches) };
        let has_failed = Arc::new(AtomicBool::new(false));
        let mut feed = Self { in_flight, has_failed: Arc::clone(&has_failed), reader: None, cutter: None };
        let to_cut = CloseAtEnd(Arc::clone(&raw), Arc::clone(&has_failed));
        let to_deliver = CloseAtEnd(batches, has_failed);
        let given_up = Arc::new(GivenUp::default());
        let told = Arc::clone(&given_up);
        feed.reader = Some(spawn("cloudtrail-read", move || read(logs, limits.inflate, &told, &to_cut))?);
        feed.cutter = Some(spawn("cloudtrail-cut", move || cut(&raw, limits.record, seen, &given_up, &to_deliver))?);
        Ok(feed)
    }

    /// Ends the threads, drops what they have read ahead, and gives the ids that were seen, also in what was dropped.
    /// The source must have been stopped before, so that no thread waits for its next log.
    pub fn stop(&mut self) -> Option<Seen> {
        self.in_flight.raw.abandon();
        self.in_flight.batches.abandon();
        // A thread that panicked has ended, which is all that matters here.
        self.reader.take().map(JoinHandle::join);
        self.cutter.take()?.join().ok()
    }

    /// Returns what is read ahead, for who asks how much it is while the feed runs.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// Takes the next batch, and waits for one up to `wait`.
    pub fn next(&self, wait: Duration) -> Next {
        match self.in_flight.batches.pop(Some(wait)) {
            Popped::Item(batch) => Next::Batch(batch),
            Popped::Nothing => Next::Nothing,
            Popped::Closed if self.has_failed.load(Ordering::Relaxed) => Next::Failed,
            Popped::Closed => Next::End,
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.into()).spawn(run)
}

/// The text of logs on its way to be cut into records.
#[derive(Debug)]
enum Raw {
    /// A log begins: its name, and its number, counted from 1.
    Log(Arc<str>, u64),
    /// The next text, and the bytes of the log that are used by then.
    Text(Text, u64),
    /// The log ends, which has so many bytes for progress, and of which so many were used.
    End { damage: Option<Skip>, bytes: u64, used: u64, receipt: Option<Receipt> },
}

impl Weight for Raw {
    fn weight(&self) -> usize {
        match self {
            Self::Text(text, _) => text.memory(),
            Self::Log(..) | Self::End { .. } => size_of::<Self>(),
        }
    }
}

impl Weight for Batch {
    fn weight(&self) -> usize {
        // What is skipped has no text, but hostile logs can have it in every piece.
        let Block { text, records, skips } = &self.block;
        size_of::<Self>() + text.memory() + size_of_val(records.as_slice()) + size_of_val(skips.kept.as_slice())
    }
}

/// A queue that is closed when its thread ends, also by a panic, so that nobody waits for it in vain; and whether the
/// thread ended before its time.
struct CloseAtEnd<T: Weight>(Arc<Queue<T>>, Arc<AtomicBool>);

impl<T: Weight> CloseAtEnd<T> {
    fn has_failed(&self) {
        self.1.store(true, Ordering::Relaxed);
    }
}

impl<T: Weight> Drop for CloseAtEnd<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.has_failed();
        }
        self.0.close();
    }
}

/// The queue was closed by its other end: the feed is being dropped.
struct Closed;

fn push<T: Weight>(queue: &CloseAtEnd<T>, item: T) -> Result<(), Closed> {
    queue.0.push(item).map_err(|_| Closed)
}

/// The number of the last log that there is no use in reading on.
#[derive(Debug, Default)]
struct GivenUp(AtomicU64);

impl GivenUp {
    fn tell(&self, log: u64) {
        self.0.store(log, Ordering::Relaxed);
    }

    fn is(&self, log: u64) -> bool {
        self.0.load(Ordering::Relaxed) == log
    }
}

/// Reads every log, in order.
fn read(mut logs: Logs, limits: InflateLimits, given_up: &GivenUp, queue: &CloseAtEnd<Raw>) {
    let buffers = Buffers::default();
    let mut faults = 0;
    for number in 1.. {
        match catch_unwind(AssertUnwindSafe(|| read_next(&mut logs, number, limits, &buffers, given_up, queue))) {
            Ok(Ok(Some(()))) => faults = 0,
            Ok(Ok(None) | Err(Closed)) => return,
            Err(_) => {
                faults += 1;
                let end = Raw::End { damage: Some(fault()), bytes: 0, used: 0, receipt: None };
                if push(queue, Raw::Log(UNNAMED.into(), number)).and_then(|()| push(queue, end)).is_err() {
                    return;
                }
                if faults == MOST_FAULTS {
                    break;
                }
            }
        }
    }
    queue.has_failed();
}

/// Reads the next log; `None` when there is none.
fn read_next(
    logs: &mut Logs,
    number: u64,
    limits: InflateLimits,
    buffers: &Buffers,
    given_up: &GivenUp,
    queue: &CloseAtEnd<Raw>,
) -> Result<Option<()>, Closed> {
    let Some(mut log) = logs.next() else { return Ok(None) };
    push(queue, Raw::Log(log.name().into(), number))?;
    let is_useless = || given_up.is(number);
    let read = catch_unwind(AssertUnwindSafe(|| read_log(&mut *log, limits, buffers, is_useless, queue)));
    let (damage, used) = read.unwrap_or_else(|_| Ok((Some(fault()), 0)))?;
    push(queue, Raw::End { damage, bytes: log.bytes(), used, receipt: log.receipt() }).map(Some)
}

/// Reads a log, and returns what damage there is and how many of its bytes were used.
fn read_log(
    log: &mut dyn Log,
    limits: InflateLimits,
    buffers: &Buffers,
    is_useless: impl Fn() -> bool,
    queue: &CloseAtEnd<Raw>,
) -> Result<(Option<Skip>, u64), Closed> {
    let text = match log.open() {
        Ok(text) => text,
        Err(skip) => return Ok((Some(skip), 0)),
    };
    let mut text = LogText::new(text, limits, buffers);
    while !is_useless() {
        let piece = text.next_piece();
        log.observe(&piece);
        match piece {
            Piece::Text(piece) => push(queue, Raw::Text(piece, text.consumed()))?,
            Piece::End(damage) => return Ok((damage, text.consumed())),
        }
    }
    Ok((None, text.consumed()))
}

/// Finds the records in the text of every log, in order; returns the ids that it saw.
fn cut(raw: &Queue<Raw>, limits: RecordLimits, mut seen: Seen, given_up: &GivenUp, queue: &CloseAtEnd<Batch>) -> Seen {
    let most_fruitless = FRUITLESS * limits.bytes as u64;
    let (mut number, mut fruitless, mut looked_at) = (0, 0, 0);
    let mut splitter = Some(Splitter::new(limits));
    let mut name: Arc<str> = "".into();
    let mut done = Progress::default();
    let mut verdict = Ok(());
    // How many bytes of the log were used before.
    let mut before = 0;
    while let Popped::Item(raw) = raw.pop(None) {
        let (block, progress, used, receipt) = match raw {
            Raw::Log(next, its) => {
                (name, number) = (next, its);
                verdict = Ok(());
                before = 0;
                (fruitless, looked_at) = (0, 0);
                splitter = Some(Splitter::new(limits));
                continue;
            }
            Raw::Text(text, used) => {
                let length = text.len() as u64;
                let mut block = guarded(&mut splitter, |splitter| splitter.push(text, &mut seen));
                let has_events = !block.records.is_empty() || block.skips.duplicates > 0;
                looked_at += length;
                let skips: u64 = block.skips.counts.values().sum();
                fruitless = if has_events { 0 } else { fruitless + length + SKIP_BYTES * skips };
                if fruitless > most_fruitless && splitter.take().is_some() {
                    block.skips.add(Cause::NoEvents, Some(looked_at), None);
                }
                if splitter.is_none() {
                    given_up.tell(number);
                }
                (block, Progress { bytes: done.bytes.saturating_add(used), ..done }, used, None)
            }
            Raw::End { damage, bytes, used, receipt } => {
                // How large an object is may be what a message claims.
                done = Progress { logs: done.logs + 1, bytes: done.bytes.saturating_add(bytes) };
                (guarded(&mut splitter, |splitter| splitter.finish(damage, &mut seen)), done, used, receipt)
            }
        };
        if let (Ok(()), Some(cause)) = (verdict, block.skips.counts.keys().find(|cause| cause.is_damage())) {
            verdict = Err(*cause);
        }
        let end = receipt.map(|receipt| (receipt, verdict));
        // One that failed by a fault of its own tells of none.
        let read = used.saturating_sub(before);
        before += read;
        if push(queue, Batch { log: Arc::clone(&name), block, progress, read, end }).is_err() {
            break;
        }
    }
    seen
}

/// Splits, and at a panic gives up the log that caused it but not those behind it.
fn guarded(splitter: &mut Option<Splitter>, run: impl FnOnce(&mut Splitter) -> Block) -> Block {
    let Some(working) = splitter.as_mut() else { return Block::default() };
    catch_unwind(AssertUnwindSafe(|| run(working))).unwrap_or_else(|_| {
        *splitter = None;
        let mut block = Block::default();
        let Skip { cause, at, detail } = fault();
        block.skips.add(cause, at, detail);
        block
    })
}

fn fault() -> Skip {
    Skip { cause: Cause::Internal, at: None, detail: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Found;
    use std::io::Read;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    const LIMITS: FeedLimits = FeedLimits {
        in_flight_bytes: 8 << 20,
        record: RecordLimits { bytes: 1 << 20, depth: 100 },
        inflate: InflateLimits { ratio: 0, bytes: 0 },
    };
    const LONG: Duration = Duration::from_secs(60);

    struct Memory(&'static str, &'static str);

    impl Log for Memory {
        fn name(&self) -> String {
            self.0.into()
        }
        fn bytes(&self) -> u64 {
            self.1.len() as u64
        }
        fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
            match self.1 {
                "denied" => Err(io::Error::from(io::ErrorKind::PermissionDenied).into()),
                "panic" => panic!("a fault in a source"),
                text => Ok(Box::new(text.as_bytes())),
            }
        }
    }

    fn start<L: Log + 'static>(logs: Vec<L>) -> Feed {
        let logs = logs.into_iter().map(|log| Box::new(log) as Box<dyn Log>);
        Feed::start(Box::new(logs), LIMITS, Seen::new(1000)).unwrap()
    }

    /// All that a feed gives: records, skips and the last progress.
    fn drain(feed: &Feed) -> (Vec<String>, Vec<(String, Cause)>, Progress) {
        let (mut records, mut skips, mut last) = (Vec::new(), Vec::new(), Progress::default());
        loop {
            match feed.next(LONG) {
                Next::Batch(Batch { log, block, progress, .. }) => {
                    records.extend(
                        block.records.iter().map(|found| {
                            format!("{log}:{}", String::from_utf8_lossy(&block.text[found.range.clone()]))
                        }),
                    );
                    skips.extend(block.skips.kept.iter().map(|skip| (log.to_string(), skip.cause)));
                    assert!(progress.logs >= last.logs && progress.bytes >= last.bytes);
                    last = progress;
                }
                Next::Nothing | Next::Failed => panic!("the feed stands still"),
                Next::End => return (records, skips, last),
            }
        }
    }

    #[test]
    fn logs_come_in_order_and_faults_cost_one_log() {
        let event = r#"{"eventName":"A"}"#;
        let logs =
            vec![Memory("a", event), Memory("b", "denied"), Memory("c", "panic"), Memory("d", event), Memory("e", "")];
        let feed = start(logs);
        let (records, skips, progress) = drain(&feed);
        assert_eq!(records, [format!("a:{event}"), format!("d:{event}")]);
        let expected = [("b", Cause::Unreadable), ("c", Cause::Internal), ("e", Cause::Empty)];
        assert_eq!(skips, expected.map(|(log, cause)| (log.to_string(), cause)));
        assert_eq!(progress, Progress { logs: 5, bytes: 2 * event.len() as u64 + 11 });
    }

    #[test]
    fn what_is_read_and_what_is_in_flight_add_up() {
        let event = r#"{"eventName":"A"}"#;
        let text: &'static str = event.repeat(100_000).leak();
        let feed = start(vec![Memory("a", text), Memory("b", "denied"), Memory("c", event), Memory("d", "")]);
        let in_flight = feed.in_flight();
        while in_flight.bytes() == 0 {
            thread::yield_now();
        }
        let mut read = 0;
        while let Next::Batch(batch) = feed.next(LONG) {
            read += batch.read;
        }
        assert_eq!(read, text.len() as u64 + event.len() as u64);
        assert_eq!(in_flight.bytes(), 0);
    }

    #[test]
    fn a_source_that_fails_to_give_a_log_is_asked_for_the_next_one() {
        let event = r#"{"eventName":"A"}"#;
        let mut asked = 0;
        let logs = std::iter::from_fn(move || {
            asked += 1;
            match asked {
                1 | 3 => panic!("a fault in a source"),
                2 | 4 => Some(Box::new(Memory("a", event)) as Box<dyn Log>),
                _ => None,
            }
        });
        let feed = Feed::start(Box::new(logs), LIMITS, Seen::new(1000)).unwrap();
        let (records, skips, _) = drain(&feed);
        assert_eq!(records.len(), 2);
        assert_eq!(skips, [(UNNAMED.to_owned(), Cause::Internal), (UNNAMED.to_owned(), Cause::Internal)]);
    }

    #[test]
    fn a_source_that_only_fails_is_no_end() {
        let logs = std::iter::from_fn(|| -> Option<Box<dyn Log>> { panic!("a fault in a source") });
        let feed = Feed::start(Box::new(logs), LIMITS, Seen::new(1000)).unwrap();
        let mut skipped = 0;
        loop {
            match feed.next(LONG) {
                Next::Batch(Batch { block, .. }) => skipped += block.skips.kept.len(),
                Next::Failed => break,
                Next::Nothing | Next::End => panic!("the feed stands still, or says that all is read"),
            }
        }
        assert_eq!(skipped as u32, MOST_FAULTS);
    }

    #[test]
    fn no_logs_are_an_end() {
        assert!(matches!(start(Vec::<Memory>::new()).next(LONG), Next::End));
    }

    #[test]
    fn all_that_a_batch_holds_counts() {
        let mut splitter = Splitter::new(LIMITS.record);
        let batch = |text: &str, splitter: &mut Splitter| {
            let block = splitter.push(text.as_bytes().to_vec().into(), &mut Seen::new(0));
            Batch { log: "a".into(), block, progress: Progress::default(), read: 0, end: None }.weight()
        };
        let none = batch(r#"{"Records":["#, &mut splitter);
        assert!(batch("1,2,3,4,5,6,7,8,9,", &mut splitter) >= none + 8 * size_of::<Skip>());
        assert!(batch("{},{},", &mut splitter) >= none + 6 + 2 * size_of::<Found>());
    }

    /// A log whose receipt says what became of it.
    struct Signed(Memory, Option<Receipt>);
    impl Log for Signed {
        fn name(&self) -> String {
            self.0.name()
        }
        fn bytes(&self) -> u64 {
            self.0.bytes()
        }
        fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
            self.0.open()
        }
        fn receipt(&mut self) -> Option<Receipt> {
            self.1.take()
        }
    }

    #[test]
    fn receipts_come_behind_the_events_and_tell_what_became_of_the_log() {
        let (sender, verdicts) = sync_channel(10);
        let event = r#"{"eventName":"A"}"#;
        let cut = r#"{"eventName":"B"}{"eventName"#;
        let logs = [("a", event), ("b", cut), ("c", "denied"), ("d", "[1]"), ("e", "panic"), ("f", event)];
        let logs = logs.map(|(name, text)| {
            let sender = sender.clone();
            let receipt = Receipt::new(move |verdict| sender.send((name, verdict)).unwrap());
            Signed(Memory(name, text), Some(receipt))
        });
        let feed = start(logs.into());
        let mut order = Vec::new();
        loop {
            match feed.next(LONG) {
                Next::Batch(Batch { log, block, end, .. }) => {
                    order.extend(block.records.iter().map(|_| log.to_string()));
                    if let Some((receipt, verdict)) = end {
                        receipt.settle(verdict);
                        let (name, verdict) = verdicts.try_recv().unwrap();
                        order.push(format!("{name} {verdict:?}"));
                    }
                }
                Next::Nothing | Next::Failed => panic!("the feed stands still"),
                Next::End => break,
            }
        }
        let expected = [
            "a",
            "a Ok(())",
            "b",
            "b Err(EndsInRecord)",
            "c Err(Unreadable)",
            "d Ok(())",
            "e Err(Internal)",
            "f",
            "f Ok(())",
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn a_stop_gives_the_ids_that_were_seen() {
        let texts = [r#"{"eventName":"A","eventID":"1"}"#, r#"{"eventName":"A","eventID":"2"}"#];
        let mut feed = start(texts.map(|text| Memory("a", text)).into());
        let Next::Batch(Batch { block, .. }) = feed.next(LONG) else { panic!("no batch") };
        assert_eq!(block.records[0].ids, 1);
        while !matches!(feed.next(LONG), Next::End) {}
        let mut seen = Seen::from_written(&feed.stop().unwrap().written(1), 10);
        assert_eq!([&b"1"[..], b"2"].map(|id| seen.insert(seen.mark(id))), [false, true]);
    }

    /// Cannot be opened before the test says so.
    struct Late(Mutex<Receiver<()>>);
    impl Log for Late {
        fn name(&self) -> String {
            "late".into()
        }
        fn bytes(&self) -> u64 {
            17
        }
        fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
            let _ = self.0.lock().unwrap().recv();
            Ok(Box::new(&br#"{"eventName":"A"}"#[..]))
        }
    }

    #[test]
    fn a_feed_with_nothing_ready_says_so() {
        let (sender, receiver) = sync_channel(1);
        let feed = start(vec![Late(Mutex::new(receiver))]);
        assert!(matches!(feed.next(Duration::ZERO), Next::Nothing));
        assert!(matches!(feed.next(Duration::from_millis(1)), Next::Nothing));
        sender.send(()).unwrap();
        assert_eq!(drain(&feed).0, [r#"late:{"eventName":"A"}"#]);
    }

    /// Never ends, and tells when it is dropped.
    struct Endless(SyncSender<()>);
    struct EndlessRead(SyncSender<()>);
    impl Log for Endless {
        fn name(&self) -> String {
            "endless".into()
        }
        fn bytes(&self) -> u64 {
            0
        }
        fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
            Ok(Box::new(EndlessRead(self.0.clone())))
        }
    }
    impl Read for EndlessRead {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let event = br#"{"eventName":"A"}"#;
            let length = buffer.len() / event.len() * event.len();
            buffer[..length].chunks_mut(event.len()).for_each(|chunk| chunk.copy_from_slice(event));
            Ok(length)
        }
    }
    impl Drop for EndlessRead {
        fn drop(&mut self) {
            let _ = self.0.try_send(());
        }
    }

    /// Never ends, and holds no event.
    struct Junk(&'static [u8]);
    impl Log for Junk {
        fn name(&self) -> String {
            "junk".into()
        }
        fn bytes(&self) -> u64 {
            u64::MAX
        }
        fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
            Ok(Box::new(Again(self.0.iter().cycle())))
        }
    }

    /// Reads the same bytes again and again.
    struct Again(std::iter::Cycle<std::slice::Iter<'static, u8>>);
    impl Read for Again {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.iter_mut().zip(&mut self.0).for_each(|(place, byte)| *place = *byte);
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_log_without_an_end_and_without_events_does_not_keep_the_next_waiting() {
        for junk in [&b"\0"[..], b" ", b"[", b"\"", b"\n", b"x", b"\n{", b"{}", b","] {
            let logs: [Box<dyn Log>; 2] = [Box::new(Junk(junk)), Box::new(Memory("a", r#"{"eventName":"A"}"#))];
            let limits = FeedLimits { record: RecordLimits { bytes: 1 << 14, depth: 100 }, ..LIMITS };
            let feed = Feed::start(Box::new(logs.into_iter()), limits, Seen::new(1000)).unwrap();
            let (records, skips, _) = drain(&feed);
            assert_eq!(records, [r#"a:{"eventName":"A"}"#]);
            assert_eq!(skips.last(), Some(&("junk".to_owned(), Cause::NoEvents)), "{skips:?}");
        }
    }

    #[test]
    fn faults_count_as_the_text_that_takes_as_long() {
        let text: &'static str = "\n{".repeat(16 << 20).leak();
        let feed = start(vec![Memory("junk", text)]);
        let mut read = 0;
        while let Next::Batch(batch) = feed.next(LONG) {
            read += batch.read;
        }
        assert!(read <= 8 << 20, "{read} bytes");
    }

    #[test]
    fn a_drop_ends_the_threads() {
        let (sender, dropped): (_, Receiver<()>) = sync_channel(1);
        let feed = start(vec![Endless(sender)]);
        assert!(matches!(feed.next(LONG), Next::Batch(_)));
        drop(feed);
        assert_eq!(dropped.try_recv(), Ok(()), "the reader was gone when the drop returned");
    }
}
