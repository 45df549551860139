//! `Arn`: the name that AWS gives to a resource, split into its parts, and `AssumedRole`, a role by its name.
//!
//! Whether the resource exists is left to AWS.

use std::str::FromStr;

use thiserror::Error;

use super::account::AccountId;

/// The parts of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arn<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

/// An IAM role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumedRole {
    /// Its ARN, as it was written.
    pub arn: String,
    /// The account that it belongs to.
    pub account: AccountId,
}

/// Names a text that is not the ARN of a role.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not the ARN of a role, write arn:aws:iam::ACCOUNT:role/NAME")]
pub struct RoleArnError(String);

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` when parts are missing or the partition is none of AWS.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let ("arn", partition) = (next()?, next()?) else { return None };
        let (service, region, account, resource) = (next()?, next()?, next()?, next()?);
        let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || b"-0123456789".contains(&byte));
        let is_aws = partition.strip_prefix("aws").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        (is_aws && [partition, service, region].into_iter().all(is_word)).then_some(Self {
            partition,
            service,
            region,
            account,
            resource,
        })
    }
}

impl FromStr for AssumedRole {
    type Err = RoleArnError;

    fn from_str(text: &str) -> Result<Self, RoleArnError> {
        let arn = text.trim();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
        let account = Arn::parse(arn).and_then(|arn| {
            let path = arn.resource.strip_prefix("role/")?;
            let is_path = path.split('/').all(|part| !part.is_empty()) && path.bytes().all(legal);
            ((arn.service, arn.region) == ("iam", "") && is_path).then(|| arn.account.parse().ok())?
        });
        match account {
            Some(account) => Ok(Self { arn: arn.to_owned(), account }),
            None => Err(RoleArnError(arn.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_every_partition_and_path_are_read() {
        for text in [
            "arn:aws:iam::012345678901:role/Reader",
            "arn:aws-us-gov:iam::012345678901:role/path/to/Reader@x+y=z,1.2_3-4",
            " arn:aws-cn:iam::012345678901:role/r\n",
        ] {
            let account = "012345678901".parse().unwrap();
            assert_eq!(text.parse(), Ok(AssumedRole { arn: text.trim().to_owned(), account }));
        }
    }

    #[test]
    fn what_is_no_role_is_named() {
        for text in [
            "Reader",
            "role/Reader",
            "arn:aws:iam::012345678901:role/",
            "arn:aws:iam::012345678901:role/a//b",
            "arn:aws:iam::012345678901:role/a b",
            "arn:aws:iam::012345678901:user/Reader",
            "arn:aws:iam::1234:role/Reader",
            "arn:aws:iam:eu-west-1:012345678901:role/Reader",
            "arn:aws:sts::012345678901:assumed-role/Reader/session",
            "arn:gcp:iam::012345678901:role/Reader",
            "arn:awsome:iam::012345678901:role/Reader",
            "ARN:aws:iam::012345678901:role/Reader",
            "arn:aws:iam::012345678901",
        ] {
            let error = text.parse::<AssumedRole>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not the ARN of a role, write arn:aws:iam::")), "{error}");
        }
    }
}
