//! What reaches Falco's log: level, wording, how many lines, and from which thread.

use super::event::Event;
use super::host::{Library, Line, Plugin};
use crate::oracle::{Expect, fixtures};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, thread};

const ERROR: u32 = 3;
const WARNING: u32 = 4;
const INFO: u32 = 6;

/// The lines of a run over a path.
fn lines(path: &Path) -> Vec<Line> {
    let plugin = Plugin::new();
    plugin.open(path).events();
    plugin.lines()
}

fn skip_lines(path: &Path) -> Vec<(u32, String)> {
    let lines = lines(path).into_iter().filter(|line| line.text.starts_with("skipped "));
    lines.map(|line| (line.level, line.text)).collect()
}

fn file(name: &str) -> PathBuf {
    fixtures::root().join("files").join(name)
}

#[test]
fn start_and_end_have_a_line_each() {
    let path = file("wrapper-plain.json");
    let bytes = fs::metadata(&path).unwrap().len();
    let lines: Vec<_> = lines(&path).into_iter().map(|line| (line.level, line.text)).collect();
    let expected = [
        format!("reading {}: logs 1, bytes {bytes}", path.display()),
        "all is read: logs 1, events 3, delivered before 0, skips 0".into(),
    ];
    assert_eq!(lines, expected.map(|line| (INFO, line)));
}

#[test]
fn a_skip_names_the_log_the_cause_and_the_place() {
    for (name, level, rest) in [
        ("not-json.log", WARNING, "text that is not JSON at byte 0".to_owned()),
        ("records-null.json", WARNING, "Records is not an array at byte 0".to_owned()),
        ("empty.json", INFO, "no records in it".to_owned()),
        ("digest.json.gz", INFO, "a digest file, which holds no events at byte 0".to_owned()),
        (
            "gzip-truncated.json.gz",
            WARNING,
            format!(
                "truncated gzip data, the file is not complete at byte {}",
                fs::metadata(file("gzip-truncated.json.gz")).unwrap().len()
            ),
        ),
    ] {
        assert_eq!(skip_lines(&file(name)), [(level, format!("skipped {}: {rest}", file(name).display()))]);
    }
}

#[test]
fn a_flood_of_skips_is_few_lines_that_count_all() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.json");
    fs::write(&log, format!("{{\"Records\":[{}]}}", ["7"; 1000].join(","))).unwrap();
    let (name, cause) = (log.display(), "a record that is not an object");
    let expected = [
        format!("skipped {name}: {cause} at byte 12"),
        format!("skipped 999 more (1000 in all): {cause}, the last one in {name}"),
    ];
    assert_eq!(skip_lines(&log), expected.map(|line| (WARNING, line)));
}

#[test]
fn neither_a_files_name_nor_its_content_can_make_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let forged = "\n2026-03-02 [ERROR] forged";
    fs::write(folder.path().join(format!("a{forged}.json")), format!("[1,{forged}")).unwrap();
    let lines = lines(folder.path());
    assert!(lines.iter().any(|line| line.text.starts_with("skipped ")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.text.contains('\n') && line.level > ERROR), "{lines:?}");
}

#[test]
fn a_name_that_is_no_text_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(OsStr::from_bytes(b"a\xff.json")), "").unwrap();
    let name = folder.path().join("a\u{fffd}.json");
    assert_eq!(skip_lines(folder.path()), [(INFO, format!("skipped {}: no records in it", name.display()))]);
}

#[test]
fn lines_come_from_the_thread_that_calls() {
    let lines = lines(&fixtures::root().join("files"));
    assert!(lines.len() > 10, "{lines:?}");
    assert!(lines.iter().all(|line| line.thread == thread::current().id()), "{lines:?}");
}

#[test]
fn a_key_without_effect_is_told_once() {
    let plugin = Library::load().init(r#"{"useAsync": true}"#).unwrap();
    for _ in 0..2 {
        plugin.open(&file("one-event.json")).events();
    }
    let told = plugin.lines().into_iter().filter(|line| line.text.starts_with("useAsync has no effect"));
    assert_eq!(told.map(|line| line.level).collect::<Vec<_>>(), [INFO]);
}

#[test]
fn a_pointer_that_cannot_match_is_told_once() {
    let plugin = Plugin::new();
    for number in 0..3 {
        let event = Event::new(number, 2, br#"{"eventName":"A"}"#);
        assert_eq!(plugin.value(number, &event, "ct.value[eventName]"), Expect::Absent);
    }
    let told: Vec<_> = plugin.lines().into_iter().map(|line| (line.level, line.text)).collect();
    let line = "ct.value[eventName] is never present: a JSON pointer starts with / and writes ~ as ~0";
    assert_eq!(told, [(WARNING, line.to_owned())]);
}
