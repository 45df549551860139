//! Evaluates rules on the libsinsp host: all of them in one pass over the events. Each rule becomes a chisel, a small
//! Lua script of the host that holds a filter and a format, so that the host compiles, matches and prints.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::alert::Alert;
use crate::host::{Plugin, Report, Session, loaded};
use crate::rules::{Rule, RuleSet, SOURCE};

/// The plugin that events are read from.
pub const PLUGIN: &str = "cloudtrail";

/// What the plugins read and how alerts are to come out.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The plugins to load, among them the one called `cloudtrail`.
    pub plugins: &'a [Plugin],
    /// The open parameters: a file or a folder of logs.
    pub params: &'a str,
    /// Whether alerts carry `output_fields`, for which the events are read a second time.
    pub with_fields: bool,
}

/// The alerts of a run and what the engine and the plugins logged meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Alerts in the order of the events, and for one event in the order of the rules.
    pub alerts: Vec<Alert>,
    /// Log lines, as [`Report::logs`] has them.
    pub logs: Vec<String>,
}

/// Evaluates the enabled rules of the source `aws_cloudtrail` over the events of `input`.
///
/// # Errors
/// When the rule files need a plugin that is not loaded, the host rejects a filter or an output (the error names the
/// rule and gives the host's words), or the plugin fails to open or read its input.
pub fn evaluate(set: &RuleSet, input: Input<'_>) -> Result<Outcome> {
    set.check_plugins(&loaded(input.plugins)?)?;
    let rules = set.filters()?;
    if rules.is_empty() {
        bail!("no enabled rule has the source {SOURCE}");
    }
    let text = Pass::text(&rules)?.run(input).map_err(|error| blame(&rules, input, error))?;
    let mut alerts = text.alerts(&rules)?;
    if input.with_fields {
        let fields = Pass::json(&rules)?.run(input)?.fields(&rules)?;
        if fields.len() != alerts.len() {
            bail!("the input changed while it was read: {} alerts, then {}", alerts.len(), fields.len());
        }
        for (alert, (number, fields)) in alerts.iter_mut().zip(fields) {
            if alert.number != number {
                bail!("the input changed while it was read: event {} raised an alert, then {number}", alert.number);
            }
            alert.alert.output_fields = fields;
        }
    }
    let alerts = alerts.into_iter().map(|numbered| numbered.alert).collect();
    Ok(Outcome { alerts, logs: text.report.logs })
}

/// Has the host compile every rule of the source `aws_cloudtrail`, also those that are not enabled, over one event that
/// says nothing. Gives the number of rules.
///
/// # Errors
/// Those of [`evaluate`].
pub fn check(set: &RuleSet, plugins: &[Plugin]) -> Result<usize> {
    set.check_plugins(&loaded(plugins)?)?;
    let rules = set.all_filters()?;
    if rules.is_empty() {
        bail!("no rule has the source {SOURCE}");
    }
    let mut log = tempfile::Builder::new().suffix(".json").tempfile().context("cannot make a temporary file")?;
    let event = r#"{"Records":[{"eventTime":"2026-01-01T00:00:00Z","eventType":"AwsApiCall"}]}"#;
    log.write_all(event.as_bytes()).context("cannot write to the temporary file")?;
    let params = log.path().to_str().context("the temporary folder's path is not Unicode")?;
    let input = Input { plugins, params, with_fields: false };
    Pass::text(&rules)?.run(input).map_err(|error| blame(&rules, input, error))?;
    Ok(rules.len())
}

/// A filter that matched an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The place of the filter.
    pub filter: usize,
    /// The event's number, from 1.
    pub event: u64,
    /// The event's ID, `<NA>` when it has none.
    pub id: String,
}

/// Tells which filters match which events, in the order of the events.
///
/// # Errors
/// When the host rejects a filter, or the plugin fails to open or read its input.
pub fn matches(filters: &[String], input: Input<'_>) -> Result<Vec<Match>> {
    let mut matches = Vec::new();
    for (chunk, filters) in filters.chunks(AT_ONCE).enumerate() {
        let seen = follow(filters, input, &mut |_| {})?;
        let of_chunk = |found: Match| Match { filter: chunk * AT_ONCE + found.filter, ..found };
        matches.extend(seen.matches.into_iter().map(of_chunk));
    }
    Ok(matches)
}

/// How many filters a host is given at once: each one is a Lua machine of its own.
const AT_ONCE: usize = 1000;

/// Which filters matched which events, and how many events there were.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// In the order of the events, and for one event of the filters.
    pub matches: Vec<Match>,
    /// The number of events.
    pub events: u64,
}

/// Like [`matches()`], in one run of the host; `progress` is told from time to time how many events are done.
///
/// # Errors
/// Those of [`matches()`].
pub fn follow(filters: &[String], input: Input<'_>, progress: &mut dyn FnMut(u64)) -> Result<Seen> {
    // Behind the filters comes one that matches every event, for the count.
    let all = filters.iter().map(String::as_str).chain(["evt.num > 0"]);
    let pass = Pass::new(false, all, |index, mark| {
        let mark = format!("{UNIT}{mark}");
        if index < filters.len() {
            return (format!("*{mark}{index}{mark}%evt.num{mark}%ct.id{mark}"), String::new());
        }
        let tag = lua(&format!("{mark}{index}{mark}"));
        let end = lua(&format!("{mark}\n"));
        let say = format!("io.write({tag} .. count .. {end})");
        let count = format!(
            "count = 0\n\
             function on_event() count = count + 1 if count % {STEP} == 0 then {say} end return false end\n\
             function on_capture_end() {say} return true end\n"
        );
        ("*".to_owned(), count)
    })?;
    let mark = format!("{UNIT}{}", pass.mark);
    let host = pass.session(input).spawn()?;
    let mut seen = Seen::default();
    let far = Instant::now() + LONGEST;
    while let Some(line) = host.line(far) {
        let mut parts = line.split(mark.as_str()).skip(1);
        // An ID may hold line breaks: what follows them is no match.
        let (Some(index), Some(number)) = (parts.next(), parts.next()) else { continue };
        let (index, number) = (index.parse().context(MIXED)?, number.parse().context(MIXED)?);
        if index < filters.len() {
            let id = parts.next().unwrap_or_default().to_owned();
            seen.matches.push(Match { filter: index, event: number, id });
        } else {
            seen.events = number;
            progress(number);
        }
    }
    host.wait(far)?.check()?;
    Ok(seen)
}

/// How many events are between two reports of progress.
const STEP: u32 = 500;

/// Longer than any run.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Names the rules whose filter or output the host rejected, by trying one after the other. An error of another kind
/// stays as it is.
fn blame(rules: &[(&Rule, String)], input: Input<'_>, error: anyhow::Error) -> anyhow::Error {
    let text = error.to_string();
    if !text.contains("invalid filter in chisel") && !text.contains("invalid formatting token") {
        return error;
    }
    let mut faults = Vec::new();
    for rule in rules {
        if let Err(error) = Pass::text(std::slice::from_ref(rule)).and_then(|pass| pass.run(input)) {
            let text = error.to_string();
            let text = text.strip_suffix("\nchisel error").unwrap_or(&text);
            let text = text.split_once(".lua: ").map_or(text, |(_, reason)| reason);
            faults.push(format!("rule `{}`: {text}", rule.0.name));
        }
    }
    if faults.is_empty() { error } else { anyhow::anyhow!("{}", faults.join("\n")) }
}

/// One run of the host with a chisel per filter. What belongs to a filter is marked by a word that no log can know.
struct Pass {
    folder: tempfile::TempDir,
    mark: String,
    filters: usize,
    json: bool,
}

struct Printed {
    mark: String,
    report: Report,
}

struct Numbered {
    number: u64,
    alert: Alert,
}

/// Parts the values of one alert; the mark makes it unforgeable.
const UNIT: char = '\u{1f}';

impl Pass {
    /// Prints, for each match, the event's number and times and the rule's output as text.
    fn text(rules: &[(&Rule, String)]) -> Result<Self> {
        Self::new(false, filters(rules), |index, mark| {
            let mark = format!("{UNIT}{mark}");
            let output = output(rules, index);
            (format!("*{mark}{index}{mark}%evt.num{mark}%evt.time{mark}%evt.time.iso8601{mark}{output}"), String::new())
        })
    }

    /// Prints, for each match, the mark, the rule's index, and the fields of the rule's output as JSON.
    fn json(rules: &[(&Rule, String)]) -> Result<Self> {
        Self::new(true, filters(rules), |index, mark| {
            let mark = format!("{UNIT}{mark}");
            let tag = lua(&format!("{mark}{index}{mark}"));
            let format = format!("*%evt.num %evt.time {}", output(rules, index));
            (format, format!("function on_event() io.write({tag}) return true end\n"))
        })
    }

    /// Writes a chisel for every filter, of the format and the function that `print` gives for its place and the mark.
    fn new<'a>(
        json: bool,
        filters: impl Iterator<Item = &'a str>,
        print: impl Fn(usize, &str) -> (String, String),
    ) -> Result<Self> {
        let mark = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut count = 0;
        for (index, filter) in filters.enumerate() {
            count = index + 1;
            let (format, on_event) = print(index, &mark);
            let chisel = format!(
                "description = '' short_description = '' category = '' args = {{}}\n\
                 function on_init()\n\
                 chisel.set_filter({})\n\
                 chisel.set_event_formatter({})\n\
                 return true end\n{on_event}",
                lua(filter),
                lua(&format),
            );
            std::fs::write(chisel_path(folder.path(), index), chisel)
                .context("cannot write to the temporary folder")?;
        }
        Ok(Self { folder, mark, filters: count, json })
    }

    fn run(self, input: Input<'_>) -> Result<Printed> {
        let report = self.session(input).run()?.check()?;
        Ok(Printed { mark: format!("{UNIT}{}", self.mark), report })
    }

    fn session(&self, input: Input<'_>) -> Session {
        let mut session = Session::new(input.plugins).input(PLUGIN, input.params);
        if self.json {
            session = session.json();
        }
        for index in 0..self.filters {
            session = session.arg("-c").arg(chisel_path(self.folder.path(), index));
        }
        session
    }
}

impl Printed {
    fn alerts(&self, rules: &[(&Rule, String)]) -> Result<Vec<Numbered>> {
        let text = String::from_utf8_lossy(&self.report.stdout);
        let mut parts = text.split(self.mark.as_str()).skip(1);
        let mut alerts = Vec::new();
        while let Some(index) = parts.next() {
            let (rule, _) = index.parse().ok().and_then(|index: usize| rules.get(index)).context(MIXED)?;
            let mut next = || parts.next().context(MIXED);
            let (number, clock, date, message) = (next()?, next()?, next()?, next()?);
            alerts.push(Numbered {
                number: number.parse().context(MIXED)?,
                alert: Alert {
                    hostname: None,
                    output: format!("{clock}: {} {}", rule.priority, message.strip_suffix('\n').unwrap_or(message)),
                    output_fields: Map::new(),
                    priority: rule.priority.to_string(),
                    rule: rule.name.clone(),
                    source: rule.source.clone(),
                    tags: rule.tags.clone(),
                    time: date.replace("+0000", "Z"),
                },
            });
        }
        Ok(alerts)
    }

    /// The event's number and the output's fields of each alert.
    fn fields(&self, rules: &[(&Rule, String)]) -> Result<Vec<(u64, Map<String, Value>)>> {
        let text = String::from_utf8_lossy(&self.report.stdout);
        let mut parts = text.split(self.mark.as_str()).skip(1);
        let mut all = Vec::new();
        while let (Some(index), Some(fields)) = (parts.next(), parts.next()) {
            let (rule, _) = index.parse().ok().and_then(|index: usize| rules.get(index)).context(MIXED)?;
            let mut fields: Map<String, Value> = serde_json::from_str(fields).context(MIXED)?;
            let number = fields.get("evt.num").and_then(Value::as_u64).context(MIXED)?;
            if !rule.output.contains("%evt.num") {
                fields.remove("evt.num");
            }
            all.push((number, fields));
        }
        Ok(all)
    }
}

const MIXED: &str = "the engine printed something else than alerts";

fn filters<'a>(rules: &'a [(&Rule, String)]) -> impl Iterator<Item = &'a str> {
    rules.iter().map(|(_, filter)| filter.as_str())
}

/// The output of a rule; the asterisk that keeps events without some field is put before everything else.
fn output<'a>(rules: &[(&'a Rule, String)], index: usize) -> &'a str {
    rules.get(index).map_or("", |(rule, _)| rule.output.strip_prefix('*').unwrap_or(&rule.output))
}

fn chisel_path(folder: &Path, index: usize) -> std::path::PathBuf {
    folder.join(format!("rule{index}.lua"))
}

/// A string literal of Lua, in ASCII.
fn lua(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => _ = write!(literal, "\\{byte:03}"),
            _ => literal.push(char::from(byte)),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lua_literals_are_ascii_and_closed() {
        assert_eq!(lua("a \"b\"\\\né"), r#""a \034b\034\092\010\195\169""#);
    }
}
