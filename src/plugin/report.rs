//! What the plugin tells about what it skips and about its work in the background: few enough lines to be read.

use crate::decode::{Cause, Skip, Skips};
use crate::printable::{LINE, printable};
use crate::source::notes::{GIVEN_UP, Level, Note};
use log::Level as LogLevel;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many lines of one cause or topic are written in one [`WINDOW`]: whoever writes the logs decides how many there
/// could be.
const LINES: u32 = 10;

/// How long the lines are counted together.
const WINDOW: Duration = Duration::from_secs(30);

/// Writes skips and notes to Falco's log.
#[derive(Debug, Default)]
pub struct Report {
    windows: HashMap<Cause, Window>,
    topics: HashMap<&'static str, Window>,
}

#[derive(Debug)]
struct Window {
    start: Instant,
    lines: u32,
    /// What got no line.
    unwritten: u64,
}

impl Window {
    fn new(start: Instant) -> Self {
        Self { start, lines: 0, unwritten: 0 }
    }

    /// Begins anew when the time is over, and returns how much got no line in the window before.
    fn roll(&mut self, now: Instant) -> u64 {
        if now.duration_since(self.start) < WINDOW {
            return 0;
        }
        std::mem::replace(self, Self::new(now)).unwritten
    }
}

impl Report {
    /// Tells what was skipped in a part of a log.
    pub fn skips(&mut self, log: &str, skips: &Skips, now: Instant) {
        for line in self.lines(log, skips, now) {
            write(line);
        }
    }

    /// Tells what the background work noted.
    pub fn notes(&mut self, notes: impl IntoIterator<Item = Note>, now: Instant) {
        for note in notes {
            for line in self.note_lines(&note, now) {
                log::log!(log_level(note.level), "{line}");
            }
        }
    }

    /// Tells how much had no line of its own, at the end.
    pub fn finish(&mut self) {
        for (cause, window) in self.windows.drain().filter(|(_, window)| window.unwritten > 0) {
            write((cause, format!("skipped {} more: {cause}", window.unwritten)));
        }
        for (topic, window) in self.topics.drain().filter(|(_, window)| window.unwritten > 0) {
            log::warn!("{}", more(topic, window.unwritten));
        }
    }

    fn note_lines(&mut self, note: &Note, now: Instant) -> Vec<String> {
        if note.topic == GIVEN_UP {
            return vec![note.text.clone()];
        }
        let window = self.topics.entry(note.topic).or_insert_with(|| Window::new(now));
        let mut lines = Vec::new();
        let unwritten = window.roll(now);
        if unwritten > 0 {
            lines.push(more(note.topic, unwritten));
        }
        if window.lines < LINES {
            window.lines += 1;
            lines.push(note.text.clone());
        } else {
            window.unwritten += 1;
        }
        lines
    }

    fn lines(&mut self, log: &str, skips: &Skips, now: Instant) -> Vec<(Cause, String)> {
        let mut lines = Vec::new();
        for (cause, count) in &skips.counts {
            let window = self.windows.entry(*cause).or_insert_with(|| Window::new(now));
            let unwritten = window.roll(now);
            if unwritten > 0 {
                lines.push((*cause, format!("skipped {unwritten} more: {cause}")));
            }
            let of_cause = skips.kept.iter().filter(|skip| skip.cause == *cause);
            let before = lines.len();
            lines.extend(of_cause.take((LINES - window.lines) as usize).map(|skip| (*cause, line(log, skip))));
            let written = lines[before..].len() as u32;
            window.lines += written;
            window.unwritten += count - u64::from(written);
        }
        lines
    }
}

/// Writes a line at the level that its cause deserves.
fn write((cause, line): (Cause, String)) {
    match cause {
        // Every bucket with digests has them, and quiet regions get empty files.
        Cause::Digest | Cause::Empty | Cause::NotALog | Cause::ReadBefore => log::info!("{line}"),
        Cause::Internal | Cause::Denied => log::error!("{line}"),
        _ => log::warn!("{line}"),
    }
}

fn more(topic: &str, count: u64) -> String {
    format!("{topic}: {count} more lines like the last ones")
}

fn log_level(level: Level) -> LogLevel {
    match level {
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    }
}

fn line(log: &str, skip: &Skip) -> String {
    let at = skip.at.map(|at| format!(" at byte {at}")).unwrap_or_default();
    let detail = skip.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    printable(&format!("skipped {log}: {}{at}{detail}", skip.cause), LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(cause: Cause, count: u64) -> Skips {
        let mut skips = Skips::default();
        (0..count).for_each(|at| skips.add(cause, Some(at), None));
        skips
    }

    #[test]
    fn a_line_names_the_log_and_the_cause() {
        let mut skips = Skips::default();
        skips.add(Cause::MalformedRecord, Some(17), None);
        skips.add(Cause::Unreadable, None, Some("permission denied".into()));
        let lines: Vec<_> =
            Report::default().lines("a.json", &skips, Instant::now()).into_iter().map(|line| line.1).collect();
        assert_eq!(
            lines,
            [
                "skipped a.json: malformed JSON in a record at byte 17",
                "skipped a.json: cannot be read: permission denied"
            ]
        );
    }

    #[test]
    fn a_flood_of_one_topic_is_cut_and_summed_up() {
        let mut report = Report::default();
        let start = Instant::now();
        let note = |topic, text: &str| Note { topic, level: Level::Warn, text: text.into() };
        let lines = |report: &mut Report, note: &Note, count, now| -> Vec<String> {
            (0..count).flat_map(|_| report.note_lines(note, now)).collect()
        };
        assert_eq!(lines(&mut report, &note("retry", "again"), 15, start).len(), 10);
        assert_eq!(lines(&mut report, &note("lease", "lost"), 1, start), ["lost"]);
        assert_eq!(lines(&mut report, &note(GIVEN_UP, "gone"), 15, start).len(), 15, "each is told");
        let later = lines(&mut report, &note("retry", "again"), 1, start + WINDOW);
        assert_eq!(later, ["retry: 5 more lines like the last ones", "again"]);
    }

    #[test]
    fn a_flood_of_one_cause_is_cut_and_summed_up() {
        let mut report = Report::default();
        let start = Instant::now();
        assert_eq!(report.lines("a", &skips(Cause::NotAnObject, 1000), start).len(), 8);
        assert_eq!(report.lines("b", &skips(Cause::NotAnObject, 5), start).len(), 2);
        assert_eq!(report.lines("c", &skips(Cause::NotAnObject, 5), start).len(), 0);
        assert_eq!(report.lines("c", &skips(Cause::NotJson, 1), start).len(), 1, "another cause has lines of its own");
        let later = report.lines("d", &skips(Cause::NotAnObject, 1), start + WINDOW);
        assert_eq!(later[0].1, "skipped 1000 more: a record that is not an object");
        assert_eq!(later[1].1, "skipped d: a record that is not an object at byte 0");
    }
}
