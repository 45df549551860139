//! Falco reads its configuration again: it closes the source in the middle of a batch, destroys the plugin, and begins
//! anew in the same process. No event is lost by it and none comes twice, and nothing is left behind.

use super::logs::{SHAPES, bucket, ids, spread};
use super::server::{Queue, server};
use crate::abi::alone;
use crate::abi::host::{Library, Plugin};
use crate::abi::source::Answer;
use crate::abi::threads::{descriptors, plugin_threads};
use crate::oracle::Expect;
use serde_json::json;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn config(folder: &Path, more: serde_json::Value) -> String {
    let credentials = folder.join("credentials");
    std::fs::write(
        &credentials,
        "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n",
    )
    .unwrap();
    let aws = json!({"endpointUrl": server().url(), "region": "us-east-1", "credentials": credentials});
    let mut config = json!({"aws": aws, "stateDir": folder.join("state"), "s3DownloadConcurrency": 4});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config.to_string()
}

/// Evaluates events as an engine does, until `most` are done or nothing more comes, and closes. Returns whether there
/// may be more.
pub fn evaluate(
    plugin: &Plugin,
    params: &str,
    most: usize,
    evaluated: &mut Vec<String>,
    is_done: &dyn Fn() -> bool,
) -> bool {
    let mut source = plugin.try_open(params.as_bytes()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    loop {
        assert!(Instant::now() < deadline, "{params} stands still at {}", evaluated.len());
        match source.next() {
            Answer::Events(events) => {
                for event in events {
                    if number == most {
                        return true;
                    }
                    number += 1;
                    let Expect::Text(id) = plugin.value(number as u64, &event, "ct.id") else { panic!("no id") };
                    evaluated.push(id);
                }
            }
            Answer::Timeout if is_done() => return false,
            Answer::Timeout => {}
            Answer::End => return false,
        }
    }
}

/// Reloads after ever other numbers of events, until all are evaluated.
fn reload_through(params: &str, config: &str, count: usize, is_done: &dyn Fn() -> bool) -> Vec<String> {
    let library: Rc<Library> = Library::load();
    let mut evaluated = Vec::new();
    let mut resources = Vec::new();
    for round in 0.. {
        let plugin = library.init(config).unwrap();
        let goes_on = evaluate(&plugin, params, (round * 37) % 200, &mut evaluated, is_done);
        drop(plugin);
        assert_eq!(plugin_threads(), 0, "no thread outlives a close");
        resources.push(descriptors());
        if !goes_on && evaluated.len() >= count {
            break;
        }
        assert!(round < 200, "{params} comes to no end: {} of {count}", evaluated.len());
    }
    let half = resources.len() / 2;
    assert_eq!(resources[half], *resources.last().unwrap(), "descriptors stay flat");
    evaluated
}

#[test]
fn a_scan_goes_on_behind_the_last_event() {
    alone("aws::reload::a_scan_goes_on_behind_the_last_event", || {
        let logs = spread("AWSLogs", 0, 60, 25);
        let name = bucket("reload", &logs);
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), json!({}));
        let mut read = reload_through(&format!("s3://{name}"), &config, 1500, &|| false);
        read.sort();
        assert_eq!(read, ids(&logs));
        // The scan is complete, and what the bucket holds is not read again by the same process.
        let plugin = Library::load().init(&config).unwrap();
        let mut again = Vec::new();
        evaluate(&plugin, &format!("s3://{name}"), 10, &mut again, &|| false);
        assert_eq!(again, [""; 0]);
    });
}

#[test]
fn a_queue_goes_on_behind_the_last_event() {
    alone("aws::reload::a_queue_goes_on_behind_the_last_event", || {
        let logs = spread("AWSLogs", 0, 60, 25);
        let name = bucket("reload", &logs);
        let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
        let queue = Queue::new("reload", 600);
        queue.send(&SHAPES[0].messages(&name, &keys, 2));
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), json!({}));
        let is_done = || queue.len() == 0;
        let mut read = reload_through(&format!("sqs://{}", queue.name), &config, 1500, &is_done);
        read.sort();
        assert_eq!(read, ids(&logs));
        assert_eq!(queue.len(), 0, "messages whose events were evaluated before a close are gone too");
    });
}
