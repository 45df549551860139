//! What can go wrong between a client and AWS: faults, and plans that choose them for requests. Carrying them out is
//! left to the proxy.

use super::http::Message;
use fastrand::Rng;
use std::sync::Mutex;
use std::time::Duration;

/// A request as plans and tests look at it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The action's name: `GetObject`, `ListObjectsV2`, `ReceiveMessage`; of others, method and path.
    pub action: String,
    /// The path, decoded: `/bucket/key` for S3.
    pub path: String,
    /// Names and values of the query, decoded, joined as in a URL.
    pub query: String,
    /// The region for which the request is signed, empty when it is not.
    pub region: String,
    /// The body of a request to SQS or STS, empty for S3.
    pub body: String,
    /// How many requests the proxy has had before.
    pub number: usize,
}

impl Request {
    pub fn new(message: &Message, number: usize) -> Self {
        let mut start = message.start.split(' ');
        let (method, target) = (start.next().unwrap_or_default(), start.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let body = message.text();
        let action = match message.header("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            None => match body.split_once("Action=") {
                Some((_, rest)) => rest.split('&').next().unwrap_or_default().to_owned(),
                None => s3_action(method, path, query),
            },
        };
        // Credential=ID/DATE/REGION/SERVICE/aws4_request
        let scope = message.header("authorization").unwrap_or_default().split("Credential=").nth(1).unwrap_or_default();
        let region = scope.split('/').nth(2).unwrap_or_default().to_owned();
        Self { action, path: decode(path), query: decode(query), region, body, number }
    }

    /// Tells whether it goes to SQS; what does not goes to S3 or STS.
    pub fn is_sqs(&self) -> bool {
        self.action.contains("Message") || self.action.contains("Queue")
    }
}

fn s3_action(method: &str, path: &str, query: &str) -> String {
    let has_key = path.trim_start_matches('/').split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let name = match (method, has_key) {
        ("GET", true) => "GetObject",
        ("HEAD", true) => "HeadObject",
        ("HEAD", false) => "HeadBucket",
        ("GET", false) if query.contains("list-type=2") => "ListObjectsV2",
        ("GET", false) if query.contains("location") => "GetBucketLocation",
        _ => return format!("{method} {path}"),
    };
    name.to_owned()
}

/// What the proxy does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Passes it on.
    None,
    /// Answers that there are too many requests: 503 `SlowDown`, or SQS's `RequestThrottled`.
    Throttled,
    /// Answers 500 `InternalError`.
    Internal,
    /// Answers that the credentials have expired.
    Expired,
    /// Answers 403 `AccessDenied`.
    Denied,
    /// Answers, as S3 does for a bucket in another region than the client's, that the bucket is in this one.
    Redirected(&'static str),
    /// Passes the request on, and the answer only after this time.
    Delayed(Duration),
    /// Passes the request on, and the answer in 16 pieces, each after this time.
    Slow(Duration),
    /// Closes the connection; the request reaches nobody.
    CutRequest,
    /// Passes the request on and closes the connection instead of answering.
    CutAnswer,
    /// Passes the request on and closes the connection in the middle of the answer's body.
    CutBody,
}

/// A plan under which a share of all requests (in percent) fails, in mixed ways. The same seed gives the same faults to
/// the same sequence of requests.
pub fn mixed(percent: u8, seed: u64) -> impl Fn(&Request) -> Fault + Send + Sync {
    const FAULTS: [Fault; 7] = [
        Fault::Throttled,
        Fault::Internal,
        Fault::Expired,
        Fault::CutRequest,
        Fault::CutAnswer,
        Fault::CutBody,
        Fault::Slow(Duration::from_millis(5)),
    ];
    let random = Mutex::new(Rng::with_seed(seed));
    move |_| {
        let mut random = random.lock().unwrap();
        if random.u8(..100) < percent { FAULTS[random.usize(..FAULTS.len())] } else { Fault::None }
    }
}

/// Returns the answer with which a fault refuses a request; none of those that are about the connection.
pub fn refusal(fault: Fault, request: &Request) -> Option<Message> {
    // A client that asks too much of SQS is told so by the one name or the other.
    let throttled = if request.number.is_multiple_of(2) { "RequestThrottled" } else { "ThrottlingException" };
    let (status, code, sqs_code) = match fault {
        Fault::Throttled if request.is_sqs() => ("400 Bad Request", "", throttled),
        Fault::Throttled => ("503 Service Unavailable", "SlowDown", ""),
        Fault::Internal => ("500 Internal Server Error", "InternalError", "InternalFailure"),
        Fault::Expired => ("400 Bad Request", "ExpiredToken", "ExpiredTokenException"),
        Fault::Denied => ("403 Forbidden", "AccessDenied", "AccessDeniedException"),
        Fault::Redirected(_) => ("301 Moved Permanently", "PermanentRedirect", ""),
        _ => return None,
    };
    let answer = Message::new(format!("HTTP/1.1 {status}")).with("x-amz-request-id", "TEST");
    if request.is_sqs() {
        let body = format!(r#"{{"__type":"com.amazonaws.sqs#{sqs_code}","message":"made by the test"}}"#);
        let answer = answer.with("Content-Type", "application/x-amz-json-1.0").with("x-amzn-errortype", sqs_code);
        return Some(answer.body(body));
    }
    let answer = answer.with("Content-Type", "application/xml");
    let answer =
        if let Fault::Redirected(region) = fault { answer.with("x-amz-bucket-region", region) } else { answer };
    if request.action.starts_with("Head") {
        return Some(answer);
    }
    let body =
        format!("<Error><Code>{code}</Code><Message>made by the test</Message><RequestId>TEST</RequestId></Error>");
    let is_sts = request.action.starts_with("Assume");
    Some(answer.body(if is_sts { format!("<ErrorResponse>{body}</ErrorResponse>") } else { body }))
}

#[test]
fn requests_are_told_apart() {
    let request = |start: &str| Request::new(&Message::new(format!("{start} HTTP/1.1")), 0);
    for (start, action) in [
        ("GET /b/k%20%2B?x-id=GetObject", "GetObject"),
        ("GET /b/?list-type=2&prefix=a", "ListObjectsV2"),
        ("GET /b?location", "GetBucketLocation"),
        ("HEAD /b", "HeadBucket"),
        ("HEAD /b/k", "HeadObject"),
        ("PUT /b", "PUT /b"),
    ] {
        assert_eq!(request(start).action, action, "{start}");
    }
    assert_eq!(request("GET /b/k%20%2B").path, "/b/k +");
    let signed = Message::new("POST / HTTP/1.1")
        .with("X-Amz-Target", "AmazonSQS.ReceiveMessage")
        .with("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260302/eu-west-1/sqs/aws4_request, Signature=0");
    let signed = Request::new(&signed, 0);
    assert_eq!(
        (signed.action.as_str(), signed.region.as_str(), signed.is_sqs()),
        ("ReceiveMessage", "eu-west-1", true)
    );
    let role = Request::new(&Message::new("POST / HTTP/1.1").body("Action=AssumeRole&RoleArn=x"), 0);
    assert_eq!((role.action.as_str(), role.is_sqs()), ("AssumeRole", false));
}

#[test]
fn a_mixed_plan_fails_its_share_and_the_same_way_again() {
    let request = Request::new(&Message::new("GET /b/k HTTP/1.1"), 0);
    let faults = |seed| {
        let plan = mixed(20, seed);
        (0..1000).map(|_| plan(&request)).collect::<Vec<_>>()
    };
    let failed = faults(1).iter().filter(|&&fault| fault != Fault::None).count();
    assert!((150..250).contains(&failed), "{failed}");
    assert_eq!(faults(1), faults(1));
    assert_ne!(faults(1), faults(2));
}
