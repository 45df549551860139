//! `Role`: the credentials of an assumed role, and in one line why it cannot be assumed.
//!
//! Whose credentials assume it is the settings' business; keeping those of the role until they expire is the SDK's.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_types::origin::Origin;

use super::connection::CREDENTIALS_TIMEOUT;
use super::error::ASSUME_ROLE;
use super::{AwsError, Connection, Kind, Service};

/// Names the sessions of an assumed role in the CloudTrail of its account.
const SESSION_NAME: &str = "falco-cloudtrail";
/// How long assuming a role may take, repeats included. Less than finding credentials may take, since an error of that
/// names no role.
const TIMEOUT: Duration = CREDENTIALS_TIMEOUT.saturating_sub(Duration::from_secs(3));

/// Assumes a role. Every call is a request.
pub(super) struct Role {
    arn: String,
    request: AssumeRoleFluentBuilder,
}

impl fmt::Debug for Role {
    /// Shows the name alone: the request holds the external id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Role {
    /// Makes the provider, which assumes the role with the credentials and in the region of `connection`.
    pub fn new(connection: &Connection, arn: &str, external_id: Option<&str>) -> Self {
        let sdk = connection.sdk();
        let timeouts = sdk.timeout_config().map(TimeoutConfig::to_builder).unwrap_or_default();
        let mut sdk = sdk.clone().into_builder().timeout_config(timeouts.operation_timeout(TIMEOUT).build());
        // That of `connection` is for the credentials that come of this.
        sdk.set_identity_cache(Some(IdentityCache::no_cache()));
        // Else the client looks for the endpoint itself, and panics at one that is set to nothing.
        sdk.set_endpoint_url(connection.endpoint("STS"));
        sdk.insert_origin("endpoint_url", Origin::shared_config());
        let config = aws_sdk_sts::config::Builder::from(&sdk.build()).interceptor(connection.meter(Service::Sts));
        let request = aws_sdk_sts::Client::from_conf(config.build()).assume_role();
        let request = request.role_arn(arn).role_session_name(SESSION_NAME);
        Self { arn: arn.to_owned(), request: request.set_external_id(external_id.map(str::to_owned)) }
    }

    async fn assume(&self) -> Result<Credentials, AwsError> {
        let output = self.request.clone().send().await;
        let output = output.map_err(|error| AwsError::from_sdk(ASSUME_ROLE, &self.arn, &error))?;
        let unreadable = |what| AwsError::new(Kind::Transient, ASSUME_ROLE, &self.arn, what);
        let found = output.credentials.ok_or_else(|| unreadable("the answer has no credentials"))?;
        let expiry = SystemTime::try_from(found.expiration).map_err(|_| unreadable("the answer has no time"))?;
        let token = Some(found.session_token);
        Ok(Credentials::new(found.access_key_id, found.secret_access_key, token, Some(expiry), "AssumeRole"))
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.assume().await.map_err(CredentialsError::provider_error) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Kind;
    use crate::aws::cloudtrail::{Category, History, Query};
    use crate::aws::tests::{Stub, wait};

    const READER: &str = "arn:aws:iam::222233334444:role/Reader";

    /// An answer without events.
    const NONE: &str = r#"{"Events": []}"#;

    fn assumed(key: &str) -> String {
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
             <SecretAccessKey>s3cret</SecretAccessKey><SessionToken>t0ken</SessionToken>\
             <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
    }

    fn refused(code: &str, message: &str) -> String {
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
    }

    fn lookup(connection: &Connection) -> Result<(), AwsError> {
        let history = History::new(connection, "eu-north-1", "eu-north-1").unwrap();
        let query = Query { start: 0, end: 1, category: Category::Management, attribute: None };
        wait(history.lookup(&query, None)).map(drop)
    }

    #[test]
    fn each_role_has_credentials_of_its_own_which_are_kept() {
        let (one, two, none) = (assumed("ROLEONE"), assumed("ROLETWO"), NONE.to_owned());
        let answers = [&one, &none, &two, &none, &none, &none];
        let stub = Stub::start(answers.map(|body| (200, body)));
        let own = stub.connect();
        let one = own.with_role(READER, Some("an+id"));
        let two = own.with_role("arn:aws:iam::333344445555:role/Reader", None);
        for connection in [&one, &two, &one, &own] {
            lookup(connection).unwrap();
        }
        let seen = stub.seen();
        assert_eq!(seen.len(), 6, "{seen:#?}");
        let keys = ["akidoftheuser", "roleone", "akidoftheuser", "roletwo", "roleone", "akidoftheuser"];
        for (request, key) in seen.iter().zip(keys) {
            assert!(request.contains(&format!("credential={key}/")), "{key}: {request}");
        }
        assert!(seen[0].contains("/eu-west-1/sts/aws4_request"), "{}", seen[0]);
        let form = seen[0].split_once("\r\n\r\n").unwrap().1;
        for field in [
            "Action=AssumeRole&",
            "RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2FReader",
            "RoleSessionName=falco-cloudtrail",
            "ExternalId=an%2Bid",
        ] {
            assert!(form.contains(field), "{field}: {form}");
        }
        assert!(!seen[2].contains("ExternalId"), "{}", seen[2]);
        assert!(seen[1].contains("x-amz-security-token: t0ken"), "{}", seen[1]);
    }

    #[test]
    fn one_line_says_which_role_cannot_be_assumed_and_what_to_allow() {
        let message = format!(
            "User: arn:aws:sts::111122223333:assumed-role/A{}/i-0 is not authorized to perform: sts:AssumeRole on \
             resource: {READER}",
            "a".repeat(200)
        );
        let stub = Stub::start([(403, refused("AccessDenied", &message))]);
        let error = lookup(&stub.connect().with_role(READER, Some("s3cret"))).unwrap_err();
        assert_eq!(stub.seen().len(), 1);
        assert_eq!(error.kind(), Kind::Credentials);
        assert_eq!(
            error.to_string(),
            format!(
                "cloudtrail:LookupEvents on eu-north-1: no valid credentials (sts:AssumeRole on {READER}: access denied \
                 (AccessDenied: {message}), allow sts:AssumeRole for these credentials and in the role's trust policy)"
            )
        );
    }

    #[test]
    fn secrets_are_not_shown_when_a_role_cannot_be_assumed() {
        for (status, code, message, shown) in [
            (400, "ValidationError", "Value 's3cret' at 'externalId' failed", "ValidationError: the external id is"),
            (403, "InvalidClientTokenId", "s3cret", "credentials not recognised (InvalidClientTokenId)"),
            (400, "ExpiredToken", "s3cret", "no valid credentials (ExpiredToken)"),
            (403, "RegionDisabledException", "STS is off", "not enabled for the account (RegionDisabledException: STS"),
        ] {
            let stub = Stub::start([(status, refused(code, message))]);
            let error = lookup(&stub.connect().with_role(READER, Some("s3cret"))).unwrap_err();
            let text = error.to_string();
            assert_eq!((error.kind(), stub.seen().len()), (Kind::Credentials, 1), "{text}");
            assert!(text.contains(&format!("sts:AssumeRole on {READER}: ")) && text.contains(shown), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        let stub = Stub::start([(200, String::new())]);
        let role = Role::new(&stub.connect(), READER, Some("s3cret"));
        assert_eq!(format!("{role:?}"), format!("Role {{ arn: \"{READER}\", .. }}"));
    }

    #[test]
    fn a_role_that_assumes_another_is_named_when_it_is_the_one_to_fail() {
        let stub = Stub::start([(403, refused("AccessDenied", "no"))]);
        let first = stub.connect().with_role(READER, None);
        let error = lookup(&first.with_role("arn:aws:iam::333344445555:role/Far", None)).unwrap_err().to_string();
        assert_eq!(stub.seen().len(), 1);
        let (far, reader) = (error.find("role/Far: no valid credentials").unwrap(), error.find(READER).unwrap());
        assert!(far < reader && error.contains("Reader: access denied (AccessDenied: no)"), "{error}");
    }

    #[test]
    fn a_role_is_tried_again_when_the_service_has_trouble() {
        let answers = [(500, String::new()), (200, assumed("ROLE")), (200, NONE.to_owned())];
        let stub = Stub::start(answers);
        let own = stub.connect();
        assert_eq!(lookup(&own.with_role(READER, None)), Ok(()));
        let traffic = own.traffic();
        assert_eq!((traffic.requests(Service::Sts), traffic.retries(Service::Sts)), (2, 1));
        assert_eq!((traffic.requests(Service::CloudTrail), stub.seen().len()), (1, 3));
    }
}
