//! Starts the libsinsp host through `scripts/host` and reads what it says. It knows the host's command line and its
//! pitfalls; rules, alerts and what the fields mean are left to others.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::running::Running;

/// The script that runs the host, beside this crate in the workspace.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/host");

/// A plugin library and the configuration that it is initialised with.
#[derive(Clone, Debug)]
pub struct Plugin {
    library: PathBuf,
    config: String,
}

impl Plugin {
    /// Names the library at `library`, with the empty configuration.
    ///
    /// # Errors
    /// When the file does not exist, or its path holds a colon, at which the host's command line splits.
    pub fn new(library: impl AsRef<Path>) -> Result<Self> {
        let library = library.as_ref();
        let path = std::path::absolute(library).with_context(|| format!("cannot name {}", library.display()))?;
        if !path.is_file() {
            bail!("no plugin library at {}: build it with cargo build --release", path.display());
        }
        if path.as_os_str().as_encoded_bytes().contains(&b':') {
            bail!("the host cannot load {}: move it to a path without a colon", path.display());
        }
        Ok(Self { library: path, config: String::new() })
    }

    /// Sets the configuration (`init_config`), usually JSON text.
    #[must_use]
    pub fn with_config(mut self, config: impl Into<String>) -> Self {
        self.config = config.into();
        self
    }

    /// The library's absolute path.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The configuration's text, empty when there is none.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.config
    }
}

/// One start of the host over the events of one input.
///
/// Pitfalls that this type takes care of: a failure of a plugin while it reads leaves the exit status at 0 and is
/// told from stderr; without a leading `*` a format drops every event that lacks one of its fields; plugin logs are
/// hidden unless `-D` is given, and land in stdout, among the events, with `--log-level`.
#[derive(Clone, Debug, Default)]
pub struct Session {
    plugins: Vec<Plugin>,
    input: Option<OsString>,
    filter: Option<String>,
    format: Option<String>,
    json: bool,
    extra: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Session {
    /// Starts with these plugins; the first one is the source of the events.
    #[must_use]
    pub fn new(plugins: &[Plugin]) -> Self {
        Self { plugins: plugins.to_vec(), ..Self::default() }
    }

    /// Reads from the plugin called `plugin`, opened with `params`.
    #[must_use]
    pub fn input(mut self, plugin: &str, params: impl AsRef<OsStr>) -> Self {
        let mut input = OsString::from(format!("{plugin}:"));
        input.push(params);
        self.input = Some(input);
        self
    }

    /// Keeps the events for which `filter` holds.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// Prints each event in `format`, as a rule's `output` is written; a field that an event lacks prints `<NA>`.
    /// The host turns `\n` in the format into a line break.
    #[must_use]
    pub fn format(mut self, format: &str) -> Self {
        self.format = Some(format!("*{}", format.strip_prefix('*').unwrap_or(format)));
        self
    }

    /// Prints the fields of the format as one JSON object per event and line.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }

    /// Adds an argument of the host as it is, such as `-Il` or `-r`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.extra.push(arg.into());
        self
    }

    /// Sets an environment variable of the host.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The plugins that it starts with.
    #[must_use]
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// Runs the host to its end.
    ///
    /// # Errors
    /// When the host cannot be fetched or started. What the host itself reports is in the [`Report`]; call
    /// [`Report::check`] to turn it into an error.
    pub fn run(&self) -> Result<Report> {
        let output = self.command()?.output().with_context(|| format!("cannot start {SCRIPT}"))?;
        Ok(Report::new(output.status, output.stdout, &output.stderr))
    }

    /// Starts the host and leaves it running; each event is printed as soon as it is read.
    ///
    /// # Errors
    /// When the host cannot be fetched or started.
    pub fn spawn(&self) -> Result<Running> {
        let command = self.clone().arg("--unbuffered").command()?;
        Running::start(command).with_context(|| format!("cannot start {SCRIPT}"))
    }

    fn command(&self) -> Result<Command> {
        version()?;
        let mut command = Command::new(SCRIPT);
        command.arg("-D").env("TZ", "UTC");
        for plugin in &self.plugins {
            let mut arg = plugin.library.clone().into_os_string();
            if !plugin.config.is_empty() {
                arg.push(":");
                arg.push(&plugin.config);
            }
            command.arg("-H").arg(arg);
        }
        // An argument may load the plugin that the input names.
        command.args(&self.extra);
        if let Some(input) = &self.input {
            command.arg("-I").arg(input);
        }
        if self.json {
            command.arg("-j");
        }
        if let Some(format) = &self.format {
            command.arg("-p").arg(format);
        }
        command.args(&self.filter);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Extracts `fields` (without `%`, such as `ct.request[/bucketName]`) of every event, in the order of the events.
    ///
    /// Each map has one entry per field, named as asked. As the host prints them: a field that the event lacks is
    /// `null`; strings are strings (`""` stays `""`, control characters and non-ASCII text arrive whole, nothing is
    /// cut); integers are JSON numbers up to 2^64-1; booleans are `true`/`false`; an address is a string; a list
    /// field is an array of strings, also with an index (`ec2.imageids[0]` gives `["ami-…"]`), and `null` when
    /// empty; every time field (`evt.time`, `evt.rawtime`, `evt.datetime`) is nanoseconds since 1970 as a number;
    /// `evt.num` counts from 1. `ct.request` without a key is JSON text within a string. A transformer such as
    /// `toupper(ct.name)` cannot be asked for: the host prints the bare field.
    ///
    /// # Errors
    /// When the host reports any failure, or prints a line that is not an object.
    pub fn events(self, fields: &[impl AsRef<str>]) -> Result<Vec<Map<String, Value>>> {
        let format: Vec<String> = fields.iter().map(|field| format!("%{}", field.as_ref())).collect();
        let report = self.json().format(&format.join(" ")).run()?.check()?;
        let values = serde_json::Deserializer::from_slice(&report.stdout).into_iter();
        values
            .enumerate()
            .map(|(index, value)| value.with_context(|| format!("event {} of the host is not JSON", index + 1)))
            .collect()
    }
}

/// What the host printed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The exit status. It is 0 also when the source failed in the middle.
    pub status: ExitStatus,
    /// The events, as the session's format asked for them.
    pub stdout: Vec<u8>,
    /// Log lines of libsinsp and of the plugins at level info and above, without their time. A plugin's line reads
    /// `cloudtrail: [WARN] text`, after the brackets of a debug build's file and line.
    pub logs: Vec<String>,
    /// Everything else on stderr: what the host says of its own failure, or of the source's. Empty when all went well.
    pub complaint: String,
}

impl Report {
    pub(crate) fn new(status: ExitStatus, stdout: Vec<u8>, stderr: &[u8]) -> Self {
        let (logs, complaint) = split_stderr(&String::from_utf8_lossy(stderr));
        Self { status, stdout, logs, complaint }
    }

    /// Gives the report back when the host did its work to the end.
    ///
    /// # Errors
    /// When the exit status is not 0 or the host complained; the error is the host's own text.
    pub fn check(self) -> Result<Self> {
        match (self.status.success(), self.complaint.is_empty()) {
            (true, true) => Ok(self),
            (false, true) => {
                // sysdig follows a null pointer at the end of a source that gave no event at all.
                let hint = if self.stdout.is_empty() { "; sysdig crashes when the logs hold no event" } else { "" };
                bail!("the engine ended with {} and no word{hint}", self.status)
            }
            (_, false) => bail!("{}", self.complaint),
        }
    }
}

/// Fetches the host when it is not there yet and gives its version, such as `sysdig 0.41.4, libs 0.23.2`.
/// What the script has to say while it fetches goes straight to stderr.
///
/// # Errors
/// When it cannot be fetched; the script has said what failed and what to do.
pub fn version() -> Result<&'static str> {
    static VERSION: OnceLock<String> = OnceLock::new();
    if let Some(version) = VERSION.get() {
        return Ok(version);
    }
    let output = Command::new(SCRIPT)
        .arg("--prepare")
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {SCRIPT}"))?;
    if !output.status.success() {
        bail!("there is no engine: scripts/host could not fetch it, as it says above");
    }
    Ok(VERSION.get_or_init(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned()))
}

/// Loads the plugins into the host and gives the name and version of each, in the same order.
///
/// # Errors
/// When the host rejects one, with the host's text.
pub fn loaded(plugins: &[Plugin]) -> Result<Vec<(String, String)>> {
    let report = Session::new(plugins).arg("-Il").run()?.check()?;
    let text = String::from_utf8_lossy(&report.stdout);
    let names = text.lines().filter_map(|line| line.strip_prefix("Name: "));
    let versions = text.lines().filter_map(|line| line.strip_prefix("Version: "));
    Ok(names.zip(versions).map(|(name, version)| (name.to_owned(), version.to_owned())).collect())
}

/// Splits stderr into log lines, which start with `MM-DD HH:MM:SS.uuuuuu `, and the rest.
fn split_stderr(text: &str) -> (Vec<String>, String) {
    const STAMP: &[u8] = b"00-00 00:00:00.000000 ";
    let is_log = |line: &str| {
        line.len() >= STAMP.len()
            && line
                .bytes()
                .zip(STAMP)
                .all(|(byte, &form)| if form == b'0' { byte.is_ascii_digit() } else { byte == form })
    };
    let (logs, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| is_log(line));
    let logs = logs.iter().map(|line| line[STAMP.len()..].to_owned()).collect();
    (logs, rest.join("\n").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stderr_is_split_into_logs_and_complaints() {
        let (logs, complaint) = split_stderr(
            "11-24 17:15:08.729133 Trying to open the right engine!\n\
             11-24 17:15:08.729773 cloudtrail: [WARN] skipped a.json\n\
             cannot open source: no logs in /nowhere\n",
        );
        assert_eq!(logs, ["Trying to open the right engine!", "cloudtrail: [WARN] skipped a.json"]);
        assert_eq!(complaint, "cannot open source: no logs in /nowhere");
    }

    #[test]
    fn the_host_speaks() {
        let report = Session::default().arg("--libs-version").run().unwrap().check().unwrap();
        assert!(String::from_utf8_lossy(&report.stdout).contains("falcosecurity/libs version"));
    }

    #[test]
    fn a_rejected_filter_is_an_error_in_the_words_of_the_host() {
        let session = Session::default().arg("-r").arg("/dev/null").filter("no.such.field = 1");
        let error = session.run().unwrap().check().unwrap_err();
        assert!(error.to_string().contains("no.such.field"), "{error}");
    }

    #[test]
    fn a_missing_library_is_named() {
        let error = Plugin::new("/nowhere/libcloudtrail.so").unwrap_err();
        assert!(error.to_string().contains("/nowhere/libcloudtrail.so"), "{error}");
    }
}
