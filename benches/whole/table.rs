//! Shows the rows as one table, in Markdown that can be read as it is, and puts it into the documentation.

use std::fs;
use std::thread;

use anyhow::{Context, Result, bail};
use runner::falco::Falco;

use crate::cases::Facts;
use crate::measured::{Figure, Measured};
use crate::rows::{Row, Section, Term, Unit, Wanted};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

/// Where the table stands in it.
const MARKERS: (&str, &str) = ("<!-- speed -->\n", "<!-- end speed -->");

const MIB: f64 = 1_048_576.0;

const COLUMNS: [&str; 8] =
    ["median of runs", "figure", "yardstick", "its figure", "ratio", "wanted", "spread", "peak MiB"];

/// Which columns hold numbers.
const NUMBERS: [bool; 8] = [false, true, false, true, true, false, true, true];

/// Says in a line what was measured on and with.
pub fn machine(falco: Option<&Falco>, facts: &Facts, rounds: u64) -> Result<String> {
    let about = |file: &str, name: &str, separator: char| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let value = text.lines().find_map(|line| {
            let (key, value) = line.split_once(separator)?;
            (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
        });
        value.unwrap_or_else(|| std::env::consts::ARCH.into())
    };
    let mut parts = vec![
        about("/proc/cpuinfo", "model name", ':'),
        format!("{} cores", thread::available_parallelism()?),
        about("/etc/os-release", "PRETTY_NAME", '='),
        runner::host::version()?.to_owned(),
    ];
    if let Some(falco) = falco {
        parts.push(falco.version()?);
    }
    let (events, bytes) = (grouped(facts.events as f64), grouped(facts.event_bytes as f64));
    Ok(format!("{}; {events} events of {bytes} bytes on average; {rounds} runs each.", parts.join(", ")))
}

/// Looks up what criterion measured, before minutes are spent on the rest.
///
/// # Errors
/// When something was not measured.
pub fn check_criterion(sections: &[Section], measured: &Measured) -> Result<()> {
    let rows = sections.iter().flat_map(|(_, rows)| rows);
    let mut terms = rows.flat_map(|row| [&row.figure, &row.yardstick.1]);
    terms.try_for_each(|term| measured.find(&term.of).map(drop))
}

/// Makes the table.
///
/// # Errors
/// When a figure is missing that should have been measured.
pub fn table(sections: &[Section], measured: &Measured) -> Result<String> {
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    for (heading, rows) in sections {
        lines.push(std::array::from_fn(|column| if column == 0 { format!("**{heading}**") } else { String::new() }));
        for row in rows {
            lines.push(cells(row, measured).with_context(|| format!("row \"{}\"", row.what))?);
        }
    }
    let widths: [usize; 8] = std::array::from_fn(|column| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let columns = || widths.into_iter().zip(NUMBERS);
    let mut shown = lines.iter().map(|line| {
        let cells = line.iter().zip(columns()).map(|(cell, (width, is_number))| match is_number {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    });
    let rule = columns().map(|(width, is_number)| match is_number {
        true => format!("{}:", "-".repeat(width.saturating_sub(1))),
        false => "-".repeat(width),
    });
    let rule = format!("| {} |", rule.collect::<Vec<_>>().join(" | "));
    let head = shown.next().into_iter().chain([rule]);
    Ok(head.collect::<Vec<_>>().into_iter().chain(shown).collect::<Vec<_>>().join("\n"))
}

fn cells(row: &Row, measured: &Measured) -> Result<[String; 8]> {
    let what = row.what.clone();
    let Some(figure) = value(&row.figure, measured)? else {
        let skipped = match row.figure.of.starts_with("Falco") {
            true => "skipped: no falco",
            false => bail!("{} was not run", row.figure.of),
        };
        return Ok(std::array::from_fn(|column| match column {
            0 => what.clone(),
            2 => skipped.into(),
            _ => String::new(),
        }));
    };
    let (name, yardstick) = &row.yardstick;
    let its = value(yardstick, measured)?.with_context(|| format!("{} was not run", yardstick.of))?;
    let its = shown(&its, yardstick);
    let amount = shown(&figure, &row.figure);
    let unit = unit(row.figure.unit);
    let wanted = row.wanted.iter().map(|wanted| match wanted {
        Wanted::AtLeast(bound) => format!("≥ {bound} {unit}"),
        Wanted::AtMost(bound) => format!("≤ {bound} {unit}"),
        Wanted::RatioAtLeast(bound) => format!("≥ {bound:?}×"),
        Wanted::RatioAtMost(bound) => format!("≤ {bound:?}×"),
    });
    Ok([
        what,
        format!("{} {unit}", number(amount)),
        (*name).into(),
        format!("{} {unit}", number(its)),
        format!("{}×", number(amount / its)),
        wanted.collect::<Vec<_>>().join(", "),
        match row.figure.unit {
            Unit::Peak => String::new(),
            _ => format!("{:.0} %", 100.0 * figure.range / figure.seconds),
        },
        figure.peak_bytes.map(|bytes| format!("{:.0}", bytes as f64 / MIB)).unwrap_or_default(),
    ])
}

/// Finds the figure of a term; `None` when a case of it was not run.
fn value(term: &Term, measured: &Measured) -> Result<Option<Figure>> {
    let Some(of) = measured.find(&term.of)? else { return Ok(None) };
    let Some(less) = &term.less else { return Ok(Some(of)) };
    let Some(less) = measured.find(less)? else { return Ok(None) };
    Ok(Some(Figure { seconds: of.seconds - less.seconds, range: of.range + less.range, ..of }))
}

/// The figure in its unit.
fn shown(figure: &Figure, term: &Term) -> f64 {
    let (seconds, events) = (figure.seconds / term.parts as f64, figure.work.events as f64);
    match term.unit {
        Unit::Megabytes => figure.work.bytes as f64 / 1e6 / seconds,
        Unit::Gigabytes => figure.work.bytes as f64 / 1e9 / seconds,
        Unit::EventsPerSecond => events / seconds,
        Unit::MicrosPerEvent => seconds * 1e6 / events,
        Unit::Nanos => seconds * 1e9 / events,
        Unit::Millis => seconds * 1e3,
        Unit::Peak => figure.peak_bytes.unwrap_or(0) as f64 / MIB,
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Megabytes => "MB/s",
        Unit::Gigabytes => "GB/s",
        Unit::EventsPerSecond => "events/s",
        Unit::MicrosPerEvent => "µs/event",
        Unit::Nanos => "ns",
        Unit::Millis => "ms",
        Unit::Peak => "MiB",
    }
}

/// Writes a number with as many digits as say something.
fn number(number: f64) -> String {
    match number.abs() {
        1000.0.. => grouped(number),
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// Writes a whole number in groups of three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let length = digits.len();
    let group = |(i, digit)| [(i > 0 && (length - i) % 3 == 0).then_some(','), Some(digit)];
    digits.chars().enumerate().flat_map(group).flatten().collect()
}

/// Puts a text between the markers in the document.
pub fn write_to_document(text: &str) -> Result<()> {
    let document = fs::read_to_string(DOCUMENT)?;
    let (before, rest) = document.split_once(MARKERS.0).context("docs/performance.md has no place for the table")?;
    let (_, after) = rest.split_once(MARKERS.1).context("docs/performance.md has no end of the table")?;
    Ok(fs::write(DOCUMENT, format!("{before}{}{text}\n{}{after}", MARKERS.0, MARKERS.1))?)
}
