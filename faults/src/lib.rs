//! What a panic in a plugin becomes: a line of the log, a count, and an error of the call in which it happened.
//!
//! Lints keep panics out of the code as far as they can see them. This is the last line of defence behind them: no call of
//! Falco's ends in a panic ([`guarded`]), and one on a thread of the plugin's own is told by the next call, since only
//! Falco's threads may call the log. What goes on after a fault, and how, is left to whoever catches it.
//!
//! A panic hook ([`listen`]) hears where it happened, which is lost to whoever catches it, and keeps the standard library
//! from printing it, with a backtrace perhaps, into what Falco prints. It hears the faults of one library only: each
//! shared object has the standard library in it, and none of its symbols is seen from outside, so Falco and other plugins
//! have hooks of their own.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::mem;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How often the faults of one place are told at most.
const WINDOW: Duration = Duration::from_secs(60);

/// How much of a panic's message is told, in characters.
const LONGEST: usize = 200;

/// A call ended in a panic, which the log tells of.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an internal fault, please report it with the log's line about it")]
pub struct Fault;

/// What was heard and not told yet.
#[derive(Debug, Default)]
struct Heard {
    faults: Vec<Told>,
    places: HashMap<String, Place>,
}

/// What is told of a fault: the thread that it was on, and the rest of the line.
type Told = (Thread, String);

/// A place in the code at which there was a fault.
#[derive(Debug)]
struct Place {
    told: Instant,
    /// How many faults there were since it was told.
    more: u64,
}

static COUNT: AtomicU64 = AtomicU64::new(0);
static IS_UNTOLD: AtomicBool = AtomicBool::new(false);
static HEARD: LazyLock<Mutex<Heard>> = LazyLock::new(Mutex::default);

/// Listens to the faults of the library from now on; for when a plugin is made by Falco.
pub fn listen() {
    panic::set_hook(Box::new(hear));
}

/// Answers a call of Falco's: a panic in it becomes an error. Tells what was heard, so only Falco's threads may call it.
#[inline]
pub fn guarded<T>(call: &str, run: impl FnOnce() -> T) -> Result<T, Fault> {
    let outcome = catch_unwind(AssertUnwindSafe(run));
    if IS_UNTOLD.load(Ordering::Relaxed) {
        tell(call);
    }
    outcome.map_err(|_| Fault)
}

/// Returns how many faults there were since the library was loaded.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

fn hear(info: &PanicHookInfo<'_>) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
    let message = info.payload();
    let message = message.downcast_ref::<&str>().copied().or_else(|| message.downcast_ref().map(String::as_str));
    let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(line) = heard.line(message.unwrap_or_default(), place, Instant::now()) {
        heard.faults.push((thread::current(), line));
        IS_UNTOLD.store(true, Ordering::Relaxed);
    }
}

impl Heard {
    /// Returns what to tell of a fault, unless its place was told a moment ago.
    fn line(&mut self, message: &str, place: String, now: Instant) -> Option<String> {
        let line = format!("an internal fault, please report it: {} at {place}", harmless(message));
        let Some(known) = self.places.get_mut(&place) else {
            self.places.insert(place, Place { told: now, more: 0 });
            return Some(line);
        };
        if now.duration_since(known.told) < WINDOW {
            known.more = known.more.saturating_add(1);
            return None;
        }
        known.told = now;
        match mem::take(&mut known.more) {
            0 => Some(line),
            more => Some(format!("{line}, and {more} more times since it was told last")),
        }
    }
}

/// Returns a panic's message as far as it quotes nothing, which may be what Falco was given.
fn harmless(message: &str) -> String {
    let own = message.split(['\'', '"', '`', '\n']).next().unwrap_or_default().trim_end();
    own.chars().take(LONGEST).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Tells what was heard: on this thread in the call, on others at what their names say.
#[cold]
fn tell(call: &str) {
    IS_UNTOLD.store(false, Ordering::Relaxed);
    let faults = mem::take(&mut HEARD.lock().unwrap_or_else(PoisonError::into_inner).faults);
    for (thread, line) in faults {
        let is_here = thread.id() == thread::current().id();
        log::error!("{}: {line}", thread.name().filter(|_| !is_here).unwrap_or(call));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::{LevelFilter, Log, Metadata, Record};
    use std::hint::black_box;
    use std::sync::{MutexGuard, Once};

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Lines;

    impl Log for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            LINES.lock().unwrap().push(record.args().to_string());
        }
        fn flush(&self) {}
    }

    /// Has the log to itself, and listens. What a test that fails panics with is heard too, and in no line.
    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        static PREPARED: Once = Once::new();
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        PREPARED.call_once(|| {
            log::set_logger(&Lines).unwrap();
            log::set_max_level(LevelFilter::Info);
            listen();
        });
        LINES.lock().unwrap().clear();
        alone
    }

    fn lines() -> Vec<String> {
        mem::take(&mut *LINES.lock().unwrap())
    }

    #[test]
    fn a_panic_is_an_error_of_the_call_and_a_line_that_quotes_nothing() {
        let _alone = alone();
        let before = count();
        let text = String::from("an \u{1b} event of `AKIAIOSFODNN7EXAMPLE`");
        assert_eq!(guarded("open", || -> u8 { panic!("cannot read {text}") }), Err(Fault));
        let [line] = &lines()[..] else { panic!("one line") };
        let (message, place) = line.rsplit_once(" at ").unwrap();
        assert_eq!(message, "open: an internal fault, please report it: cannot read an \u{fffd} event of");
        assert!(place.ends_with(&format!("lib.rs:{}", line!() - 4)), "{place}");
        assert_eq!(guarded("open", || 7), Ok(7));
        assert_eq!(count(), before + 1);
        assert!(lines().is_empty());
    }

    #[test]
    fn a_fault_of_a_thread_is_told_by_the_next_call() {
        let _alone = alone();
        let thread = thread::Builder::new().name("cloudtrail-read".into());
        thread.spawn(|| black_box(None::<u8>).unwrap()).unwrap().join().unwrap_err();
        assert!(lines().is_empty(), "only calls may write");
        assert_eq!(guarded("next_batch", || ()), Ok(()));
        let [line] = &lines()[..] else { panic!("one line") };
        assert!(line.starts_with("cloudtrail-read: an internal fault, please report it: called at "), "{line}");
    }

    #[test]
    fn a_guard_inside_of_another_leaves_it_in_place() {
        let _alone = alone();
        let outer = guarded("extract_fields", || {
            assert_eq!(guarded("extract_fields", || -> u8 { panic!("inner") }), Err(Fault));
            panic!("outer")
        });
        assert_eq!(outer, Err::<u8, _>(Fault));
        let lines = lines();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.starts_with("extract_fields: ")), "{lines:?}");
    }

    #[test]
    fn the_faults_of_one_place_have_a_line_a_minute() {
        let mut heard = Heard::default();
        let start = Instant::now();
        let mut line = |place: &str, after| heard.line("oh", place.to_owned(), start + after);
        assert!(line("a.rs:1", Duration::ZERO).is_some());
        assert!(line("a.rs:1", Duration::from_secs(1)).is_none() && line("a.rs:1", Duration::from_secs(59)).is_none());
        assert!(line("a.rs:2", Duration::from_secs(59)).is_some(), "another place has lines of its own");
        let later = line("a.rs:1", WINDOW).unwrap();
        assert!(later.ends_with(": oh at a.rs:1, and 2 more times since it was told last"), "{later}");
        assert!(!line("a.rs:1", 2 * WINDOW).unwrap().contains("more times"));
    }
}
