//! What users meet when they start: configurations and open params that work, and errors that say what to change.

use crate::engine::{json_library, library, plugin, session};
use crate::oracle::fixtures;
use cloudtrail::fields::table::FIELDS;
use runner::falco::Falco;
use runner::host::{self, Plugin, Session};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with one event, and another in a file whose name needs to be encoded in a URL.
fn logs() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one event.json");
    fs::write(&file, r#"{"eventName":"A"}"#).unwrap();
    (folder, file)
}

/// The names of the events, or what the engine says instead.
fn run(plugin: &Plugin, params: &str) -> Result<String, String> {
    let report = session(plugin, Path::new(params)).format("%ct.name").run().unwrap().check();
    report.map(|report| String::from_utf8(report.stdout).unwrap()).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_error(outcome: Result<String, String>, parts: &[&str]) {
    let error = outcome.unwrap_err();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn the_engine_lists_the_plugin() {
    assert_eq!(host::loaded(&[plugin("")]).unwrap(), [("cloudtrail".into(), env!("CARGO_PKG_VERSION").into())]);
    let report = Session::new(&[plugin("")]).arg("-Il").run().unwrap().check().unwrap();
    let text = String::from_utf8(report.stdout).unwrap();
    assert!(text.contains("(revision "), "{text}");
    assert!(text.contains("aws_cloudtrail") && text.contains("ID=2"), "{text}");
}

#[test]
fn the_engine_knows_every_field() {
    let report = Session::new(&[plugin("")]).arg("-l").run().unwrap().check().unwrap();
    let text = String::from_utf8(report.stdout).unwrap();
    for field in FIELDS.iter().filter(|field| !field.properties.contains(&"hidden")) {
        assert!(
            text.lines().any(|line| line.split_whitespace().next() == Some(field.name)),
            "{} in {text}",
            field.name
        );
    }
}

#[test]
fn configurations_that_work() {
    let (folder, _) = logs();
    let path = folder.path().to_str().unwrap();
    for config in [
        "",
        "{}",
        "null",
        r#"{"sqsDelete":true,"s3DownloadConcurrency":4,"s3Interval":"5d","useS3SNS":false,"s3AccountList":"","useAsync":true}"#,
        r#"{"S3Interval":"2023-01-01T00:00:00Z-2d","SQSOWNERACCOUNT":"","aws":{"profile":"","region":"","config":"","credentials":""}}"#,
        r#"{"limits":{"inFlightMiB":32,"RecordMiB":2}}"#,
    ] {
        assert_eq!(run(&plugin(config), path), Ok("A\n".into()), "{config}");
    }
}

#[test]
fn configurations_that_do_not() {
    let (folder, _) = logs();
    let path = folder.path().to_str().unwrap();
    for (config, parts) in [
        (r#"{"sqsDelet":true}"#, &["unknown key sqsDelet", "did you mean sqsDelete?"][..]),
        (r#"{"aws":{"regio":"x"}}"#, &["aws.regio", "aws.region"]),
        (r#"{"s3DownloadConcurrency":"4"}"#, &["s3DownloadConcurrency"]),
        (r#"{"S3downloadConcurrency":"4"}"#, &["s3DownloadConcurrency"]),
        (r#"{"s3Interval":"yesterday"}"#, &["s3Interval", "yesterday"]),
        (r#"{"limits":{"depth":0}}"#, &["depth"]),
    ] {
        assert_error(run(&plugin(config), path), parts);
    }
}

#[test]
fn a_key_without_effect_is_told_once() {
    let (folder, _) = logs();
    let report = session(&plugin(r#"{"useAsync":false}"#), folder.path()).format("%ct.id").run().unwrap();
    assert_eq!(report.logs.iter().filter(|line| line.contains("useAsync")).count(), 1, "{:?}", report.logs);
}

#[test]
fn open_params_that_work() {
    let (folder, file) = logs();
    let url = format!("FILE://{}", file.display().to_string().replace(' ', "%20"));
    for params in [folder.path().to_str().unwrap(), file.to_str().unwrap(), &url] {
        assert_eq!(run(&plugin("{}"), params), Ok("A\n".into()), "{params}");
    }
}

#[test]
fn open_params_that_do_not() {
    let (folder, _) = logs();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (params, parts) in [
        ("s3://bucket/prefix", &["s3://"][..]),
        ("sqs://queue", &["sqs://"]),
        ("lookup://europe", &["lookup://europe", "not the name of a region"]),
        ("https://example.com", &["https://"]),
        ("/nowhere/at/all", &["/nowhere/at/all does not exist"]),
        ("/dev/null", &["/dev/null is not a file or a folder"]),
        (empty.to_str().unwrap(), &["no logs in ", ".json"]),
        ("", &["open_params"]),
    ] {
        assert_error(run(&plugin("{}"), params), parts);
    }
}

/// Writes falco.yaml.example with the libraries of this test, and the rest as its marks ask users to adapt it.
fn example_configuration(folder: &Path, open_params: &Path) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(repository.join("falco.yaml.example")).unwrap();
    let text = [library(), json_library()].into_iter().fold(text, |text, library| {
        let placeholder = Path::new("/usr/share/falco/plugins").join(library.file_name().unwrap());
        let placeholder = placeholder.to_str().unwrap();
        assert!(text.contains(placeholder), "{placeholder}");
        text.replace(placeholder, library.to_str().unwrap())
    });
    let text = text.replace("/var/log/cloudtrail", open_params.to_str().unwrap());
    let rules = repository.join("rules/aws_cloudtrail_rules.yaml");
    let text = text.replace("/etc/falco/aws_cloudtrail_rules.yaml", rules.to_str().unwrap());
    let config = folder.join("falco.yaml");
    fs::write(&config, text).unwrap();
    config
}

#[test]
fn the_example_configuration_loads() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, _) = logs();
    let config = example_configuration(folder.path(), logs.path());
    let session = Session::new(&[]).arg("--plugin-config-file").arg(&config).input("cloudtrail", logs.path());
    let events = session.events(&["ct.name", "jevt.value[/eventName]"]).unwrap();
    assert_eq!(events[0]["ct.name"], events[0]["jevt.value[/eventName]"]);
}

#[test]
fn the_example_configuration_runs_in_falco() {
    let Some(falco) = Falco::find() else { return eprintln!("skipped: no falco") };
    let folder = tempfile::tempdir().unwrap();
    let config = example_configuration(folder.path(), &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"));
    // No Falcosidekick listens here.
    let output = Command::new(falco.program())
        .args(["-o", "http_output.enabled=false", "--enable-source", "aws_cloudtrail", "-c"])
        .arg(&config)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{said}");
    // Nothing of the example is worth a word.
    let words = ["[WARN]", "[ERROR]", "warnings", "validation: failed", "no effect"];
    assert!(said.contains("validation: ok") && !words.iter().any(|word| said.contains(word)), "{said}");
    let alerts = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let rules: Vec<Value> = alerts.map(|alert| alert["rule"].clone()).collect();
    // One alert an event, by the first rule that matches.
    assert_eq!(
        rules,
        [
            "Console Login Failed",
            "Bucket Protection Change Denied",
            "Delete Bucket Encryption",
            "Attach Managed Policy",
            "Attach Administrator Policy",
        ],
        "{text}"
    );
}

#[test]
fn an_event_that_has_nothing_to_say_is_no_trouble() {
    let events = fixtures::root().join("files/without-event-id-and-type.json");
    let report = session(&plugin("{}"), &events).format("%evt.plugininfo").run().unwrap().check().unwrap();
    assert!(!report.stdout.is_empty());
}
