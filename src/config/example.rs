//! Tests that hold `falco.yaml.example` to the schema: complete, valid, and with no other value than the defaults.

use serde_json::{Value, json};

use super::keys::{Kind, keys};
use super::{Config, OpenParams, UserConfig};

const EXAMPLE: &str = include_str!("../../falco.yaml.example");

fn parse(example: &str) -> Value {
    yaml_serde::from_str(example).unwrap()
}

fn init_config(example: &str) -> Value {
    parse(example)["plugins"][0]["init_config"].clone()
}

fn is_valid(config: &Value) -> bool {
    jsonschema::is_valid(&schemars::schema_for!(UserConfig).to_value(), config)
}

/// Returns the dotted place and the value of everything that is not a section.
fn leaves(prefix: &str, section: &Value) -> Vec<(String, Value)> {
    let members = section.as_object().into_iter().flatten();
    let nested = members.flat_map(|(name, value)| {
        let place = format!("{prefix}{name}");
        if value.is_object() { leaves(&format!("{place}."), value) } else { vec![(place, value.clone())] }
    });
    nested.collect()
}

#[test]
fn the_example_holds_every_key_with_its_default_and_no_other() {
    // Commented out are those that have no effect, so that copying them does not put a word about it into the log.
    let idle = ["useS3SNS", "useAsync"];
    let text = idle.iter().fold(EXAMPLE.to_owned(), |text, key| text.replace(&format!("# {key}:"), &format!("{key}:")));
    let mut written = leaves("", &init_config(&text));
    let values = keys().iter().filter(|key| key.kind != Kind::Section);
    let mut expected: Vec<(String, Value)> = values.map(|key| (key.path.clone(), key.default.clone())).collect();
    written.sort_by(|left, right| left.0.cmp(&right.0));
    expected.sort_by(|left, right| left.0.cmp(&right.0));
    assert_eq!(written, expected);
}

#[test]
fn the_example_is_valid_for_falco_and_for_the_plugin() {
    assert!(is_valid(&init_config(EXAMPLE)));
    let config = Config::from_user(UserConfig(init_config(EXAMPLE))).unwrap();
    assert_eq!(config.limits, super::Limits::default());
    assert_eq!(config.notices(), [""; 0]);
}

#[test]
fn the_example_loads_the_plugin_and_sends_alerts() {
    let example = parse(EXAMPLE);
    assert_eq!(example["load_plugins"], json!(["cloudtrail", "json"]));
    assert_eq!(example["plugins"][0]["name"], "cloudtrail");
    assert_eq!(example["plugins"][1]["name"], "json");
    assert_eq!(example["engine"]["kind"], "nodriver");
    assert_eq!(example["json_output"], true);
    assert_eq!(example["stdout_output"]["enabled"], true);
    assert_eq!(example["http_output"]["url"], "http://localhost:2801/");
    let open_params = example["plugins"][0]["open_params"].as_str().unwrap();
    assert!(open_params.parse::<OpenParams>().is_ok());
}

#[test]
fn the_schema_lets_through_what_only_the_plugin_can_explain() {
    for config in [
        json!(null),
        json!({}),
        json!({"aws": null, "sqsDelete": null}),
        json!({"SQSDelete": "text", "AWS": {"regio": 1}}),
        json!({"aws": {"regio": 1}, "limits": {"Depth": 0}}),
        json!({"sqsOwnerAccount": 123456789012.0, "s3AccountList": 12, "aws": {"profile": false}}),
        json!({"s3AccountList": ["012345678901", 123456789012.0], "sqsAllowedBuckets": ["a-bucket"]}),
        json!({"lookup": {"attributes": ["ReadOnly=false"], "assumeRoles": [], "insights": null}}),
    ] {
        assert!(is_valid(&config), "{config}");
    }
}

#[test]
fn the_schema_refuses_wrong_types_and_bounds_of_exact_keys() {
    for config in [
        json!([]),
        json!("5d"),
        json!({"sqsDelete": "true"}),
        json!({"s3DownloadConcurrency": 0}),
        json!({"s3Interval": 5}),
        json!({"sqsOwnerAccount": []}),
        json!({"s3AccountList": {}}),
        json!({"sqsMaxReceiveCount": 1001}),
        json!({"dedupe": -1}),
        json!({"stateDir": 1}),
        json!({"aws": "eu-west-1"}),
        json!({"aws": {"region": 1}}),
        json!({"lookup": {"overlap": 1200}}),
        json!({"lookup": {"attributes": {"ReadOnly": false}}}),
        json!({"limits": {"inFlightMiB": 7}}),
        json!({"limits": {"recordMiB": 1025}}),
        json!({"limits": {"depth": 1001}}),
    ] {
        assert!(!is_valid(&config), "{config}");
    }
}
