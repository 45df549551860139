//! `Connection`: credentials, region, endpoint, retries and time limits, as the clients of all services need them.
//!
//! Where they come from is aws-config's business (environment, files, web identity, SSO, container, instance); whether
//! the credentials may do anything shows with the first request of a service.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;

use super::role::Role;
use super::traffic::Meter;
use super::{AwsError, Service, Traffic, https};

/// How long the answer to a request may take to begin. More than the longest poll that SQS knows, 20 seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long finding credentials may take, those of roles included.
pub(super) const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(15);

/// What the user says about the access to AWS. `None` is what aws-config finds.
// Without Debug, which would show the external id.
#[derive(Clone, Default)]
pub struct Access {
    /// Profile of the shared configuration.
    pub profile: Option<String>,
    /// Region of bucket and queue, and of the event history.
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
#[derive(Clone)]
pub struct Connection {
    sdk: SdkConfig,
    own_endpoint: bool,
    authorities: bool,
    traffic: Arc<Traffic>,
}

impl fmt::Debug for Connection {
    /// Shows the region alone: the settings of the SDK hold the external id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("region", &self.region()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Finds region and credentials. `region` comes before the one of the settings. The credentials themselves are
    /// fetched by the first request.
    ///
    /// # Errors
    ///
    /// Without a region, and when a file or a profile of the settings is not there.
    pub async fn new(access: &Access, region: Option<&str>) -> Result<Self, AwsError> {
        readable("aws.config", access.config_file.as_deref())?;
        readable("aws.credentials", access.credentials_file.as_deref())?;
        let authorities = https::has_authorities();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https::client(authorities))
            .timeout_config(timeouts())
            .retry_config(retries())
            .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build())
            // It cancels downloads that we read slowly, while Falco is busy. `Body` has a limit of its own.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .profile_files(files(access));
        if let Some(profile) = &access.profile {
            has_profile(&files(access), profile).await?;
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region.or(access.region.as_deref()) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        if let Some(url) = &access.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let sdk = loader.load().await;
        if sdk.region().is_none() {
            return Err(AwsError::setup("no AWS region: set aws.region, AWS_REGION or a profile's region"));
        }
        let own = Self { sdk, own_endpoint: access.endpoint_url.is_some(), authorities, traffic: Arc::default() };
        match &access.assume_role_arn {
            Some(arn) => Ok(own.with_role(arn, access.external_id.as_deref())),
            None => Ok(own),
        }
    }

    /// Returns the same connection with the credentials of a role, which its own may assume. They are fetched by the
    /// first request, and anew before they expire.
    pub fn with_role(&self, arn: &str, external_id: Option<&str>) -> Self {
        let role = SharedCredentialsProvider::new(Role::new(self, arn, external_id));
        Self { sdk: self.sdk.clone().into_builder().credentials_provider(role).build(), ..self.clone() }
    }

    pub(super) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// Returns what counts the requests of a client for a service, its interceptor.
    pub(super) fn meter(&self, service: Service) -> Meter {
        Meter::new(&self.traffic, service)
    }

    /// Returns the counts of all requests on this connection, and on those with other credentials that came of it.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Returns the name of the region.
    pub fn region(&self) -> &str {
        self.sdk.region().map_or("", AsRef::as_ref)
    }

    /// Returns the URL of a service (`S3`, `CloudTrail`) when it is not Amazon's: from the settings, the environment or
    /// the profile, in the order in which the SDK looks.
    pub fn endpoint(&self, service: &str) -> Option<String> {
        let general = || self.sdk.endpoint_url().filter(|url| !url.is_empty()).map(str::to_owned);
        if self.own_endpoint {
            return general();
        }
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| self.sdk.service_config()?.load_config(key));
        own.filter(|url| !url.is_empty()).or_else(general)
    }

    /// Returns a line to log when requests to a service go over plain http, as [`Self::endpoint`] says.
    pub fn warning(&self, service: &str) -> Option<String> {
        let url = self.endpoint(service).filter(|url| url.starts_with("http://"))?;
        Some(format!("{service} is at {url}, as configured: what it is asked and what it answers is not encrypted"))
    }

    /// Returns [`Self::endpoint`] of a service that is about to be used, checked.
    pub(super) fn checked_endpoint(&self, service: &str) -> Result<Option<String>, AwsError> {
        let url = self.endpoint(service);
        self.check_endpoint(url.as_deref())?;
        Ok(url)
    }

    /// Checks the URL of a service that is about to be used, `None` for Amazon's.
    pub(super) fn check_endpoint(&self, url: Option<&str>) -> Result<(), AwsError> {
        match url {
            // Not quoted, what stands before the @ may be a password.
            Some(url) if url.contains('@') => Err(AwsError::setup(
                "the endpoint URL holds a user or a password, which no request would use, leave out what stands before \
                 the @",
            )),
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

/// Checks that a profile of the settings exists: with one that does not the SDK only finds no credentials.
async fn has_profile(files: &EnvConfigFiles, name: &str) -> Result<(), AwsError> {
    match aws_config::profile::load(&Fs::real(), &Env::real(), files, None).await {
        Ok(profiles) if profiles.get_profile(name).is_some() => Ok(()),
        Ok(_) => Err(AwsError::setup(&format!("aws.profile: the AWS configuration has no profile {name}"))),
        Err(error) => Err(AwsError::setup(&format!("aws.profile: cannot read the AWS configuration: {error}"))),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudtrail::History;
    use crate::aws::s3::Objects;
    use crate::aws::sqs::{Queue, QueueRef};

    fn connect(access: &Access, region: Option<&str>) -> Result<Connection, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Connection::new(access, region)).map_err(|error| error.to_string())
    }

    #[test]
    fn region_given_for_a_queue_comes_before_that_of_the_settings() {
        let access = Access { region: Some("eu-west-1".to_owned()), ..Access::default() };
        assert_eq!(connect(&access, None).unwrap().region(), "eu-west-1");
        assert_eq!(connect(&access, Some("us-east-2")).unwrap().region(), "us-east-2");
    }

    #[test]
    fn files_and_profiles_of_the_settings_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config").to_str().unwrap().to_owned();
        let access = |profile: &str| Access {
            profile: Some(profile.to_owned()),
            config_file: Some(path.clone()),
            ..Access::default()
        };
        assert!(connect(&access("prod"), None).unwrap_err().starts_with(&format!("aws.config: cannot read {path}: ")));
        std::fs::write(&path, "[profile prod]\nregion = eu-central-1\n").unwrap();
        assert!(connect(&access("prod"), None).is_ok());
        assert_eq!(connect(&access("prd"), None).unwrap_err(), "aws.profile: the AWS configuration has no profile prd");
    }

    #[test]
    fn endpoint_of_the_settings_serves_every_service_and_must_be_a_url() {
        let access = |url: &str| Access {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some(url.to_owned()),
            ..Access::default()
        };
        let connection = connect(&access("http://127.0.0.1:9"), None).unwrap();
        assert_eq!(connection.endpoint("S3").as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(connection.endpoint("SQS").as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(connection.checked_endpoint("CloudTrail").unwrap().as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(connection.check_endpoint(Some("http://127.0.0.1:9")), Ok(()));
        let error = connection.check_endpoint(Some("127.0.0.1:9")).unwrap_err().to_string();
        assert_eq!(error, "the endpoint URL 127.0.0.1:9 must start with https:// or http://");
        for url in ["http://user:s3cret@127.0.0.1:9", "https://s3cret@host", "user:s3cret@host"] {
            let error = connection.check_endpoint(Some(url)).unwrap_err().to_string();
            assert!(error.starts_with("the endpoint URL holds a user") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_external_id_is_never_shown() {
        let access = Access {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some("http://127.0.0.1:9".to_owned()),
            assume_role_arn: Some("arn:aws:iam::111122223333:role/Reader".to_owned()),
            external_id: Some("s3cret".to_owned()),
            ..Access::default()
        };
        let connection = connect(&access, None).unwrap();
        let objects = Objects::new(&connection).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = QueueRef::Url("http://127.0.0.1:9/111122223333/q".to_owned());
        let queue = runtime.block_on(Queue::connect(&connection, &url, None)).unwrap();
        let other = connection.with_role("arn:aws:iam::222233334444:role/Other", Some("s3cret"));
        let history = History::new(&other, "eu-west-1", "eu-west-1").unwrap();
        for shown in [
            format!("{connection:#?}"),
            format!("{objects:#?}"),
            format!("{queue:#?}"),
            format!("{other:#?}"),
            format!("{history:#?}"),
        ] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
