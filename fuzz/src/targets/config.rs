//! What users write: each text that is taken reads back as it is shown, and no error shows a control character or what
//! may be a password.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::choices::Choices;
use crate::config::{
    AccountId, AssumedRole, Config, ConfigError, Interval, OpenParams, Period, QueueName, Regions, UserConfig,
};
use crate::washing::mended;

/// The most bytes that are read: a key that is not known is compared with all that are, and more of them teach nothing.
const MOST: usize = 320;

/// Stands for a password.
const SECRET: &str = "Zq7XcK9w";

/// Reads a text as every kind of text, or as a configuration.
pub fn run(input: &[u8]) {
    let input = &input[..input.len().min(MOST)];
    let text = String::from_utf8_lossy(input);
    let mut choices = Choices::of(input);
    if text.contains(SECRET) {
        return;
    }
    if text.starts_with(['{', '[']) {
        return keys(input, &mut choices);
    }
    told(round_trip::<OpenParams>(&text));
    told(round_trip::<Regions>(&text));
    told(round_trip::<Interval>(&text));
    told(round_trip::<Period>(&text));
    told(round_trip::<AccountId>(&text));
    told(text.parse::<AssumedRole>().map(drop));
    let _ = round_trip::<QueueName>(&text);
    if let Some(text) = with_secret(&text, &mut choices) {
        hidden(&text, text.parse::<OpenParams>());
        hidden(&text, text.parse::<Regions>());
    }
}

/// Reads what is a configuration, or nearly one.
fn keys(input: &[u8], choices: &mut Choices<'_>) {
    let json = String::from_utf8_lossy(&mended(input)).into_owned();
    for json in [input, json.as_bytes()].into_iter().skip(usize::from(*input == *json.as_bytes())) {
        told(config(json).unwrap_or(Ok(())));
    }
    if let Some(json) = with_secret_in_string(&json, choices) {
        hidden(&json, config(json.as_bytes()).unwrap_or(Ok(())));
    }
}

/// Reads a configuration, if the bytes are JSON.
fn config(json: &[u8]) -> Option<Result<(), ConfigError>> {
    let user: UserConfig = serde_json::from_slice(json).ok()?;
    Some(Config::from_user(user).map(|config| {
        let limits = &config.limits;
        assert!(limits.record_bytes <= limits.in_flight_bytes && limits.depth >= 1);
        assert!(!config.notices().iter().any(|notice| notice.contains(char::is_control)));
    }))
}

fn round_trip<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Result<(), T::Err> {
    let value: T = text.parse()?;
    let shown = value.to_string();
    match shown.parse::<T>() {
        Ok(again) => assert_eq!(again, value, "{shown:?} of {text:?}"),
        Err(_) => panic!("{text:?} is shown as {shown:?}, which is none"),
    }
    Ok(())
}

/// Checks an error's text.
fn told(result: Result<(), impl Display>) {
    let Err(error) = result else { return };
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
}

/// Checks that an error does not show the secret.
fn hidden<T>(text: &str, result: Result<T, impl Display>) {
    let Err(error) = result else { return };
    let error = error.to_string();
    assert!(!error.contains(SECRET), "{text:?}: {error}");
}

/// Puts a secret somewhere before the last `@` of a text, behind its scheme if it has one.
fn with_secret(text: &str, choices: &mut Choices<'_>) -> Option<String> {
    let text = text.trim();
    let before = &text[..text.rfind('@')?];
    let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_behind = before.contains("://") && scheme.bytes().all(is_scheme);
    let start = if is_behind { scheme.len() + 3 } else { 0 };
    let places: Vec<usize> = (start..=before.len()).filter(|at| text.is_char_boundary(*at)).collect();
    let at = *places.get(choices.below(places.len()))?;
    Some([&text[..at], SECRET, &text[at..]].concat())
}

/// Puts a secret before the `@` of a URL in a string. Where there are several texts in one, a comma ends the URL.
fn with_secret_in_string(json: &str, choices: &mut Choices<'_>) -> Option<String> {
    let urls = json.match_indices("://").filter(|(at, _)| {
        let string = json[at + 3..].split(['"', '\\', ',']).next().unwrap_or_default();
        string.contains('@')
    });
    let urls: Vec<usize> = urls.map(|(at, _)| at + 3).collect();
    let at = *urls.get(choices.below(urls.len()))?;
    Some([&json[..at], SECRET, &json[at..]].concat())
}
