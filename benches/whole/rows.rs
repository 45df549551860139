//! The rows of the table, as data: what is measured, beside what, and what is wanted.

use crate::cases::{CONDITIONS, Facts, SIZES};
use crate::measured::{LARGEST, first};

/// How a figure is shown.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// 10⁶ bytes of text a second.
    Megabytes,
    /// 10⁹ bytes of text a second.
    Gigabytes,
    EventsPerSecond,
    MicrosPerEvent,
    /// Nanoseconds for an event, or for one of its [parts](Term::parts).
    Nanos,
    Millis,
    /// MiB of memory at the peak.
    Peak,
}

/// A figure: the time of a case, perhaps less that of another one, perhaps for one of so many parts.
pub struct Term {
    pub of: String,
    pub less: Option<String>,
    pub parts: usize,
    pub unit: Unit,
}

/// What is wanted of a figure, in its unit, or of its ratio to the yardstick.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

/// One row.
pub struct Row {
    pub what: String,
    pub figure: Term,
    /// What it is measured by, and its name in the table.
    pub yardstick: (&'static str, Term),
    pub wanted: &'static [Wanted],
}

/// Rows that belong together, under a heading.
pub type Section = (String, Vec<Row>);

impl Row {
    fn wanted(self, wanted: &'static [Wanted]) -> Self {
        Self { wanted, ..self }
    }
}

fn term(of: &str, unit: Unit) -> Term {
    Term { of: of.into(), less: None, parts: 1, unit }
}

/// A figure beside the same of another case.
fn row(what: &str, of: &str, unit: Unit, name: &'static str, yardstick: &str) -> Row {
    Row { what: what.into(), figure: term(of, unit), yardstick: (name, term(yardstick, unit)), wanted: &[] }
}

/// The difference to a yardstick, for one of so many parts.
fn each(what: &str, of: &str, parts: usize, name: &'static str, yardstick: &str) -> Row {
    let figure = Term { of: of.into(), less: Some(yardstick.into()), parts, unit: Unit::Nanos };
    Row { what: what.into(), figure, yardstick: (name, term(yardstick, Unit::Nanos)), wanted: &[] }
}

pub fn rows(facts: &Facts) -> Vec<Section> {
    use Unit::{EventsPerSecond, Gigabytes, Megabytes, MicrosPerEvent, Millis, Nanos, Peak};
    use Wanted::{AtLeast, AtMost, RatioAtLeast, RatioAtMost};
    let conditions = CONDITIONS.map(|count| {
        let what = if count == 1 { "filter on 1 field".into() } else { format!("filter on {count} different fields") };
        row(&what, &format!("{count} conditions"), MicrosPerEvent, "no field", "no field")
    });
    let sizes = SIZES.map(|size| {
        let what = format!("events of {} KiB, one field", size as f64 / 1024.0);
        row(&what, &format!("one field of {size}"), Megabytes, "no field", &format!("no field of {size}"))
    });
    let pack = facts.pack_rules;
    vec![
        (
            "Decoding, text of a log".into(),
            vec![
                row(
                    "gzip to records, on two threads",
                    "decode/records of gzip",
                    Megabytes,
                    "zlib-rs, a stream",
                    "decode/zlib-rs",
                )
                .wanted(&[RatioAtLeast(0.8)]),
                row("the same", "decode/records of gzip", Megabytes, "libdeflate, all at once", "decode/libdeflate"),
                row("gzip to text, on one", "decode/gunzip", Megabytes, "zlib-rs, a stream", "decode/zlib-rs"),
                row("plain text to records", "decode/records of text", Megabytes, "memcpy", "decode/memcpy"),
                row("whole process, gzip, no field", "gzip, no field", Megabytes, "gzip -dc \\| wc -c", "gzip -dc"),
            ],
        ),
        (
            "One event".into(),
            vec![
                row(
                    "parse, first field",
                    "event/first field",
                    Gigabytes,
                    "serde_json::Value",
                    "event/serde_json Value",
                )
                .wanted(&[AtLeast(1.5), RatioAtLeast(4.0)]),
                each("each further field of 10", "event/10 fields", 9, "first field", "event/first field"),
                row("a JSON pointer", "event/pointer", Nanos, "first field", "event/first field"),
                row("an absent member", "event/absent member", Nanos, "first field", "event/first field")
                    .wanted(&[RatioAtMost(1.0)]),
                row(
                    "a value that is known, by the plugin API",
                    "event/repeated field by the API",
                    Nanos,
                    "first field",
                    "event/first field by the API",
                )
                .wanted(&[AtMost(15.0)]),
            ],
        ),
        (
            "Whole process, plain log".into(),
            vec![
                row("no field: the noise", "no field, again", EventsPerSecond, "no field", "no field"),
                row("one field", "one field", EventsPerSecond, "no field", "no field").wanted(&[RatioAtLeast(0.6)]),
                row("filter on 3 fields", "3 fields", EventsPerSecond, "no field", "no field"),
                row("output of 20 fields", "20 fields", EventsPerSecond, "no field", "no field"),
                row("100 conditions on `ct.name`", "100 ct.name", EventsPerSecond, "no field", "no field")
                    .wanted(&[RatioAtLeast(0.2)]),
                row(
                    "100 conditions on `jevt.value`",
                    "100 jevt.value",
                    EventsPerSecond,
                    "100 on `ct.` fields",
                    "100 conditions",
                ),
            ],
        ),
        (
            "Rules".into(),
            vec![
                row(&format!("the pack, {pack} rules"), "rule pack", MicrosPerEvent, "no field", "no field"),
                each("each rule of it", "rule pack", pack, "no field", "no field"),
                row(
                    "Falco, 100 rules on `ct.name`",
                    "Falco, 100 ct.name",
                    MicrosPerEvent,
                    "100 on `evt.num`",
                    "Falco, 100 evt.num",
                )
                .wanted(&[RatioAtMost(1.7)]),
                row(
                    "Falco, the pack and its alerts",
                    "Falco, rule pack",
                    MicrosPerEvent,
                    "100 on `evt.num`",
                    "Falco, 100 evt.num",
                ),
            ],
        ),
        (
            "Start".into(),
            vec![
                row("10 events, until the first alert", &first("first alert"), Millis, "host alone", "host alone")
                    .wanted(&[AtMost(150.0)]),
                row("10 events, until the end", "first alert", Millis, "host alone", "host alone"),
            ],
        ),
        ("Growth, plain log".into(), conditions.into_iter().chain(sizes).collect()),
        (
            "Memory".into(),
            vec![
                row("peak, the largest of all runs", LARGEST, Peak, "host alone", "host alone")
                    .wanted(&[AtMost(150.0)]),
            ],
        ),
    ]
}

/// The rows of a very large log.
pub fn large() -> Vec<Section> {
    let row = row("filter on 3 fields", "large, 3 fields", Unit::Megabytes, "gzip -dc \\| wc -c", "large, gzip -dc");
    vec![("Whole process, gzip".into(), vec![row])]
}
