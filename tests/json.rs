//! libjson.so beside libcloudtrail.so in the real engine: its verdicts, and rules that are written with jevt.value.

use crate::engine::{events_of, json_plugin, plugin};
use runner::evaluate::{self, Input};
use runner::host::{self, Session};
use runner::rules;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names of the rules that fire, for each event.
fn fired(rule_file: &Path, events: &[Value]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("events.jsonl");
    let set = rules::load(&[rule_file.to_owned()]).unwrap();
    let plugins = [plugin("{}"), json_plugin("{}")];
    let fire = |event: &Value| {
        fs::write(&log, event.to_string()).unwrap();
        let input = Input { plugins: &plugins, params: log.to_str().unwrap(), with_fields: false };
        evaluate::evaluate(&set, input).unwrap().alerts.into_iter().map(|alert| alert.rule).collect()
    };
    events.iter().map(fire).collect()
}

#[test]
fn both_libraries_load_together_and_claim_no_field_twice() {
    let plugins = [plugin("{}"), json_plugin("{}")];
    let loaded = host::loaded(&plugins).unwrap();
    assert_eq!(loaded[0].0, "cloudtrail");
    assert_eq!(loaded[1], ("json".into(), "0.8.0".into()));
    let report = Session::new(&plugins).arg("-l").run().unwrap().check().unwrap();
    let text = String::from_utf8(report.stdout).unwrap();
    let mut names: HashMap<&str, u32> = HashMap::new();
    for name in text.lines().filter(|line| !line.starts_with([' ', '-'])).filter_map(|line| line.split(' ').next()) {
        if ["ct.", "s3.", "ec2.", "ecr.", "iam.", "json.", "jevt."].iter().any(|prefix| name.starts_with(prefix)) {
            *names.entry(name).or_default() += 1;
        }
    }
    for name in ["json.value", "json.obj", "json.rawtime", "jevt.value", "jevt.obj", "jevt.rawtime", "ct.value"] {
        assert!(names.contains_key(name), "{name} in {text}");
    }
    assert!(names.values().all(|count| *count == 1), "{names:?}");
}

#[test]
fn values_come_through_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("event.json");
    let event = r#"{"eventTime":"2023-07-10T11:44:32Z","eventName":"A","n":null,"f":1.50,"l":[{"k":"é"}],"e":"","z":"a\u0000b"}"#;
    fs::write(&log, event).unwrap();
    let session = Session::new(&[plugin("{}"), json_plugin("{}")]).input("cloudtrail", &log);
    let fields = [
        "jevt.value[/eventName]",
        "json.value[eventName]",
        "json.value[/n]",
        "json.value[/f]",
        "json.value[/l]",
        "json.value[/l/0/k]",
        "json.value[/l/1]",
        "json.value[/e]",
        "json.value[/z]",
        "json.rawtime",
        "jevt.obj",
    ];
    let values = &session.events(&fields).unwrap()[0];
    let expected =
        json!(["A", "A", "null", "1.50", "[{\"k\":\"é\"}]", "é", null, "", "a\u{fffd}b", "1688989472000000000"]);
    for (field, expected) in fields.iter().zip(expected.as_array().unwrap()) {
        assert_eq!(values[*field], *expected, "{field}");
    }
    let indented = values["jevt.obj"].as_str().unwrap();
    assert!(indented.starts_with("{\n  \"eventTime\": \"2023-07-10T11:44:32Z\",\n"), "{indented}");
    assert_eq!(
        events_of(&plugin("{}"), &log, &["ct.name"])[0]["ct.name"],
        "A",
        "cloudtrail alone needs no json plugin"
    );
}

#[test]
fn payloads_of_other_plugins_work_alike() {
    // The engine keeps the source's name apart from the payload, so any payload will do: here no CloudTrail events.
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.json");
    fs::write(&log, json!({"Records": [{"kind": "Event", "objectRef": {"name": "p/q"}, "~x": [1]}]}).to_string())
        .unwrap();
    let session = Session::new(&[plugin("{}"), json_plugin("{}")]).input("cloudtrail", &log);
    let values = &session.events(&["json.value[/objectRef/name]", "json.value[/~0x/0]", "ct.name"]).unwrap()[0];
    assert_eq!(values["json.value[/objectRef/name]"], "p/q");
    assert_eq!(values["json.value[/~0x/0]"], "1");
    assert!(values["ct.name"].is_null());
}

#[test]
fn every_rule_of_the_dialect_fires_and_stays_silent() {
    let login = |name: &str, extra: Value| {
        let mut event =
            json!({"eventName": name, "eventTime": "2026-03-02T09:00:00Z", "userIdentity": {"arn": "arn:x"}});
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        event
    };
    let bucket = |error: Option<&str>| {
        let mut event = login("DeleteBucketEncryption", json!({"requestParameters": {"bucketName": "b"}}));
        if let Some(error) = error {
            event["errorCode"] = error.into();
        }
        event
    };
    let object = |arn: &str| {
        login("DeleteObject", json!({"resources": [{"ARN": format!("{arn}/key")}, {"ARN": arn, "accountId": "1"}]}))
    };
    let port = |port: Value| {
        login(
            "AuthorizeSecurityGroupIngress",
            json!({"requestParameters": {"groupId": "sg-1", "ipPermissions": {"items": [
                {"fromPort": port, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}}),
        )
    };
    let tag = |name: &str| {
        login(
            "TagResource20170331v2",
            json!({"eventSource": "lambda.amazonaws.com", "requestParameters": {"tags": {name: "owned"}}}),
        )
    };
    let cases = [
        ("Delete bucket encryption", bucket(None), bucket(Some("AccessDenied"))),
        (
            "Object deleted from a production bucket",
            object("arn:aws:s3:::prod-bills"),
            object("arn:aws:s3:::test-bills"),
        ),
        ("SSH opened in a security group", port(json!(22)), port(json!(443))),
        ("Function claimed for a cluster", tag("kubernetes.io/cluster/prod"), tag("kubernetes.io/cluster/test")),
        (
            "Failed console login",
            login("ConsoleLogin", json!({"errorMessage": "Failed authentication"})),
            login("ConsoleLogin", json!({})),
        ),
    ];
    let file = repository("rules/examples/cloudconnector_style.yaml");
    let rules: Vec<_> =
        rules::load(std::slice::from_ref(&file)).unwrap().rules().iter().map(|rule| rule.name.clone()).collect();
    assert_eq!(rules, cases.each_ref().map(|case| case.0), "a case for every rule");
    let fire = fired(&file, &cases.each_ref().map(|case| case.1.clone()));
    assert_eq!(fire, cases.each_ref().map(|case| vec![case.0.to_owned()]));
    assert_eq!(fired(&file, &cases.each_ref().map(|case| case.2.clone())), vec![Vec::<String>::new(); cases.len()]);
}

#[test]
fn the_documented_command_converts_a_cloudconnector_rule() {
    let document = fs::read_to_string(repository("docs/migrating.md")).unwrap();
    let command = document.lines().find(|line| line.starts_with("sed -i ")).expect("the command is documented");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my_rules.yaml");
    let text = fs::read_to_string(repository("rules/examples/cloudconnector_style.yaml")).unwrap();
    let before = text.replace("source: aws_cloudtrail", "source: k8s_audit");
    assert_ne!(before, text);
    fs::write(&file, &before).unwrap();
    assert_eq!(
        rules::load(std::slice::from_ref(&file)).unwrap().filters().unwrap().len(),
        0,
        "rules of another source"
    );
    let done = Command::new("sh").args(["-c", command]).current_dir(folder.path()).status().unwrap();
    assert!(done.success(), "{command}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let plugins = [plugin("{}"), json_plugin("{}")];
    let examples = repository("examples");
    let input = Input { plugins: &plugins, params: examples.to_str().unwrap(), with_fields: false };
    let alerts = evaluate::evaluate(&rules::load(&[file]).unwrap(), input).unwrap().alerts;
    let outputs: Vec<_> =
        alerts.iter().filter(|alert| alert.rule == "Delete bucket encryption").map(|alert| &alert.output).collect();
    assert_eq!(
        outputs,
        ["09:06:02.000000000: Critical A encryption configuration for a bucket has been deleted (requesting user=\
          arn:aws:sts::111122223333:assumed-role/storage-admin/maria.lopez, requesting IP=203.0.113.24, \
          AWS region=us-east-1, bucket=example-invoices-111122223333)"]
    );
}

#[test]
fn the_json_library_has_its_own_configuration() {
    let log = repository("examples");
    let run = |config: &str| {
        let session = Session::new(&[plugin("{}"), json_plugin(config)])
            .input("cloudtrail", &log)
            .format("%json.value[/eventName]");
        session.run().unwrap()
    };
    for config in ["", "{}", "null", r#"{"useAsync":true}"#, r#"{"UseAsync":false}"#] {
        let report = run(config).check().unwrap();
        assert!(!report.stdout.is_empty());
        let told = report.logs.iter().filter(|line| line.contains("useAsync has no effect")).count();
        assert_eq!(told, usize::from(config.contains("seAsync")), "{config}: {:?}", report.logs);
    }
    for (config, part) in
        [(r#"{"async":true}"#, "unknown key async, the only key is useAsync"), (r#"{"useAsync":1}"#, "useAsync")]
    {
        let error = run(config).check().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn only_events_of_plugins_are_looked_at() {
    let library = crate::engine::json_library();
    // SAFETY: the library's functions are those of the plugin API, and these two allow a null plugin.
    unsafe {
        let library = libloading::Library::new(library).unwrap();
        let types: libloading::Symbol<unsafe extern "C" fn(*mut u32, *mut std::ffi::c_void) -> *const u16> =
            library.get(b"plugin_get_extract_event_types").unwrap();
        let mut count = 0;
        let first = types(&mut count, std::ptr::null_mut());
        const PLUGIN_EVENT: u16 = 322;
        assert_eq!(std::slice::from_raw_parts(first, count as usize), [PLUGIN_EVENT]);
        let sources: libloading::Symbol<unsafe extern "C" fn() -> *const std::ffi::c_char> =
            library.get(b"plugin_get_extract_event_sources").unwrap();
        assert_eq!(std::ffi::CStr::from_ptr(sources()), c"[]", "every source");
        assert!(library.get::<unsafe extern "C" fn()>(b"plugin_open").is_err(), "extraction only");
    }
}
