//! To whom the plugin talks: to servers that can prove who they are, to nobody that a server names, and to the instance
//! that it runs on only for what it finds nowhere else.

use super::connects::Connects;
use super::parrot::Parrot;
use crate::aws::consumer::{PATIENCE, Source};
use crate::aws::http::Message;
use crate::aws::logs::{Log, bucket};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// A server with a certificate that no authority has signed. Returns its URL and the requests that it could read.
fn https_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let certificate = CertificateDer::from_pem_file(pem("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(pem("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let to_fill = Arc::clone(&seen);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut reader = BufReader::new(StreamOwned::new(tls, client));
            // A client that does not trust it says no more.
            if let Ok(Some(request)) = Message::read_request(&mut reader) {
                to_fill.lock().unwrap().push(request.start);
                let _ = reader.get_mut().write_all(b"HTTP/1.1 404 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    (url, seen)
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_told_nothing() {
    let (url, seen) = https_server();
    let source = Source::at(&url, "s3://bucket").env("SSL_CERT_FILE", pem("other.pem").to_str().unwrap());
    let consumer = source.start();
    let deadline = Instant::now() + PATIENCE;
    while !consumer.host.stderr().contains("do not know the server") {
        assert!(Instant::now() < deadline, "{}", consumer.host.stderr());
        let _ = consumer.host.line(Instant::now() + Duration::from_millis(50));
    }
    consumer.host.interrupt().unwrap();
    let report = consumer.host.wait(deadline).unwrap();
    assert_eq!(*seen.lock().unwrap(), [""; 0], "{:#?}", report.logs);

    // The same certificate, in the file of those to be trusted.
    let source = Source::at(&url, "s3://bucket").env("SSL_CERT_FILE", pem("certificate.pem").to_str().unwrap());
    let refusal = source.refusal();
    assert!(refusal.contains("not found"), "{refusal}");
    assert!(seen.lock().unwrap().iter().any(|request| request.contains("bucket")));
}

#[test]
fn plain_http_is_said() {
    let name = bucket("plain", &[Log::new("a.json", 0, 1)]);
    let (_, log) = Source::s3(&name).read_with_logs();
    let lines: Vec<_> = log.iter().filter(|line| line.contains("not encrypted")).collect();
    assert_eq!(lines.len(), 1, "{log:#?}");
    assert!(lines[0].contains("[WARN] S3 is at http://127.0.0.1:"), "{}", lines[0]);
}

#[test]
fn redirects_are_not_followed() {
    thread::scope(|scope| {
        for (status, params) in [
            (301, "s3://bucket"),
            (302, "sqs://queue"),
            (303, "lookup://us-east-1"),
            (307, "s3://bucket"),
            (308, "s3://bucket"),
            (307, "sqs://queue"),
        ] {
            scope.spawn(move || {
                let elsewhere = Connects::start();
                let location = format!("{}/elsewhere", elsewhere.url());
                let server = Parrot::answering(move |_| {
                    Message::new(format!("HTTP/1.1 {status} x")).with("Location", &location)
                });
                let consumer = Source::at(&server.url(), params).start();
                let _ = consumer.host.line(Instant::now() + Duration::from_secs(3));
                let _ = consumer.host.interrupt();
                consumer.host.wait(Instant::now() + PATIENCE).unwrap();
                assert!(server.count() > 0, "{status} {params}");
                assert_eq!(elsewhere.seen(), [""; 0], "{status} {params}");
            });
        }
    });
}

#[test]
fn the_url_of_a_queue_leads_nowhere_else() {
    let elsewhere = Connects::start();
    let url = format!("{}/111122223333/q", elsewhere.url());
    let server = Parrot::answering(move |request| {
        let is_url = request.header("x-amz-target").is_some_and(|action| action.ends_with("GetQueueUrl"));
        let body = if is_url { json!({ "QueueUrl": url }) } else { json!({}) };
        Message::new("HTTP/1.1 200 OK").with("Content-Type", "application/x-amz-json-1.0").body(body.to_string())
    });
    let consumer = Source::at(&server.url(), "sqs://q").start();
    let deadline = Instant::now() + PATIENCE;
    while server.count() < 5 {
        assert!(Instant::now() < deadline, "{}", consumer.host.stderr());
        let _ = consumer.host.line(Instant::now() + Duration::from_millis(50));
    }
    consumer.stop();
    assert!(server.seen.lock().unwrap().iter().any(|request| request.contains("ReceiveMessage")));
    assert_eq!(elsewhere.seen(), [""; 0]);
}

#[test]
fn the_instance_is_asked_for_what_is_found_nowhere_else() {
    let name = bucket("imds", &[Log::new("a.json", 0, 1)]);
    let at = |source: Source, instance: &Connects| {
        source.env("AWS_EC2_METADATA_DISABLED", "false").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance.url())
    };
    let instance = Connects::start();
    assert_eq!(at(Source::s3(&name), &instance).read().len(), 1);
    assert_eq!(instance.seen(), [""; 0], "keys and region are in environment and settings");

    let instance = Connects::start();
    let refusal = at(Source::s3(&name).without_credentials(), &instance).refusal();
    assert!(refusal.contains("credentials") && instance.has("/latest/"), "{refusal} {:?}", instance.seen());

    let instance = Connects::start();
    let refusal = at(Source::s3(&name).without_region(), &instance).refusal();
    assert!(refusal.contains("no AWS region") && instance.has("/latest/"), "{refusal} {:?}", instance.seen());
}
