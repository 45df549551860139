//! From the configuration to an open source.

use super::error;
use crate::aws::Access;
use crate::aws::sqs::QueueRef;
use crate::config::{
    AccountId, AssumedRole, AwsConfig, Config, Interval, Limits, LookupConfig, OpenParams, QueueName, Regions, Secret,
};
use crate::decode::gunzip::InflateLimits;
use crate::decode::notice::MessageLimits;
use crate::decode::split::RecordLimits;
use crate::feed::FeedLimits;
use crate::source::lookup::{self, LookupSettings, Role};
use crate::source::notes::Level;
use crate::source::remote::Settings;
use crate::source::s3::{self, Bucket};
use crate::source::sqs::{self, QueueSettings};
use crate::source::{Opened, files};
use anyhow::Error;
use jiff::Timestamp;
use std::path::PathBuf;

/// Opens what `open_params` name.
pub(super) fn open(params: &OpenParams, config: &Config) -> Result<Opened, Error> {
    let opened = open_source(params, config)?;
    if config.verify_digests && !matches!(params, OpenParams::S3(_)) {
        let text = "verifyDigests has no effect here, digests are verified where s3:// reads the bucket";
        opened.notes.say(Level::Warn, "integrity", text);
    }
    Ok(opened)
}

fn open_source(params: &OpenParams, config: &Config) -> Result<Opened, Error> {
    match params {
        OpenParams::Files(path) => files::open(path).map_err(error),
        OpenParams::S3(location) => {
            let bucket = Bucket {
                name: location.bucket.clone(),
                prefix: location.prefix.clone(),
                accounts: config.s3_accounts.iter().map(AccountId::to_string).collect(),
                window: config.s3_interval.as_ref().map(window),
                window_name: config.s3_interval.as_ref().map(ToString::to_string).unwrap_or_default(),
                follow: config.s3_follow.then_some(config.s3_follow_interval),
                verify: config.verify_digests.then(|| config.digest_public_keys.clone()),
            };
            s3::open(bucket, &settings(config)).map_err(|reason| error(format!("open_params {params}: {reason}")))
        }
        OpenParams::Sqs(queue) => {
            let queue = match queue {
                QueueName::Name(name) => QueueRef::Name(name.clone()),
                QueueName::Url(url) => QueueRef::Url(url.clone()),
                QueueName::Arn { .. } => QueueRef::Arn(queue.to_string()),
            };
            let queue = QueueSettings {
                queue,
                owner: config.sqs_owner_account.as_ref().map(AccountId::to_string),
                delete: config.sqs_delete,
                give_up_after: Some(config.sqs_max_receive_count).filter(|count| config.sqs_delete && *count > 0),
                buckets: config.sqs_allowed_buckets.clone(),
                limits: MessageLimits { bytes: config.limits.message_bytes, items: config.limits.message_objects },
            };
            sqs::open(queue, &settings(config)).map_err(|reason| error(format!("open_params {params}: {reason}")))
        }
        OpenParams::Lookup(regions) => {
            let LookupConfig { start, poll_interval, overlap, attribute, insights, follow, assume_roles } =
                config.lookup.clone();
            let role = |AssumedRole { arn, account }| Role { arn, account: account.to_string() };
            let lookup = LookupSettings {
                regions: match regions {
                    Regions::All => lookup::Regions::All,
                    Regions::Named(names) => lookup::Regions::Named(names.clone()),
                    Regions::Configured => lookup::Regions::Configured,
                },
                roles: assume_roles.into_iter().map(role).collect(),
                window: start.as_ref().map(window),
                window_name: start.as_ref().map(ToString::to_string).unwrap_or_default(),
                poll_interval,
                overlap,
                attribute,
                insights,
                follow,
            };
            lookup::open(lookup, &settings(config)).map_err(|reason| error(format!("open_params {params}: {reason}")))
        }
    }
}

/// Returns where a window of time begins and ends, in seconds.
fn window(interval: &Interval) -> (i64, Option<i64>) {
    let (start, end) = interval.resolve(Timestamp::now());
    (start.as_second(), end.map(|end| end.as_second()))
}

fn settings(config: &Config) -> Settings {
    Settings {
        access: access(&config.aws),
        download_concurrency: config.s3_download_concurrency,
        memory: config.limits.in_flight_bytes / 2,
        state_dir: config.state_dir.clone(),
    }
}

fn access(aws: &AwsConfig) -> Access {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    Access {
        profile: aws.profile.clone(),
        region: aws.region.clone(),
        config_file: path(&aws.config),
        credentials_file: path(&aws.credentials),
        endpoint_url: aws.endpoint_url.clone(),
        assume_role_arn: aws.assume_role_arn.clone(),
        external_id: aws.external_id.as_ref().map(|id| Secret::expose(id).to_owned()),
    }
}

/// Returns the limits of the feed, which shares the bytes in flight with the downloads of a source in AWS.
pub(super) fn feed_limits(limits: &Limits, is_remote: bool) -> FeedLimits {
    FeedLimits {
        in_flight_bytes: if is_remote { limits.in_flight_bytes / 2 } else { limits.in_flight_bytes },
        record: RecordLimits { bytes: limits.record_bytes, depth: limits.depth },
        inflate: InflateLimits { ratio: limits.inflate_ratio, bytes: limits.inflated_bytes },
    }
}
