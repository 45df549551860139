//! What the plugin says about itself before it is made.

use super::host::{Api, FAILURE, Library, SUCCESS, text};
use crate::oracle;
use falco_plugin::api::ss_plugin_set_config_input;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The texts that the functions without arguments give.
macro_rules! says {
    ($library:expr, $name:ident) => {
        // SAFETY: a function without preconditions.
        text(unsafe { ($library.api.$name)() })
    };
}

#[test]
fn the_names_are_those_of_the_official_plugin() {
    let library = Library::load();
    assert_eq!(says!(library, get_name), "cloudtrail");
    assert_eq!(says!(library, get_event_source), "aws_cloudtrail");
    assert_eq!(says!(library, get_extract_event_sources), r#"["aws_cloudtrail"]"#);
    // SAFETY: a function without preconditions.
    assert_eq!(unsafe { (library.api.get_id)() }, 2);
}

#[test]
fn versions_tell_falco_what_it_needs() {
    let library = Library::load();
    assert_eq!(says!(library, get_version), "0.20.0");
    let api = says!(library, get_required_api_version);
    assert!(api.strip_prefix("3.11.").is_some_and(|patch| patch.parse::<u32>().is_ok()), "{api}");
}

#[test]
fn people_learn_the_revision_and_where_to_write() {
    let library = Library::load();
    let description = says!(library, get_description);
    assert!(description.ends_with(concat!("(revision ", env!("SOURCE_REVISION"), ")")), "{description}");
    assert!(says!(library, get_contact).starts_with("https://"));
}

#[test]
fn it_exports_sourcing_and_extraction_and_nothing_else() {
    let library = Library::load();
    assert_eq!(Api::NAMES.len(), 23, "the library would not have loaded without any of them");
    for absent in ["parse_event", "get_async_events", "set_async_event_handler", "capture_open", "dump_state"] {
        assert!(!library.exports(absent), "{absent}");
    }
}

#[test]
fn it_extracts_from_plugin_events_only() {
    let plugin = Library::load().init("").unwrap();
    let mut count = 0;
    // SAFETY: the array that the plugin API promises.
    let types = unsafe {
        let types = (plugin.library.api.get_extract_event_types)(&mut count, plugin.state);
        std::slice::from_raw_parts(types, count as usize)
    };
    assert_eq!(types, [322]);
}

#[test]
fn the_schema_is_json_that_names_every_section() {
    let library = Library::load();
    let mut kind = 0;
    // SAFETY: a function without preconditions.
    let schema = text(unsafe { (library.api.get_init_schema)(&mut kind) });
    assert_eq!(kind, 1, "a JSON schema");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    for pointer in
        ["sqsDelete", "s3DownloadConcurrency", "useAsync", "aws/properties/region", "limits/properties/depth"]
    {
        assert!(schema.pointer(&format!("/properties/{pointer}")).is_some(), "{pointer}");
    }
}

#[test]
fn there_is_no_list_of_open_params() {
    let plugin = Library::load().init("").unwrap();
    let mut rc = -7;
    // SAFETY: the state is alive.
    let list = text(unsafe { (plugin.library.api.list_open_params)(plugin.state, &mut rc) });
    assert_eq!((rc, list.as_str()), (0, ""));
}

fn fields() -> Vec<Value> {
    serde_json::from_str(&says!(Library::load(), get_fields)).unwrap()
}

#[test]
fn the_fields_are_those_of_the_contract() {
    let names = |text: &str| text.split('[').next().unwrap().to_owned();
    let of_contract = oracle::fields().into_iter().filter(|case| case.text != "evt.plugininfo");
    let expected: BTreeSet<(String, &str, bool)> = of_contract
        .map(|case| {
            let (kind, is_list) = match case.kind {
                oracle::Kind::Text => ("string", false),
                oracle::Kind::List => ("string", true),
                oracle::Kind::U64 => ("uint64", false),
                oracle::Kind::Ip => ("ipaddr", false),
                oracle::Kind::Net => ("ipnet", false),
            };
            (names(case.text), kind, is_list)
        })
        .collect();
    let fields = fields();
    let declared: BTreeSet<_> = fields
        .iter()
        .map(|field| {
            (field["name"].as_str().unwrap().to_owned(), field["type"].as_str().unwrap(), field["isList"] == true)
        })
        .collect();
    assert_eq!(declared, expected);
    assert_eq!(declared.len(), fields.len(), "a name twice");
}

#[test]
fn arguments_are_declared_for_the_fields_that_take_one() {
    for field in fields() {
        let argument = match field["name"].as_str().unwrap() {
            "ct.value" | "ct.values" => json!({"isKey": true, "isRequired": true}),
            "ct.request" | "ct.response" | "ct.additionaleventdata" => json!({"isKey": true}),
            "ec2.imageids" | "ct.resources.arn" | "ct.resources.type" | "ct.resources.accountid" => {
                json!({"isIndex": true})
            }
            "ct.policy.accounts" | "ct.ingress.public" | "ct.ingress.ports" | "ct.share.accounts" => {
                json!({"isIndex": true})
            }
            _ => Value::Null,
        };
        assert_eq!(field["arg"], argument, "{field}");
    }
}

#[test]
fn every_field_has_texts_and_known_properties() {
    let with = |property: &str| -> BTreeSet<String> {
        let fields = fields().into_iter();
        let has = |field: &Value| field["properties"].as_array().unwrap().contains(&property.into());
        fields.filter(has).map(|field| field["name"].as_str().unwrap().to_owned()).collect()
    };
    for field in fields() {
        assert!(["display", "desc"].iter().all(|text| field[text].as_str().is_some_and(|t| !t.is_empty())), "{field}");
    }
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(with("info"), set(&["ct.info"]));
    assert_eq!(with("conversation"), set(&["ct.user", "ct.srcip", "s3.bucket", "s3.uri"]));
    let counters = ["s3.bytes.in", "s3.bytes.out", "s3.cnt.get", "s3.cnt.put", "s3.cnt.other"];
    assert_eq!(with("hidden"), set(&[&["ct.time"], &counters[..]].concat()));
}

#[test]
fn a_config_that_comes_later_must_be_json() {
    let plugin = Library::load().init("").unwrap();
    for (config, rc) in [(c"{}", SUCCESS), (c"sqsDelete: true", FAILURE)] {
        let input = ss_plugin_set_config_input { config: config.as_ptr() };
        // SAFETY: the state is alive, the input whole.
        assert_eq!(unsafe { (plugin.library.api.set_config)(plugin.state, &input) }, rc, "{config:?}");
    }
    assert!(!plugin.last_error().is_empty());
}
