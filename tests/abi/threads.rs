//! What the plugin leaves behind: after a close nothing of it runs or is open, since Falco may unmap the library.
//!
//! Threads and descriptors belong to the whole process, so these tests run in processes of their own.

use super::alone;
use super::host::Library;
use super::source::Answer;
use crate::oracle::generate;
use std::fs;
use std::path::PathBuf;

/// More events than fit into what is read ahead, so that the threads wait in the middle of the log.
const EVENTS: u64 = 20_000;
const CONFIG: &str = r#"{"limits": {"inFlightMiB": 8, "recordMiB": 1}}"#;

/// The plugin's threads in this process. A join may return while the kernel still takes the thread down; such a one
/// runs no code of the library any more and has the flag PF_EXITING.
pub fn plugin_threads() -> usize {
    const PF_EXITING: u64 = 4;
    let stats = fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
        let stat = fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
        let (name, numbers) = stat.rsplit_once(") ")?;
        let flags: u64 = numbers.split(' ').nth(6)?.parse().ok()?;
        Some(name.contains("(cloudtrail-") && flags & PF_EXITING == 0)
    });
    stats.filter(|runs| *runs).count()
}

pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn big_log() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.json");
    generate::write_log(&log, 0, EVENTS, false).unwrap();
    (folder, log)
}

#[test]
fn init_starts_nothing() {
    alone("abi::threads::init_starts_nothing", || {
        let library = Library::load();
        let before = descriptors();
        let _plugin = library.init(CONFIG).unwrap();
        assert_eq!((plugin_threads(), descriptors()), (0, before));
    });
}

#[test]
fn no_thread_outlives_a_close_in_the_middle_of_a_log() {
    alone("abi::threads::no_thread_outlives_a_close_in_the_middle_of_a_log", || {
        let (_folder, log) = big_log();
        let plugin = Library::load().init(CONFIG).unwrap();
        let mut source = plugin.open(&log);
        while !matches!(source.next(), Answer::Events(_)) {}
        assert_eq!(plugin_threads(), 2, "the log is larger than what is read ahead");
        drop(source);
        assert_eq!(plugin_threads(), 0);
    });
}

#[test]
fn threads_and_descriptors_stay_flat_over_many_sources() {
    alone("abi::threads::threads_and_descriptors_stay_flat_over_many_sources", || {
        let (_folder, log) = big_log();
        let plugin = Library::load().init(CONFIG).unwrap();
        let before = descriptors();
        for batches in 0..30 {
            let mut source = plugin.open(&log);
            (0..batches % 4).for_each(|_| drop(source.next()));
            drop(source);
            assert!(plugin.try_open(b"/does/not/exist").is_err());
            assert_eq!((plugin_threads(), descriptors()), (0, before));
        }
    });
}

#[test]
fn a_library_can_be_unmapped_and_loaded_again() {
    alone("abi::threads::a_library_can_be_unmapped_and_loaded_again", || {
        let (_folder, log) = big_log();
        for _ in 0..3 {
            let plugin = Library::load().init(CONFIG).unwrap();
            drop(plugin.open(&log).next());
        }
        assert_eq!(plugin_threads(), 0);
    });
}

/// Falco makes a plugin for each of its engines, all in one library.
#[test]
fn plugins_of_one_library_live_and_die_on_their_own() {
    let (_folder, log) = big_log();
    let library = Library::load();
    for first_dies in [true, false] {
        let (one, other) = (library.init(CONFIG).unwrap(), library.init(CONFIG).unwrap());
        let (dying, living) = if first_dies { (one, other) } else { (other, one) };
        let (mut short, mut long) = (dying.open(&log), living.open(&log));
        let mut count = 0;
        while count == 0 {
            if let Answer::Events(events) = long.next() {
                count = events.len();
            }
        }
        drop(short.next());
        drop(short);
        drop(dying);
        assert_eq!(count + long.events().len(), EVENTS as usize);
    }
}
