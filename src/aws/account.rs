//! The account behind a connection: its number, and the regions that are enabled for it.

use aws_sdk_account::types::RegionOptStatus;

use super::region::is_region;
use super::{AwsError, Connection, Kind, Service};

const IDENTITY: &str = "sts:GetCallerIdentity";
const REGIONS: &str = "account:ListRegions";
/// What the requests are about, for errors.
const TARGET: &str = "the account of the credentials";

impl Connection {
    /// Asks for the account of the credentials, 12 digits. Takes no permission.
    ///
    /// # Errors
    ///
    /// Without valid credentials, and whatever else ends a request.
    pub async fn account(&self) -> Result<String, AwsError> {
        let mut config = aws_sdk_sts::config::Builder::from(self.sdk()).interceptor(self.meter(Service::Sts));
        config.set_endpoint_url(self.checked_endpoint("STS")?);
        let output = aws_sdk_sts::Client::from_conf(config.build()).get_caller_identity().send().await;
        let output = output.map_err(|error| AwsError::from_sdk(IDENTITY, TARGET, &error))?;
        output.account.ok_or_else(|| AwsError::new(Kind::Transient, IDENTITY, TARGET, "the answer names no account"))
    }

    /// Asks for the regions that are enabled for the account of the credentials, by default or by its owner, sorted.
    ///
    /// One that is about to be enabled is none of them: until it is, hours later perhaps, its services do not know the
    /// account's credentials, which looks like credentials that are wrong.
    ///
    /// # Errors
    ///
    /// `Denied` without `account:ListRegions`, and whatever else ends a request.
    pub async fn enabled_regions(&self) -> Result<Vec<String>, AwsError> {
        let mut config = aws_sdk_account::config::Builder::from(self.sdk()).interceptor(self.meter(Service::Account));
        config.set_endpoint_url(self.checked_endpoint("Account")?);
        let request = aws_sdk_account::Client::from_conf(config.build()).list_regions();
        let regions = request.into_paginator().page_size(50).items().send().try_collect().await;
        let regions = regions.map_err(|error| AwsError::from_sdk(REGIONS, TARGET, &error))?;
        let enabled = regions.into_iter().filter(|region| {
            matches!(region.region_opt_status, Some(RegionOptStatus::Enabled | RegionOptStatus::EnabledByDefault))
        });
        let mut names: Vec<String> =
            enabled.filter_map(|region| region.region_name).filter(|name| is_region(name)).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_account::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

    use super::*;
    use crate::aws::tests::{Stub, wait};

    const DENIED: &str = r#"{"__type": "AccessDeniedException", "message": "no"}"#;

    #[test]
    fn account_is_the_one_of_the_credentials() {
        let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/u</Arn>\
                        <Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        let stub = Stub::start([(503, ""), (200, identity), (200, "<GetCallerIdentityResponse/>")]);
        let connection = stub.connect();
        assert_eq!(wait(connection.account()).as_deref(), Ok("111122223333"));
        let error = wait(connection.account()).unwrap_err();
        assert_eq!(error.kind(), Kind::Transient, "{error}");
        let seen = stub.seen();
        assert_eq!(seen.len(), 3, "trouble of the service is tried again");
        assert!(seen[1].contains("/eu-west-1/sts/aws4_request") && seen[1].contains("Action=GetCallerIdentity"));
    }

    #[test]
    fn enabled_regions_are_those_of_all_pages_that_can_be_used() {
        let stub = Stub::start([
            (503, ""),
            (
                200,
                r#"{"Regions": [
                    {"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"},
                    {"RegionName": "af-south-1", "RegionOptStatus": "ENABLING"},
                    {"RegionName": "ap-east-1", "RegionOptStatus": "DISABLED"},
                    {"RegionName": "evil.example/", "RegionOptStatus": "ENABLED"}
                ], "NextToken": "more"}"#,
            ),
            (
                200,
                r#"{"Regions": [
                    {"RegionName": "eu-south-1", "RegionOptStatus": "ENABLED"},
                    {"RegionName": "ca-west-1", "RegionOptStatus": "DISABLING"},
                    {"RegionName": "us-west-1", "RegionOptStatus": "NEW"},
                    {"RegionName": null, "RegionOptStatus": null}, {}
                ]}"#,
            ),
        ]);
        assert_eq!(wait(stub.connect().enabled_regions()).unwrap(), ["eu-south-1", "us-east-1"]);
        let seen = stub.seen();
        assert_eq!(seen.len(), 3, "trouble of the service is tried again");
        assert!(seen[1].starts_with("post /listregions http/1.1"), "{}", seen[1]);
        assert!(seen[1].contains("/account/aws4_request") && seen[1].contains(r#""MaxResults":50"#), "{}", seen[1]);
        assert!(seen[2].contains(r#""NextToken":"more""#), "{}", seen[2]);
    }

    #[test]
    fn what_to_allow_for_regions_is_said() {
        let stub = Stub::start([(403, DENIED)]);
        let error = wait(stub.connect().enabled_regions()).unwrap_err();
        assert_eq!(stub.seen().len(), 1);
        assert_eq!(
            error.to_string(),
            "account:ListRegions on the account of the credentials: access denied (AccessDeniedException: no), allow \
             account:ListRegions for these credentials"
        );
    }

    #[test]
    fn regions_are_asked_for_where_the_partition_has_them() {
        for (region, url, signed) in [
            ("eu-west-1", "https://account.us-east-1.amazonaws.com", "us-east-1"),
            ("af-south-1", "https://account.us-east-1.amazonaws.com", "us-east-1"),
            ("cn-north-1", "https://account.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
            ("us-gov-east-1", "https://account.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ] {
            let wanted = Params::builder().region(region).build().unwrap();
            let resolver = DefaultResolver::new();
            let endpoint = wait(ResolveEndpoint::resolve_endpoint(&resolver, &wanted)).unwrap();
            assert_eq!(endpoint.url(), url);
            assert!(format!("{:?}", endpoint.properties()).contains(signed), "{endpoint:?}");
        }
    }
}
