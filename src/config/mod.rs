//! The plugin's configuration: `init_config` and `open_params`, validated into plain values.
//!
//! It reads text and touches nothing: no file, no network, no environment. Applying the values is left to their users.

mod account;
mod arn;
mod bucket;
mod check;
mod endpoint;
#[cfg(test)]
mod example;
mod interval;
mod keys;
mod lookup;
mod notices;
mod open;
mod period;
mod public_key;
mod queue;
mod regions;
mod secret;
mod settings;

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

pub use account::{AccountId, AccountIdError};
pub use arn::{AssumedRole, RoleArnError};
pub use bucket::S3Location;
pub use interval::{Interval, IntervalError};
pub use keys::readme_table;
pub use lookup::LookupConfig;
pub use open::{OpenParams, OpenParamsError};
pub use period::{Period, PeriodError};
pub use queue::QueueName;
pub use regions::{Regions, RegionsError};
pub use secret::Secret;
pub use settings::UserConfig;

use bucket::BucketName;
use endpoint::{Endpoint, line_without_secrets};
use public_key::PublicKey;
use settings::{AwsSection, LimitsSection, Settings};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The least time between two looks at a source.
const SECOND: Period = Period::of_seconds(1);

/// A validated `init_config`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether an SQS message is deleted once its events were handed over.
    pub sqs_delete: bool,
    /// How many S3 objects are downloaded at the same time, at least 1.
    pub s3_download_concurrency: usize,
    /// The time window of S3 objects, or `None` for all.
    pub s3_interval: Option<Interval>,
    /// Whether the S3 source keeps looking for new objects.
    pub s3_follow: bool,
    /// How long it waits between two looks, at least a second.
    pub s3_follow_interval: Duration,
    /// The accounts of an organization trail to read, empty for all.
    pub s3_accounts: Vec<AccountId>,
    /// Whether CloudTrail's digest files are verified in an S3 bucket.
    pub verify_digests: bool,
    /// The public keys to do it with, each a DER-encoded PKCS #1 key; empty for those that CloudTrail lists.
    pub digest_public_keys: Vec<Vec<u8>>,
    /// The account that owns the SQS queue, or `None` for that of the credentials.
    pub sqs_owner_account: Option<AccountId>,
    /// How often an unreadable message may be received before it is deleted from a queue without a dead-letter queue, 0
    /// for any number of times.
    pub sqs_max_receive_count: u32,
    /// The buckets that messages may name, empty for all.
    pub sqs_allowed_buckets: Vec<String>,
    /// The absolute path of the folder for what must outlive a restart, or `None` to keep nothing.
    pub state_dir: Option<PathBuf>,
    /// How many recent event ids are remembered, 0 for none.
    pub dedupe: usize,
    /// What the event history source reads, and how.
    pub lookup: LookupConfig,
    /// How the sources in AWS get access.
    pub aws: AwsConfig,
    /// Bounds on memory and on what a hostile log can cost.
    pub limits: Limits,
    notices: Vec<String>,
}

/// Where AWS access comes from. `None` leaves each to the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsConfig {
    /// Name of the profile in the shared configuration.
    pub profile: Option<String>,
    /// Name of the region, such as `eu-west-1`.
    pub region: Option<String>,
    /// Path of the shared configuration file.
    pub config: Option<PathBuf>,
    /// Path of the shared credentials file.
    pub credentials: Option<PathBuf>,
    /// An `http` or `https` URL that takes the place of AWS.
    pub endpoint_url: Option<String>,
    /// ARN of the role to assume.
    pub assume_role_arn: Option<String>,
    /// The external id for that role and those of [`LookupConfig`]; `None` without a role.
    pub external_id: Option<Secret>,
}

/// Bounds on memory and on what a hostile log can cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of log text that are read ahead of Falco. Never less than `record_bytes`.
    pub in_flight_bytes: usize,
    /// Bytes of the largest record that is not skipped.
    pub record_bytes: usize,
    /// Levels of nesting of the deepest record that is not skipped.
    pub depth: usize,
    /// How many times its own size a gzip file may inflate to, 0 for no limit.
    pub inflate_ratio: u64,
    /// Bytes that a gzip file may inflate to, 0 for no limit.
    pub inflated_bytes: u64,
    /// Bytes of the largest message that is read.
    pub message_bytes: usize,
    /// How many objects or events one message may name.
    pub message_objects: usize,
}

/// Everything that is wrong with an `init_config`, as one line for users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl Config {
    /// Validates what the user wrote. `null` and an empty object give the defaults.
    ///
    /// # Errors
    ///
    /// Names every unknown key, wrong type and unusable value at once.
    pub fn from_user(user: UserConfig) -> Result<Self, ConfigError> {
        let (set, mut problems) = check::check(keys::keys(), &user.0);
        let notices = notices::notices(&set);
        let settings = serde_json::from_value(Value::Object(set)).unwrap_or_else(|error| {
            problems.push(error.to_string());
            Settings::default()
        });

        let config = Self::from_settings(settings, notices, &mut problems);
        if problems.is_empty() {
            return Ok(config);
        }
        // A URL with a password may be in the place of anything.
        Err(ConfigError { problems: problems.iter().map(|problem| line_without_secrets(problem)).collect() })
    }

    /// Returns lines to log once: keys that the user set and that have no effect.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    fn from_settings(settings: Settings, notices: Vec<String>, problems: &mut Vec<String>) -> Self {
        let limits = Limits::from(settings.limits);
        if limits.record_bytes > limits.in_flight_bytes {
            problems.push(format!(
                "limits.recordMiB ({}) is larger than limits.inFlightMiB ({}), raise inFlightMiB or lower recordMiB",
                limits.record_bytes / MIB,
                limits.in_flight_bytes / MIB,
            ));
        }

        Self {
            sqs_delete: settings.sqs_delete,
            s3_download_concurrency: settings.s3_download_concurrency as usize,
            s3_interval: interval("s3Interval", &settings.s3_interval, problems),
            s3_follow: settings.s3_follow,
            s3_follow_interval: duration(
                "s3FollowInterval",
                &settings.s3_follow_interval,
                SECOND..=Period::LONGEST,
                problems,
            ),
            s3_accounts: text_values("s3AccountList", &settings.s3_account_list, problems),
            verify_digests: settings.verify_digests,
            digest_public_keys: text_values("digestPublicKeys", &settings.digest_public_keys, problems)
                .into_iter()
                .map(|PublicKey(der)| der)
                .collect(),
            sqs_owner_account: text_value("sqsOwnerAccount", &settings.sqs_owner_account, problems),
            sqs_max_receive_count: settings.sqs_max_receive_count,
            sqs_allowed_buckets: text_values("sqsAllowedBuckets", &settings.sqs_allowed_buckets, problems)
                .into_iter()
                .map(|BucketName(name)| name)
                .collect(),
            state_dir: state_dir(settings.state_dir, problems),
            dedupe: settings.dedupe as usize,
            aws: aws(settings.aws, !settings.lookup.assume_roles.trim().is_empty(), problems),
            lookup: LookupConfig::from_section(settings.lookup, problems),
            limits,
            notices,
        }
    }
}

/// Parses a window of time that is not set when it is blank, and that must not end before it starts.
fn interval(key: &str, text: &str, problems: &mut Vec<String>) -> Option<Interval> {
    let interval: Interval = text_value(key, text, problems)?;
    if interval.is_reversed(Timestamp::now()) {
        problems.push(format!("{key}: {}", IntervalError::Reversed(text.to_owned())));
    }
    Some(interval)
}

/// Parses a duration, which must be set, within these bounds.
fn duration(key: &str, text: &str, bounds: RangeInclusive<Period>, problems: &mut Vec<String>) -> Duration {
    let problem = match text.trim().parse::<Period>() {
        Ok(period) if period < *bounds.start() => format!("is too short, write {} or more", bounds.start()),
        Ok(period) if period > *bounds.end() => format!("is too long, write {} or less", bounds.end()),
        Ok(period) => return period.duration(),
        Err(error) => error.to_string(),
    };
    problems.push(format!("{key}: {text:?} {problem}"));
    Duration::default()
}

fn state_dir(text: String, problems: &mut Vec<String>) -> Option<PathBuf> {
    let path = PathBuf::from(not_blank(text)?);
    if !path.is_absolute() {
        problems.push(format!("stateDir: {path:?} is not an absolute path, begin it with a slash"));
    }
    Some(path)
}

fn aws(section: AwsSection, has_more_roles: bool, problems: &mut Vec<String>) -> AwsConfig {
    let endpoint = text_value("aws.endpointUrl", &section.endpoint_url, problems);
    let role = text_value("aws.assumeRoleArn", &section.assume_role_arn, problems);
    let external_id = not_blank(section.external_id);
    if external_id.is_some() && section.assume_role_arn.trim().is_empty() && !has_more_roles {
        problems.push(
            "aws.externalId is of no use without a role, set aws.assumeRoleArn or lookup.assumeRoles, or leave it out"
                .to_owned(),
        );
    }
    AwsConfig {
        profile: not_blank(section.profile),
        region: not_blank(section.region),
        config: not_blank(section.config).map(PathBuf::from),
        credentials: not_blank(section.credentials).map(PathBuf::from),
        endpoint_url: endpoint.map(|Endpoint { text, .. }| text),
        assume_role_arn: role.map(|AssumedRole { arn, .. }| arn),
        external_id: external_id.map(Secret::new),
    }
}

/// Parses the texts between commas, of which blank ones do not count.
fn text_values<T: FromStr<Err: fmt::Display>>(key: &str, texts: &str, problems: &mut Vec<String>) -> Vec<T> {
    texts.split(',').filter_map(|text| text_value(key, text, problems)).collect()
}

/// Parses a text that is not set when it is blank. A text that does not parse becomes a problem.
fn text_value<T: FromStr<Err: fmt::Display>>(key: &str, text: &str, problems: &mut Vec<String>) -> Option<T> {
    let parsed = not_blank(text.to_owned())?.parse();
    parsed.map_err(|error| problems.push(format!("{key}: {error}"))).ok()
}

fn not_blank(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

impl From<LimitsSection> for Limits {
    fn from(section: LimitsSection) -> Self {
        Self {
            in_flight_bytes: section.in_flight_mib as usize * MIB,
            record_bytes: section.record_mib as usize * MIB,
            depth: section.depth as usize,
            inflate_ratio: section.inflate_ratio.into(),
            inflated_bytes: u64::from(section.inflated_mib) * MIB as u64,
            message_bytes: section.message_kib as usize * KIB,
            message_objects: section.message_objects as usize,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        LimitsSection::default().into()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => write!(f, "init_config: {only}"),
            several => write!(f, "init_config has {} problems: {}", several.len(), several.join("; ")),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(value: Value) -> Config {
        Config::from_user(UserConfig(value)).unwrap()
    }

    fn error(value: Value) -> String {
        Config::from_user(UserConfig(value)).unwrap_err().to_string()
    }

    #[test]
    fn nothing_gives_the_defaults() {
        for value in [json!(null), json!({}), json!({"aws": null, "limits": {}})] {
            let config = config(value);
            assert!(config.sqs_delete);
            assert_eq!(config.s3_download_concurrency, 32);
            assert_eq!(config.s3_interval, None);
            assert!(!config.s3_follow);
            assert_eq!(config.s3_follow_interval, Duration::from_secs(60));
            assert_eq!((config.sqs_max_receive_count, config.dedupe), (10, 262_144));
            assert_eq!(config.sqs_allowed_buckets, [""; 0]);
            assert_eq!(config.state_dir, Some("/var/lib/falco/cloudtrail".into()));
            assert_eq!(config.s3_accounts, []);
            assert_eq!(config.sqs_owner_account, None);
            assert!(config.lookup.follow);
            assert_eq!(config.aws, AwsConfig::default());
            assert_eq!(config.limits, Limits::default());
            assert_eq!(config.notices(), [] as [&str; 0]);
        }
    }

    #[test]
    fn default_limits_are_the_documented_ones() {
        let limits = Limits {
            in_flight_bytes: 67_108_864,
            record_bytes: 16_777_216,
            depth: 1000,
            inflate_ratio: 400,
            inflated_bytes: 4_294_967_296,
            message_bytes: 1_048_576,
            message_objects: 1000,
        };
        assert_eq!(Limits::default(), limits);
    }

    #[test]
    fn every_key_arrives() {
        let config = config(json!({
            "sqsDelete": false,
            "s3DownloadConcurrency": 4,
            "S3Interval": "5d - 2d",
            "s3Follow": true,
            "s3FollowInterval": "5m",
            "s3AccountList": "012345678901, 123456789012,",
            "sqsOwnerAccount": 123456789012_u64,
            "sqsMaxReceiveCount": 0,
            "sqsAllowedBuckets": ["trail-one", "Trail_2"],
            "stateDir": "",
            "dedupe": 0,
            "LookUp": {"pollinterval": "5m"},
            "AWS": {
                "Profile": "audit", "region": "eu-west-1", "config": "/etc/aws/config", "credentials": "/etc/aws/credentials",
                "endpointUrl": "http://localhost:9000", "assumeRoleArn": "arn:aws:iam::012345678901:role/Reader",
                "externalId": 123456789012_u64,
            },
            "limits": {
                "inFlightMiB": 8, "recordMiB": 8, "depth": 32, "inflateRatio": 0, "inflatedMiB": 0, "messageKiB": 64,
                "messageObjects": 10,
            },
        }));
        assert!(!config.sqs_delete && config.s3_follow);
        assert_eq!(config.s3_follow_interval, Duration::from_secs(300));
        assert_eq!((config.sqs_max_receive_count, config.dedupe, config.state_dir), (0, 0, None));
        assert_eq!(config.sqs_allowed_buckets, ["trail-one", "Trail_2"]);
        assert_eq!(config.s3_download_concurrency, 4);
        assert_eq!(config.s3_interval.unwrap().to_string(), "5d-2d");
        assert_eq!(
            config.s3_accounts.iter().map(AccountId::as_str).collect::<Vec<_>>(),
            ["012345678901", "123456789012"]
        );
        assert_eq!(config.sqs_owner_account.unwrap().as_str(), "123456789012");
        assert_eq!(config.lookup.poll_interval, Duration::from_secs(300));
        let aws = AwsConfig {
            profile: Some("audit".into()),
            region: Some("eu-west-1".into()),
            config: Some("/etc/aws/config".into()),
            credentials: Some("/etc/aws/credentials".into()),
            endpoint_url: Some("http://localhost:9000".into()),
            assume_role_arn: Some("arn:aws:iam::012345678901:role/Reader".into()),
            external_id: Some(Secret::new("123456789012".into())),
        };
        assert_eq!(config.aws, aws);
        let limits = Limits {
            in_flight_bytes: 8 * MIB,
            record_bytes: 8 * MIB,
            depth: 32,
            inflate_ratio: 0,
            inflated_bytes: 0,
            message_bytes: 64 * KIB,
            message_objects: 10,
        };
        assert_eq!(config.limits, limits);
    }

    #[test]
    fn unusable_texts_are_errors_that_name_the_key() {
        for (value, text) in [
            (json!({"s3interval": "2d-5d"}), "init_config: s3Interval: \"2d-5d\" starts after its end, "),
            (
                json!({"s3Interval": "99999999999999999999d"}),
                "init_config: s3Interval: \"99999999999999999999d\" is longer than",
            ),
            (
                json!({"s3Interval": "2000-01-01T00:00:00Z-36500d"}),
                "init_config: s3Interval: \"2000-01-01T00:00:00Z-36500d\" starts after",
            ),
            (
                json!({"s3AccountList": "012345678901,12"}),
                "init_config: s3AccountList: \"12\" is not an AWS account id",
            ),
            (json!({"s3FollowInterval": "0s"}), "init_config: s3FollowInterval: \"0s\" is too short, write 1s or more"),
            (
                json!({"s3FollowInterval": "36501d"}),
                "init_config: s3FollowInterval: \"36501d\" is longer than 100 years",
            ),
            (json!({"s3FollowInterval": ""}), "init_config: s3FollowInterval: \"\" is not a duration"),
            (
                json!({"sqsAllowedBuckets": "a b"}),
                "init_config: sqsAllowedBuckets: \"a b\" is not the name of a bucket",
            ),
            (json!({"stateDir": "state"}), "init_config: stateDir: \"state\" is not an absolute path"),
            (json!({"aws": {"endpointUrl": "localhost"}}), "init_config: aws.endpointUrl: \"localhost\" is not a URL"),
            (json!({"aws": {"assumeRoleArn": "Reader"}}), "init_config: aws.assumeRoleArn: \"Reader\" is not the ARN"),
            (json!({"sqsOwnerAccount": "me"}), "init_config: sqsOwnerAccount: \"me\" is not an AWS account id"),
            (
                json!({"limits": {"recordMiB": 65}}),
                "init_config: limits.recordMiB (65) is larger than limits.inFlightMiB (64)",
            ),
            (
                json!({"limits": {"inFlightMiB": 8}}),
                "init_config: limits.recordMiB (16) is larger than limits.inFlightMiB (8)",
            ),
        ] {
            let error = error(value);
            assert!(error.starts_with(text), "{error}");
        }
    }

    #[test]
    fn an_external_id_is_never_shown() {
        let value = json!({"aws": {"assumeRoleArn": "arn:aws:iam::012345678901:role/Reader", "externalId": "s3cret"}});
        let user = UserConfig(value.clone());
        let config = config(value);
        assert_eq!(config.aws.external_id.as_ref().unwrap().expose(), "s3cret");
        for shown in [format!("{user:?}"), format!("{config:?}")] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        let error = error(json!({"aws": {"externalId": "s3cret"}}));
        assert_eq!(
            error,
            "init_config: aws.externalId is of no use without a role, set aws.assumeRoleArn or lookup.assumeRoles, \
             or leave it out"
        );
    }

    #[test]
    fn an_external_id_goes_with_the_roles_of_other_accounts_too() {
        let roles = json!({"assumeRoles": ["arn:aws:iam::012345678901:role/Reader"]});
        let config = config(json!({"lookup": roles, "aws": {"externalId": "ours"}}));
        assert_eq!(config.aws.external_id, Some(Secret::new("ours".into())));
        assert_eq!((config.aws.assume_role_arn, config.lookup.assume_roles.len()), (None, 1));
    }

    #[test]
    fn several_problems_come_in_one_line() {
        let error = error(json!({"s3Interval": "soon", "aws": {"regio": "x"}}));
        assert!(
            error.starts_with(
                "init_config has 2 problems: unknown key aws.regio, did you mean aws.region?; s3Interval: \"soon\""
            ),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
    #[test]
    fn no_error_shows_a_control_character_or_what_may_be_a_password() {
        for value in [
            json!({"http://user:s3cret@host": 1}),
            json!({"sqsDelete": "http://user:s3cret@host"}),
            json!({"s3Interval": "http://user:s3cret@host"}),
            json!({"a\n[ERROR] \u{1b}[31m": 1}),
            json!({"stateDi\u{85}": 1}),
        ] {
            let error = error(value);
            assert!(!error.contains("s3cret") && !error.contains(char::is_control), "{error:?}");
        }
    }
}
