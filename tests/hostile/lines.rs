//! No line and no error holds a character that a terminal takes for an order, wherever a stranger could put one.

use super::assert_printable;
use super::parrot::NOISE;
use crate::abi::event::Event;
use crate::abi::host::{Library, Plugin};
use serde_json::json;
use std::fs;

/// Everything that a plugin said, and what it returned as an error.
fn said(plugin: &Plugin, error: Option<String>) -> Vec<String> {
    plugin.lines().into_iter().map(|line| line.text).chain(error).collect()
}

#[test]
fn settings_are_shown_without_what_is_in_them() {
    let library = Library::load();
    let noise = format!("{NOISE}\0\t\u{7f}");
    for config in [
        json!({ noise.as_str(): 1 }),
        json!({"aws": { noise.as_str(): {} }}),
        json!({ "sqsDelete": noise }),
        json!({ "s3Interval": noise }),
        json!({ "s3FollowInterval": noise }),
        json!({ "s3AccountList": [noise] }),
        json!({ "sqsOwnerAccount": noise }),
        json!({ "sqsAllowedBuckets": noise }),
        json!({ "stateDir": noise }),
        json!({"lookup": {"start": noise, "overlap": noise, "attributes": noise, "assumeRoles": noise}}),
        json!({"aws": {"endpointUrl": noise, "assumeRoleArn": noise}}),
        json!({"aws": {"endpointUrl": format!("http://{noise}")}}),
        json!({ "limits": noise }),
        json!(noise),
    ] {
        let error = library.init(&config.to_string()).err().unwrap_or_else(|| panic!("{config}"));
        assert_printable([&error]);
    }
}

#[test]
fn open_params_are_shown_without_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(format!("state{NOISE}"));
    fs::write(&state, "in the way").unwrap();
    let config = json!({"aws": {"region": NOISE, "profile": NOISE, "config": format!("/{NOISE}")}, "stateDir": state});
    let plugins = [Plugin::new(), Library::load().init(&config.to_string()).unwrap()];
    let long = "n".repeat(10 << 10);
    for plugin in &plugins {
        for params in [NOISE, &format!("/{NOISE}"), "file:///%1b%5b2J%0a%e2%80%ae%00", &format!("/{long}")] {
            assert_printable(&said(plugin, plugin.try_open(params.as_bytes()).err()));
        }
        for scheme in ["s3", "sqs", "lookup", "file", "gs", "https", "sqs://https"] {
            for rest in [NOISE, &long] {
                let params = format!("{scheme}://{rest}/111122223333/{rest}");
                assert_printable(&said(plugin, plugin.try_open(params.as_bytes()).err()));
            }
        }
        let named = folder.path().join(format!("a{NOISE}.json"));
        fs::write(&named, "7").unwrap();
        plugin.open(&named).events();
        let empty = folder.path().join(format!("empty{NOISE}"));
        fs::create_dir_all(&empty).unwrap();
        assert_printable(&said(plugin, plugin.try_open(empty.to_str().unwrap().as_bytes()).err()));
        let event = Event::new(1, 2, br#"{"eventName":"A"}"#);
        plugin.value(1, &event, &format!("ct.value[{}]", NOISE.replace('[', "(")));
        assert_printable(&said(plugin, None));
    }
}
