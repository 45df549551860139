//! `LookupConfig`: the keys under `lookup`, validated.
//!
//! Which regions are read is left to the open params; what the service says to an attribute is left to the source.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::arn::AssumedRole;
use super::interval::Interval;
use super::period::Period;
use super::settings::LookupSection;
use super::{SECOND, duration, interval, text_values};

/// The attributes that the service can look up, as it spells them.
const ATTRIBUTES: [&str; 8] =
    ["EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"];

/// Most characters that the service takes as the value of an attribute.
const LONGEST_VALUE: usize = 2000;

/// An event appears up to 15 minutes late, and AWS takes requests by clocks that are 5 minutes ahead.
const LEAST_OVERLAP: Period = Period::of_seconds(20 * 60);

/// A longer overlap would read nothing but old events again and again.
const MOST_OVERLAP: Period = Period::of_seconds(24 * 60 * 60);

/// What `lookup://` reads, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupConfig {
    /// Where to begin, and perhaps to end, when no earlier run has left a position; `None` for now.
    pub start: Option<Interval>,
    /// How long to wait between two looks for new events of a region, at least a second.
    pub poll_interval: Duration,
    /// How late an event may appear, from 20 minutes to a day.
    pub overlap: Duration,
    /// Key, as the service spells it, and value of the only events to read, or `None` for all.
    pub attribute: Option<(String, String)>,
    /// Whether Insights events are read too.
    pub insights: bool,
    /// Whether the source keeps looking for new events once all that is there was read.
    pub follow: bool,
    /// The roles to assume, each of another account; empty for the account of the credentials alone.
    pub assume_roles: Vec<AssumedRole>,
}

impl LookupConfig {
    /// Validates the section. What cannot be used becomes a problem.
    pub(super) fn from_section(section: LookupSection, problems: &mut Vec<String>) -> Self {
        Self {
            start: interval("lookup.start", &section.start, problems),
            poll_interval: duration("lookup.pollInterval", &section.poll_interval, SECOND..=Period::LONGEST, problems),
            overlap: duration("lookup.overlap", &section.overlap, LEAST_OVERLAP..=MOST_OVERLAP, problems),
            attribute: attribute(&section.attributes, problems),
            insights: section.insights,
            follow: section.follow,
            assume_roles: roles(&section.assume_roles, problems),
        }
    }
}

fn attribute(texts: &str, problems: &mut Vec<String>) -> Option<(String, String)> {
    let mut attributes: Vec<Attribute> = text_values("lookup.attributes", texts, problems);
    if attributes.len() > 1 {
        let count = attributes.len();
        problems.push(format!(
            "lookup.attributes: the service takes only one attribute and here are {count}, write one and leave the \
             rest to rules"
        ));
    }
    attributes.pop().map(|Attribute { key, value }| (key.to_owned(), value))
}

fn roles(texts: &str, problems: &mut Vec<String>) -> Vec<AssumedRole> {
    let mut roles: Vec<AssumedRole> = Vec::new();
    for role in text_values::<AssumedRole>("lookup.assumeRoles", texts, problems) {
        match roles.iter().find(|other| other.account == role.account) {
            Some(other) => problems.push(format!(
                "lookup.assumeRoles: {:?} and {:?} are roles of one account, which would be read twice, keep one of \
                 them",
                other.arn, role.arn
            )),
            None => roles.push(role),
        }
    }
    roles
}

/// One attribute to look up.
#[derive(Debug, PartialEq, Eq)]
struct Attribute {
    key: &'static str,
    value: String,
}

/// Tells why a text is not an [`Attribute`], and quotes it.
#[derive(Debug, PartialEq, Eq, Error)]
enum AttributeError {
    #[error(
        "{0:?} is not an attribute, write KEY=VALUE such as ReadOnly=false; a comma begins another attribute, so no \
         value can hold one"
    )]
    Syntax(String),
    #[error("{0:?} has a key that cannot be looked up, the keys are {keys}", keys = ATTRIBUTES.join(", "))]
    UnknownKey(String),
    #[error("{0:?} has no value, write KEY=VALUE such as ReadOnly=false")]
    NoValue(String),
    #[error("the value of {0} is longer than {LONGEST_VALUE} characters, which is all that the service takes")]
    TooLong(&'static str),
}

impl FromStr for Attribute {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let text = text.trim();
        let (key, value) = text.split_once('=').ok_or_else(|| AttributeError::Syntax(text.to_owned()))?;
        let (key, value) = (key.trim(), value.trim());
        let known = ATTRIBUTES.into_iter().find(|known| known.eq_ignore_ascii_case(key));
        let key = known.ok_or_else(|| AttributeError::UnknownKey(text.to_owned()))?;
        if value.is_empty() {
            return Err(AttributeError::NoValue(text.to_owned()));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(AttributeError::TooLong(key));
        }
        Ok(Self { key, value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Config, UserConfig};
    use super::*;

    const ONE: &str = "arn:aws:iam::111122223333:role/Reader";
    const TWO: &str = "arn:aws:iam::444455556666:role/audit/Reader";

    fn lookup(section: Value) -> LookupConfig {
        Config::from_user(UserConfig(json!({"lookup": section}))).unwrap().lookup
    }

    fn error(section: Value) -> String {
        Config::from_user(UserConfig(json!({"lookup": section}))).unwrap_err().to_string()
    }

    fn role(arn: &str) -> AssumedRole {
        arn.parse().unwrap()
    }

    #[test]
    fn nothing_gives_the_defaults() {
        let defaults = LookupConfig {
            start: None,
            poll_interval: Duration::from_secs(15),
            overlap: Duration::from_secs(1200),
            attribute: None,
            insights: false,
            follow: true,
            assume_roles: Vec::new(),
        };
        for section in [json!(null), json!({}), json!({"start": "", "attributes": [], "assumeRoles": " , "})] {
            assert_eq!(lookup(section), defaults);
        }
    }

    #[test]
    fn every_key_arrives() {
        let section = json!({
            "start": "5d-2d", "pollInterval": " 1m ", "Overlap": "24h", "attributes": "readonly=false",
            "insights": true, "follow": false, "assumeRoles": [ONE, TWO],
        });
        let expected = LookupConfig {
            start: Some("5d-2d".parse().unwrap()),
            poll_interval: Duration::from_secs(60),
            overlap: Duration::from_secs(86_400),
            attribute: Some(("ReadOnly".to_owned(), "false".to_owned())),
            insights: true,
            follow: false,
            assume_roles: vec![role(ONE), role(TWO)],
        };
        assert_eq!(lookup(section), expected);
        assert_eq!(lookup(json!({"assumeRoles": format!("{ONE}, {TWO},")})).assume_roles, [role(ONE), role(TWO)]);
        let shortest = lookup(json!({"pollInterval": "1s", "overlap": "20m"}));
        assert_eq!((shortest.poll_interval.as_secs(), shortest.overlap.as_secs()), (1, 1200));
    }

    #[test]
    fn attributes_have_any_letter_case_and_values_anything_but_a_comma() {
        let longest = "v".repeat(2000);
        for (text, key, value) in [
            ("EVENTNAME=ConsoleLogin".to_owned(), "EventName", "ConsoleLogin"),
            (" username = a=b@c= ".to_owned(), "Username", "a=b@c="),
            ("accesskeyid=AKIAIOSFODNN7EXAMPLE,".to_owned(), "AccessKeyId", "AKIAIOSFODNN7EXAMPLE"),
            (format!("ResourceName={longest}"), "ResourceName", &longest),
        ] {
            let expected = Some((key.to_owned(), value.to_owned()));
            assert_eq!(lookup(json!({"attributes": text})).attribute, expected);
            assert_eq!(lookup(json!({"attributes": [text]})).attribute, expected);
        }
    }

    #[test]
    fn every_attribute_of_the_service_is_known() {
        for key in ATTRIBUTES {
            let text = format!("{}=x", key.to_lowercase());
            assert_eq!(text.parse(), Ok(Attribute { key, value: "x".to_owned() }));
        }
    }

    #[test]
    fn unusable_texts_are_errors_that_name_the_key() {
        let too_long = format!("Username={}", "é".repeat(2001));
        for (section, text) in [
            (json!({"start": "2d-5d"}), "start: \"2d-5d\" starts after its end, "),
            (json!({"start": "2000-01-01T00:00:00Z-36500d"}), "start: \"2000-01-01T00:00:00Z-36500d\" starts after "),
            (json!({"start": "yesterday"}), "start: \"yesterday\" is not a time window, "),
            (json!({"pollInterval": "0s"}), "pollInterval: \"0s\" is too short, write 1s or more"),
            (json!({"pollInterval": ""}), "pollInterval: \"\" is not a duration, "),
            (json!({"overlap": "1199s"}), "overlap: \"1199s\" is too short, write 20m or more"),
            (json!({"overlap": "25h"}), "overlap: \"25h\" is too long, write 1d or less"),
            (json!({"attributes": "false"}), "attributes: \"false\" is not an attribute, write KEY=VALUE such as "),
            (json!({"attributes": ["Username=a,b"]}), "attributes: \"b\" is not an attribute, "),
            (
                json!({"attributes": "User=a"}),
                "attributes: \"User=a\" has a key that cannot be looked up, the keys are ",
            ),
            (json!({"attributes": "=a"}), "attributes: \"=a\" has a key that cannot be looked up, "),
            (json!({"attributes": "ReadOnly= "}), "attributes: \"ReadOnly=\" has no value, "),
            (json!({"attributes": too_long}), "attributes: the value of Username is longer than 2000 characters"),
            (
                json!({"attributes": "ReadOnly=false,Username=root"}),
                "attributes: the service takes only one attribute and here are 2, write one ",
            ),
            (json!({"assumeRoles": ["Reader"]}), "assumeRoles: \"Reader\" is not the ARN of a role, "),
        ] {
            let error = error(section);
            assert!(error.starts_with(&format!("init_config: lookup.{text}")), "{error}");
        }
    }

    #[test]
    fn two_roles_of_one_account_are_an_error() {
        let other = "arn:aws:iam::111122223333:role/Other";
        let error = error(json!({"assumeRoles": [ONE, TWO, other]}));
        assert_eq!(
            error,
            format!(
                "init_config: lookup.assumeRoles: {ONE:?} and {other:?} are roles of one account, which would be read \
                 twice, keep one of them"
            )
        );
    }
}
