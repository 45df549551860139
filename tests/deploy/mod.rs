//! What deploy/ tells AWS, Terraform and Kubernetes to make is what the plugin needs: no permission more or less, queues
//! with the settings that the README asks for, and a way for events that they really take.

mod kubernetes;
mod permissions;
mod stacks;
mod templates;
mod terraform;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Returns the path of what is in deploy/.
fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

/// Returns the files of a folder below deploy/ with this extension, in the order of their names.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(deploy(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|other| other == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension} in {folder}");
    files
}

/// Runs Python with the packages of scripts/moto.txt.
fn python(arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/moto");
    Command::new(script).args(arguments).output().unwrap()
}

/// Fails with what a command printed unless it succeeded.
#[track_caller]
fn succeeded(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// Returns the CloudFormation templates by their names, under `templates`, and the Terraform files by their paths, under
/// `terraform`.
fn documents() -> &'static Value {
    static DOCUMENTS: OnceLock<Value> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/read.py");
        let output = python([script, deploy("")]);
        succeeded(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

/// Returns every object in a document for which this is so, at any depth.
fn objects<'a>(document: &'a Value, is_one: &impl Fn(&Value) -> bool) -> Vec<&'a Value> {
    let mut found = Vec::new();
    if document.is_object() && is_one(document) {
        found.push(document);
    }
    let inside: Vec<&Value> = match document {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => vec![],
    };
    found.extend(inside.into_iter().flat_map(|item| objects(item, is_one)));
    found
}

/// Returns the texts of a list, or the one that stands in its place.
fn texts(list: &Value) -> Vec<&str> {
    match list {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => list.as_str().into_iter().collect(),
    }
}
