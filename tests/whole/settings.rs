//! The settings in docs/alerts.md: those of Falco are what the tests run with, those of Falcosidekick name keys that it has.

use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// The keys of Falcosidekick 2.34 that the document may use, with the kind of their values: text, a number or a switch.
const KEYS: &[(&str, &str)] = &[
    ("aws.checkidentity", "switch"),
    ("aws.cloudwatchlogs.loggroup", "text"),
    ("aws.cloudwatchlogs.logstream", "text"),
    ("aws.cloudwatchlogs.minimumpriority", "priority"),
    ("aws.kinesis.minimumpriority", "priority"),
    ("aws.kinesis.streamname", "text"),
    ("aws.lambda.functionname", "text"),
    ("aws.lambda.invocationtype", "text"),
    ("aws.lambda.minimumpriority", "priority"),
    ("aws.s3.bucket", "text"),
    ("aws.s3.minimumpriority", "priority"),
    ("aws.s3.prefix", "text"),
    ("aws.securitylake.accountid", "text"),
    ("aws.securitylake.batchsize", "number"),
    ("aws.securitylake.bucket", "text"),
    ("aws.securitylake.interval", "number"),
    ("aws.securitylake.minimumpriority", "priority"),
    ("aws.securitylake.prefix", "text"),
    ("aws.securitylake.region", "text"),
    ("aws.sns.minimumpriority", "priority"),
    ("aws.sns.rawjson", "switch"),
    ("aws.sns.topicarn", "text"),
    ("aws.sqs.minimumpriority", "priority"),
    ("aws.sqs.url", "text"),
    ("debug", "switch"),
    ("listenaddress", "text"),
    ("listenport", "number"),
    ("slack.channel", "text"),
    ("slack.messageformat", "text"),
    ("slack.minimumpriority", "priority"),
    ("slack.outputformat", "text"),
    ("slack.webhookurl", "text"),
    ("webhook.address", "text"),
    ("webhook.minimumpriority", "priority"),
];

/// The priorities as Falcosidekick knows them, any letter case.
pub const PRIORITIES: [&str; 8] =
    ["debug", "informational", "notice", "warning", "error", "critical", "alert", "emergency"];

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Returns the blocks of the document in a language that begin with `start`.
fn blocks(language: &str, start: &str) -> Vec<String> {
    let text = read("docs/alerts.md");
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| block.starts_with(start)).map(str::to_owned).collect()
}

/// Returns the settings of `falco.yaml` that the document names.
pub fn falco() -> Map<String, Value> {
    let [block] = &blocks("yaml", "# falco.yaml\n")[..] else { panic!("one block is for falco.yaml") };
    yaml_serde::from_str(block).unwrap()
}

/// Returns the alert that the document shows.
pub fn alert() -> Value {
    let [block] = &blocks("json", "")[..] else { panic!("one block is an alert") };
    serde_json::from_str(block).unwrap()
}

/// Calls `with` for each value below, by its whole key in small letters, as Falcosidekick takes keys.
fn leaves(prefix: &str, settings: &Map<String, Value>, with: &mut impl FnMut(&str, &Value)) {
    for (key, value) in settings {
        let key = format!("{prefix}{}", key.to_lowercase());
        match value {
            Value::Object(settings) => leaves(&format!("{key}."), settings, with),
            value => with(&key, value),
        }
    }
}

#[test]
fn the_settings_of_falcosidekick_are_keys_that_it_has() {
    let blocks = blocks("yaml", "# falcosidekick.yaml\n");
    let mut outputs = Vec::new();
    for block in &blocks {
        let settings: Map<String, Value> = yaml_serde::from_str(block).unwrap();
        leaves("", &settings, &mut |key, value| {
            let (_, kind) = KEYS.iter().find(|(known, _)| *known == key).unwrap_or_else(|| panic!("{key}: {block}"));
            let fits = match *kind {
                "text" => value.as_str().is_some_and(|text| !text.is_empty()),
                "priority" => value.as_str().is_some_and(|text| PRIORITIES.contains(&text)),
                "number" => value.is_u64(),
                _ => value.is_boolean(),
            };
            assert!(fits, "{key}: {value} is no {kind}");
            outputs.extend(key.strip_suffix(".minimumpriority").map(str::to_owned));
        });
    }
    outputs.sort();
    let expected = ["aws.cloudwatchlogs", "aws.lambda", "aws.securitylake", "slack"];
    assert_eq!(outputs, expected, "each output has a lowest priority, and is shown once");
}

#[test]
fn the_settings_of_falco_are_those_of_the_example_configuration() {
    let example: Map<String, Value> = yaml_serde::from_str(&read("falco.yaml.example")).unwrap();
    for (key, value) in falco() {
        assert_eq!(example.get(&key), Some(&value), "{key}");
    }
}
