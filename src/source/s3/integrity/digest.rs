//! A digest file: what its key and its text say, and whether its signature is good.
//!
//! Every hour CloudTrail writes one for each trail in each region, also without logs: the names and hashes of the logs
//! that it delivered, the hash and the signature of the digest before. Beside its text an object has its signature as
//! metadata. The format and what is signed are documented as "CloudTrail digest file structure" and "Custom
//! implementations of CloudTrail log file integrity validation"; where these say less, it is as AWS CLI's
//! `validate-logs` has it. Pure text; getting it is left to others.

use super::super::layout;
use crate::source::hash::{Hash, hex, unhex};
use crate::source::printable;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;

/// The only algorithm of signatures.
const ALGORITHM: &str = "SHA256withRSA";

/// What is wrong with a digest or a log, what had to be and what is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flaw {
    pub reason: &'static str,
    pub expected: String,
    pub found: String,
}

impl Flaw {
    /// Takes text of any length: what a stranger wrote must not make an event that is too large to be delivered.
    pub fn new(reason: &'static str, expected: &str, found: &str) -> Self {
        Self { reason, expected: printable(expected), found: printable(found) }
    }
}

/// What the key of a digest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// What all digests of a chain have in common: account, region, trail and its home region.
    pub chain: String,
    /// Whether it names logs that were left out of others. AWS does not document how such digests follow each other.
    pub is_backfill: bool,
    /// When its hour ended, in seconds since the Unix epoch.
    pub end: i64,
}

impl Name {
    /// Reads `…/ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_STAMP[_backfill].json.gz`.
    pub fn parse(key: &str) -> Option<Self> {
        let (_, name) = key.rsplit_once('/')?;
        let name = name.strip_suffix(".json.gz")?;
        let (name, is_backfill) = name.strip_suffix("_backfill").map_or((name, false), |name| (name, true));
        let (chain, stamp) = name.rsplit_once('_')?;
        let end = layout::stamp(stamp).filter(|_| chain.contains("_CloudTrail-Digest_"))?;
        Some(Self { chain: chain.to_owned(), is_backfill, end })
    }
}

/// The object of a digest.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub text: Vec<u8>,
    pub signature: Option<String>,
    pub algorithm: Option<String>,
}

/// What a digest says, as far as it is of use. None of it counts before the signature is found to be good.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Digest {
    digest_end_time: String,
    #[serde(rename = "digestS3Bucket")]
    bucket: String,
    #[serde(rename = "digestS3Object")]
    key: String,
    #[serde(rename = "digestPublicKeyFingerprint")]
    pub fingerprint: String,
    #[serde(rename = "digestSignatureAlgorithm")]
    algorithm: Option<String>,
    #[serde(rename = "previousDigestS3Bucket")]
    pub previous_bucket: Option<String>,
    #[serde(rename = "previousDigestS3Object")]
    pub previous_key: Option<String>,
    #[serde(rename = "previousDigestHashValue")]
    pub previous_hash: Option<String>,
    #[serde(rename = "previousDigestSignature")]
    pub previous_signature: Option<String>,
    #[serde(rename = "logFiles", default)]
    pub files: Option<Vec<LogFile>>,
}

/// A log that a digest names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogFile {
    #[serde(rename = "s3Bucket")]
    pub bucket: String,
    #[serde(rename = "s3Object")]
    pub key: String,
    /// The hash of the inflated text, in hexadecimal digits.
    pub hash_value: String,
    pub hash_algorithm: Option<String>,
}

impl Digest {
    /// Reads the digest that is stored under a key, all but the signature itself.
    pub fn parse(stored: &Stored, bucket: &str, key: &str) -> Result<Self, Flaw> {
        if stored.signature.is_none() {
            return Err(Flaw::new("the digest has no signature", "x-amz-meta-signature", ""));
        }
        let digest: Self = serde_json::from_slice(&stored.text).map_err(|error| {
            Flaw::new("the digest is not one that CloudTrail wrote", "a digest", &error.to_string())
        })?;
        let (place, claimed) = (format!("{bucket}/{key}"), format!("{}/{}", digest.bucket, digest.key));
        if place != claimed {
            return Err(Flaw::new("the digest is not in its place", &claimed, &place));
        }
        for algorithm in [&stored.algorithm, &digest.algorithm] {
            if algorithm.as_deref() != Some(ALGORITHM) {
                let found = algorithm.as_deref().unwrap_or_default();
                return Err(Flaw::new("the digest is signed by an unknown algorithm", ALGORITHM, found));
            }
        }
        Ok(digest)
    }

    /// Tells whether one of the keys, DER-encoded PKCS #1, made the signature of a digest with this hash.
    pub fn is_signed(&self, signature: &str, hash: &Hash, keys: &[Vec<u8>]) -> bool {
        let Some(signature) = unhex(signature) else { return false };
        let text = self.signed_text(hash);
        let made_by = |key: &Vec<u8>| {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(text.as_bytes(), &signature).is_ok()
        };
        keys.iter().any(made_by)
    }

    /// Returns the text that is signed.
    fn signed_text(&self, hash: &Hash) -> String {
        let Self { digest_end_time, bucket, key, previous_signature, .. } = self;
        let previous = previous_signature.as_deref().unwrap_or("null");
        format!("{digest_end_time}\n{bucket}/{key}\n{}\n{previous}", hex(hash))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::source::hash::hash;
    use ring::rand::SystemRandom;
    use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
    use serde_json::{Value, json};

    const BUCKET: &str = "trail";

    fn pair(key: &[u8]) -> RsaKeyPair {
        RsaKeyPair::from_der(key).unwrap()
    }

    fn trail() -> RsaKeyPair {
        pair(include_bytes!("../../../../tests/fixtures/digests/trail.der"))
    }

    fn stranger() -> RsaKeyPair {
        pair(include_bytes!("../../../../tests/fixtures/digests/stranger.der"))
    }

    fn public(pair: &RsaKeyPair) -> Vec<u8> {
        pair.public_key().as_ref().to_vec()
    }

    pub fn key(hour: u32) -> String {
        format!(
            "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/03/01/\
             111122223333_CloudTrail-Digest_eu-west-1_my_trail_us-east-1_20260301T{hour:02}0000Z.json.gz"
        )
    }

    fn text(changes: Value) -> Vec<u8> {
        let mut text = json!({
            "awsAccountId": "111122223333", "digestStartTime": "2026-03-01T00:00:00Z",
            "digestEndTime": "2026-03-01T01:00:00Z", "digestS3Bucket": BUCKET, "digestS3Object": key(1),
            "digestPublicKeyFingerprint": "f", "digestSignatureAlgorithm": ALGORITHM, "newestEventTime": null,
            "oldestEventTime": null, "previousDigestS3Bucket": null, "previousDigestS3Object": null,
            "previousDigestHashValue": null, "previousDigestHashAlgorithm": null, "previousDigestSignature": null,
            "logFiles": [{"s3Bucket": BUCKET, "s3Object": "log", "hashValue": "ab", "hashAlgorithm": "SHA-256"}]
        });
        changes.as_object().unwrap().iter().for_each(|(name, value)| text[name] = value.clone());
        text.to_string().into_bytes()
    }

    fn stored(text: Vec<u8>) -> Stored {
        Stored { text, signature: Some("ab".to_owned()), algorithm: Some(ALGORITHM.to_owned()) }
    }

    fn parse(stored: &Stored) -> Result<Digest, &'static str> {
        Digest::parse(stored, BUCKET, &key(1)).map_err(|flaw| flaw.reason)
    }

    pub fn digest(changes: Value) -> Digest {
        parse(&stored(text(changes))).unwrap()
    }

    #[test]
    fn names_are_those_of_cloudtrail() {
        let name = Name::parse(&key(1)).unwrap();
        assert_eq!(name.chain, "111122223333_CloudTrail-Digest_eu-west-1_my_trail_us-east-1");
        assert_eq!((name.is_backfill, name.end), (false, 1_772_326_800));
        let backfill = Name::parse(&key(1).replace(".json", "_backfill.json")).unwrap();
        assert_eq!(backfill, Name { is_backfill: true, ..name });
        for other in ["", "a/b.json.gz", "a/x_20260301T000000Z.json.gz", "a/x_CloudTrail-Digest_y_z.json.gz"] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
        assert_eq!(Name::parse(&key(1).replace(".gz", "")), None);
    }

    #[test]
    fn what_is_signed_is_as_documented() {
        let digest = digest(json!({}));
        let signed = format!("2026-03-01T01:00:00Z\ntrail/{}\n{}\n", key(1), hex(&hash(b"x")));
        assert_eq!(digest.signed_text(&hash(b"x")), format!("{signed}null"));
        let digest = self::digest(json!({"previousDigestSignature": "abcd"}));
        assert_eq!(digest.signed_text(&hash(b"x")), format!("{signed}abcd"));
    }

    #[test]
    fn only_the_key_of_the_trail_makes_good_signatures() {
        let (digest, hash) = (digest(json!({})), hash(&text(json!({}))));
        let sign = |pair: &RsaKeyPair, text: &str| {
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
            hex(&signature)
        };
        let good = sign(&trail(), &digest.signed_text(&hash));
        let keys = [public(&stranger()), public(&trail())];
        assert!(digest.is_signed(&good, &hash, &keys) && digest.is_signed(&good.to_uppercase(), &hash, &keys));
        assert!(!digest.is_signed(&good, &hash, &keys[..1]) && !digest.is_signed(&good, &hash, &[]));
        assert!(!digest.is_signed(&good, &self::hash(b"another text"), &keys));
        assert!(!digest.is_signed(&sign(&stranger(), &digest.signed_text(&hash)), &hash, &keys[1..]));
        for signature in ["", "ab", "no digits", &good[2..], &format!("{good}00")] {
            assert!(!digest.is_signed(signature, &hash, &keys), "{signature}");
        }
        assert!(!digest.is_signed(&good, &hash, &[b"no key".to_vec()]));
    }

    #[test]
    fn what_is_no_digest_of_its_place_is_told_apart() {
        let is_flawed = |stored: Stored, reason: &str| assert_eq!(parse(&stored).unwrap_err(), reason);
        let good = || stored(text(json!({})));
        assert_eq!(parse(&good()).unwrap().files.unwrap().len(), 1);
        assert_eq!(digest(json!({"logFiles": null})).files, None);
        is_flawed(Stored { signature: None, ..good() }, "the digest has no signature");
        let no_digest = "the digest is not one that CloudTrail wrote";
        for text in [&b""[..], b"{", b"{}", b"[]", b"{\"digestEndTime\": 1}", b"\xff"] {
            is_flawed(stored(text.to_vec()), no_digest);
        }
        is_flawed(stored(text(json!({"logFiles": [{"s3Bucket": "b"}]}))), no_digest);
        let moved = "the digest is not in its place";
        is_flawed(stored(text(json!({"digestS3Object": key(2)}))), moved);
        is_flawed(stored(text(json!({"digestS3Bucket": "other"}))), moved);
        let unknown = "the digest is signed by an unknown algorithm";
        is_flawed(Stored { algorithm: None, ..good() }, unknown);
        is_flawed(Stored { algorithm: Some("SHA1withRSA".to_owned()), ..good() }, unknown);
        is_flawed(stored(text(json!({"digestSignatureAlgorithm": "none"}))), unknown);
    }
}
