//! Loads the shared object that these tests were built with into the real engine.

use runner::host::{Plugin, Session};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The library beside this test's executable, or the one in the folder that `CT_LIBRARIES` names. The one a folder above
/// the executable may be stale: `cargo test` does not renew it.
pub fn library() -> PathBuf {
    built("libcloudtrail.so")
}

/// The same for libjson.so.
pub fn json_library() -> PathBuf {
    built("libjson.so")
}

fn built(name: &str) -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let folder = std::env::var_os("CT_LIBRARIES").map_or(executable.parent().unwrap().to_owned(), PathBuf::from);
    let library = folder.join(name);
    assert!(library.is_file(), "{} has not been built", library.display());
    library
}

/// The plugin with a configuration, JSON text.
pub fn plugin(config: &str) -> Plugin {
    Plugin::new(library()).unwrap().with_config(config)
}

/// The json plugin with a configuration, JSON text.
pub fn json_plugin(config: &str) -> Plugin {
    Plugin::new(json_library()).unwrap().with_config(config)
}

/// A start of the engine over the logs at a path.
pub fn session(plugin: &Plugin, path: &Path) -> Session {
    Session::new(std::slice::from_ref(plugin)).input("cloudtrail", path)
}

/// The fields of every event of the logs at a path.
pub fn events_of(plugin: &Plugin, path: &Path, fields: &[&str]) -> Vec<Map<String, Value>> {
    session(plugin, path).events(fields).unwrap()
}

/// The events of logs in CloudTrail's two plain forms, as a general reader finds them.
#[allow(clippy::disallowed_types, reason = "an independent reader, of files that are known to be good")]
pub mod raw {
    use flate2::bufread::MultiGzDecoder;
    use serde_json::value::RawValue;
    use std::collections::HashMap;
    use std::fs;
    use std::io::Read;
    use std::path::Path;

    /// Returns the text of every event, in the order of files and events.
    pub fn events(folder: &Path) -> Vec<Vec<u8>> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().contains(".json") && name != "labels.jsonl.gz")
        });
        files.sort();
        files.iter().flat_map(|path| events_in(path)).collect()
    }

    fn events_in(path: &Path) -> Vec<Vec<u8>> {
        let bytes = fs::read(path).unwrap();
        let mut text = String::new();
        MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        let documents = serde_json::Deserializer::from_str(&text).into_iter::<Box<RawValue>>();
        let mut events = Vec::new();
        for document in documents {
            let document = document.unwrap();
            let members: HashMap<String, &RawValue> = serde_json::from_str(document.get()).unwrap();
            match members.get("Records") {
                Some(records) => {
                    let records: Vec<&RawValue> = serde_json::from_str(records.get()).unwrap();
                    events.extend(records.iter().map(|record| record.get().as_bytes().to_vec()));
                }
                None => events.push(document.get().as_bytes().to_vec()),
            }
        }
        events
    }
}
