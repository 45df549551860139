//! Configurations and open params that do not work: a failure, an error that says what to change, and nothing broken.

use super::alone;
use super::host::{Library, Plugin};
use crate::oracle::fixtures;
use std::fs;
use std::os::unix::net::UnixListener;

/// The error of an `open`, which leaves the plugin able to open something else.
fn error_of(params: &[u8]) -> String {
    let plugin = Plugin::new();
    let error = plugin.try_open(params).err().unwrap();
    let mut source = plugin.open(&fixtures::root().join("files/one-event.json"));
    assert_eq!(source.events().len(), 1);
    error
}

#[test]
fn no_open_params_are_asked_for() {
    assert!(error_of(b"").starts_with("open_params is empty, set it to"), "{}", error_of(b""));
}

#[test]
fn a_path_that_does_not_exist_is_named() {
    assert_eq!(error_of(b"/does/not/exist"), "open_params: /does/not/exist does not exist");
    assert_eq!(error_of(b"file:///does%20not/exist"), "open_params: /does not/exist does not exist");
}

#[test]
fn a_folder_without_logs_says_what_a_log_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("readme.md"), "{}").unwrap();
    let error = error_of(folder.path().to_str().unwrap().as_bytes());
    assert!(error.starts_with(&format!("open_params: no logs in {}", folder.path().display())), "{error}");
    assert!(error.contains(".json") && error.contains(".gz"), "{error}");
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("a.json");
    let _listener = UnixListener::bind(&socket).unwrap();
    let error = error_of(socket.to_str().unwrap().as_bytes());
    assert_eq!(error, format!("open_params: {} is not a file or a folder", socket.display()));
}

#[test]
fn sources_that_are_not_there_say_what_works_now() {
    for params in ["gs://bucket/logs", "ftp://host/logs"] {
        let error = error_of(params.as_bytes());
        assert!(error.contains(params) && error.contains("file://"), "{error}");
    }
}

#[test]
fn params_that_are_no_text_have_an_error() {
    assert!(!error_of(b"/logs/\xff").is_empty());
}

#[test]
fn a_nul_in_a_path_has_an_error_of_its_own() {
    let error = error_of(b"file:///logs%00/a.json");
    assert!(error.contains("/logs"), "{error:?}");
}

#[test]
fn an_error_replaces_the_one_before() {
    let plugin = Plugin::new();
    for path in ["/first", "/second"] {
        assert_eq!(plugin.try_open(path.as_bytes()).err(), Some(format!("open_params: {path} does not exist")));
    }
}

/// The error of an `init`. The host destroys what a failed one leaves; the library still makes plugins afterwards.
fn init_error(config: &str) -> String {
    let library = Library::load();
    let error = library.init(config).err().unwrap();
    assert!(library.init("").is_ok());
    error
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    let error = init_error(r#"{"s3Intervall": "5d"}"#);
    assert_eq!(error, "init_config: unknown key s3Intervall, did you mean s3Interval?");
}

#[test]
fn a_wrong_type_is_named_with_the_right_one() {
    let error = init_error(r#"{"sqsDelete": "yes"}"#);
    assert!(error.contains("sqsDelete: expected true or false, found the text \"yes\""), "{error}");
}

#[test]
fn text_that_is_no_json_is_an_error() {
    assert!(!init_error("sqsDelete: true").is_empty());
}

#[test]
fn a_nul_in_a_key_is_an_error() {
    alone("abi::errors::a_nul_in_a_key_is_an_error", || {
        assert!(init_error(r#"{"sqs\u0000Delete": true}"#).contains("unknown key"));
    });
}

#[test]
fn every_way_to_say_nothing_is_the_defaults() {
    for config in ["", "{}", "null"] {
        assert!(Library::load().init(config).is_ok(), "{config:?}");
    }
}
