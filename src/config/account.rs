//! `AccountId`: the number of an AWS account, always 12 digits.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The id of an AWS account: exactly 12 ASCII digits, leading zeros included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(String);

/// Names a text that is not an account id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not an AWS account id, write all 12 digits")]
pub struct AccountIdError(String);

impl AccountId {
    /// Returns the 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        let digits = text.trim();
        if digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits.to_owned()))
        } else {
            Err(AccountIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_twelve_digits_with_blanks_around() {
        assert_eq!(" 012345678901 ".parse::<AccountId>().unwrap().as_str(), "012345678901");
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "12345678901", "1234567890123", "1234-5678-90", "12345678901x", "１23456789012"] {
            assert!(text.parse::<AccountId>().is_err(), "{text:?}");
        }
    }
}
