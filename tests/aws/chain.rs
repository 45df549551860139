//! Digests as CloudTrail delivers them, signed with keys of our own, and the logs that they name. What is done to them is
//! left to the tests.

use super::logs::{Log, Stamp, gzip, key};
use super::server::server;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::SHA256;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The account of all chains.
pub const ACCOUNT: &str = "111122223333";

/// The hours of a chain that was made in one go.
pub const HOURS: u32 = 5;

/// Returns a pair of keys, that of the `trail` or of a `stranger`.
pub fn pair(name: &str) -> RsaKeyPair {
    let path = format!("{}/tests/fixtures/digests/{name}.der", env!("CARGO_MANIFEST_DIR"));
    RsaKeyPair::from_der(&std::fs::read(path).unwrap()).unwrap()
}

/// The public key of a pair as AWS shows it.
pub fn public(pair: &RsaKeyPair) -> String {
    STANDARD.encode(pair.public_key().as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the hash of a text as digests have it.
pub fn hash(text: &[u8]) -> String {
    hex(ring::digest::digest(&SHA256, text).as_ref())
}

/// The digests of one region of a bucket, and the logs that they name.
pub struct Chain {
    pub bucket: String,
    pub region: String,
    pair: RsaKeyPair,
    pub logs: Vec<Log>,
    /// The last digest: its key, and the hash and the signature of its text.
    last: Option<(String, String, String)>,
    /// The texts and the signatures of all digests, by their keys.
    pub digests: HashMap<String, (Vec<u8>, String)>,
}

impl Chain {
    /// Begins a chain without anything in it.
    pub fn new(bucket: &str, region: &str) -> Self {
        Self {
            bucket: bucket.into(),
            region: region.into(),
            pair: pair("trail"),
            logs: Vec::new(),
            last: None,
            digests: HashMap::new(),
        }
    }

    /// Signs with another pair of keys.
    pub fn signed_by(self, name: &str) -> Self {
        Self { pair: pair(name), ..self }
    }

    /// Returns the key of the digest of the hour that ends with this one.
    pub fn digest_key(&self, hour: u32) -> String {
        let region = &self.region;
        format!(
            "AWSLogs/{ACCOUNT}/CloudTrail-Digest/{region}/2026/03/01/\
             {ACCOUNT}_CloudTrail-Digest_{region}_audit_us-east-1_20260301T{hour:02}0000Z.json.gz"
        )
    }

    /// Puts some logs of an hour, of two events each.
    pub fn put_logs(&mut self, hour: u32, count: u64) -> Vec<Log> {
        let tail: u64 = self.region.bytes().fold(0, |number, byte| (number * 31 + u64::from(byte)) % 99_991);
        let log = |number: u64| {
            let first = tail * 100_000 + u64::from(hour) * 1000 + number * 2;
            let stamp = Stamp { day: 1, minute: hour * 60 + (number % 60) as u32 };
            Log::new(key("AWSLogs", ACCOUNT, &self.region, stamp, number), first, 2)
        };
        let logs: Vec<Log> = (0..count).map(log).collect();
        server().put(&self.bucket, logs.iter().map(Log::object));
        self.logs.extend(logs.clone());
        logs
    }

    /// Makes the next digest, of the hour that ends with this one, with some fields changed before it is signed. Returns
    /// its key, its text and its signature.
    pub fn digest(&mut self, hour: u32, logs: &[Log], changes: &Value) -> (String, Vec<u8>, String) {
        let file = |log: &Log| {
            let hash = hash(log.text().as_bytes());
            json!({"s3Bucket": self.bucket, "s3Object": log.key, "hashValue": hash, "hashAlgorithm": "SHA-256"})
        };
        let key = self.digest_key(hour);
        let (previous, previous_hash, signature) = self
            .last
            .clone()
            .map_or((None, None, None), |(key, hash, signature)| (Some(key), Some(hash), Some(signature)));
        let mut digest = json!({
            "awsAccountId": ACCOUNT, "digestStartTime": format!("2026-03-01T{:02}:00:00Z", hour.saturating_sub(1)),
            "digestEndTime": format!("2026-03-01T{hour:02}:00:00Z"), "digestS3Bucket": self.bucket,
            "digestS3Object": key, "digestPublicKeyFingerprint": "f00d", "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": null, "oldestEventTime": null, "previousDigestS3Bucket": previous.as_ref().map(|_| &self.bucket),
            "previousDigestS3Object": previous, "previousDigestHashValue": previous_hash,
            "previousDigestHashAlgorithm": previous_hash.as_ref().map(|_| "SHA-256"),
            "previousDigestSignature": signature, "logFiles": logs.iter().map(file).collect::<Vec<_>>(),
        });
        changes.as_object().into_iter().flatten().for_each(|(name, value)| digest[name] = value.clone());
        let text = digest.to_string().into_bytes();
        let signature = sign(&self.pair, &digest, &text);
        self.last = Some((key.clone(), hash(&text), signature.clone()));
        self.digests.insert(key.clone(), (text.clone(), signature.clone()));
        (key, text, signature)
    }

    /// Puts a digest and its signature.
    pub fn put_digest(&self, key: &str, text: &[u8], signature: &str) {
        let metadata = [("signature", signature), ("signature-algorithm", "SHA256withRSA")];
        server().put_with(&self.bucket, key, gzip(text), &metadata);
    }

    /// Puts the logs and the digest of the next hour.
    pub fn hour(&mut self, hour: u32, changes: &Value) -> &mut Self {
        let logs = self.put_logs(hour, 2);
        let (key, text, signature) = self.digest(hour + 1, &logs, changes);
        self.put_digest(&key, &text, &signature);
        self
    }

    /// Puts some hours.
    pub fn hours(mut self) -> Self {
        (0..HOURS).for_each(|hour| _ = self.hour(hour, &json!({})));
        self
    }
}

/// Signs a digest as CloudTrail does.
fn sign(pair: &RsaKeyPair, digest: &Value, text: &[u8]) -> String {
    let field = |name: &str| digest[name].as_str().unwrap();
    let signed = format!(
        "{}\n{}/{}\n{}\n{}",
        field("digestEndTime"),
        field("digestS3Bucket"),
        field("digestS3Object"),
        hash(text),
        digest["previousDigestSignature"].as_str().unwrap_or("null")
    );
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    hex(&signature)
}
