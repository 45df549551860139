//! `PublicKeys`: the keys that CloudTrail signs digest files with, of one region.
//!
//! Which key is wanted, and what is verified with it, is left to the callers.

use std::fmt;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::config::{Builder, Region};
use aws_sdk_cloudtrail::primitives::DateTime;

use super::region::is_region;
use super::{AwsError, Connection, Kind, Service};

const LIST: &str = "cloudtrail:ListPublicKeys";

/// How many pages of keys are read at most; a key serves for weeks.
const PAGES: usize = 100;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// What digest files call it.
    pub fingerprint: String,
    /// The key, a DER-encoded PKCS #1 `RSAPublicKey`.
    pub der: Vec<u8>,
}

/// The keys of one region. A clone is cheap.
#[derive(Clone)]
pub struct PublicKeys {
    client: Client,
    region: String,
}

impl fmt::Debug for PublicKeys {
    /// Shows the region alone: the settings of the client hold the external id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKeys").field("region", &self.region).finish_non_exhaustive()
    }
}

impl PublicKeys {
    /// Makes the handle for a region. No request is made.
    ///
    /// # Errors
    ///
    /// When `region` cannot be one, and when the endpoint URL cannot be used or is https on a machine without
    /// certificate authorities.
    pub fn new(connection: &Connection, region: &str) -> Result<Self, AwsError> {
        if !is_region(region) {
            return Err(AwsError::setup(&format!("{region} is no AWS region")));
        }
        let mut config = Builder::from(connection.sdk())
            .region(Region::new(region.to_owned()))
            .interceptor(connection.meter(Service::CloudTrail));
        config.set_endpoint_url(connection.checked_endpoint("CloudTrail")?);
        Ok(Self { client: Client::from_conf(config.build()), region: region.to_owned() })
    }

    /// Lists the keys that were in use at some time between two seconds since 1970.
    ///
    /// # Errors
    ///
    /// `Denied` without `cloudtrail:ListPublicKeys`, and whatever else ends a request.
    pub async fn list(&self, start: i64, end: i64) -> Result<Vec<PublicKey>, AwsError> {
        let mut keys = Vec::new();
        let mut next = None;
        for _ in 0..PAGES {
            let request = self.client.list_public_keys().set_next_token(next);
            let request = request.start_time(DateTime::from_secs(start)).end_time(DateTime::from_secs(end));
            let output = request.send().await.map_err(|error| AwsError::from_sdk(LIST, &self.region, &error))?;
            // The SDK takes an empty body for an answer, which must not pass for one that there are no keys.
            let list = output
                .public_key_list
                .ok_or_else(|| AwsError::new(Kind::Transient, LIST, &self.region, "the answer has no list of keys"))?;
            keys.extend(
                list.into_iter()
                    .filter_map(|key| Some(PublicKey { fingerprint: key.fingerprint?, der: key.value?.into_inner() })),
            );
            next = output.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::tests::{Stub, wait};

    #[test]
    fn keys_of_all_pages_are_listed() {
        let page = |fingerprint: &str, next: Value| {
            let key = json!({"Value": "AQID", "Fingerprint": fingerprint, "ValidityStartTime": 1.7e9});
            (
                200,
                json!({"PublicKeyList": [key, {"Value": "AQID"}, {"Fingerprint": "f"}], "NextToken": next}).to_string(),
            )
        };
        let stub = Stub::start([page("first", json!("more")), page("second", json!(null))]);
        let keys = PublicKeys::new(&stub.connect(), "eu-north-1").unwrap();
        let listed = wait(keys.list(1_700_000_000, 1_700_003_600)).unwrap();
        let key = |fingerprint: &str| PublicKey { fingerprint: fingerprint.to_owned(), der: vec![1, 2, 3] };
        assert_eq!(listed, [key("first"), key("second")]);
        let seen = stub.seen();
        let body = |request: &str| serde_json::from_str::<Value>(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body(&seen[0]), json!({"StartTime": 1_700_000_000, "EndTime": 1_700_003_600}));
        assert_eq!(body(&seen[1])["NextToken"], "more");
        assert!(seen[0].contains("/eu-north-1/cloudtrail/aws4_request"), "{}", seen[0]);
    }

    #[test]
    fn an_answer_without_a_list_is_trouble_that_may_pass() {
        let stub = Stub::start([(200, "{}")]);
        let keys = PublicKeys::new(&stub.connect(), "eu-north-1").unwrap();
        assert_eq!(wait(keys.list(0, 1)).unwrap_err().kind(), Kind::Transient);
        assert!(PublicKeys::new(&stub.connect(), "no region").is_err());
    }
}
