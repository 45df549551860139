//! `UserConfig` and `Settings`: the keys of `init_config` as users write them, with their defaults, limits and texts.
//!
//! The JSON schema that Falco validates with, the plugin's own check and the README table all follow from `Settings`:
//! the doc comment of a field is its description there. What the values mean is left to the parent module.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An `init_config` as it arrived, any JSON value. [`Config::from_user`](super::Config::from_user) validates it.
///
/// Its schema is typed for the exact spelling of each key and open for every other key, so that a misspelled key
/// reaches the plugin, which can say more about it than a schema can.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct UserConfig(pub(super) Value);

impl fmt::Debug for UserConfig {
    /// Shows no values: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserConfig").finish_non_exhaustive()
    }
}

impl JsonSchema for UserConfig {
    fn schema_name() -> Cow<'static, str> {
        "CloudTrailConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Settings::json_schema(generator);
        allow_null(&mut schema);
        schema
    }
}

/// Lets a section, a key, and the whole be `null`, which is what YAML makes of a key without a value.
fn allow_null(schema: &mut Schema) {
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(single) => *single = json!([single.clone(), "null"]),
        None => {}
    }
    schemars::transform::transform_subschemas(&mut allow_null, schema);
}

/// Every key of `init_config`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Settings {
    /// SQS source: delete a message from the queue once Falco has evaluated its events. `false` keeps all messages.
    pub sqs_delete: bool,
    /// S3 and SQS sources: how many objects are downloaded at the same time; more than 1024 count as 1024.
    #[schemars(range(min = 1, max = 65536))]
    pub s3_download_concurrency: u32,
    /// S3 source: read only objects of this time window. `5d` means from 5 days ago on, `5d-2d` means until 2 days ago;
    /// either side can also be a time such as `2023-07-10T00:00:00Z`. Units are `s`, `m`, `h`, `d` and `w`. Empty means
    /// all.
    pub s3_interval: String,
    /// S3 source: once all is read, keep looking for new objects, without end.
    pub s3_follow: bool,
    /// S3 source: how long to wait between two looks for new objects, `1s` or more.
    pub s3_follow_interval: String,
    /// Accepted because the Go plugin has it, without effect here: messages are recognised by their content.
    #[serde(rename = "useS3SNS")]
    pub use_s3_sns: bool,
    /// S3 source: read only these accounts of an organization trail, account ids of 12 digits, as a list or with commas
    /// between. Empty means all.
    #[schemars(extend("type" = ["string", "number", "boolean", "array"]))]
    pub s3_account_list: String,
    /// S3 source: verify the digest files that CloudTrail writes beside the logs, and the logs by them. What was tampered
    /// with becomes an event of `cloudtrail-plugin.local`.
    pub verify_digests: bool,
    /// S3 source: the public keys to verify digest files with, each the `Value` that `aws cloudtrail list-public-keys`
    /// shows, as a list or with commas between. Empty means that CloudTrail is asked.
    #[schemars(extend("type" = ["string", "number", "boolean", "array"]))]
    pub digest_public_keys: String,
    /// SQS source: id of the account that owns the queue, 12 digits. Empty means the account of the credentials.
    #[schemars(extend("type" = ["string", "number", "boolean"]))]
    pub sqs_owner_account: String,
    /// SQS source: on a queue without a dead-letter queue, a message that cannot be read is deleted once it was received
    /// this many times. 0 means never.
    #[schemars(range(min = 0, max = 1000))]
    pub sqs_max_receive_count: u32,
    /// SQS source: read only objects in these buckets, as a list or with commas between. Empty means all that messages
    /// name.
    #[schemars(extend("type" = ["string", "number", "boolean", "array"]))]
    pub sqs_allowed_buckets: String,
    /// Folder for what must outlive a restart, an absolute path. Empty means that nothing is kept.
    pub state_dir: String,
    /// How many recent event ids are remembered, so that an event that is delivered again is not seen twice. 0 turns
    /// this off.
    #[schemars(range(min = 0, max = 16777216))]
    pub dedupe: u32,
    /// What the event history source reads, and how.
    pub lookup: LookupSection,
    /// How the sources in AWS get access.
    pub aws: AwsSection,
    /// Accepted because the Go plugin has it, without effect here.
    pub use_async: bool,
    /// Bounds on memory and on what a hostile log can cost.
    pub limits: LimitsSection,
}

/// The keys under `lookup`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(inline)]
pub(super) struct LookupSection {
    /// Where `lookup://` begins, written like `s3Interval`; empty means now. It counts once: later runs go on where the
    /// last one was, until another start is set. With an end, as in `5d-2d`, reading ends there. CloudTrail keeps 90 days.
    pub start: String,
    /// How much time is between two looks for new events of a region, `1s` or more. A look that takes longer is followed
    /// by the next one at once, and four times as much is between looks for Insights events.
    pub poll_interval: String,
    /// How late an event may appear: `20m` to `1d`. This much is read again and again, though no event is delivered twice
    /// for it. Insights events may always be 6 hours late.
    pub overlap: String,
    /// Read only events with this attribute, such as `ReadOnly=false`; CloudTrail takes one. The keys are `EventId`,
    /// `EventName`, `ReadOnly`, `Username`, `ResourceType`, `ResourceName`, `EventSource` and `AccessKeyId`. Empty
    /// means all. Insights events are read whatever this is.
    #[schemars(extend("type" = ["string", "number", "boolean", "array"]))]
    pub attributes: String,
    /// Read Insights events too.
    pub insights: bool,
    /// Once all is read, keep looking for new events, without end. `false` ends there.
    pub follow: bool,
    /// ARNs of the roles to assume, one for each account to read, as a list or with commas between. Empty means the
    /// account of the credentials.
    #[schemars(extend("type" = ["string", "number", "boolean", "array"]))]
    pub assume_roles: String,
}

/// The keys under `aws`.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(inline)]
pub(super) struct AwsSection {
    /// Profile of the shared AWS configuration to use. Empty means the one of the environment, else `default`.
    #[schemars(extend("type" = ["string", "number", "boolean"]))]
    pub profile: String,
    /// AWS region of bucket and queue, and the one of `lookup://` without regions. Empty means the one of the
    /// environment or of the profile.
    pub region: String,
    /// Path of the shared AWS configuration file. Empty means the usual place.
    pub config: String,
    /// Path of the shared AWS credentials file. Empty means the usual place.
    pub credentials: String,
    /// URL that takes the place of AWS for all its services together, such as `http://localhost:9000`. Empty means AWS.
    pub endpoint_url: String,
    /// ARN of a role to assume for all access, `arn:aws:iam::ACCOUNT:role/NAME`. Empty means none.
    pub assume_role_arn: String,
    /// External id that goes with all roles, that of `assumeRoleArn` and those of `lookup.assumeRoles`. Empty means
    /// none.
    #[schemars(extend("type" = ["string", "number", "boolean"], "writeOnly" = true))]
    pub external_id: String,
}

/// The keys under `limits`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(inline)]
pub(super) struct LimitsSection {
    /// MiB of log text that are read ahead of Falco. More smooths slow disks, less saves memory. At least `recordMiB`.
    #[serde(rename = "inFlightMiB")]
    #[schemars(range(min = 8, max = 65536))]
    pub in_flight_mib: u32,
    /// MiB that one record may have. A larger one is skipped, and the rest of a log in which no event is found in 64
    /// times as much text.
    #[serde(rename = "recordMiB")]
    #[schemars(range(min = 1, max = 1024))]
    pub record_mib: u32,
    /// Levels of nesting that one record may have. A deeper one is skipped.
    #[schemars(range(min = 1, max = 1000))]
    pub depth: u32,
    /// A gzip file that inflates to more than this many times its size is cut off, checked once it has given 256 MiB.
    /// 0 means no limit.
    #[schemars(range(min = 0, max = 1000000))]
    pub inflate_ratio: u32,
    /// MiB of text that a gzip file may hold. A larger one is cut off there. 0 means no limit.
    #[serde(rename = "inflatedMiB")]
    #[schemars(range(min = 0, max = 1073741824))]
    pub inflated_mib: u32,
    /// KiB that a message in a queue may have. A larger one is not read and stays in the queue.
    #[serde(rename = "messageKiB")]
    #[schemars(range(min = 1, max = 65536))]
    pub message_kib: u32,
    /// How many objects or events one message may name. One that names more is not read and stays in the queue.
    #[schemars(range(min = 1, max = 100000))]
    pub message_objects: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sqs_delete: true,
            s3_download_concurrency: 32,
            s3_interval: String::new(),
            s3_follow: false,
            s3_follow_interval: "60s".to_owned(),
            use_s3_sns: false,
            s3_account_list: String::new(),
            verify_digests: false,
            digest_public_keys: String::new(),
            sqs_owner_account: String::new(),
            sqs_max_receive_count: 10,
            sqs_allowed_buckets: String::new(),
            state_dir: "/var/lib/falco/cloudtrail".to_owned(),
            dedupe: 262_144,
            lookup: LookupSection::default(),
            aws: AwsSection::default(),
            use_async: true,
            limits: LimitsSection::default(),
        }
    }
}

impl Default for LookupSection {
    fn default() -> Self {
        Self {
            start: String::new(),
            poll_interval: "15s".to_owned(),
            overlap: "20m".to_owned(),
            attributes: String::new(),
            insights: false,
            follow: true,
            assume_roles: String::new(),
        }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            in_flight_mib: 64,
            record_mib: 16,
            depth: 1000,
            inflate_ratio: 400,
            inflated_mib: 4096,
            message_kib: 1024,
            message_objects: 1000,
        }
    }
}
