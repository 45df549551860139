//! What the plugin tells about what it skips and about its work in the background: few enough lines to be read.
//!
//! The first of a cause has a line at once. The others are counted, and summed up in one line a minute.

use crate::decode::{Cause, Skip, Skips};
use crate::printable::{LINE, printable};
use crate::source::notes::{DISTINCT, Level, Note};
use log::Level as LogLevel;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the lines of one cause or topic are counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// How many lines are written in a window, whoever decides how many there could be; and how many of topics whose lines
/// do not repeat each other.
const LINES: u32 = 1;
const DISTINCT_LINES: u32 = 10;

/// Writes skips and notes to Falco's log.
#[derive(Debug, Default)]
pub struct Report {
    subjects: BTreeMap<Subject, Told>,
    /// When the first window ends in which something waits to be summed up.
    due: Option<Instant>,
}

/// What lines are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// Something was skipped for this cause.
    Skip(Cause),
    /// The background work noted something of this topic.
    Note(&'static str),
}

/// What was told of a subject.
#[derive(Debug)]
struct Told {
    /// How many there were in all.
    total: u64,
    /// When the window began, and how many lines it has.
    start: Instant,
    lines: u32,
    /// How many got no line, and the last one of them.
    unwritten: u64,
    last: String,
    level: LogLevel,
}

/// A line and its level.
type Line = (LogLevel, String);

impl Subject {
    fn lines(self) -> u32 {
        match self {
            Self::Note(topic) if DISTINCT.contains(&topic) => DISTINCT_LINES,
            _ => LINES,
        }
    }
}

impl Told {
    /// Returns a line for those that got none, and begins a new window.
    fn sum_up(&mut self, subject: Subject, now: Instant) -> Option<Line> {
        let Self { total, unwritten, last, level, .. } = self;
        let line = (*unwritten > 0).then(|| match subject {
            Subject::Skip(cause) => {
                format!("skipped {unwritten} more ({total} in all): {cause}, the last one in {last}")
            }
            Subject::Note(topic) => format!("{topic}: {unwritten} more ({total} in all), the last one: {last}"),
        });
        let line = line.map(|line| (*level, line));
        (self.start, self.lines, self.unwritten) = (now, u32::from(line.is_some()), 0);
        self.last.clear();
        line
    }
}

impl Report {
    /// Tells what was skipped in a part of a log.
    pub fn skips(&mut self, log: &str, skips: &Skips, now: Instant) {
        write(self.skip_lines(log, skips, now));
    }

    /// Tells what the background work noted.
    pub fn notes(&mut self, notes: impl IntoIterator<Item = Note>, now: Instant) {
        for note in notes {
            write(self.note_lines(&note, now));
        }
    }

    /// Tells how many had no line of their own in the minutes that are over. Called again and again, so that a number
    /// does not wait for the next one of its kind.
    pub fn sum_up(&mut self, now: Instant) {
        write(self.sum_lines(now));
    }

    /// Tells how many had no line of their own, at the end.
    pub fn finish(&mut self) {
        let now = Instant::now();
        write(self.subjects.iter_mut().filter_map(|(subject, told)| told.sum_up(*subject, now)));
        self.due = None;
    }

    fn skip_lines(&mut self, log: &str, skips: &Skips, now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        for (cause, count) in &skips.counts {
            if let Some(skip) = skips.kept.iter().find(|skip| skip.cause == *cause) {
                let (text, last) = (|| line(log, skip), || log.to_owned());
                lines.extend(self.tell(Subject::Skip(*cause), *count, (skip_level(*cause), text, last), now));
            }
        }
        lines
    }

    fn note_lines(&mut self, note: &Note, now: Instant) -> Vec<Line> {
        let text = || note.text.clone();
        self.tell(Subject::Note(note.topic), 1, (log_level(note.level), text, text), now)
    }

    /// Notes so many of a subject, of which the first has a text and the last is called something, and returns what is
    /// to be written at once.
    fn tell(
        &mut self,
        subject: Subject,
        count: u64,
        (level, text, last): (LogLevel, impl Fn() -> String, impl Fn() -> String),
        now: Instant,
    ) -> Vec<Line> {
        let new = || Told { total: 0, start: now, lines: 0, unwritten: 0, last: String::new(), level };
        let told = self.subjects.entry(subject).or_insert_with(new);
        let mut lines = Vec::new();
        if now.saturating_duration_since(told.start) >= WINDOW {
            lines.extend(told.sum_up(subject, now));
        }
        told.total += count;
        told.level = level;
        let mut unwritten = count;
        if told.lines < subject.lines() {
            told.lines += 1;
            unwritten -= 1;
            lines.push((level, text()));
        }
        if unwritten > 0 {
            told.unwritten += unwritten;
            told.last = last();
            let end = told.start + WINDOW;
            self.due = Some(self.due.map_or(end, |due| due.min(end)));
        }
        lines
    }

    fn sum_lines(&mut self, now: Instant) -> Vec<Line> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        let is_over = |told: &Told| now.saturating_duration_since(told.start) >= WINDOW;
        let over = self.subjects.iter_mut().filter(|(_, told)| told.unwritten > 0 && is_over(told));
        let lines = over.filter_map(|(subject, told)| told.sum_up(*subject, now)).collect();
        let waiting = self.subjects.values().filter(|told| told.unwritten > 0);
        self.due = waiting.map(|told| told.start + WINDOW).min();
        lines
    }
}

fn write(lines: impl IntoIterator<Item = Line>) {
    for (level, line) in lines {
        log::log!(level, "{line}");
    }
}

/// Returns the level that a cause deserves.
fn skip_level(cause: Cause) -> LogLevel {
    match cause {
        // Every bucket with digests has them, and quiet regions get empty files.
        Cause::Digest | Cause::Empty | Cause::NotALog | Cause::ReadBefore => LogLevel::Info,
        Cause::Internal | Cause::Denied => LogLevel::Error,
        _ => LogLevel::Warn,
    }
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
    use crate::source::notes::GIVEN_UP;

    fn skips(cause: Cause, count: u64) -> Skips {
        let mut skips = Skips::default();
        (0..count).for_each(|at| skips.add(cause, Some(at), None));
        skips
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|(_, text)| text).collect()
    }

    fn note(topic: &'static str, text: &str) -> Note {
        Note { topic, level: Level::Warn, text: text.into() }
    }

    #[test]
    fn a_line_names_the_log_and_the_cause() {
        let mut skips = Skips::default();
        skips.add(Cause::MalformedRecord, Some(17), None);
        skips.add(Cause::Unreadable, None, Some("permission denied".into()));
        assert_eq!(
            texts(Report::default().skip_lines("a.json", &skips, Instant::now())),
            [
                "skipped a.json: malformed JSON in a record at byte 17",
                "skipped a.json: cannot be read: permission denied"
            ]
        );
    }

    #[test]
    fn a_flood_of_one_cause_has_a_line_a_minute() {
        let mut report = Report::default();
        let start = Instant::now();
        let mut tell = |log: &str, cause, count, seconds| {
            texts(report.skip_lines(log, &skips(cause, count), start + Duration::from_secs(seconds)))
        };
        assert_eq!(tell("a", Cause::NotAnObject, 1000, 0), ["skipped a: a record that is not an object at byte 0"]);
        assert!(tell("b", Cause::NotAnObject, 5, 30).is_empty());
        assert_eq!(tell("c", Cause::NotJson, 1, 59).len(), 1, "another cause has a line of its own");
        let sum = "skipped 1004 more (1005 in all): a record that is not an object, the last one in b";
        assert_eq!(tell("d", Cause::NotAnObject, 2, 60), [sum]);
        let sum = "skipped 2 more (1007 in all): a record that is not an object, the last one in d";
        assert_eq!(tell("e", Cause::NotAnObject, 1, 120), [sum]);
    }

    #[test]
    fn a_sum_does_not_wait_for_the_next_of_its_kind() {
        let mut report = Report::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        report.skip_lines("a", &skips(Cause::NotAnObject, 3), at(0));
        report.note_lines(&note("retry", "first"), at(40));
        report.note_lines(&note("retry", "second"), at(50));
        assert!(report.sum_lines(at(59)).is_empty());
        let sum = "skipped 2 more (3 in all): a record that is not an object, the last one in a";
        assert_eq!(texts(report.sum_lines(at(60))), [sum]);
        assert!(report.sum_lines(at(99)).is_empty());
        assert_eq!(texts(report.sum_lines(at(100))), ["retry: 1 more (2 in all), the last one: second"]);
        assert!(report.sum_lines(at(1000)).is_empty());
        // The sums were lines too.
        assert_eq!(texts(report.note_lines(&note("retry", "third"), at(1000))), ["third"]);
        assert!(report.skip_lines("b", &skips(Cause::NotAnObject, 1), at(61)).is_empty());
    }

    #[test]
    fn lines_that_do_not_repeat_each_other_are_more_and_bounded_too() {
        let mut report = Report::default();
        let start = Instant::now();
        let mut tell = |topic, count| -> Vec<String> {
            (0..count)
                .flat_map(|number| report.note_lines(&note(topic, &format!("{number}")), start))
                .map(|line| line.1)
                .collect()
        };
        assert_eq!(tell("retry", 15), ["0"]);
        assert_eq!(tell("lease", 1), ["0"]);
        assert_eq!(tell(GIVEN_UP, 15).len(), 10);
        assert_eq!(
            texts(report.sum_lines(start + WINDOW)),
            ["given up: 5 more (15 in all), the last one: 14", "retry: 14 more (15 in all), the last one: 14"]
        );
    }
}
