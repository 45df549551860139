//! A folder of several hundred hostile files with a good one behind each of them, read by the real engine.

use super::assert_printable;
use super::bytes::{damaged, tricks};
use crate::abi::host::Library;
use crate::abi::source::Answer;
use crate::engine::{plugin, session};
use crate::oracle::generate::{event, event_id};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long one answer may take.
const LONGEST: Duration = Duration::from_secs(5);

/// Small, so that what is too large is soon too large.
const CONFIG: &str = r#"{"limits": {"inflatedMiB": 8, "recordMiB": 1, "inFlightMiB": 8}}"#;

/// Puts something at a path.
type Put<'a> = dyn Fn(&Path) + 'a;

/// Puts hostile files into a folder, and behind each a good one with one event, whose number is that of the file.
/// Returns how many there are of each.
fn fill(folder: &Path) -> u64 {
    let mut count = 0;
    let mut place = |name: &[u8], put: &Put<'_>| {
        let name = [format!("{count:04}").as_bytes(), name].concat();
        put(&folder.join(OsStr::from_bytes(&name)));
        fs::write(folder.join(format!("{count:04}~.json")), event(count)).unwrap();
        count += 1;
    };
    for (number, bytes) in tricks().into_iter().chain(damaged(250)).enumerate() {
        let name = [&b"-.json"[..], b"-.json.gz", b"-.log"][number % 3];
        place(name, &|path| fs::write(path, &bytes).unwrap());
    }
    let longest = [&[b'n'; 246][..], b".json"].concat();
    let names: [&[u8]; 12] = [
        b"-\n2026-03-02 [ERROR] forged.json",
        b"-\x1b[2J\x1b]0;title\x07.json",
        b"-\r\t\x08\x7f.json",
        b"-\xff\xfe\xc0\x80.json",
        "-\u{202e}nosj.\u{200b}\u{2066}.json".as_bytes(),
        "-\u{9b}31m.json".as_bytes(),
        b"-%s%n%ct.name${HOME}`id`$(id).json",
        b"- '\"\\;&|<>*?.json",
        b"-..json",
        b"-.json.gz.json",
        b"-=AKIAIOSFODNN7EXAMPLE.json",
        &longest,
    ];
    for name in names {
        place(name, &|path| fs::write(path, "[7, {\"eventName\":").unwrap());
    }
    special(&mut place);
    count
}

/// What has the name of a log and is none.
fn special(place: &mut impl FnMut(&[u8], &Put<'_>)) {
    let link = |to: &'static str| move |path: &Path| symlink(to, path).unwrap();
    for to in ["/dev/zero", "/dev/random", "/dev/full", "/dev/tty", "/dev/stdin", "/proc/kmsg", "/proc/self/mem"] {
        place(b"-link.json", &link(to));
    }
    for to in ["/proc/self/environ", "/proc/self/maps", "/proc/kcore", "/etc/shadow", "/nowhere", "0000-.json", "."] {
        place(b"-link.json", &link(to));
    }
    place(b"-self.json", &|path| symlink(path, path).unwrap());
    place(b"-fifo.json", &|path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()));
    place(b"-fifo-link.json", &|path| {
        let fifo = path.with_extension("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        symlink(fifo, path).unwrap();
    });
    place(b"-socket.json", &|path| {
        // Its name is short, and the folder's may not be.
        let socket = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(socket.path().join("s")).unwrap());
        fs::rename(socket.path().join("s"), path).unwrap();
    });
    place(b"-folder.json", &|path| fs::create_dir(path).unwrap());
    place(b"-sparse.json", &|path| File::create(path).unwrap().set_len(1 << 40).unwrap());
    place(b"-closed.json", &|path| {
        fs::write(path, "{}").unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
    });
}

#[test]
fn hostile_files_cost_no_neighbour_and_keep_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let count = fill(folder.path());
    assert!(count > 450, "{count}");
    let host = session(&plugin(CONFIG), folder.path()).json().format("%ct.id").spawn().unwrap();
    let mut next = 0;
    while next < count {
        let line = host.line(Instant::now() + 6 * LONGEST);
        let line = line.unwrap_or_else(|| panic!("nothing behind the neighbour of {next:04}: {}", host.stderr()));
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["ct.id"] == event_id(next) {
            next += 1;
        }
    }
    let report = host.wait(Instant::now() + 6 * LONGEST).unwrap().check().unwrap();
    assert_printable(&report.logs);
    let summary = report.logs.iter().find(|line| line.contains("all is read")).unwrap();
    let numbers: Vec<u64> = summary.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [logs, events, _, skips] = numbers[..] else { panic!("{summary}") };
    assert!(logs > 2 * count - 30 && events > count && skips > count / 2, "{summary}");
}

#[test]
fn no_answer_takes_long() {
    let folder = tempfile::tempdir().unwrap();
    let count = fill(folder.path());
    let plugin = Library::load().init(CONFIG).unwrap();
    let begun = Instant::now();
    let mut source = plugin.open(folder.path());
    assert!(begun.elapsed() < LONGEST, "open took {:?}", begun.elapsed());
    let mut events = 0;
    loop {
        let begun = Instant::now();
        let answer = source.next();
        assert!(begun.elapsed() < LONGEST, "{:?} behind {events} events", begun.elapsed());
        match answer {
            Answer::Events(some) => events += some.len() as u64,
            Answer::Timeout => {}
            Answer::End => break,
        }
    }
    assert!(events > count);
    assert_printable(plugin.lines().iter().map(|line| &line.text));
}
