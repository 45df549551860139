//! Runs Falco itself, where a machine has it: writes a `falco.yaml` for one run and reads the JSON alerts. Rules are
//! left to Falco whole; nothing of them is resolved here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

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
        let config = self.configure(folder.path(), rules, input.plugins, input.params)?;
        let output = self.run(["-c", &config, "--enable-source", SOURCE])?;
        let alerts = alerts(&String::from_utf8_lossy(&output.stdout))?;
        let logs = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
        Ok(Outcome { alerts, logs })
    }

    /// Has Falco validate the rule files.
    ///
    /// # Errors
    /// When Falco finds a fault; the error is what it said.
    pub fn check(&self, rules: &[PathBuf], plugins: &[Plugin]) -> Result<()> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let config = self.configure(folder.path(), &[], plugins, "")?;
        let mut args = vec!["-c".to_owned(), config];
        for file in rules {
            args.extend(["-V".to_owned(), absolute(file)?]);
        }
        self.run(args).map(drop)
    }

    fn configure(&self, folder: &Path, rules: &[PathBuf], plugins: &[Plugin], params: &str) -> Result<String> {
        let file = folder.join("falco.yaml");
        let text = yaml_serde::to_string(&config(rules, plugins, params)?).context("cannot write falco.yaml")?;
        std::fs::write(&file, text).context("cannot write falco.yaml")?;
        Ok(file.to_string_lossy().into_owned())
    }

    fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Output> {
        let output = Command::new(&self.program).args(args).env("TZ", "UTC").output();
        let output = output.with_context(|| format!("cannot start {}", self.program.display()))?;
        if !output.status.success() {
            let said = [&output.stdout[..], &output.stderr[..]].concat();
            bail!("Falco ended with {}:\n{}", output.status, String::from_utf8_lossy(&said).trim());
        }
        Ok(output)
    }
}

/// The configuration of one run: no driver, no reload, every rule that matches, alerts as JSON on stdout.
fn config(rules: &[PathBuf], plugins: &[Plugin], params: &str) -> Result<Value> {
    let rules: Vec<String> = rules.iter().map(|file| absolute(file)).collect::<Result<_>>()?;
    let names: Vec<String> = plugins.iter().map(|plugin| name(plugin.library())).collect();
    let entries = plugins.iter().zip(&names).map(|(plugin, name)| {
        let mut entry = json!({ "name": name, "library_path": plugin.library(), "init_config": plugin.config() });
        if name == PLUGIN {
            entry["open_params"] = json!(params);
        }
        entry
    });
    Ok(json!({
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
    }))
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
        assert_eq!(alerts[0].hostname.as_deref(), Some("h"));
        assert_eq!(alerts[0].output_fields["ct.error"], Value::Null);
    }

    #[test]
    fn a_line_cut_short_is_an_error() {
        assert!(alerts("{\"output\":\n").is_err());
    }
}
