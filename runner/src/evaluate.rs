//! Evaluates rules on the libsinsp host: all of them in one pass over the events. Each rule becomes a chisel, a small
//! Lua script of the host that holds a filter and a format, so that the host compiles, matches and prints.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::io::Write as _;
use std::path::Path;

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

/// One run of the host with a chisel per rule. What belongs to a rule is marked by a word that no log can know.
struct Pass {
    folder: tempfile::TempDir,
    mark: String,
    rules: usize,
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
        Self::new(rules, false, |index, mark, output| {
            let mark = format!("{UNIT}{mark}");
            (format!("*{mark}{index}{mark}%evt.num{mark}%evt.time{mark}%evt.time.iso8601{mark}{output}"), String::new())
        })
    }

    /// Prints, for each match, the mark, the rule's index, and the fields of the rule's output as JSON.
    fn json(rules: &[(&Rule, String)]) -> Result<Self> {
        Self::new(rules, true, |index, mark, output| {
            let mark = format!("{UNIT}{mark}");
            let tag = lua(&format!("{mark}{index}{mark}"));
            (format!("*%evt.num %evt.time {output}"), format!("function on_event() io.write({tag}) return true end\n"))
        })
    }

    fn new(
        rules: &[(&Rule, String)],
        json: bool,
        print: impl Fn(usize, &str, &str) -> (String, String),
    ) -> Result<Self> {
        let mark = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        for (index, (rule, filter)) in rules.iter().enumerate() {
            let (format, on_event) = print(index, &mark, rule.output.strip_prefix('*').unwrap_or(&rule.output));
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
        Ok(Self { folder, mark, rules: rules.len(), json })
    }

    fn run(self, input: Input<'_>) -> Result<Printed> {
        let mut session = Session::new(input.plugins).input(PLUGIN, input.params);
        if self.json {
            session = session.json();
        }
        for index in 0..self.rules {
            session = session.arg("-c").arg(chisel_path(self.folder.path(), index));
        }
        Ok(Printed { mark: format!("{UNIT}{}", self.mark), report: session.run()?.check()? })
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
