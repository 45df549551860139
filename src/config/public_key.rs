//! `PublicKey`: a public key as CloudTrail lists it, which is a DER-encoded PKCS #1 key in base64.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// What such a key begins with: a sequence.
const SEQUENCE: u8 = 0x30;

/// The bytes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey(pub Vec<u8>);

/// A text that is no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no public key, write the Value that aws cloudtrail list-public-keys shows")]
pub(super) struct PublicKeyError(String);

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let key = STANDARD.decode(text.trim()).ok().filter(|key| key.first() == Some(&SEQUENCE));
        key.map(Self).ok_or_else(|| PublicKeyError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_other_text() {
        assert_eq!(" MAYCASoCAQM= ".parse(), Ok(PublicKey(vec![0x30, 6, 2, 1, 42, 2, 1, 3])));
        for text in ["AQID", "MAYCASoCAQM", "-----BEGIN PUBLIC KEY-----", "/etc/key.pem", "é"] {
            let error = text.parse::<PublicKey>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is no public key")), "{error}");
        }
    }
}
