//! Checks a user's configuration key by key and brings every key to its proper spelling.
//!
//! It knows names, types and bounds, from the table of keys; what a text means is left to the parent module.

use serde_json::{Map, Value};

use super::keys::{Key, Kind};

/// Least similarity, from 0 to 1, at which a key is offered in place of an unknown one.
const SIMILAR: f64 = 0.6;

/// Account ids are the texts that Falco turns into numbers; these are the numbers that have all their digits.
const TWELVE_DIGITS: std::ops::Range<f64> = 1e11..1e12;

/// Returns the keys that the user set, properly spelled and of the right type, and a text for everything else.
pub(super) fn check(keys: &[Key], config: &Value) -> (Map<String, Value>, Vec<String>) {
    let mut problems = Vec::new();
    let set = match config {
        Value::Null => Map::new(),
        Value::Object(members) => section(keys, "", members, &mut problems),
        other => {
            problems.push(format!("expected keys and values, found {}", found(other)));
            Map::new()
        }
    };
    (set, problems)
}

/// Checks the members of one section, whose keys have `prefix` in the table.
fn section(keys: &[Key], prefix: &str, members: &Map<String, Value>, problems: &mut Vec<String>) -> Map<String, Value> {
    let mut set = Map::new();
    let mut spellings: Map<String, Value> = Map::new();
    for (spelling, value) in members {
        let place = format!("{prefix}{spelling}");
        let Some(key) = keys.iter().find(|key| key.path.eq_ignore_ascii_case(&place)) else {
            problems.push(unknown(keys, &place, spelling));
            continue;
        };
        if let Some(other) = spellings.insert(key.path.clone(), spelling.as_str().into()) {
            problems.push(format!("{} is given twice, as {other} and as {spelling:?}, keep one of them", key.path));
            continue;
        }

        let checked = match (key.kind, value) {
            (_, Value::Null) => continue,
            (Kind::Section, Value::Object(inner)) => {
                let inner_prefix = format!("{}.", key.path);
                Value::Object(section(keys, &inner_prefix, inner, problems))
            }
            (kind, value) => match scalar(kind, value) {
                Some(checked) => checked,
                None => {
                    problems.push(wrong_type(key, value));
                    continue;
                }
            },
        };
        set.insert(key.name().to_owned(), checked);
    }
    set
}

/// Returns the value if it is of this kind, as text where the kind is text.
fn scalar(kind: Kind, value: &Value) -> Option<Value> {
    let fits = match kind {
        Kind::Section => false,
        Kind::Boolean => value.is_boolean(),
        Kind::Integer(min, max) => value.as_u64().is_some_and(|number| (min..=max).contains(&number)),
        Kind::Text => value.is_string(),
        Kind::Digits => return digits(value).map(Value::String),
        Kind::Texts => {
            let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let texts: Option<Vec<String>> = texts.iter().map(digits).collect();
            return texts.map(|texts| Value::String(texts.join(",")));
        }
    };
    fits.then(|| value.clone())
}

/// Returns a text as it is, and as text the number of an account id of which no digit can be lost.
fn digits(value: &Value) -> Option<String> {
    match value.as_f64() {
        Some(number) => (number.fract() == 0.0 && TWELVE_DIGITS.contains(&number)).then(|| number.to_string()),
        None => value.as_str().map(str::to_owned),
    }
}

fn wrong_type(key: &Key, value: &Value) -> String {
    // What is wrong with a list is the first item that is.
    let value = match (key.kind, value) {
        (Kind::Texts, Value::Array(items)) => items.iter().find(|item| digits(item).is_none()).unwrap_or(value),
        _ => value,
    };
    let shown = if key.secret { "something else".to_owned() } else { found(value) };
    let text = format!("{}: expected {}, found {shown}", key.path, key.kind);
    if matches!(key.kind, Kind::Digits | Kind::Texts) && (value.is_number() || value.is_boolean()) {
        let name = key.path.replace('.', "\": {\"");
        let close = "}".repeat(key.path.split('.').count());
        return format!(
            "{text} (in a YAML mapping Falco makes a number of digits, perhaps without leading zeros, and a boolean of \
             words such as no, quoted or not), write init_config as JSON text instead: '{{\"{name}\": \"...\"{close}'"
        );
    }
    text
}

fn found(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a section of keys".to_owned(),
        Value::String(text) => format!("the text {text:?}"),
        other => other.to_string(),
    }
}

/// Names an unknown key and the nearest known one, which may be in another section.
fn unknown(keys: &[Key], place: &str, spelling: &str) -> String {
    let similarity = |key: &Key| {
        let same_place = strsim::normalized_damerau_levenshtein(&key.path.to_lowercase(), &place.to_lowercase());
        let same_name = strsim::normalized_damerau_levenshtein(&key.name().to_lowercase(), &spelling.to_lowercase());
        same_place.max(same_name)
    };
    let nearest = keys
        .iter()
        .map(|key| (similarity(key), key))
        .filter(|(score, _)| *score >= SIMILAR)
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    match nearest {
        Some((_, key)) => format!("unknown key {}, did you mean {}?", place.escape_debug(), key.path),
        None => {
            let names: Vec<&str> = keys.iter().map(|key| key.path.as_str()).collect();
            format!("unknown key {}, the keys are {}", place.escape_debug(), names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::keys::keys;
    use super::*;

    fn accepted(config: Value) -> Value {
        let (set, problems) = check(keys(), &config);
        assert_eq!(problems, Vec::<String>::new());
        Value::Object(set)
    }

    fn problems(config: Value) -> Vec<String> {
        check(keys(), &config).1
    }

    #[test]
    fn keys_in_any_letter_case_get_their_proper_spelling() {
        assert_eq!(
            accepted(
                json!({"SQSDelete": false, "S3INTERVAL": "5d", "Aws": {"REGION": "eu-west-1"}, "LIMITS": {"inflightmib": 8}})
            ),
            json!({"sqsDelete": false, "s3Interval": "5d", "aws": {"region": "eu-west-1"}, "limits": {"inFlightMiB": 8}})
        );
    }

    #[test]
    fn null_is_the_same_as_absent() {
        assert_eq!(accepted(json!(null)), json!({}));
        assert_eq!(accepted(json!({"sqsDelete": null, "aws": null})), json!({}));
        assert_eq!(accepted(json!({"aws": {"region": null}})), json!({"aws": {}}));
    }

    #[test]
    fn two_spellings_of_one_key_are_an_error_at_every_level() {
        assert_eq!(
            problems(json!({"S3Interval": "5d", "s3Interval": "5d"})),
            ["s3Interval is given twice, as \"S3Interval\" and as \"s3Interval\", keep one of them"]
        );
        assert_eq!(problems(json!({"aws": {"Region": "a", "region": null}})).len(), 1);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_key() {
        for (config, text) in [
            (json!({"aws": {"regio": ""}}), "unknown key aws.regio, did you mean aws.region?"),
            (json!({"s3intervall": ""}), "unknown key s3intervall, did you mean s3Interval?"),
            (json!({"region": ""}), "unknown key region, did you mean aws.region?"),
            (json!({"aws": {"sqs_delete": true}}), "unknown key aws.sqs_delete, did you mean sqsDelete?"),
            (json!({"awss": {}}), "unknown key awss, did you mean aws?"),
            (json!({"recordMB": 1}), "unknown key recordMB, did you mean limits.recordMiB?"),
        ] {
            assert_eq!(problems(config), [text]);
        }
        let far = problems(json!({"frobnicate": 1}));
        assert!(far[0].starts_with("unknown key frobnicate, the keys are "), "{far:?}");
        assert!(far[0].contains("aws.region"), "{far:?}");
    }

    #[test]
    fn a_wrong_type_is_named_with_what_was_found_and_expected() {
        for (config, text) in [
            (json!({"SqsDelete": "yes"}), "sqsDelete: expected true or false, found the text \"yes\""),
            (json!({"s3Interval": 5}), "s3Interval: expected text, found 5"),
            (json!({"s3Interval": ["5d"]}), "s3Interval: expected text, found a list"),
            (json!({"aws": "eu-west-1"}), "aws: expected section of keys, found the text \"eu-west-1\""),
            (json!({"aws": {"region": {}}}), "aws.region: expected text, found a section of keys"),
            (json!({"s3DownloadConcurrency": 0}), "s3DownloadConcurrency: expected integer from 1 to 65536, found 0"),
            (json!({"s3DownloadConcurrency": -1}), "s3DownloadConcurrency: expected integer from 1 to 65536, found -1"),
            (json!({"limits": {"depth": 1001}}), "limits.depth: expected integer from 1 to 1000, found 1001"),
            (json!({"limits": {"depth": 1.5}}), "limits.depth: expected integer from 1 to 1000, found 1.5"),
            (json!([]), "expected keys and values, found a list"),
            (json!(true), "expected keys and values, found true"),
        ] {
            assert_eq!(problems(config), [text]);
        }
    }

    #[test]
    fn all_problems_are_reported_and_what_is_right_is_kept() {
        let config = json!({"sqsDelete": 1, "useAsync": false, "aws": {"regio": "x", "profile": "p"}});
        let (set, problems) = check(keys(), &config);
        assert_eq!(Value::Object(set), json!({"useAsync": false, "aws": {"profile": "p"}}));
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn a_number_of_twelve_digits_is_an_account_id() {
        for (number, digits) in [
            ("123456789012", "123456789012"),
            ("123456789012.0", "123456789012"),
            ("100000000000", "100000000000"),
            ("999999999999.0", "999999999999"),
        ] {
            let number: Value = serde_json::from_str(number).unwrap();
            assert_eq!(
                accepted(json!({"sqsOwnerAccount": number, "aws": {"profile": number}})),
                json!({"sqsOwnerAccount": digits, "aws": {"profile": digits}})
            );
        }
    }

    #[test]
    fn lists_are_texts_with_commas_between() {
        for (list, text) in [
            (json!(["012345678901", 123456789012_u64, "210987654321.0"]), "012345678901,123456789012,210987654321.0"),
            (json!(["012345678901"]), "012345678901"),
            (json!([]), ""),
            (json!(123456789012.0), "123456789012"),
            (json!("a, b"), "a, b"),
        ] {
            let config = json!({"s3AccountList": list, "sqsAllowedBuckets": list});
            assert_eq!(accepted(config), json!({"s3AccountList": text, "sqsAllowedBuckets": text}));
        }
    }

    #[test]
    fn the_first_wrong_item_of_a_list_is_named() {
        let found = problems(json!({"s3AccountList": ["012345678901", 12, true]}));
        assert!(
            found[0].starts_with("s3AccountList: expected text or list of texts, found 12 (in a YAML"),
            "{found:?}"
        );
        for (item, name) in [(json!([]), "a list"), (json!({}), "a section of keys"), (json!(null), "null")] {
            let found = problems(json!({"sqsAllowedBuckets": [item]}));
            assert_eq!(found, [format!("sqsAllowedBuckets: expected text or list of texts, found {name}")]);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let found = problems(json!({"aws": {"externalId": 4711}}));
        assert!(found[0].starts_with("aws.externalId: expected text, found something else (in a YAML"), "{found:?}");
        assert!(!found[0].contains("4711"), "{found:?}");
    }

    #[test]
    fn a_number_that_may_have_lost_digits_is_an_error_that_says_how_to_write_it() {
        for number in [
            json!(12345678901_u64),
            json!(12345678901.0),
            json!(21913025),
            json!(1234567890123_u64),
            json!(123456789012.5),
        ] {
            let found = problems(json!({"sqsOwnerAccount": number}));
            assert!(found[0].starts_with(&format!("sqsOwnerAccount: expected text, found {number}")), "{found:?}");
            assert!(found[0].ends_with("as JSON text instead: '{\"sqsOwnerAccount\": \"...\"}'"), "{found:?}");
        }
        let found = problems(json!({"aws": {"profile": false}}));
        assert!(found[0].starts_with("aws.profile: expected text, found false (in a YAML mapping"), "{found:?}");
        let found = problems(json!({"aws": {"profile": 42}}));
        assert!(found[0].ends_with("'{\"aws\": {\"profile\": \"...\"}}'"), "{found:?}");
    }
}
