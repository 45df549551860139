//! Evaluates rules on the libsinsp host, all of them in one pass over the events. How a filter gets into the host is left
//! to [`pass`](crate::pass).

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Map;

use crate::alert::{self, Alert};
use crate::host::{Plugin, Report, Session, loaded};
use crate::pass::{Form, Pass, lua};
use crate::rules::{Rule, RuleSet, SOURCE};
use crate::running::Running;

/// The plugin that events are read from.
pub const PLUGIN: &str = "cloudtrail";

/// What the plugins read and how alerts are to come out.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The plugins to load, among them the one called `cloudtrail`.
    pub plugins: &'a [Plugin],
    /// The open parameters: a file or a folder of logs.
    pub params: &'a str,
    /// Whether alerts carry `output_fields`.
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

impl Input<'_> {
    fn session(self) -> Session {
        Session::new(self.plugins).input(PLUGIN, self.params)
    }
}

/// Evaluates the enabled rules of the source `aws_cloudtrail` over the events of `input`.
///
/// # Errors
/// When the rule files need a plugin that is not loaded, the host rejects a filter or an output (the error names the
/// rule and gives the host's words), or the plugin fails to open or read its input.
pub fn evaluate(set: &RuleSet, input: Input<'_>) -> Result<Outcome> {
    let rules = enabled(set, input.plugins)?;
    let pass = chisels(&rules, input.with_fields)?;
    let report = run(&pass, input).map_err(|error| blame(&rules, input, error))?;
    let mut alerts = Alerts::default();
    alerts.read(&rules, &String::from_utf8_lossy(&report.stdout), pass.mark())?;
    let alerts = if input.with_fields { alerts.whole } else { alerts.bare };
    Ok(Outcome { alerts: alerts.into(), logs: report.logs })
}

/// The enabled rules and their filters, when the plugins that they need are loaded.
fn enabled<'a>(set: &'a RuleSet, plugins: &[Plugin]) -> Result<Vec<(&'a Rule, String)>> {
    set.check_plugins(&loaded(plugins)?)?;
    let rules = set.filters()?;
    if rules.is_empty() {
        bail!("no enabled rule has the source {SOURCE}");
    }
    Ok(rules)
}

/// Evaluates the enabled rules of the source `aws_cloudtrail` while the source that `session` opens is read. Alerts
/// carry `output_fields`.
///
/// # Errors
/// When the rule files need a plugin that is not loaded, or the host cannot be started.
pub fn watch(set: &RuleSet, session: Session) -> Result<Watch<'_>> {
    let rules = enabled(set, session.plugins())?;
    let pass = chisels(&rules, true)?;
    let host = pass.session(session).spawn()?;
    Ok(Watch { rules, pass, host, text: String::new(), alerts: Alerts::default() })
}

/// The alerts of a source that is being read. Dropping it kills the host.
#[derive(Debug)]
pub struct Watch<'a> {
    rules: Vec<(&'a Rule, String)>,
    pass: Pass,
    host: Running,
    /// What the host has printed since the last fields.
    text: String,
    alerts: Alerts,
}

impl Watch<'_> {
    /// Returns the next alert, or `None` when there is none until `deadline` or the host has ended.
    ///
    /// # Errors
    /// When the host prints something else than alerts.
    pub fn alert(&mut self, deadline: Instant) -> Result<Option<Alert>> {
        loop {
            if let Some(alert) = self.alerts.whole.pop_front() {
                return Ok(Some(alert));
            }
            let Some(line) = self.host.line(deadline) else { return Ok(None) };
            self.text.extend([line.as_str(), "\n"]);
            // A text may have line breaks in it, so that only the fields tell that it is whole.
            if line.starts_with(&fields_tag(self.pass.mark())) {
                self.alerts.read(&self.rules, &std::mem::take(&mut self.text), self.pass.mark())?;
            }
        }
    }

    /// The host.
    pub fn host(&mut self) -> &mut Running {
        &mut self.host
    }
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
    run(&chisels(&rules, false)?, input).map_err(|error| blame(&rules, input, error))?;
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
    let mut pass = Pass::new()?;
    let mark = pass.mark().to_owned();
    for (index, filter) in filters.iter().enumerate() {
        let format = format!("*{mark}{index}{mark}%evt.num{mark}%ct.id{mark}");
        pass.add(filter, Form::Text, &format, "")?;
    }
    // Behind the filters comes one that matches every event, for the count.
    let tag = lua(&format!("{mark}{}{mark}", filters.len()));
    let end = lua(&format!("{mark}\n"));
    let say = format!("io.write({tag} .. count .. {end})");
    let count = format!(
        "count = 0\n\
         function on_event() count = count + 1 if count % {STEP} == 0 then {say} end return false end\n\
         function on_capture_end() {say} return true end\n"
    );
    pass.add("evt.num > 0", Form::Text, "*", &count)?;
    let host = pass.session(input.session()).spawn()?;
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
        if let Err(error) = chisels(std::slice::from_ref(rule), false).and_then(|pass| run(&pass, input)) {
            let text = error.to_string();
            let text = text.strip_suffix("\nchisel error").unwrap_or(&text);
            let text = text.split_once(".lua: ").map_or(text, |(_, reason)| reason);
            faults.push(format!("rule `{}`: {text}", rule.0.name));
        }
    }
    if faults.is_empty() { error } else { anyhow::anyhow!("{}", faults.join("\n")) }
}

/// A chisel for each rule that prints the alert without its fields, and when they are asked for another one behind all
/// these that prints the fields.
fn chisels(rules: &[(&Rule, String)], with_fields: bool) -> Result<Pass> {
    let mut pass = Pass::new()?;
    let mark = pass.mark().to_owned();
    // The asterisk that keeps events without some field is put before everything else.
    let output = |rule: &Rule| rule.output.strip_prefix('*').unwrap_or(&rule.output).to_owned();
    for (index, (rule, filter)) in rules.iter().enumerate() {
        let format = format!("*{mark}{index}{mark}%evt.time{mark}%evt.time.iso8601{mark}{}", output(rule));
        pass.add(filter, Form::Text, &format, "")?;
    }
    let tag = format!("function on_event() io.write({}) return true end\n", lua(&fields_tag(&mark)));
    for (rule, filter) in rules.iter().filter(|_| with_fields) {
        pass.add(filter, Form::Json, &format!("*%evt.time {}", output(rule)), &tag)?;
    }
    Ok(pass)
}

/// What the line with an alert's fields begins with: nothing is where others have the rule's place.
fn fields_tag(mark: &str) -> String {
    mark.repeat(2)
}

/// Alerts as the host prints them: of each event those without fields, then the fields in the same order.
#[derive(Debug, Default)]
struct Alerts {
    /// Those whose fields have not come.
    bare: VecDeque<Alert>,
    whole: VecDeque<Alert>,
}

impl Alerts {
    fn read(&mut self, rules: &[(&Rule, String)], printed: &str, mark: &str) -> Result<()> {
        let mut parts = printed.split(mark).skip(1);
        while let Some(index) = parts.next() {
            let mut next = || parts.next().context(MIXED);
            if index.is_empty() {
                let mut alert = self.bare.pop_front().context(MIXED)?;
                alert.output_fields = serde_json::from_str(next()?).context(MIXED)?;
                self.whole.push_back(alert);
                continue;
            }
            let (rule, _) = index.parse().ok().and_then(|index: usize| rules.get(index)).context(MIXED)?;
            let (clock, date, message) = (next()?, next()?, next()?);
            self.bare.push_back(Alert {
                hostname: alert::hostname(),
                output: format!("{clock}: {} {}", rule.priority, message.strip_suffix('\n').unwrap_or(message)),
                output_fields: Map::new(),
                priority: rule.priority.to_string(),
                rule: rule.name.clone(),
                source: rule.source.clone(),
                tags: rule.tags.clone(),
                time: date.replace("+0000", "Z"),
            });
        }
        Ok(())
    }
}

/// Runs the host to its end.
fn run(pass: &Pass, input: Input<'_>) -> Result<Report> {
    pass.session(input.session()).run()?.check()
}

const MIXED: &str = "the engine printed something else than alerts";
