//! `verifyDigests`: every way to tamper with chains of digests and the logs that they name, and what is none.

use super::chain::{Chain, HOURS, hash, pair, public};
use super::consumer::Source;
use super::faults::{self, Fault};
use super::logs::{Log, gzip};
use super::proxy::Proxy;
use super::server::server;
use super::trail::Trail;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const FORMAT: &str = "%ct.src %ct.name %s3.key";
const OURS: &str = "cloudtrail-plugin.local";

/// A start that verifies with our key.
fn source(bucket: &str) -> Source {
    let keys = json!([public(&pair("trail"))]);
    Source::s3(bucket).with("verifyDigests", true).with("digestPublicKeys", keys).printing(FORMAT)
}

/// Returns the names and keys of our own events, sorted.
fn told(lines: &[String]) -> Vec<String> {
    let ours = lines.iter().filter_map(|line| line.strip_prefix(OURS)?.strip_prefix(' '));
    let mut ours: Vec<String> = ours.map(str::to_owned).collect();
    ours.sort();
    ours
}

/// Returns whether a file of the state names a digest.
fn is_kept(source: &Source, key: &str) -> bool {
    let files = fs::read_dir(source.state()).unwrap().filter_map(|file| fs::read(file.unwrap().path()).ok());
    files.into_iter().any(|file| String::from_utf8_lossy(&file).contains(key))
}

/// A way to tamper with five hours of two logs each, in a region of its own, and the events that must tell of it.
type Tampering = (&'static str, &'static str, fn(&mut Chain) -> Vec<String>);

fn changed(log: &Log) -> String {
    format!("LogFileValidationFailed {}", log.key)
}

fn missing(log: &Log) -> String {
    format!("LogFileMissing {}", log.key)
}

fn invalid(key: &str) -> String {
    format!("DigestInvalid {key}")
}

/// Replaces the text of the digest of an hour, and nothing else.
fn replace(chain: &Chain, hour: u32, change: impl Fn(&mut Value)) -> Vec<String> {
    let key = chain.digest_key(hour);
    let (text, signature) = &chain.digests[&key];
    let mut digest: Value = serde_json::from_slice(text).unwrap();
    change(&mut digest);
    chain.put_digest(&key, digest.to_string().as_bytes(), signature);
    vec![invalid(&key)]
}

const TAMPERINGS: &[Tampering] = &[
    ("us-east-1", "nothing", |_| vec![]),
    ("us-east-2", "a log has another text", |chain| {
        let log = chain.logs[4].clone();
        server().put(&chain.bucket, [(log.key.clone(), Log { count: 1, ..log.clone() }.object().1)]);
        vec![changed(&log)]
    }),
    ("us-west-1", "a log is deleted", |chain| {
        server().delete(&chain.bucket, &chain.logs[4].key);
        vec![missing(&chain.logs[4])]
    }),
    ("us-west-2", "a log is renamed", |chain| {
        let log = &chain.logs[4];
        server().delete(&chain.bucket, &log.key);
        server().put(&chain.bucket, [(log.key.replace("_0000", "_1000"), log.object().1)]);
        vec![missing(log)]
    }),
    ("ca-central-1", "a log is cut", |chain| {
        let (key, object) = chain.logs[4].object();
        server().put(&chain.bucket, [(key, object[..object.len() / 2].to_vec())]);
        vec![changed(&chain.logs[4])]
    }),
    ("sa-east-1", "a log is added to by another gzip member", |chain| {
        let (key, object) = chain.logs[4].object();
        server().put(&chain.bucket, [(key, [object, gzip(b"{\"Records\": []}")].concat())]);
        vec![changed(&chain.logs[4])]
    }),
    ("eu-west-1", "a log and what its digest says of it are changed", |chain| {
        replace(chain, 3, |digest| digest["logFiles"][0]["hashValue"] = hash(b"another").into())
    }),
    ("eu-west-2", "a log is left out of its digest", |chain| {
        replace(chain, 3, |digest| _ = digest["logFiles"].as_array_mut().unwrap().pop())
    }),
    ("eu-west-3", "a signature is taken away", |chain| {
        let key = chain.digest_key(3);
        let answer = server().get(&chain.bucket, &key);
        server().put_with(&chain.bucket, &key, answer.body, &[("signature-algorithm", "SHA256withRSA")]);
        vec![invalid(&key)]
    }),
    ("eu-central-1", "a signature is changed", |chain| {
        let key = chain.digest_key(3);
        let answer = server().get(&chain.bucket, &key);
        let signature = answer.header("x-amz-meta-signature").unwrap().replace('a', "b");
        let metadata = [("signature", signature.as_str()), ("signature-algorithm", "SHA256withRSA")];
        server().put_with(&chain.bucket, &key, answer.body.clone(), &metadata);
        vec![invalid(&key)]
    }),
    ("eu-central-2", "an algorithm is changed", |chain| {
        let key = chain.digest_key(3);
        let answer = server().get(&chain.bucket, &key);
        let signature = answer.header("x-amz-meta-signature").unwrap();
        let metadata = [("signature", signature), ("signature-algorithm", "none")];
        server().put_with(&chain.bucket, &key, answer.body.clone(), &metadata);
        vec![invalid(&key)]
    }),
    ("eu-north-1", "a digest is signed by a stranger", |chain| {
        let key = chain.digest_key(3);
        let logs = chain.logs[4..5].to_vec();
        let mut forged = Chain::new(&chain.bucket, &chain.region).signed_by("stranger");
        let (_, text, signature) = forged.digest(3, &logs, &json!({}));
        chain.put_digest(&key, &text, &signature);
        vec![invalid(&key)]
    }),
    ("eu-south-1", "the whole chain is signed by a stranger", |chain| {
        let mut forged = Chain::new(&chain.bucket, &chain.region).signed_by("stranger");
        (0..HOURS).for_each(|hour| _ = forged.hour(hour, &json!({})));
        (1..=HOURS).map(|hour| invalid(&chain.digest_key(hour))).collect()
    }),
    ("eu-south-2", "a digest is deleted", |chain| {
        server().delete(&chain.bucket, &chain.digest_key(3));
        vec![invalid(&chain.digest_key(3))]
    }),
    ("ap-south-1", "two digests are deleted, of which the later one is known by name", |chain| {
        [2, 3].iter().for_each(|hour| server().delete(&chain.bucket, &chain.digest_key(*hour)));
        vec![invalid(&chain.digest_key(3))]
    }),
    ("ap-south-2", "a digest is replaced by an older one", |chain| {
        let answer = server().get(&chain.bucket, &chain.digest_key(2));
        let signature = answer.header("x-amz-meta-signature").unwrap();
        let metadata = [("signature", signature), ("signature-algorithm", "SHA256withRSA")];
        server().put_with(&chain.bucket, &chain.digest_key(3), answer.body.clone(), &metadata);
        vec![invalid(&chain.digest_key(3))]
    }),
    ("ap-east-1", "a digest is that of another bucket", |chain| {
        let mut other = Chain::new("another-bucket", &chain.region);
        let (key, text, signature) = other.digest(3, &[], &json!({}));
        chain.put_digest(&key, &text, &signature);
        vec![invalid(&key)]
    }),
    ("ap-northeast-1", "a digest is no digest", |chain| {
        let key = chain.digest_key(3);
        chain.put_digest(&key, b"{\"logFiles\": []}", "ab");
        vec![invalid(&key)]
    }),
    ("ap-northeast-2", "a digest inflates without end", |chain| {
        let key = chain.digest_key(3);
        chain.put_digest(&key, &vec![b' '; 40 << 20], "ab");
        vec![invalid(&key)]
    }),
    ("ap-northeast-3", "a digest is no gzip data and too large", |chain| {
        let key = chain.digest_key(3);
        server().put_with(&chain.bucket, &key, vec![b' '; 5 << 20], &[("signature", "ab")]);
        vec![invalid(&key)]
    }),
    ("ap-southeast-1", "digests of the future are made up", |chain| {
        let keys: Vec<String> = [20, 21].map(|hour| chain.digest_key(hour)).into();
        keys.iter().for_each(|key| chain.put_digest(key, b"{}", "ab"));
        chain.hour(HOURS, &json!({}));
        keys.iter().map(|key| invalid(key)).collect()
    }),
    ("ap-southeast-2", "a digest has another hash than the next one says", |chain| {
        let logs = chain.put_logs(HOURS, 1);
        let changes = json!({"previousDigestHashValue": hash(b"what was there before")});
        let (key, text, signature) = chain.digest(HOURS + 1, &logs, &changes);
        chain.put_digest(&key, &text, &signature);
        vec![invalid(&chain.digest_key(HOURS))]
    }),
    ("ap-southeast-3", "a digest has another signature than the next one says", |chain| {
        let (key, text, signature) = chain.digest(HOURS + 1, &[], &json!({"previousDigestSignature": "abcd"}));
        chain.put_digest(&key, &text, &signature);
        vec![invalid(&chain.digest_key(HOURS))]
    }),
];

#[test]
fn each_way_to_tamper_is_told_and_nothing_else() {
    let bucket = server().bucket("tampered");
    let mut cases = Vec::new();
    for (region, what, tamper) in TAMPERINGS {
        let mut chain = Chain::new(&bucket, region).hours();
        cases.push((*region, *what, tamper(&mut chain)));
    }
    let (lines, logs) = source(&bucket).read_with_logs();
    let told = told(&lines);
    for (region, what, mut expected) in cases {
        expected.sort();
        let told: Vec<&String> = told.iter().filter(|line| line.contains(&format!("/{region}/"))).collect();
        assert_eq!(told, expected.iter().collect::<Vec<_>>(), "{what} in {region}");
    }
    let names = ["DigestInvalid: s3://", "LogFileMissing: s3://", "LogFileValidationFailed: s3://"];
    let faults = logs.iter().filter(|line| names.iter().any(|name| line.contains(name)));
    // The others of the minute are summed up; which ones come first is chance.
    assert!(faults.count() >= 10, "{logs:#?}");
}

#[test]
fn a_clean_chain_is_verified_without_reading_a_log_twice() {
    let bucket = server().bucket("clean");
    let mut chain = Chain::new(&bucket, "eu-west-1");
    let logs = chain.put_logs(0, 40);
    let (key, text, signature) = chain.digest(1, &logs, &json!({}));
    chain.put_digest(&key, &text, &signature);
    let (key, text, signature) = chain.digest(2, &[], &json!({}));
    chain.put_digest(&key, &text, &signature);
    for prefix in
        ["", "AWSLogs/", "AWSLogs/111122223333/CloudTrail/", "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/"]
    {
        let proxy = Proxy::start(|_| Fault::None);
        let source = source(&format!("{bucket}/{prefix}")).through(&proxy);
        let lines = source.read();
        assert_eq!((lines.len(), told(&lines)), (80, vec![]), "{prefix}");
        assert_eq!(proxy.count("GetObject"), 40 + 2, "{prefix}");
    }
    let proxy = Proxy::start(|_| Fault::None);
    assert_eq!(source(&bucket).with("verifyDigests", false).through(&proxy).read().len(), 80);
    assert_eq!(proxy.count("GetObject"), 40, "what is off costs nothing");
}

#[test]
fn a_restart_goes_on_with_the_chain_and_tells_nothing_twice() {
    let bucket = server().bucket("chain");
    let mut chain = Chain::new(&bucket, "eu-west-1").hours();
    server().delete(&bucket, &chain.logs[2].key);
    let proxy = Proxy::start(|_| Fault::None);
    let follow = source(&bucket).through(&proxy).with("s3Follow", true).with("s3FollowInterval", "1s");
    let expected = 2 * 2 * HOURS as usize - 2 + 1;
    let mut consumer = follow.start();
    let last = chain.digest_key(HOURS);
    consumer.read(expected).read_until("the last digest is verified", || is_kept(&follow, &last));
    assert_eq!(told(&consumer.stop().0), [missing(&chain.logs[2])]);

    // The last digest that was verified is gone, and the next one names another.
    chain.hour(HOURS, &json!({}));
    let (key, text, signature) = chain.digest(HOURS + 2, &[], &json!({}));
    server().delete(&bucket, &key_of_last_log(&chain));
    chain.put_digest(&key, &text, &signature);
    server().delete(&bucket, &chain.digest_key(HOURS + 1));
    let before = proxy.seen().len();
    let mut consumer = follow.start();
    consumer.read(2 + 1);
    let (lines, _) = consumer.stop();
    assert_eq!(told(&lines), [invalid(&chain.digest_key(HOURS + 1))]);
    let read = proxy.seen().split_off(before).into_iter().filter(|seen| seen.request.action == "GetObject");
    let digests: Vec<String> = read.map(|seen| seen.request.path).filter(|path| path.contains("Digest")).collect();
    let expected = [HOURS + 2, HOURS + 1].map(|hour| format!("/{bucket}/{}", chain.digest_key(hour)));
    assert_eq!(digests, expected, "what was verified is not read again");
}

fn key_of_last_log(chain: &Chain) -> String {
    chain.logs[chain.logs.len() - 1].key.clone()
}

#[test]
fn a_log_that_is_deleted_after_it_was_read_is_told() {
    let bucket = server().bucket("after");
    let mut chain = Chain::new(&bucket, "eu-west-1");
    let logs = chain.put_logs(0, 3);
    let mut consumer = source(&bucket).with("s3Follow", true).with("s3FollowInterval", "1s").start();
    consumer.read(6);
    server().delete(&bucket, &logs[1].key);
    server().put(&bucket, [(logs[2].key.clone(), logs[1].object().1)]);
    let (key, text, signature) = chain.digest(1, &logs, &json!({}));
    chain.put_digest(&key, &text, &signature);
    consumer.read(6 + 2);
    assert_eq!(told(&consumer.stop().0), [missing(&logs[1]), changed(&logs[2])]);
}

#[test]
fn what_may_not_be_read_is_no_tampering_and_is_verified_when_it_may() {
    let bucket = server().bucket("denied-digest");
    let chain = Chain::new(&bucket, "eu-west-1").hours();
    server().delete(&bucket, &chain.logs[0].key);
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let proxy = Proxy::start(move |request| {
        let is_digest = request.action == "GetObject" && request.path.contains("CloudTrail-Digest");
        if is_digest && !is_open.load(Ordering::Relaxed) { Fault::Denied } else { Fault::None }
    });
    let follow = source(&bucket).through(&proxy).with("s3Follow", true).with("s3FollowInterval", "1s");
    let mut consumer = follow.start();
    let count = 2 * (2 * HOURS as usize - 1);
    consumer.read(count).read_until("all digests were denied", || {
        proxy.seen().iter().filter(|seen| seen.fault == Fault::Denied).count() >= HOURS as usize
    });
    assert_eq!(told(&consumer.ids), [""; 0]);
    open.store(true, Ordering::Relaxed);
    consumer.read(count + 1);
    let (lines, logs) = consumer.stop();
    assert_eq!(told(&lines), [missing(&chain.logs[0])]);
    assert!(logs.iter().any(|line| line.contains("its integrity is not known")), "{logs:#?}");
}

#[test]
fn trouble_of_the_network_is_no_tampering() {
    let bucket = server().bucket("shaky");
    let _chain = Chain::new(&bucket, "eu-west-1").hours();
    let proxy = Proxy::start(faults::mixed(30, 7));
    let lines = source(&bucket).through(&proxy).with("s3DownloadConcurrency", 2).read();
    assert_eq!((lines.len(), told(&lines)), (4 * HOURS as usize, vec![]));
}

#[test]
fn public_keys_come_from_cloudtrail_in_the_region_of_the_digest() {
    let bucket = server().bucket("keys");
    let _home = Chain::new(&bucket, "eu-west-1").hours();
    let strange = Chain::new(&bucket, "eu-west-2").hours();
    let trail = Trail::start();
    let key = public(&pair("trail"));
    trail.set_public_keys("eu-west-1", &[("beef", "AQID"), ("f00d", &key)]);
    trail.set_public_keys("eu-west-2", &[("beef", &key)]);
    let source = Source::s3(&bucket).with("verifyDigests", true).printing(FORMAT);
    let source = source.with_aws("endpointUrl", "").env("AWS_ENDPOINT_URL_S3", &server().url());
    let (lines, logs) = source.env("AWS_ENDPOINT_URL_CLOUDTRAIL", &trail.url()).read_with_logs();
    let expected: Vec<String> = (1..=HOURS).map(|hour| invalid(&strange.digest_key(hour))).collect();
    assert_eq!(told(&lines), expected, "{logs:#?}");
    assert_eq!(trail.calls().iter().filter(|call| call.region == "eu-west-1").count(), 1, "keys are remembered");
}

#[test]
fn what_cannot_be_read_where_others_can_is_told() {
    let bucket = server().bucket("unreadable");
    let chain = Chain::new(&bucket, "eu-west-1").hours();
    let (digest, log) = (format!("/{bucket}/{}", chain.digest_key(2)), format!("/{bucket}/{}", chain.logs[6].key));
    let proxy = Proxy::start(move |request| {
        let is_unreadable = request.action == "GetObject" && [&digest, &log].contains(&&request.path);
        if is_unreadable { Fault::Denied } else { Fault::None }
    });
    let told = told(&source(&bucket).through(&proxy).read());
    assert_eq!(told, [invalid(&chain.digest_key(2)), changed(&chain.logs[6])]);
}

#[test]
fn other_sources_have_nothing_to_verify_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, log) = Log::new("", 0, 1).object();
    fs::write(folder.path().join("log.json.gz"), log).unwrap();
    let source = Source::new(folder.path().to_str().unwrap()).with("verifyDigests", true);
    let (read, logs) = source.read_with_logs();
    assert_eq!(read.len(), 1);
    assert!(logs.iter().any(|line| line.contains("verifyDigests has no effect here")), "{logs:#?}");
}

/// The last digest is as old as one may be that others are to follow, and then some.
#[test]
fn a_chain_that_ends_is_told() {
    let bucket = server().bucket("ended");
    let mut chain = Chain::new(&bucket, "eu-west-1");
    let end = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(6 * 60 * 60 - 15);
    let day = end.strftime("%Y/%m/%d").to_string();
    let key = chain.digest_key(0).replace("2026/03/01", &day);
    let key = key.replace("20260301T000000Z", &end.strftime("%Y%m%dT%H%M%SZ").to_string());
    let (_, text, signature) = chain.digest(0, &[], &json!({"digestS3Object": key}));
    chain.put_logs(0, 1);
    chain.put_digest(&key, &text, &signature);
    let mut consumer = source(&bucket).with("s3Follow", true).with("s3FollowInterval", "1s").start();
    consumer.read(2 + 1);
    assert_eq!(told(&consumer.stop().0), [invalid(&key)]);
}

#[test]
fn a_bucket_without_digests_is_told_once() {
    let bucket = server().bucket("none");
    let mut chain = Chain::new(&bucket, "eu-west-1");
    chain.put_logs(0, 2);
    let (lines, logs) = source(&bucket).read_with_logs();
    assert_eq!(told(&lines), [""; 0]);
    assert_eq!(logs.iter().filter(|line| line.contains("no digest files are here")).count(), 1, "{logs:#?}");
}

#[test]
fn a_window_verifies_the_digests_of_its_hours() {
    let bucket = server().bucket("window");
    let chain = Chain::new(&bucket, "eu-west-1").hours();
    [0_usize, 9].iter().for_each(|log| server().delete(&bucket, &chain.logs[*log].key));
    let source = source(&bucket).with("s3Interval", "2026-03-01T01:30:00Z-2026-03-01T02:30:00Z");
    assert_eq!(told(&source.read()), [""; 0]);
    let chain_start = source.with("s3Interval", "2026-03-01T03:30:00Z-2026-03-01T06:00:00Z");
    assert_eq!(told(&chain_start.read()), [missing(&chain.logs[9])]);
}
