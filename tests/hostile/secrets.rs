//! Credentials, wherever they come from and whatever goes wrong with them, are in no line, no error, no event and no file
//! of ours. Each secret here has a word in it that nothing else has.

use super::assert_printable;
use super::parrot::Parrot;
use crate::abi::host::{Library, Plugin};
use crate::aws::consumer::Source;
use crate::aws::logs::inline_event;
use crate::aws::server::Queue;
use runner::host::Report;
use serde_json::json;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// What is in every secret.
const CANARY: &str = "Canary7";

const KEY: &str = "AKIACANARY7CANARY7XX";
const SECRET: &str = "Canary7/secretCanary7+secretCanary7secre";

fn token() -> String {
    format!("FwoG{}==", "Canary7tokenZZxx+/".repeat(20))
}

#[track_caller]
fn assert_silent(text: &str, what: &str) {
    let lower = text.to_lowercase();
    assert!(!lower.contains(&CANARY.to_lowercase()), "{what}: {text}");
}

/// Runs a host for a while and looks at all that it says and leaves behind.
#[track_caller]
fn assert_kept(source: &Source, what: &str) -> Report {
    let consumer = source.start();
    let _ = consumer.host.line(Instant::now() + Duration::from_secs(4));
    // It may have ended by itself.
    let _ = consumer.host.interrupt();
    let report = consumer.host.wait(Instant::now() + Duration::from_secs(60)).unwrap();
    assert_silent(&report.logs.join("\n"), what);
    assert_silent(&report.complaint, what);
    assert_silent(&String::from_utf8_lossy(&report.stdout), what);
    assert_printable(&report.logs);
    assert_printable([&report.complaint]);
    for entry in fs::read_dir(source.state()).into_iter().flatten() {
        let path = entry.unwrap().path();
        assert_silent(&path.to_string_lossy(), what);
        assert_silent(&String::from_utf8_lossy(&fs::read(path).unwrap()), what);
    }
    report
}

fn with_keys(source: Source) -> Source {
    source.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env("AWS_SESSION_TOKEN", &token())
}

#[test]
fn what_a_service_repeats_of_a_request_is_not_shown() {
    let refusals = [
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidAccessKeyId"),
        (400, "ExpiredToken"),
        (403, "AccessDenied"),
        (400, "AccessDeniedException"),
        (400, "AuthorizationHeaderMalformed"),
        (503, "SlowDown"),
        (400, "ThrottlingException"),
        (500, "InternalError"),
        (400, "ValidationError"),
        (404, "NoSuchBucket"),
        (301, "PermanentRedirect"),
    ];
    thread::scope(|scope| {
        for (number, (status, code)) in refusals.into_iter().enumerate() {
            scope.spawn(move || {
                let parrot = Parrot::start(status, code);
                let params = ["s3://bucket", "sqs://queue", "lookup://us-east-1"][number % 3];
                let source = with_keys(Source::at(&parrot.url(), params));
                let source = if number % 4 == 3 {
                    source.with_aws("assumeRoleArn", "arn:aws:iam::111122223333:role/r").with_aws("externalId", SECRET)
                } else {
                    source
                };
                assert_kept(&source, code);
                assert!(parrot.count() > 0, "{code}");
                assert!(parrot.seen.lock().unwrap()[0].contains("Canary7token"), "{code}: it was not even told");
            });
        }
    });
}

#[test]
fn what_is_wrong_in_files_and_processes_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let process = |name: &str, script: &str| {
        let script = put(&format!("{name}.sh"), script);
        put(name, &format!("[profile p]\nregion = us-east-1\ncredential_process = sh {script}\n"))
    };
    let whole = format!(r#"{{"Version": 1, "AccessKeyId": "{KEY}", "SecretAccessKey": "{SECRET}"}}"#);
    let configs = [
        process("fails", &format!("echo '{whole}'; echo '{whole}' >&2; exit 1")),
        process("cut", &format!("echo '{}'", &whole[..whole.len() - 2])),
        process("text", &format!("echo {SECRET}; echo {SECRET} >&2")),
        process("version", &format!("echo '{}'", whole.replace('1', "\"Canary7\""))),
        process("lacks", &format!("echo '{}'", whole.replace("SecretAccessKey", SECRET))),
        process(
            "expired",
            &format!("echo '{}'", whole.replace("\"Version\"", "\"Expiration\": \"Canary7\", \"Version\"")),
        ),
        put("no-equals", &format!("[profile p]\nregion = us-east-1\naws_secret_access_key {SECRET}\n")),
        put("no-bracket", &format!("[profile {SECRET}\nregion = us-east-1\n")),
        put("no-profile", &format!("aws_secret_access_key = {SECRET}\n[profile p]\nregion = us-east-1\n")),
        put("bad-name", &format!("[profile p]\nregion = us-east-1\n{SECRET} = \n  {SECRET}\n\x1b = {SECRET}\n")),
        put("half", &format!("[profile p]\nregion = us-east-1\naws_secret_access_key = {SECRET}\n")),
        put(
            "source",
            &format!("[profile p]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = {SECRET}\n"),
        ),
        put("name", &format!("[profile p]\nregion = us-east-1\nendpoint_url = http://u:{SECRET}@127.0.0.1:1\n")),
    ];
    thread::scope(|scope| {
        for config in &configs {
            scope.spawn(move || {
                let parrot = Parrot::start(403, "AccessDenied");
                let source = Source::at(&parrot.url(), "s3://bucket").without_credentials();
                assert_kept(&source.with_aws("config", config).with_aws("profile", "p"), config);
                // The same without a word in the configuration.
                let source = Source::at(&parrot.url(), "sqs://queue").without_credentials();
                assert_kept(&source.env("AWS_CONFIG_FILE", config).env("AWS_PROFILE", "p"), config);
            });
        }
    });
}

#[test]
fn a_web_identity_token_is_not_shown() {
    let parrot = Parrot::start(403, "AccessDenied");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, token()).unwrap();
    let source = Source::at(&parrot.url(), "s3://bucket")
        .without_credentials()
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap())
        .env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/r")
        .env("AWS_ENDPOINT_URL", &parrot.url());
    assert_kept(&source, "web identity");
    assert!(parrot.count() > 0);
}

#[test]
fn nothing_is_shown_when_all_goes_well() {
    let queue = Queue::new("kept", 30);
    queue.send(&["no JSON".to_owned(), inline_event("AWS API Call via CloudTrail", 1)]);
    let report = assert_kept(&with_keys(Source::sqs(&queue)), "a queue");
    assert!(report.logs.iter().any(|line| line.contains("reading ")), "{:?}", report.logs);
}

/// The error of an `open`, and the lines before it.
fn refused(plugin: &Plugin, params: &str) -> Vec<String> {
    let error = plugin.try_open(params.as_bytes()).err();
    let lines = plugin.lines().into_iter().map(|line| line.text);
    lines.chain(error).collect()
}

#[test]
fn secrets_in_urls_and_settings_are_not_shown() {
    let library = Library::load();
    let signed = format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY}%2F20260302&X-Amz-Signature={SECRET}");
    let plugin = library.init(r#"{"aws": {"region": "us-east-1"}, "stateDir": ""}"#).unwrap();
    for params in [
        format!("https://trail.s3.amazonaws.com/a.json.gz?{signed}"),
        format!("http://trail.s3.amazonaws.com/a.json.gz?{signed}#x"),
        format!("https://sqs.us-east-1.amazonaws.com/111122223333/q?{signed}"),
        format!("sqs://https://sqs.us-east-1.amazonaws.com/111122223333/q?Action=ReceiveMessage&{signed}"),
        format!("s3://trail?{signed}"),
        format!("s3://user:{SECRET}@trail/x"),
        format!("sqs://user:{SECRET}@queue"),
        format!("sqs://https://user:{SECRET}@sqs.us-east-1.amazonaws.com/111122223333/q"),
        format!("https://user:{SECRET}@host/111122223333/q"),
        format!("lookup://{SECRET}@us-east-1"),
        format!("lookup://us-east-1?{signed}"),
        format!("file://user:{SECRET}@host/path"),
        format!("gs://user:{SECRET}@bucket?{signed}"),
    ] {
        let said = refused(&plugin, &params);
        assert!(!said.is_empty(), "{params}");
        said.iter().for_each(|line| assert_silent(line, &params));
    }
    for config in [
        json!({"aws": {"externalId": SECRET}}),
        json!({"aws": {"externalId": [SECRET]}}),
        json!({"aws": {"externalId": {"a": SECRET}}}),
        json!({"aws": {"secretAccessKey": SECRET, "accessKeyId": KEY}}),
        json!({"aws": {"endpointUrl": format!("https://user:{SECRET}@host")}}),
        json!({"aws": {"endpointUrl": format!("https://host/?{signed}")}}),
        json!({"aws": {"endpointUrl": format!("user:{SECRET}@host")}}),
    ] {
        let error = library.init(&config.to_string()).err().unwrap();
        assert_silent(&error, &config.to_string());
    }
}
