//! `Connection`: credentials, region, endpoint, retries and time limits, as the clients of all services need them.
//!
//! Where they come from is aws-config's business (environment, files, web identity, SSO, container, instance); whether
//! the credentials may do anything shows with the first request of a service.

use std::fs::File;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_types::service_config::ServiceConfigKey;

use super::{AwsError, https};

/// Names the sessions of an assumed role in the CloudTrail of its account.
const SESSION_NAME: &str = "falco-cloudtrail";

/// How long the answer to a request may take to begin. More than the longest poll that SQS knows, 20 seconds.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What the user says about the access to AWS. `None` is what aws-config finds.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Profile of the shared configuration.
    pub profile: Option<String>,
    /// Region of bucket and queue.
    pub region: Option<String>,
    /// Path of the shared configuration file.
    pub config_file: Option<String>,
    /// Path of the shared credentials file.
    pub credentials_file: Option<String>,
    /// URL of all services, in place of Amazon's.
    pub endpoint_url: Option<String>,
    /// Role to assume, with the credentials found as those that may assume it.
    pub assume_role_arn: Option<String>,
    /// What the owner of the role asks for as proof that it is meant.
    pub external_id: Option<String>,
}

/// Credentials, region and HTTP client that services share. A clone is cheap.
#[derive(Debug, Clone)]
pub struct Connection {
    sdk: SdkConfig,
    own_endpoint: bool,
    authorities: bool,
}

impl Connection {
    /// Finds region and credentials. `region` comes before the one of the settings. The credentials themselves are
    /// fetched by the first request.
    ///
    /// # Errors
    ///
    /// Without a region, and when a file of the settings cannot be read.
    pub async fn new(access: &Access, region: Option<&str>) -> Result<Self, AwsError> {
        readable("aws.config", access.config_file.as_deref())?;
        readable("aws.credentials", access.credentials_file.as_deref())?;
        let authorities = https::has_authorities();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https::client(authorities))
            .timeout_config(timeouts())
            .retry_config(retries())
            .identity_cache(IdentityCache::lazy().load_timeout(Duration::from_secs(15)).build())
            // It cancels downloads that we read slowly, while Falco is busy. `Body` has a limit of its own.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .profile_files(files(access));
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region.or(access.region.as_deref()) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        if let Some(url) = &access.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let mut sdk = loader.load().await;
        if sdk.region().is_none() {
            return Err(AwsError::setup("no AWS region: set aws.region, AWS_REGION or a profile's region"));
        }
        if let Some(arn) = &access.assume_role_arn {
            let mut role = AssumeRoleProvider::builder(arn).session_name(SESSION_NAME).configure(&sdk);
            if let Some(id) = &access.external_id {
                role = role.external_id(id);
            }
            let role = SharedCredentialsProvider::new(role.build().await);
            sdk = sdk.into_builder().credentials_provider(role).build();
        }
        Ok(Self { sdk, own_endpoint: access.endpoint_url.is_some(), authorities })
    }

    pub(super) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// Returns the name of the region.
    pub fn region(&self) -> &str {
        self.sdk.region().map_or("", AsRef::as_ref)
    }

    /// Returns the URL of a service (`S3`, `SQS`) when it is not Amazon's: from the settings, the environment or the
    /// profile, in the order in which the SDK looks.
    pub(super) fn endpoint(&self, service: &str) -> Option<String> {
        let general = || self.sdk.endpoint_url().map(str::to_owned);
        if self.own_endpoint {
            return general();
        }
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| self.sdk.service_config()?.load_config(key));
        own.or_else(general)
    }

    /// Checks the URL of a service that is about to be used, `None` for Amazon's.
    pub(super) fn check_endpoint(&self, url: Option<&str>) -> Result<(), AwsError> {
        match url {
            Some(url) if url.starts_with("http://") => Ok(()),
            Some(url) if !url.starts_with("https://") => {
                Err(AwsError::setup(&format!("the endpoint URL {url} must start with https:// or http://")))
            }
            _ if self.authorities => Ok(()),
            _ => Err(AwsError::setup(
                "no certificate authorities found to trust https servers by: install the package ca-certificates, or \
                 set SSL_CERT_FILE to a file of certificates in PEM form",
            )),
        }
    }
}

/// Checks that a file of the settings can be read: the SDK takes one that cannot for empty.
fn readable(key: &str, path: Option<&str>) -> Result<(), AwsError> {
    let Some(path) = path else { return Ok(()) };
    match File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(AwsError::setup(&format!("{key}: cannot read {path}: {error}"))),
    }
}

fn files(access: &Access) -> EnvConfigFiles {
    let mut files = EnvConfigFiles::builder()
        .include_default_config_file(access.config_file.is_none())
        .include_default_credentials_file(access.credentials_file.is_none());
    if let Some(path) = &access.config_file {
        files = files.with_file(EnvConfigFileKind::Config, path);
    }
    if let Some(path) = &access.credentials_file {
        files = files.with_file(EnvConfigFileKind::Credentials, path);
    }
    files.build()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(READ_TIMEOUT)
        // Ends answers that trickle. The body of an object is not part of it.
        .operation_attempt_timeout(Duration::from_secs(60))
        .build()
}

/// Short and few, since callers try again after what lasts longer. Standard, since the adaptive mode would hold back
/// the requests to all buckets for the throttling of one.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(250))
        .with_max_backoff(Duration::from_secs(5))
}
