//! The plugin's configuration: `init_config` and `open_params`, validated into plain values.
//!
//! It reads text and touches nothing: no file, no network, no environment. Applying the values is left to their users.

mod account;
mod check;
#[cfg(test)]
mod example;
mod interval;
mod keys;
mod notices;
mod open;
mod period;
mod settings;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

pub use account::{AccountId, AccountIdError};
pub use interval::{Interval, IntervalError};
pub use keys::readme_table;
pub use open::{OpenParams, OpenParamsError};
pub use period::{Period, PeriodError};
pub use settings::UserConfig;

use settings::{AwsSection, LimitsSection, Settings};

const MIB: usize = 1 << 20;

/// A validated `init_config`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether an SQS message is deleted once its events were handed over.
    pub sqs_delete: bool,
    /// How many S3 objects are downloaded at the same time, at least 1.
    pub s3_download_concurrency: usize,
    /// The time window of S3 objects, or `None` for all.
    pub s3_interval: Option<Interval>,
    /// Whether SQS messages are S3 event notifications that came through SNS.
    pub use_s3_sns: bool,
    /// The accounts of an organization trail to read, empty for all.
    pub s3_accounts: Vec<AccountId>,
    /// The account that owns the SQS queue, or `None` for that of the credentials.
    pub sqs_owner_account: Option<AccountId>,
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
    /// How many recent event ids are remembered, 0 for none.
    pub event_ids: usize,
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
        let keys = keys::keys();
        let (set, mut problems) = check::check(&keys, &user.0);
        let notices = notices::notices(&keys, &set);
        let settings = serde_json::from_value(Value::Object(set)).unwrap_or_else(|error| {
            problems.push(error.to_string());
            Settings::default()
        });

        let config = Self::from_settings(settings, notices, &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    /// Returns lines to log once: keys that the user set and that have no effect in this version.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    fn from_settings(settings: Settings, notices: Vec<String>, problems: &mut Vec<String>) -> Self {
        let s3_interval: Option<Interval> = text_value("s3Interval", &settings.s3_interval, problems);
        if s3_interval.as_ref().is_some_and(|interval| interval.is_reversed(Timestamp::now())) {
            let error = IntervalError::Reversed(settings.s3_interval);
            problems.push(format!("s3Interval: {error}"));
        }
        let s3_accounts = settings.s3_account_list.split(',');
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
            s3_interval,
            use_s3_sns: settings.use_s3_sns,
            s3_accounts: s3_accounts.filter_map(|account| text_value("s3AccountList", account, problems)).collect(),
            sqs_owner_account: text_value("sqsOwnerAccount", &settings.sqs_owner_account, problems),
            aws: settings.aws.into(),
            limits,
            notices,
        }
    }
}

/// Parses a text that is not set when it is blank. A text that does not parse becomes a problem.
fn text_value<T: FromStr<Err: fmt::Display>>(key: &str, text: &str, problems: &mut Vec<String>) -> Option<T> {
    let parsed = not_blank(text.to_owned())?.parse();
    parsed.map_err(|error| problems.push(format!("{key}: {error}"))).ok()
}

fn not_blank(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

impl From<AwsSection> for AwsConfig {
    fn from(section: AwsSection) -> Self {
        Self {
            profile: not_blank(section.profile),
            region: not_blank(section.region),
            config: not_blank(section.config).map(PathBuf::from),
            credentials: not_blank(section.credentials).map(PathBuf::from),
        }
    }
}

impl From<LimitsSection> for Limits {
    fn from(section: LimitsSection) -> Self {
        Self {
            in_flight_bytes: section.in_flight_mib as usize * MIB,
            record_bytes: section.record_mib as usize * MIB,
            depth: section.depth as usize,
            inflate_ratio: section.inflate_ratio.into(),
            event_ids: section.event_ids as usize,
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
            assert!(!config.use_s3_sns);
            assert_eq!(config.s3_accounts, []);
            assert_eq!(config.sqs_owner_account, None);
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
            event_ids: 262_144,
        };
        assert_eq!(Limits::default(), limits);
    }

    #[test]
    fn every_key_arrives() {
        let config = config(json!({
            "sqsDelete": false,
            "s3DownloadConcurrency": 4,
            "S3Interval": "5d - 2d",
            "useS3SNS": true,
            "s3AccountList": "012345678901, 123456789012,",
            "sqsOwnerAccount": 123456789012_u64,
            "AWS": {"Profile": "audit", "region": "eu-west-1", "config": "/etc/aws/config", "credentials": "/etc/aws/credentials"},
            "limits": {"inFlightMiB": 8, "recordMiB": 8, "depth": 32, "inflateRatio": 0, "eventIds": 0},
        }));
        assert!(!config.sqs_delete && config.use_s3_sns);
        assert_eq!(config.s3_download_concurrency, 4);
        assert_eq!(config.s3_interval.unwrap().to_string(), "5d-2d");
        assert_eq!(
            config.s3_accounts.iter().map(AccountId::as_str).collect::<Vec<_>>(),
            ["012345678901", "123456789012"]
        );
        assert_eq!(config.sqs_owner_account.unwrap().as_str(), "123456789012");
        let aws = AwsConfig {
            profile: Some("audit".into()),
            region: Some("eu-west-1".into()),
            config: Some("/etc/aws/config".into()),
            credentials: Some("/etc/aws/credentials".into()),
        };
        assert_eq!(config.aws, aws);
        let limits =
            Limits { in_flight_bytes: 8 * MIB, record_bytes: 8 * MIB, depth: 32, inflate_ratio: 0, event_ids: 0 };
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
}
