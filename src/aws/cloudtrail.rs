//! `History`: looks events up in the event history of one account in one region, page by page.
//!
//! How often to ask, and which events were seen before, is left to the callers.

use std::fmt;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::config::http::HttpResponse;
use aws_sdk_cloudtrail::config::retry::RetryConfig;
use aws_sdk_cloudtrail::config::{Builder, Region};
use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{EventCategory, LookupAttribute, LookupAttributeKey};
use serde_json::Value;

use super::mend::mend;
use super::region::is_region;
use super::{AwsError, Connection, Kind, Service};

const LOOKUP: &str = "cloudtrail:LookupEvents";
/// Events of a page, the most there can be.
const PAGE: i32 = 50;

/// Which events to look up. Every page of an answer is asked for with the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The first second whose events are wanted, since 1970.
    pub start: i64,
    /// The last second whose events are wanted.
    pub end: i64,
    /// The kind of events.
    pub category: Category,
    /// Only events with this value of an attribute, a key such as `EventName` and the value.
    pub attribute: Option<(String, String)>,
}

/// The kinds of events that there is a history of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Calls that manage the account and what is in it.
    Management,
    /// Unusual numbers of such calls or of their errors, as CloudTrail Insights finds them.
    Insight,
}

/// One page of an answer, newest first, up to 50 events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The events.
    pub events: Vec<Event>,
    /// What [`History::lookup`] takes for the next page, `None` on the last one. It expires.
    pub next: Option<String>,
}

/// An event, with what the service says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Tells it from every other event.
    pub id: Option<String>,
    /// When it happened, in whole seconds since 1970.
    pub time: Option<i64>,
    /// The event itself, a JSON object, as CloudTrail wrote it. U+FFFD stands for what is no Unicode in the answer.
    pub text: Option<String>,
}

/// The event history of one account in one region. A clone is cheap.
#[derive(Clone)]
pub struct History {
    client: Client,
    /// What errors call it.
    name: String,
}

impl fmt::Debug for History {
    /// Shows the name alone: the settings of the client hold the external id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("name", &self.name).finish_non_exhaustive()
    }
}

impl History {
    /// Makes the handle for a region of the account whose credentials `connection` has. No request is made. Errors call
    /// it `name`, such as `eu-west-1 of account 111122223333`.
    ///
    /// # Errors
    ///
    /// When `region` cannot be one, and when the endpoint URL cannot be used or is https on a machine without
    /// certificate authorities.
    pub fn new(connection: &Connection, region: &str, name: &str) -> Result<Self, AwsError> {
        if !is_region(region) {
            return Err(AwsError::setup(&format!("{region} is no AWS region")));
        }
        let mut config = Builder::from(connection.sdk())
            .interceptor(connection.meter(Service::CloudTrail))
            .region(Region::new(region.to_owned()))
            // The service counts requests, refused ones too, and so must the caller.
            .retry_config(RetryConfig::disabled());
        config.set_endpoint_url(connection.checked_endpoint("CloudTrail")?);
        Ok(Self { client: Client::from_conf(config.build()), name: name.to_owned() })
    }

    /// Looks up one page of events, the first or the one that `token` is for. It takes one request, which is not
    /// repeated.
    ///
    /// # Errors
    ///
    /// `Throttled` above two requests a second, `Changed` when `token` has expired, `Denied` without
    /// `cloudtrail:LookupEvents`, `NotEnabled` or `Unrecognized` when the account does not have the region, and whatever
    /// else ends a request.
    pub async fn lookup(&self, query: &Query, token: Option<&str>) -> Result<Page, AwsError> {
        let mut request = self
            .client
            .lookup_events()
            .start_time(DateTime::from_secs(query.start))
            .end_time(DateTime::from_secs(query.end))
            .max_results(PAGE)
            .set_next_token(token.map(str::to_owned));
        if query.category == Category::Insight {
            request = request.event_category(EventCategory::Insight);
        }
        if let Some((key, value)) = &query.attribute {
            let key = LookupAttributeKey::from(key.as_str());
            let attribute = LookupAttribute::builder().attribute_key(key).attribute_value(value).build();
            request =
                request.lookup_attributes(attribute.map_err(|error| AwsError::unanswered(LOOKUP, &self.name, &error))?);
        }
        let page = match request.send().await {
            // The SDK takes an empty body for an answer, which must not pass for one that there are no events.
            Ok(output) => page(output).ok_or_else(|| {
                AwsError::new(Kind::Transient, LOOKUP, &self.name, "the answer has no list of events")
            })?,
            Err(error) => {
                let page = error.raw_response().and_then(refused_page);
                page.ok_or_else(|| AwsError::from_sdk(LOOKUP, &self.name, &error))?
            }
        };
        // Else the same page would be asked for without an end.
        if token.is_some() && page.next.as_deref() == token {
            return Err(AwsError::new(Kind::Changed, LOOKUP, &self.name, "a page names itself as the next one"));
        }
        Ok(page)
    }
}

/// Returns what an answer holds, `None` without a list of events: the service gives one that is empty too.
fn page(output: LookupEventsOutput) -> Option<Page> {
    let events = output.events?.into_iter().map(|event| Event {
        id: event.event_id,
        time: event.event_time.map(|time| time.secs()),
        text: event.cloud_trail_event,
    });
    Some(Page { events: events.collect(), next: output.next_token.filter(|token| !token.is_empty()) })
}

/// Reads an answer that the SDK refuses for text that is not quite Unicode: one such event must not hide the others of
/// its page, which would be refused each time it is asked for. Returns `None` when that is not why, or not all.
fn refused_page(answer: &HttpResponse) -> Option<Page> {
    if answer.status().as_u16() != 200 {
        return None;
    }
    page_in(&mend(answer.body().bytes()?)?)
}

/// Returns what the SDK and [`page`] make of an answer.
fn page_in(json: &[u8]) -> Option<Page> {
    let answer: Value = serde_json::from_slice(json).ok()?;
    let text = |of: &Value, name| Some(of.get(name)?.as_str()?.to_owned());
    let events = answer.get("Events")?.as_array()?.iter().filter(|event| event.is_object()).map(|event| Event {
        id: text(event, "EventId"),
        time: event.get("EventTime").and_then(Value::as_f64).map(|time| time.floor() as i64),
        text: text(event, "CloudTrailEvent"),
    });
    Some(Page { events: events.collect(), next: text(&answer, "NextToken").filter(|token| !token.is_empty()) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::tests::{Stub, wait};

    /// An answer without events.
    const NONE: &str = r#"{"Events": []}"#;

    fn history(stub: &Stub) -> History {
        History::new(&stub.connect(), "eu-north-1", "eu-north-1 of account 111122223333").unwrap()
    }

    fn query() -> Query {
        Query { start: 1_700_000_000, end: 1_700_000_900, category: Category::Management, attribute: None }
    }

    /// Looks up a page that the service gives so.
    fn page_of(body: impl AsRef<[u8]>) -> Result<Page, AwsError> {
        let stub = Stub::start([(200, body)]);
        let page = wait(history(&stub).lookup(&query(), None));
        assert_eq!(stub.seen().len(), 1);
        page
    }

    fn body(request: &str) -> Value {
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    #[test]
    fn a_lookup_asks_the_region_for_both_ends_and_the_most_events() {
        let stub = Stub::start([(200, NONE), (200, NONE)]);
        let history = history(&stub);
        wait(history.lookup(&query(), None)).unwrap();
        let attribute = Some(("EventName".to_owned(), "Say \"hello\"".to_owned()));
        let insight = Query { category: Category::Insight, attribute, ..query() };
        wait(history.lookup(&insight, Some("to+ken=="))).unwrap();
        let seen = stub.seen();
        let [first, second] = &seen[..] else { panic!("{seen:?}") };
        for header in [
            "post / http/1.1",
            "content-type: application/x-amz-json-1.1",
            "x-amz-target: cloudtrail_20131101.lookupevents",
            "credential=akidoftheuser/",
            "/eu-north-1/cloudtrail/aws4_request",
        ] {
            assert!(first.contains(header), "{header}: {first}");
        }
        let times = json!({"StartTime": 1_700_000_000, "EndTime": 1_700_000_900, "MaxResults": 50});
        assert_eq!(body(first), times);
        let mut all = times;
        all["EventCategory"] = json!("insight");
        all["LookupAttributes"] = json!([{"AttributeKey": "EventName", "AttributeValue": "Say \"hello\""}]);
        all["NextToken"] = json!("to+ken==");
        assert_eq!(body(second), all);
    }

    #[test]
    fn a_lookup_is_one_request_whatever_the_answer() {
        for (status, code, kind) in [
            (500, "InternalFailure", Kind::Transient),
            (503, "ServiceUnavailable", Kind::Transient),
            (400, "ThrottlingException", Kind::Throttled),
            (400, "InvalidNextTokenException", Kind::Changed),
            (400, "AccessDeniedException", Kind::Denied),
            (400, "UnrecognizedClientException", Kind::Unrecognized),
            (400, "ExpiredTokenException", Kind::Credentials),
            (400, "OptInRequired", Kind::NotEnabled),
            (400, "com.amazonaws.cloudtrail.v20131101#InvalidTimeRangeException", Kind::Invalid),
        ] {
            let stub = Stub::start([(status, format!(r#"{{"__type": "{code}", "message": "Rate exceeded"}}"#))]);
            let error = wait(history(&stub).lookup(&query(), None)).unwrap_err();
            assert_eq!((error.kind(), stub.seen().len()), (kind, 1), "{error}");
            let place = "cloudtrail:LookupEvents on eu-north-1 of account 111122223333: ";
            assert!(error.to_string().starts_with(place), "{error}");
        }
    }

    #[test]
    fn text_of_an_event_is_byte_for_byte_what_cloudtrail_wrote() {
        let text = "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t \\u0000 \\ud83d\\ude00 \\ud800\",\n \"b\" : 1.50e+3,\u{7f}\
                    \"\u{e9}\u{65e5}\u{1f600}\u{2028}\": null}";
        let ascii: String = text
            .encode_utf16()
            .map(|unit| match char::from_u32(unit.into()).filter(char::is_ascii) {
                Some(c @ ('"' | '\\' | '/')) => format!("\\{c}"),
                Some(c) if !c.is_ascii_control() => c.to_string(),
                _ => format!("\\u{unit:04X}"),
            })
            .collect();
        for quoted in [json!(text).to_string(), format!("\"{ascii}\"")] {
            let page = page_of(format!(r#"{{"Events": [{{"EventId": "e", "CloudTrailEvent": {quoted}}}]}}"#)).unwrap();
            assert_eq!(page.events[0].text.as_deref(), Some(text), "{quoted}");
        }
        let nul = page_of(r#"{"Events": [{"CloudTrailEvent": "\u0000\u001f"}]}"#).unwrap();
        assert_eq!(nul.events[0].text.as_deref(), Some("\0\u{1f}"));
    }

    #[test]
    fn an_answer_that_is_no_page_is_trouble_that_may_pass() {
        for body in [
            "",
            "{}",
            r#"{"Events": null, "NextToken": "next"}"#,
            r#"{"message": "try again"}"#,
            "[]",
            "<html>",
            r#"{"Events": [{"EventId"#,
            // Broken in another way as well.
            r#"{"Events": [{"CloudTrailEvent": "\ud800"}"#,
            r#"{"Events": [{"CloudTrailEvent": "\ud800\x"}]}"#,
            r#"{"Events": null, "NextToken": "\ud800"}"#,
            r#"{"message": "\ud800"}"#,
        ] {
            let page = page_of(body);
            assert_eq!(page.clone().map_err(|error| error.kind()), Err(Kind::Transient), "{body}: {page:?}");
        }
    }

    #[test]
    fn an_event_that_is_no_text_does_not_hide_the_others_of_its_page() {
        let (first, last) = (r#"{"a": "\ud83d\ude00 \ud800"}"#, "{\"b\" : \"\u{e9}\u{1f600}\"}\n");
        let told = |text: &[u8]| [br#"{"EventId": "e", "EventTime": 1.7E9, "CloudTrailEvent": "#, text, b"}"].concat();
        let event =
            |text: &str| Event { id: Some("e".to_owned()), time: Some(1_700_000_000), text: Some(text.to_owned()) };
        for (broken, text) in [
            (&br#""<\ud800>""#[..], "<\u{fffd}>"),
            (br#""<\ud83d\ude00\uDE00\\ud800>""#, "<\u{1f600}\u{fffd}\\ud800>"),
            (b"\"<\xff>\"", "<\u{fffd}>"),
            (b"\"<\xed\xa0\x80\\uDC00>\"", "<\u{fffd}\u{fffd}\u{fffd}\u{fffd}>"),
        ] {
            let events = [json!(first).to_string().as_bytes(), broken, json!(last).to_string().as_bytes()].map(told);
            let body = [&br#"{"NextToken": "next", "Events": ["#[..], &events.join(&b','), b"]}"].concat();
            let page = Page { events: [first, text, last].map(event).into(), next: Some("next".to_owned()) };
            assert_eq!(page_of(&body).unwrap(), page);
        }
    }

    #[test]
    fn what_a_page_does_not_tell_is_none() {
        assert_eq!(page_of(NONE).unwrap(), Page::default());
        assert_eq!(page_of(r#"{"Events": [], "NextToken": null}"#).unwrap(), Page::default());
        assert_eq!(page_of(r#"{"Events": [], "NextToken": ""}"#).unwrap(), Page::default());
        let page = page_of(
            r#"{"Events": [
                {}, null,
                {"EventId": null, "EventTime": null, "CloudTrailEvent": null, "Resources": null, "New": [{"a": 1}]},
                {"EventId": "e", "EventTime": 1700000000.999, "CloudTrailEvent": "", "Resources": [null, {}]},
                {"EventTime": 1.7E9}, {"EventTime": -0.5}
            ], "NextToken": "next"}"#,
        )
        .unwrap();
        assert_eq!(page.next.as_deref(), Some("next"));
        assert_eq!(page.events[..2], [Event::default(), Event::default()]);
        let told = Event { id: Some("e".to_owned()), time: Some(1_700_000_000), text: Some(String::new()) };
        assert_eq!(page.events[2], told);
        assert_eq!(
            page.events[3..].iter().map(|event| event.time).collect::<Vec<_>>(),
            [Some(1_700_000_000), Some(-1)]
        );
    }

    #[test]
    fn what_the_sdk_refuses_is_read_as_it_reads_other_answers() {
        for body in [
            NONE,
            "{}",
            r#"{"Events": null, "NextToken": "next"}"#,
            r#"{"Events": [], "NextToken": null}"#,
            r#"{"Events": [], "NextToken": "", "New": [1e4]}"#,
            r#"{"NextToken": "first", "NextToken": "ne\u0078t", "Events": [{"EventId": "a", "EventId": "b"}]}"#,
            r#" {"Events": [{}, null, {"EventId": null, "EventTime": null, "CloudTrailEvent": null, "New": [null]}]} "#,
            r#"{"Events": [{"EventId": "e", "EventTime": 1700000000.999, "CloudTrailEvent": "\u0000\ud83d\ude00\/"}]}"#,
            r#"{"Events": [{"EventTime": 1.7E9}, {"EventTime": -0.5}, {"EventTime": 1e30}, {"EventTime": 0}]}"#,
        ] {
            assert_eq!(page_in(body.as_bytes()), page_of(body).ok(), "{body}");
        }
    }

    #[test]
    fn what_is_no_region_never_becomes_a_host_name() {
        let stub = Stub::start([(200, NONE)]);
        let error = History::new(&stub.connect(), "evil.example/x-1", "x").unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Invalid, "evil.example/x-1 is no AWS region"));
    }
}
