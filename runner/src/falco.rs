//! Runs Falco itself, where a machine has it: writes a `falco.yaml` for one run and reads the JSON alerts. Rules are
//! left to Falco whole; nothing of them is resolved here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::alert::Alert;
use crate::evaluate::{Input, Outcome, PLUGIN};
use crate::host::Plugin;
use crate::rules::SOURCE;

/// A Falco executable.
#[derive(Clone, Debug)]
pub struct Falco {
    program: PathBuf,
}

impl Falco {
    /// Finds Falco: the program that FALCO_BIN names, else `falco` on PATH.
    #[must_use]
    pub fn find() -> Option<Self> {
        let named = std::env::var_os("FALCO_BIN").filter(|name| !name.is_empty()).map(PathBuf::from);
        let program = named.or_else(|| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path).map(|folder| folder.join("falco")).find(|program| program.is_file())
        })?;
        Some(Self { program })
    }

    /// The executable.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The name and version, such as `Falco 0.44.1`.
    ///
    /// # Errors
    /// When the program does not start or says no version.
    pub fn version(&self) -> Result<String> {
        let output = self.run(["--version"])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().find_map(|line| line.strip_prefix("Falco version: "));
        let version = version.and_then(|line| line.split_whitespace().next());
        let version = version.with_context(|| format!("{} names no Falco version", self.program.display()))?;
        Ok(format!("Falco {version}"))
    }

    /// Evaluates the rule files over the events of `input`.
    ///
    /// # Errors
    /// When Falco fails; the error is what it said.
    pub fn evaluate(&self, rules: &[PathBuf], input: Input<'_>) -> Result<Outcome> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let output = self.output(self.command(folder.path(), rules, input)?)?;
        let alerts = alerts(&String::from_utf8_lossy(&output.stdout))?;
        let logs = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
        Ok(Outcome { alerts, logs })
    }

    /// Makes the command that evaluates the rule files over the events of `input`. Its configuration is written to
    /// `folder`, which has to be there as long as it runs.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn command(&self, folder: &Path, rules: &[PathBuf], input: Input<'_>) -> Result<Command> {
        self.command_with(folder, rules, input, Map::new())
    }

    /// The same with settings of `falco.yaml` that take the place of those here.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn command_with(
        &self,
        folder: &Path,
        rules: &[PathBuf],
        input: Input<'_>,
        settings: Map<String, Value>,
    ) -> Result<Command> {
        let mut config = config(rules, input.plugins, input.params)?;
        config.extend(settings);
        let config = write(folder, config)?;
        let mut command = Command::new(&self.program);
        command.args(["-c", &config, "--enable-source", SOURCE]);
        Ok(command)
    }

    /// Has Falco validate the rule files, and returns what it warns of, a line each.
    ///
    /// # Errors
    /// When Falco finds a fault, of which there is a line too, or fails otherwise.
    pub fn check(&self, rules: &[PathBuf], plugins: &[Plugin]) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let config = write(folder.path(), config(&[], plugins, "")?)?;
        let mut args = vec!["-c".to_owned(), config];
        for file in rules {
            args.extend(["-V".to_owned(), absolute(file)?]);
        }
        let mut command = Command::new(&self.program);
        command.args(args);
        let output = self.start(command)?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let found = stdout.lines().find(|line| line.starts_with('{')).map(findings).transpose()?;
        if let Some(Findings { errors, .. }) = &found
            && !errors.is_empty()
        {
            bail!("{}", errors.join("\n"));
        }
        succeeded(output)?;
        Ok(found.context("Falco gave no verdict on the rule files")?.warnings)
    }

    fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(args);
        self.output(command)
    }

    fn output(&self, command: Command) -> Result<Output> {
        succeeded(self.start(command)?)
    }

    fn start(&self, mut command: Command) -> Result<Output> {
        let output = command.env("TZ", "UTC").output();
        output.with_context(|| format!("cannot start {}", self.program.display()))
    }
}

/// Writes `falco.yaml` to a folder and returns its path.
fn write(folder: &Path, config: Map<String, Value>) -> Result<String> {
    let file = folder.join("falco.yaml");
    let text = yaml_serde::to_string(&Value::Object(config)).context("cannot write falco.yaml")?;
    std::fs::write(&file, text).context("cannot write falco.yaml")?;
    Ok(file.to_string_lossy().into_owned())
}

fn succeeded(output: Output) -> Result<Output> {
    if !output.status.success() {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        bail!("Falco ended with {}:\n{}", output.status, String::from_utf8_lossy(&said).trim());
    }
    Ok(output)
}

/// The configuration of one run: no driver, no reload, every rule that matches, alerts as JSON on stdout.
fn config(rules: &[PathBuf], plugins: &[Plugin], params: &str) -> Result<Map<String, Value>> {
    let rules: Vec<String> = rules.iter().map(|file| absolute(file)).collect::<Result<_>>()?;
    let names: Vec<String> = plugins.iter().map(|plugin| name(plugin.library())).collect();
    let entries = plugins.iter().zip(&names).map(|(plugin, name)| {
        let mut entry = json!({ "name": name, "library_path": plugin.library(), "init_config": plugin.config() });
        if name == PLUGIN {
            entry["open_params"] = json!(params);
        }
        entry
    });
    let config = json!({
        "engine": { "kind": "nodriver" },
        "watch_config_files": false,
        "rules_files": rules,
        "plugins": entries.collect::<Vec<_>>(),
        "load_plugins": names,
        "rule_matching": "all",
        "json_output": true,
        "json_include_output_property": true,
        "json_include_tags_property": true,
        "stdout_output": { "enabled": true },
        "syslog_output": { "enabled": false },
        "log_stderr": true,
        "log_syslog": false,
        "libs_logger": { "enabled": true, "severity": "info" },
        "webserver": { "enabled": false },
    });
    config.as_object().cloned().context("a configuration is an object")
}

/// The plugin's name, from its library's name `libNAME.so`.
fn name(library: &Path) -> String {
    let stem = library.file_stem().unwrap_or_default().to_string_lossy();
    stem.strip_prefix("lib").unwrap_or(&stem).to_owned()
}

fn absolute(file: &Path) -> Result<String> {
    let path = std::path::absolute(file).with_context(|| format!("cannot name {}", file.display()))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Reads the alerts among the lines that Falco prints; its closing statistics are no alerts.
fn alerts(stdout: &str) -> Result<Vec<Alert>> {
    let lines = stdout.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).with_context(|| format!("not an alert: {line}"))).collect()
}

/// What Falco says of the rule files that it validated. A member that is not there is an error: nobody should take it
/// for no warning.
#[derive(Deserialize)]
struct Verdict {
    falco_load_results: Vec<Loaded>,
}

#[derive(Deserialize)]
struct Loaded {
    name: String,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    schema_warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Finding {
    message: String,
    context: Place,
}

#[derive(Deserialize)]
struct Place {
    /// From the whole file to the part that is meant.
    locations: Vec<Location>,
}

#[derive(Deserialize)]
struct Location {
    item_type: String,
    item_name: String,
}

impl Finding {
    /// One line with the file and, where one is meant, the rule, macro or list.
    fn line(&self, file: &str) -> String {
        let item = self.context.locations.iter().rfind(|location| !location.item_name.is_empty());
        let item = item.map(|item| format!("{} `{}`: ", item.item_type, item.item_name)).unwrap_or_default();
        format!("{file}: {item}{}", self.message)
    }
}

/// What Falco finds in rule files, a line each.
#[derive(Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Reads the line with Falco's verdict.
fn findings(line: &str) -> Result<Findings> {
    let verdict: Verdict =
        serde_json::from_str(line).with_context(|| format!("not a verdict on rule files: {line}"))?;
    let mut found = Findings::default();
    for Loaded { name: file, errors, warnings, schema_warnings } in verdict.falco_load_results {
        found.errors.extend(errors.iter().map(|error| error.line(&file)));
        found.warnings.extend(warnings.iter().map(|warning| warning.line(&file)));
        found.warnings.extend(schema_warnings.iter().map(|warning| format!("{file}: schema: {warning}")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_loads_the_plugin_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libcloudtrail.so");
        std::fs::write(&library, "").unwrap();
        let plugin = Plugin::new(&library).unwrap().with_config("{\"sqsDelete\":true}");
        let config = config(&[PathBuf::from("/rules/a.yaml")], &[plugin], "/logs").unwrap();
        assert_eq!(config["load_plugins"], json!(["cloudtrail"]));
        assert_eq!(
            config["plugins"],
            json!([{
                "name": "cloudtrail",
                "library_path": library,
                "init_config": "{\"sqsDelete\":true}",
                "open_params": "/logs",
            }])
        );
        assert_eq!(config["rules_files"], json!(["/rules/a.yaml"]));
        assert_eq!(config["engine"]["kind"], "nodriver");
        assert_eq!(config["watch_config_files"], false);
        assert_eq!(config["stdout_output"]["enabled"], true);
    }

    #[test]
    fn alerts_are_read_among_other_lines() {
        let alerts = alerts(concat!(
            r#"{"hostname":"h","output":"09:05:01.000000000: Critical x","output_fields":{"ct.error":null,"#,
            r#""evt.time":1},"priority":"Critical","rule":"R","source":"aws_cloudtrail","tags":["aws"],"#,
            r#""time":"2026-03-02T09:05:01.000000000Z"}"#,
            "\nEvents detected: 1\nRule counts by severity:\n   CRITICAL: 1\n",
        ))
        .unwrap();
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].rule, "R");
        assert_eq!(alerts[0].hostname, "h");
        assert_eq!(alerts[0].output_fields["ct.error"], Value::Null);
    }

    #[test]
    fn a_line_cut_short_is_an_error() {
        assert!(alerts("{\"output\":\n").is_err());
    }

    #[test]
    fn findings_name_the_file_and_what_is_meant() {
        let line = concat!(
            r#"{"falco_load_results":[{"errors":[],"name":"a.yaml","schema_warnings":[],"warnings":[]},"#,
            r#"{"errors":[{"message":"No such field","context":{"locations":["#,
            r#"{"item_name":"R","item_type":"rule"},{"item_name":"","item_type":"condition expression"}]}}],"#,
            r#""name":"b.yaml","schema_warnings":["no such key"],"warnings":["#,
            r#"{"message":"Unused","context":{"locations":[{"item_name":"","item_type":"rules content"},"#,
            r#"{"item_name":"m","item_type":"macro"}]}},"#,
            r#"{"message":"Empty","context":{"locations":[{"item_name":"","item_type":"rules content"}]}}]}]}"#,
        );
        let found = findings(line).unwrap();
        assert_eq!(found.errors, ["b.yaml: rule `R`: No such field"]);
        assert_eq!(found.warnings, ["b.yaml: macro `m`: Unused", "b.yaml: Empty", "b.yaml: schema: no such key"]);
    }

    #[test]
    fn a_verdict_that_says_nothing_of_warnings_is_an_error() {
        assert!(findings(r#"{"falco_load_results":[{"name":"a.yaml","errors":[],"schema_warnings":[]}]}"#).is_err());
    }

    #[test]
    fn real_falco_warns_of_an_unknown_key_and_an_unused_macro_and_not_of_clean_rules() {
        let Some(falco) = Falco::find() else { return eprintln!("skipped: no falco") };
        let folder = tempfile::tempdir().unwrap();
        let check = |file: &str, text: &str| {
            let file = folder.path().join(file);
            std::fs::write(&file, text).unwrap();
            falco.check(&[file], &[])
        };
        let rule = "- rule: R\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: NOTICE\n";
        assert_eq!(check("clean.yaml", rule).unwrap(), [""; 0]);

        let told = check("odd.yaml", &format!("{rule}  colour: red\n- macro: m\n  condition: evt.num > 0\n")).unwrap();
        for item in ["odd.yaml: rule `R`: ", "odd.yaml: macro `m`: ", "odd.yaml: schema: "] {
            assert!(told.iter().any(|line| line.contains(item)), "{item} is not in {told:#?}");
        }
        assert!(told.iter().any(|line| line.contains("colour")), "{told:#?}");

        let error = check("wrong.yaml", &rule.replace("evt.type", "evt.tpye")).unwrap_err().to_string();
        assert!(error.contains("wrong.yaml: rule `R`: ") && error.contains("evt.tpye"), "{error}");
    }
}
