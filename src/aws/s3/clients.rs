//! `Clients`: one client for each region, and which bucket is in which.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{Builder, Region, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::{AwsError, Connection, Kind};
use crate::aws::Service;
use crate::aws::region::is_region;

/// How many buckets in other regions are remembered; then they are found anew.
const BUCKETS: usize = 1024;
/// How many regions have a client. There are fewer, but a server could make more up.
const REGIONS: usize = 64;

pub(super) struct Clients {
    connection: Connection,
    endpoint: Option<String>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    clients: HashMap<String, Client>,
    /// Only buckets that are not in the region of the connection.
    regions: HashMap<String, String>,
}

impl Clients {
    pub(super) fn new(connection: &Connection) -> Result<Self, AwsError> {
        let endpoint = connection.checked_endpoint("S3")?;
        Ok(Self { connection: connection.clone(), endpoint, known: Mutex::default() })
    }

    /// Returns whether the server is not Amazon's, and buckets are the first part of its paths.
    pub(super) fn path_style(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Sends a request to the region of its bucket, and once more when the answer names another.
    pub(super) async fn send<T, E, F>(
        &self,
        action: &'static str,
        bucket: &str,
        target: &str,
        request: impl Fn(Client) -> F,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        if !is_bucket(bucket) {
            return Err(AwsError::new(Kind::Invalid, action, target, "not a name of a bucket"));
        }
        let region = self.region_of(bucket);
        let error = match request(self.client(&region)).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let other = error.raw_response().and_then(region_named).filter(|other| *other != region);
        let Some(other) = other else { return Err(AwsError::from_sdk(action, target, &error)) };
        self.remember(bucket, &other);
        request(self.client(&other)).await.map_err(|error| AwsError::from_sdk(action, target, &error))
    }

    fn region_of(&self, bucket: &str) -> String {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.regions.get(bucket).map_or_else(|| self.connection.region().to_owned(), Clone::clone)
    }

    fn remember(&self, bucket: &str, region: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.regions.len() >= BUCKETS {
            known.regions.clear();
        }
        known.regions.insert(bucket.to_owned(), region.to_owned());
    }

    fn client(&self, region: &str) -> Client {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.clients.get(region) {
            return client.clone();
        }
        if known.clients.len() >= REGIONS {
            known.clients.clear();
        }
        let mut config = Builder::from(self.connection.sdk())
            .interceptor(self.connection.meter(Service::S3))
            .region(Region::new(region.to_owned()))
            // Only Amazon's servers have a host name for each bucket.
            .force_path_style(self.path_style())
            // Logs are gzip, which has checksums of its own.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        config.set_endpoint_url(self.endpoint.clone());
        let client = Client::from_conf(config.build());
        known.clients.insert(region.to_owned(), client.clone());
        client
    }
}

/// Returns whether a bucket can be called so. Messages are a stranger's: the SDK would take an ARN in this place for
/// that of an access point, and go there, and a server dots for another path. Buckets of S3 Express, to which no trail
/// writes, take a session, whose failure looks like trouble that passes.
fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && !name.contains("..")
        && !name.ends_with("--x-s3")
}

/// Returns the region that an answer sends to.
fn region_named(answer: &HttpResponse) -> Option<String> {
    if !matches!(answer.status().as_u16(), 301 | 307 | 400) {
        return None;
    }
    let in_body = || {
        let body = std::str::from_utf8(answer.body().bytes()?).ok()?;
        Some(body.split_once("<Region>")?.1.split_once("</Region>")?.0)
    };
    let region = answer.headers().get("x-amz-bucket-region").or_else(in_body)?;
    is_region(region).then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn answer(status: u16, header: Option<&'static str>, body: &'static str) -> HttpResponse {
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        if let Some(region) = header {
            answer.headers_mut().insert("x-amz-bucket-region", region);
        }
        answer
    }

    #[test]
    fn names_of_buckets_are_told_from_other_text() {
        let longest = "b".repeat(63);
        for name in ["abc", "aws-cloudtrail-logs-111122223333", "Old_Bucket", "a.b.c", "0-0", &longest] {
            assert!(is_bucket(name), "{name}");
        }
        let too_long = "b".repeat(64);
        for name in [
            "",
            "ab",
            "..",
            "...",
            ".abc",
            "-abc",
            "a..b",
            "a/b",
            "a b",
            "b\u{fc}cket",
            "arn:aws:s3:::abc",
            "abc--use1-az4--x-s3",
            &too_long,
        ] {
            assert!(!is_bucket(name), "{name}");
        }
    }

    #[test]
    fn region_is_taken_from_header_or_body_of_a_redirect() {
        let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        for (answer, region) in [
            (answer(301, Some("eu-west-1"), ""), Some("eu-west-1")),
            (answer(307, Some("us-gov-west-1"), ""), Some("us-gov-west-1")),
            (answer(400, None, malformed), Some("eu-west-1")),
            (answer(400, None, "<Error><Code>InvalidArgument</Code></Error>"), None),
            (answer(301, Some("evil.example/x"), ""), None),
            (answer(301, None, "<Region>"), None),
            // Every answer of a bucket may name its region, also those that are about something else.
            (answer(403, Some("eu-west-1"), ""), None),
        ] {
            assert_eq!(region_named(&answer).as_deref(), region, "{answer:?}");
        }
    }
}
