//! Lines for keys that a user set and that have no effect in this version.
//!
//! Logging them once is left to the plugin.

use serde_json::{Map, Value};

use super::keys::{Key, Kind};

/// Makes the lines for keys that are set without effect. A key of a later source counts when it is not the default.
pub(super) fn notices(keys: &[Key], set: &Map<String, Value>) -> Vec<String> {
    let mut notices = Vec::new();
    if set.contains_key("useAsync") {
        notices.push("useAsync has no effect, this plugin needs no such setting".to_owned());
    }

    let set = Value::Object(set.clone());
    let waits = |key: &&Key| {
        let given = set.pointer(&format!("/{}", key.path.replace('.', "/")));
        let later = key.path != "useAsync" && !key.path.starts_with("limits.") && key.kind != Kind::Section;
        later && given.is_some_and(|value| *value != key.default)
    };
    let waiting: Vec<&str> = keys.iter().filter(waits).map(|key| key.path.as_str()).collect();
    if !waiting.is_empty() {
        let waiting = waiting.join(", ");
        notices.push(format!("{waiting}: no effect on files, only the S3 and SQS sources of later versions use this"));
    }
    notices
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Config, UserConfig};
    use super::*;

    fn config(value: Value) -> Config {
        Config::from_user(UserConfig(value)).unwrap()
    }

    #[test]
    fn use_async_is_noticed_when_the_user_set_it() {
        for value in [json!({"useAsync": true}), json!({"UseAsync": false})] {
            let config = config(value);
            assert_eq!(config.notices().len(), 1);
            assert!(config.notices()[0].starts_with("useAsync has no effect"));
        }
    }

    #[test]
    fn keys_of_later_sources_are_noticed_when_they_differ_from_the_default() {
        let config = config(
            json!({"sqsDelete": true, "S3Interval": "5d", "aws": {"region": "eu-west-1"}, "limits": {"depth": 5}}),
        );
        assert_eq!(config.notices().len(), 1);
        assert!(
            config.notices()[0].starts_with("aws.region, s3Interval: no effect on files"),
            "{:?}",
            config.notices()
        );
    }
}
