//! Lines for keys that a user set and that have no effect.
//!
//! Logging them once is left to the plugin.

use serde_json::{Map, Value};

/// Makes the lines for keys that are set without effect.
pub(super) fn notices(set: &Map<String, Value>) -> Vec<String> {
    let mut notices = Vec::new();
    if set.contains_key("useAsync") {
        notices.push("useAsync has no effect, this plugin needs no such setting".to_owned());
    }
    if set.get("useS3SNS") == Some(&Value::Bool(true)) {
        notices.push("useS3SNS has no effect, messages are recognised by their content".to_owned());
    }
    let has_keys = set.get("digestPublicKeys").and_then(Value::as_str).is_some_and(|keys| !keys.trim().is_empty());
    if has_keys && set.get("verifyDigests") != Some(&Value::Bool(true)) {
        notices.push("digestPublicKeys has no effect, set verifyDigests too".to_owned());
    }
    notices
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Config, UserConfig};
    use super::*;

    fn notices_of(config: Value) -> Vec<String> {
        Config::from_user(UserConfig(config)).unwrap().notices().to_vec()
    }

    #[test]
    fn use_async_is_noticed_when_the_user_set_it() {
        for value in [json!({"useAsync": true}), json!({"UseAsync": false})] {
            let notices = notices_of(value);
            assert_eq!(notices.len(), 1);
            assert!(notices[0].starts_with("useAsync has no effect"));
        }
    }

    #[test]
    fn use_s3_sns_is_noticed_when_it_is_on() {
        let notices = notices_of(json!({"USES3SNS": true}));
        assert_eq!(notices, ["useS3SNS has no effect, messages are recognised by their content"]);
        assert_eq!(notices_of(json!({"useS3SNS": false})), [""; 0]);
    }

    #[test]
    fn public_keys_are_noticed_where_nothing_is_verified() {
        let key = "MAYCASoCAQM=";
        let notices = notices_of(json!({"digestPublicKeys": [key]}));
        assert_eq!(notices, ["digestPublicKeys has no effect, set verifyDigests too"]);
        assert_eq!(notices_of(json!({"digestPublicKeys": key, "verifyDigests": true})), [""; 0]);
    }

    #[test]
    fn keys_of_the_sources_are_not_worth_a_word() {
        assert_eq!(notices_of(json!({"sqsDelete": false, "S3Interval": "5d", "aws": {"region": "x"}})), [""; 0]);
    }
}
