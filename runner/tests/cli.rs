//! The command `falco-rules` from outside: what it prints where, and its exit status. A stand-in takes Falco's place,
//! so that no plugin is needed; the libsinsp host with the real plugin is tested beside the plugin.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Runs the command with the stand-in as Falco and an empty file as the plugin's library.
fn run(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libcloudtrail.so");
    std::fs::write(&library, "").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Command::new(env!("CARGO_BIN_EXE_falco-rules"))
        .env("FALCO_BIN", root.join("tests/fixtures/falco"))
        .arg("--plugin")
        .arg(&library)
        .arg("--rules")
        .arg(root.join("../rules/aws_cloudtrail_rules.yaml"))
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn alerts_are_lines_on_stdout_and_the_engine_is_named_on_stderr() {
    let output = run(&["/logs"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "09:06:02.000000000: Critical logs=/logs\n");
    assert_eq!(text(&output.stderr), "engine: Falco 0.44.1\n");
}

#[test]
fn json_alerts_are_whole() {
    let output = run(&["--json", "--verbose", "/logs"]);
    assert!(output.status.success(), "{output:?}");
    let alert: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        alert,
        json!({
            "hostname": "here",
            "output": "09:06:02.000000000: Critical logs=/logs",
            "output_fields": { "evt.time": 7 },
            "priority": "Critical",
            "rule": "R",
            "source": "aws_cloudtrail",
            "tags": ["aws"],
            "time": "2026-03-02T09:06:02.000000000Z",
        })
    );
    assert_eq!(text(&output.stderr), "engine: Falco 0.44.1\nloading rules\n");
}

#[test]
fn rules_can_be_checked_without_logs_and_a_warning_is_no_failure() {
    let output = run(&["--check"]);
    assert!(output.status.success(), "{output:?}");
    let warning = "warning: rules.yaml: macro `m`: Unused";
    let start = format!("engine: Falco 0.44.1\n{warning}\nthe engine takes all ");
    assert!(text(&output.stderr).starts_with(&start), "{output:?}");
}

#[test]
fn a_failure_of_the_engine_is_told_and_fails() {
    let output = run(&["/broken"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("the source failed"), "{output:?}");
}

#[test]
fn missing_rule_files_and_libraries_are_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_falco-rules"))
        .args(["--plugin", "/nowhere/libcloudtrail.so", "--rules", "/nowhere/rules.yaml", "/logs"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nowhere/libcloudtrail.so"), "{output:?}");
}
