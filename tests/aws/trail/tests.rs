//! The server as a plain HTTP client sees it.

use super::*;
use serde_json::{Value, json};

const REGION: &str = "eu-west-1";
const OTHER: &str = "444455556666";

/// An HTTP client with credentials, static ones or those of a role.
struct Client {
    stream: TcpStream,
    region: &'static str,
    account: &'static str,
}

impl Client {
    fn new(trail: &Trail) -> Self {
        let url = trail.url();
        let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        Self { stream, region: REGION, account: ACCOUNT }
    }

    fn send(&self, service: &str, request: &Message) -> io::Result<Message> {
        let key = if self.account == ACCOUNT { "AKIAEXAMPLE".into() } else { services::access_key(self.account) };
        let scope = format!("{key}/20260302/{}/{service}/aws4_request", self.region);
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
        let mut request = request.clone().with("Host", "localhost").with("Authorization", authorization);
        if self.account != ACCOUNT {
            request = request.with("X-Amz-Security-Token", services::session_token(self.account));
        }
        request.write(&mut &self.stream)?;
        Message::read_answer(&mut BufReader::new(&self.stream), "POST")
    }

    fn try_lookup(&self, input: &Value) -> io::Result<Message> {
        let request = Message::new("POST / HTTP/1.1")
            .with("Content-Type", "application/x-amz-json-1.1")
            .with("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents");
        self.send("cloudtrail", &request.body(input.to_string()))
    }

    /// Returns status and body.
    fn ask(&self, input: &Value) -> (u16, Value) {
        let answer = self.try_lookup(input).unwrap();
        (answer.status(), serde_json::from_slice(&answer.body).unwrap())
    }

    fn lookup(&self, input: &Value) -> Value {
        let (status, body) = self.ask(input);
        assert_eq!(status, 200, "{input}: {body}");
        body
    }

    /// Returns the code with which a request is refused.
    fn code(&self, input: &Value) -> String {
        let (status, body) = self.ask(input);
        assert!(status >= 400, "{input}: {body}");
        body["__type"].as_str().unwrap().to_owned()
    }

    /// Returns the numbers of the events that a query finds, page by page.
    fn pages(&self, input: &Value) -> Vec<Vec<u64>> {
        let mut input = input.clone();
        let mut pages = Vec::new();
        loop {
            let answer = self.lookup(&input);
            pages.push(numbers(&answer));
            match answer.get("NextToken") {
                Some(token) => input["NextToken"] = token.clone(),
                None => return pages,
            }
        }
    }

    fn sts(&self, body: &str) -> Message {
        let request = Message::new("POST / HTTP/1.1").with("Content-Type", "application/x-www-form-urlencoded");
        self.send("sts", &request.body(body)).unwrap()
    }

    fn regions(&self, input: &Value) -> (u16, Value) {
        let request = Message::new("POST /listRegions HTTP/1.1").with("Content-Type", "application/json");
        let answer = self.send("account", &request.body(input.to_string())).unwrap();
        (answer.status(), serde_json::from_slice(&answer.body).unwrap())
    }
}

fn numbers(answer: &Value) -> Vec<u64> {
    let ids = answer["Events"].as_array().unwrap().iter().map(|event| event["EventId"].as_str().unwrap());
    ids.map(|id| u64::from_str_radix(id.rsplit('-').next().unwrap(), 16).unwrap()).collect()
}

/// A server without throttling that has events with these numbers and times.
fn with_events(events: &[(u64, i64)]) -> (Trail, Client) {
    let trail = Trail::start();
    trail.unthrottled();
    trail.add(ACCOUNT, REGION, events.iter().map(|&(number, time)| Event::new(number, time)));
    let client = Client::new(&trail);
    (trail, client)
}

#[test]
fn pages_come_newest_first_and_both_ends_count() {
    let (trail, client) = with_events(&[(1, 100), (5, 104), (2, 101), (3, 102), (4, 102), (6, 105)]);
    let range = |start: f64, end: f64| json!({"StartTime": start, "EndTime": end, "MaxResults": 2});
    assert_eq!(client.pages(&range(101.0, 104.0)), [vec![5, 4], vec![3, 2]]);
    assert_eq!(client.pages(&range(100.5, 104.5)), [vec![5, 4], vec![3, 2]]);
    assert_eq!(client.pages(&range(102.1, 103.9)).concat(), [0; 0]);
    assert_eq!(client.pages(&json!({})), [[6, 5, 4, 3, 2, 1]]);
    let lookups = trail.lookups();
    assert_eq!(lookups[3].start..=lookups[3].end, 101..=104);
    assert!(lookups.is_sorted_by_key(|lookup| (lookup.number, lookup.at)));
    assert_eq!((trail.requests(ACCOUNT, REGION), trail.queries(ACCOUNT, REGION, Category::Management)), (6, 4));
    assert_eq!((trail.requests(ACCOUNT, "us-east-1"), trail.requests(OTHER, REGION)), (0, 0));
}

#[test]
fn events_are_shown_as_the_service_shows_them() {
    let (trail, client) = with_events(&[(11, 100)]);
    let event = &client.lookup(&json!({}))["Events"][0];
    let text = generate::event_at(11, 100);
    let expected = json!({
        "EventId": generate::event_id(11), "EventName": "GetBucketAcl", "ReadOnly": "true", "Username": "carol",
        "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "EventTime": 100, "EventSource": "s3.amazonaws.com", "Resources": [],
        "CloudTrailEvent": text,
    });
    assert_eq!(*event, expected);
    let root = r#"{"eventName":"ä\"","userIdentity":{"type":"Root"}}"#;
    let texts = [Text::Given(root.to_owned()), Text::Given("no JSON".to_owned()), Text::Null, Text::Absent];
    trail.add(ACCOUNT, REGION, (200..).zip(texts).map(|(time, text)| Event::new(1, time).with_text(text)));
    let answer = client.lookup(&json!({"StartTime": 200}));
    let texts = answer["Events"].as_array().unwrap().iter().map(|event| event.get("CloudTrailEvent"));
    assert!(texts.eq([None, Some(&Value::Null), Some(&json!("no JSON")), Some(&json!(root))]), "{answer}");
    let names: Vec<&Value> = ["EventName", "Username"].map(|key| &answer["Events"][3][key]).into();
    assert_eq!(names, [&json!("ä\""), &Value::Null]);
}

#[test]
fn a_query_goes_on_where_it_was() {
    let (trail, client) = with_events(&[(1, 100), (2, 100), (3, 101), (4, 101)]);
    let mut input = json!({"MaxResults": 3});
    let answer = client.lookup(&input);
    assert_eq!(numbers(&answer), [4, 3, 2]);
    // Above, in the second of the position, and below it.
    trail.add(ACCOUNT, REGION, [Event::new(5, 102), Event::new(6, 100), Event::new(7, 99)]);
    input["NextToken"] = answer["NextToken"].clone();
    assert_eq!(numbers(&client.lookup(&input)), [1, 7]);
    // The answer may have been lost.
    assert_eq!(numbers(&client.lookup(&input)), [1, 7]);
    assert_eq!(client.pages(&json!({"MaxResults": 3})), [vec![5, 4, 3], vec![6, 2, 1], vec![7]]);
}

#[test]
fn late_events_appear_to_the_query_that_they_name() {
    let (trail, client) = with_events(&[(1, 100)]);
    trail.add(ACCOUNT, REGION, [Event::new(2, 100).appears(2), Event::new(3, 99).appears(1), Event::new(4, 98)]);
    let input = json!({"MaxResults": 1});
    let all = |pages: Vec<Vec<u64>>| pages.concat();
    assert_eq!(all(client.pages(&input)), [1, 4]);
    assert_eq!(all(client.pages(&input)), [1, 3, 4]);
    assert_eq!(all(client.pages(&input)), [2, 1, 3, 4]);
    // A query stays what it is while others begin.
    trail.add(ACCOUNT, REGION, [Event::new(5, 50).appears(4)]);
    let mut first = input.clone();
    first["NextToken"] = client.lookup(&input)["NextToken"].clone();
    assert_eq!(all(client.pages(&input)), [2, 1, 3, 4, 5]);
    assert_eq!(all(client.pages(&first)), [1, 3, 4]);
    let queries: Vec<(usize, bool)> = trail.lookups().iter().map(|lookup| (lookup.query, lookup.has_token)).collect();
    assert_eq!(queries[..5], [(0, false), (0, true), (1, false), (1, true), (1, true)]);
}

#[test]
fn tokens_are_for_the_same_request_only_and_expire() {
    const INVALID: &str = "InvalidNextTokenException";
    let (trail, mut client) = with_events(&[(1, 100), (2, 101), (3, 102), (4, 103)]);
    let first = json!({"MaxResults": 1, "EndTime": 200});
    let mut next = first.clone();
    next["NextToken"] = client.lookup(&first)["NextToken"].clone();
    for (name, value) in [("EndTime", json!(201)), ("MaxResults", json!(2)), ("EventCategory", json!("insight"))] {
        let mut other = next.clone();
        other[name] = value;
        assert_eq!(client.code(&other), INVALID, "{other}");
    }
    assert_eq!(client.code(&json!({"MaxResults": 1, "EndTime": 200, "NextToken": "made up"})), INVALID);
    client.region = "us-east-1";
    assert_eq!(client.code(&next), INVALID);
    client.region = REGION;
    assert_eq!(numbers(&client.lookup(&next)), [3]);
    // One token was given to each of the two requests that had an answer.
    trail.refuse_tokens(3);
    next["NextToken"] = client.lookup(&first)["NextToken"].clone();
    assert_eq!(client.code(&next), INVALID);
    assert_eq!(numbers(&client.lookup(&next)), [3]);
    trail.expire_tokens(Duration::ZERO);
    assert_eq!(client.code(&next), INVALID);
}

#[test]
fn more_than_two_requests_in_a_second_are_throttled() {
    let trail = Trail::start();
    let mut client = Client::new(&trail);
    let statuses: Vec<u16> = (0..4).map(|_| client.ask(&json!({})).0).collect();
    assert_eq!(statuses, [200, 200, 400, 400]);
    let (_, body) = client.ask(&json!({}));
    assert_eq!(body, json!({"__type": "ThrottlingException", "message": "Rate exceeded"}));
    assert_eq!((trail.throttled(), trail.most_in_a_second(ACCOUNT, REGION)), (3, 5));
    // Regions and accounts stand for themselves.
    client.region = "us-east-1";
    client.lookup(&json!({}));
    client.account = OTHER;
    client.lookup(&json!({}));
    client.region = REGION;
    client.lookup(&json!({}));
    assert_eq!(trail.most_in_a_second(OTHER, REGION), 1);
    trail.unthrottled();
    (client.account, client.region) = (ACCOUNT, REGION);
    client.lookup(&json!({}));
    assert_eq!(trail.throttled(), 3);
}

#[test]
fn insights_are_a_category_of_their_own() {
    let (trail, client) = with_events(&[(1, 100)]);
    trail.add(ACCOUNT, REGION, [Event::insight(2, 100), Event::insight(3, 100).appears(1)]);
    let insights = json!({"EventCategory": "insight"});
    assert_eq!(client.pages(&json!({})), [[1]]);
    let answer = client.lookup(&insights);
    assert_eq!(numbers(&answer), [2]);
    let text: Value = serde_json::from_str(answer["Events"][0]["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!((&text["eventCategory"], &text["eventTime"]), (&json!("Insight"), &json!("1970-01-01T00:01:40Z")));
    assert_eq!(answer["Events"][0]["EventName"], "UpdateInstanceInformation");
    assert_eq!(client.pages(&insights), [[3, 2]]);
    let queries = [Category::Management, Category::Insight].map(|category| trail.queries(ACCOUNT, REGION, category));
    assert_eq!(queries, [1, 2]);
}

#[test]
fn attributes_choose_events() {
    let (trail, client) = with_events(&[(0, 100), (1, 101), (2, 102), (3, 103), (4, 104), (5, 105)]);
    let given = r#"{"eventName":"Given","userIdentity":{"userName":"mallory","accessKeyId":"AKIA1"}}"#;
    trail.add(ACCOUNT, REGION, [Event::new(6, 106).with_text(Text::Given(given.to_owned()))]);
    trail.add(ACCOUNT, REGION, [Event::insight(7, 107)]);
    let by = |key: &str, value: &str| json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]});
    for (key, value, found) in [
        ("EventId", generate::event_id(3).as_str(), &[3][..]),
        ("EventName", "DescribeInstances", &[5, 0]),
        ("EventName", "Given", &[6]),
        ("EventName", "describeinstances", &[]),
        ("ReadOnly", "false", &[2]),
        ("Username", "alice", &[3, 0]),
        ("Username", "mallory", &[6]),
        ("EventSource", "kms.amazonaws.com", &[4]),
        ("AccessKeyId", "AKIA1", &[6]),
        ("ResourceName", "resource-1", &[]),
    ] {
        assert_eq!(client.pages(&by(key, value)), [found], "{key} {value}");
        let mut one_by_one = by(key, value);
        one_by_one["MaxResults"] = json!(1);
        assert_eq!(client.pages(&one_by_one).concat(), found, "{key} {value}");
    }
    let mut insights = by("EventSource", "ssm.amazonaws.com");
    insights["EventCategory"] = json!("insight");
    assert_eq!(client.pages(&insights), [[7]]);
}

#[test]
fn what_the_service_cannot_do_is_refused_by_its_name() {
    let (_trail, client) = with_events(&[(1, 100)]);
    let attribute = json!({"AttributeKey": "Username", "AttributeValue": "x"});
    let wrong = json!({"AttributeKey": "username", "AttributeValue": "x"});
    for (input, code) in [
        (json!({"MaxResults": 0}), "InvalidMaxResultsException"),
        (json!({"MaxResults": 51}), "InvalidMaxResultsException"),
        (json!({"StartTime": 2, "EndTime": 1.5}), "InvalidTimeRangeException"),
        (json!({"EventCategory": "Insight"}), "InvalidEventCategoryException"),
        (json!({"LookupAttributes": [attribute, attribute]}), "InvalidLookupAttributesException"),
        (json!({"LookupAttributes": [attribute], "EventCategory": "insight"}), "InvalidLookupAttributesException"),
        (json!({"LookupAttributes": [wrong]}), "InvalidLookupAttributesException"),
        (json!({"StartTime": "100"}), "SerializationException"),
        (json!({"LookupAttributes": {}}), "SerializationException"),
        (json!([]), "SerializationException"),
    ] {
        assert_eq!(client.code(&input), code, "{input}");
    }
    client.lookup(&json!({"StartTime": 1, "EndTime": 1, "LookupAttributes": [], "NextToken": null}));
    let request = |target: &str, kind: &str| {
        let request = Message::new("POST / HTTP/1.1").with("X-Amz-Target", target).with("Content-Type", kind);
        client.send("cloudtrail", &request.body("{}")).unwrap().text()
    };
    const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    assert!(request(TARGET, "application/x-amz-json-1.1").contains("Events"));
    assert!(request("CloudTrail_20131101.LookupEvents", "application/x-amz-json-1.1").contains("Events"));
    assert!(request(TARGET, "application/x-amz-json-1.0").contains("UnknownOperationException"));
    assert!(request("CloudTrail.LookupEvents", "application/x-amz-json-1.1").contains("UnknownOperationException"));
    let unsigned = Message::new("POST / HTTP/1.1").with("Content-Length", "0");
    unsigned.write(&mut &client.stream).unwrap();
    let answer = Message::read_answer(&mut BufReader::new(&client.stream), "POST").unwrap();
    assert!(answer.text().contains("UnrecognizedClientException"), "{answer:?}");
}

#[test]
fn a_role_is_of_its_account() {
    let (trail, mut client) = with_events(&[(1, 100)]);
    trail.add(OTHER, REGION, [Event::new(2, 100)]);
    assert!(client.sts("Action=GetCallerIdentity&Version=2011-06-15").text().contains("<Account>111122223333<"));
    let role = format!("arn:aws:iam::{OTHER}:role/path/reader");
    let escaped = percent_encoding::utf8_percent_encode(&role, percent_encoding::NON_ALPHANUMERIC);
    let answer = client.sts(&format!("Action=AssumeRole&RoleArn={escaped}&RoleSessionName=me&ExternalId=a+b%2B"));
    let text = answer.text();
    let inside = |name: &str| text.split(&format!("<{name}>")).nth(1).unwrap().split('<').next().unwrap();
    assert_eq!((answer.status(), inside("AccessKeyId")), (200, "ASIA444455556666ROLE"));
    assert_eq!(inside("SessionToken"), services::session_token(OTHER));
    assert_eq!(inside("Arn"), format!("arn:aws:sts::{OTHER}:assumed-role/reader/me"));
    let expiration: jiff::Timestamp = inside("Expiration").parse().unwrap();
    let hour = expiration.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3500..=3600).contains(&hour), "{expiration}");
    let calls = trail.calls();
    let last = calls.last().unwrap();
    let who = (last.action.as_str(), last.account.as_str(), last.region.as_str());
    assert_eq!((calls.len(), who), (2, ("AssumeRole", ACCOUNT, REGION)));
    let parameters = ["RoleArn", "ExternalId", "Policy"].map(|name| last.parameter(name));
    assert_eq!(parameters, [Some(role), Some("a b+".to_owned()), None]);

    assert_eq!(client.pages(&json!({})), [[1]]);
    client.account = OTHER;
    assert_eq!(client.pages(&json!({})), [[2]]);
    assert!(client.sts("Action=GetCallerIdentity").text().contains(&format!("<Account>{OTHER}<")));
    let wrong = client.sts("Action=AssumeRole&RoleArn=reader&RoleSessionName=me");
    assert_eq!((wrong.status(), wrong.text().contains("<Code>ValidationError<")), (400, true));
    trail.on_call(|call| (call.action == "AssumeRole").then_some(Fault::Denied));
    let denied = client.sts("Action=AssumeRole&RoleArn=reader&RoleSessionName=me");
    assert_eq!((denied.status(), denied.text().contains("<Code>AccessDenied<")), (403, true));
}

#[test]
fn temporary_keys_need_their_token() {
    let (_trail, client) = with_events(&[]);
    let scope = format!("Credential={}/20260302/{REGION}/sts/aws4_request, Signature=0", services::access_key(OTHER));
    let request = Message::new("POST / HTTP/1.1").with("Authorization", scope).body("Action=GetCallerIdentity");
    request.write(&mut &client.stream).unwrap();
    assert_eq!(Message::read_answer(&mut BufReader::new(&client.stream), "POST").unwrap().status(), 400);
}

#[test]
fn regions_are_listed_in_pages() {
    let (trail, mut client) = with_events(&[]);
    let (_, body) = client.regions(&json!({}));
    assert_eq!(body["Regions"][0], json!({"RegionName": "ap-east-1", "RegionOptStatus": "DISABLED"}));
    trail.set_regions(ACCOUNT, &[("a", "ENABLED"), ("b", "DISABLED"), ("c", "ENABLED_BY_DEFAULT"), ("d", "ENABLED")]);
    let mut input = json!({"MaxResults": 2, "RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]});
    let names = |body: &Value| -> Vec<String> {
        let regions = body["Regions"].as_array().unwrap().iter();
        regions.map(|region| region["RegionName"].as_str().unwrap().to_owned()).collect()
    };
    let (_, body) = client.regions(&input);
    assert_eq!(names(&body), ["a", "c"]);
    input["NextToken"] = body["NextToken"].clone();
    let (_, body) = client.regions(&input);
    assert_eq!((names(&body), body.get("NextToken")), (vec!["d".to_owned()], None));
    assert_eq!(client.regions(&json!({"MaxResults": 51})).0, 400);
    client.account = OTHER;
    assert_eq!(names(&client.regions(&json!({})).1).len(), REGIONS.len());
    trail.on_call(|_| Some(Fault::Denied));
    assert_eq!(client.regions(&json!({})).0, 403);
}

#[test]
fn faults_become_what_they_are_called() {
    for (fault, status, code) in [
        (Fault::Throttled, 400, "ThrottlingException"),
        (Fault::Internal, 500, "InternalFailure"),
        (Fault::Unavailable, 503, "ServiceUnavailable"),
        (Fault::Expired, 400, "ExpiredTokenException"),
        (Fault::Unrecognized, 400, "UnrecognizedClientException"),
        (Fault::Denied, 400, "AccessDeniedException"),
        (Fault::NotEnabled, 403, "OptInRequired"),
        (Fault::TokenExpired, 400, "InvalidNextTokenException"),
    ] {
        let (trail, client) = with_events(&[(1, 100)]);
        trail.on_lookup(move |lookup| (lookup.number == 0).then_some(fault));
        let (given, body) = client.ask(&json!({}));
        assert_eq!((given, &body["__type"]), (status, &json!(code)));
        // Not what the limit refused.
        assert_eq!(trail.throttled(), 0);
        // The query counts, and the next request has its answer.
        assert_eq!(client.pages(&json!({})), [[1]]);
        assert_eq!((trail.queries(ACCOUNT, REGION, Category::Management), trail.lookups()[1].query), (2, 1));
    }
}

#[test]
fn faults_of_the_connection_are_seen_there() {
    let (trail, client) = with_events(&[(1, 100)]);
    trail.on_lookup(|lookup| match lookup.number {
        0 => Some(Fault::Garbage),
        1 => Some(Fault::Slow(Duration::from_millis(30))),
        2 => Some(Fault::CutInside),
        3 => Some(Fault::Cut),
        _ => Some(Fault::Slow(Duration::from_secs(600))),
    });
    let garbage = client.try_lookup(&json!({})).unwrap();
    assert_eq!((garbage.status(), serde_json::from_slice::<Value>(&garbage.body).is_err()), (200, true));
    let start = Instant::now();
    assert_eq!(client.pages(&json!({})), [[1]]);
    assert!(start.elapsed() >= Duration::from_millis(30), "{:?}", start.elapsed());
    for _ in 2..4 {
        assert!(Client::new(&trail).try_lookup(&json!({})).is_err());
    }
    // An end of the server does not wait for a slow answer.
    let start = Instant::now();
    thread::scope(|scope| {
        let slow = scope.spawn(|| client.try_lookup(&json!({})));
        assert!(trail.wait(Duration::from_secs(10), |lookups| lookups.len() == 5));
        let address = trail.address;
        drop(trail);
        assert!(TcpStream::connect(address).is_err());
        assert!(slow.join().unwrap().is_err() || start.elapsed() < Duration::from_secs(60));
    });
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
#[should_panic(expected = "a plan or the server itself panicked")]
fn what_a_plan_asserts_is_not_lost() {
    let (trail, client) = with_events(&[]);
    trail.on_lookup(|_| panic!("made by the test"));
    assert!(client.try_lookup(&json!({})).is_err());
}

#[test]
fn a_million_events_page_quickly() {
    const MONTH: i64 = 30 * 86_400;
    let (trail, client) = with_events(&[]);
    let start = Instant::now();
    trail.fill(ACCOUNT, REGION, 1, 1_000_000, 0, MONTH);
    let mut input = json!({"EndTime": MONTH});
    let mut seen = Vec::new();
    for _ in 0..100 {
        let answer = client.lookup(&input);
        seen.extend(numbers(&answer));
        input["NextToken"] = answer["NextToken"].clone();
    }
    let time = start.elapsed();
    assert!(seen.into_iter().eq((995_001..=1_000_000).rev()));
    assert!(time < Duration::from_secs(10), "{time:?}");
    let times = |input: &Value| client.lookup(input)["Events"].as_array().map(|events| events[0]["EventTime"].clone());
    assert_eq!(times(&json!({})), Some(json!(MONTH)));
    assert_eq!(client.pages(&json!({"EndTime": 0})), [[1]]);
}
