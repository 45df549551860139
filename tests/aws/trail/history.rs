//! The event history of one account in one region: which events a query finds, and how often it was asked. Requests and
//! their protocol are left to others.

use super::generate;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    Management,
    Insight,
}

/// An event as a test gives it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id is [`generate::event_id`] of this.
    pub number: u64,
    /// In seconds since 1970.
    pub time: i64,
    pub category: Category,
    pub text: Text,
    /// The first query (counted from 0 in its history and category) that finds it.
    pub appears: u32,
}

/// What an answer has as `CloudTrailEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// What is made of number and time.
    Generated,
    Given(String),
    Null,
    Absent,
}

impl Event {
    /// Returns a generated management event that is there from the start.
    pub fn new(number: u64, time: i64) -> Self {
        Self { number, time, category: Category::Management, text: Text::Generated, appears: 0 }
    }

    /// Returns a generated Insights event that is there from the start.
    pub fn insight(number: u64, time: i64) -> Self {
        Self { category: Category::Insight, ..Self::new(number, time) }
    }

    pub fn with_text(self, text: Text) -> Self {
        Self { text, ..self }
    }

    pub fn appears(self, query: u32) -> Self {
        Self { appears: query, ..self }
    }
}

/// An event as it is kept, which must be small: there may be millions.
#[derive(Clone)]
pub struct Row {
    time: i64,
    number: u64,
    appears: u32,
    /// None for generated texts.
    text: Option<Box<Text>>,
}

/// A place between the events: after the newer ones up to this one, before the others. Events of the same second that
/// come later are newer.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    time: i64,
    /// How many events of the same second are older.
    rank: usize,
}

#[derive(Default)]
pub struct Table {
    /// Oldest first, those of the same second in the order in which they came.
    rows: Vec<Row>,
    pub queries: usize,
}

impl Table {
    pub fn add(&mut self, events: impl IntoIterator<Item = Event>) {
        self.rows.extend(events.into_iter().map(|event| Row {
            time: event.time,
            number: event.number,
            appears: event.appears,
            text: (event.text != Text::Generated).then(|| Box::new(event.text)),
        }));
        self.rows.sort_by_key(|row| row.time);
    }

    /// Returns up to `most` events in a range of time that query number `query` finds, newest first, and where to go on
    /// if there are more.
    pub fn page(
        &self,
        range: RangeInclusive<i64>,
        from: Option<Position>,
        query: usize,
        most: usize,
        wanted: impl Fn(&Row) -> bool,
    ) -> (Vec<Row>, Option<Position>) {
        let older = |time: i64| self.rows.partition_point(|row| row.time < time);
        let start = older(*range.start());
        let end = match from {
            Some(position) => older(position.time) + position.rank,
            None => self.rows.partition_point(|row| row.time <= *range.end()),
        };
        let rows = (start..end).rev().map(|index| (index, &self.rows[index]));
        let mut found = rows.filter(|(_, row)| row.appears as usize <= query && wanted(row));
        let page: Vec<(usize, &Row)> = found.by_ref().take(most).collect();
        let last = if found.next().is_some() { page.last() } else { None };
        let next = last.map(|&(index, row)| Position { time: row.time, rank: index - older(row.time) });
        (page.into_iter().map(|(_, row)| row.clone()).collect(), next)
    }
}

/// The history, and the requests for it.
#[derive(Default)]
pub struct History {
    management: Table,
    insights: Table,
    /// When its requests came.
    pub arrivals: Vec<Instant>,
    /// How many tokens it gave.
    pub tokens: usize,
}

impl History {
    pub fn table(&mut self, category: Category) -> &mut Table {
        match category {
            Category::Management => &mut self.management,
            Category::Insight => &mut self.insights,
        }
    }

    /// Counts a request; returns how many came before, and whether it is one too many.
    pub fn arrive(&mut self, at: Instant) -> (usize, bool) {
        const MOST_IN_A_SECOND: usize = 2;
        let number = self.arrivals.len();
        self.arrivals.push(at);
        let recent = self.arrivals.iter().rev().take_while(|other| at.saturating_duration_since(**other) < SECOND);
        (number, recent.count() > MOST_IN_A_SECOND)
    }

    /// Returns how many requests came within one second, at most.
    pub fn most_in_a_second(&self) -> usize {
        let mut times = self.arrivals.clone();
        times.sort();
        let from = |first: usize| times[first..].partition_point(|time| *time - times[first] < SECOND);
        (0..times.len()).map(from).max().unwrap_or_default()
    }
}

const SECOND: Duration = Duration::from_secs(1);

impl Row {
    /// Returns the event as an answer has it, in JSON.
    pub fn shown(&self, category: Category) -> String {
        let about = self.about(category);
        let mut shown = json!({"EventId": generate::event_id(self.number), "EventTime": self.time, "Resources": []});
        for (key, value) in ATTRIBUTES.into_iter().filter_map(|key| Some((key, about.get(key)?))) {
            shown[key] = value.into();
        }
        let text = match self.text.as_deref() {
            // This is how JSON escapes printable ASCII, and ten times as fast in a build without optimisation.
            None | Some(Text::Generated) => format!("{:?}", self.generated(category)),
            Some(Text::Given(text)) => json!(text).to_string(),
            Some(Text::Null) => "null".to_owned(),
            Some(Text::Absent) => return shown.to_string(),
        };
        let shown = shown.to_string();
        format!("{},\"CloudTrailEvent\":{text}}}", shown.strip_suffix('}').unwrap())
    }

    /// Tells whether an attribute has this value.
    pub fn has(&self, category: Category, key: &str, value: &str) -> bool {
        if key == "EventId" {
            return generate::event_id(self.number) == value;
        }
        self.about(category).get(key) == Some(value)
    }

    fn about(&self, category: Category) -> Cow<'static, About> {
        /// Whatever there is to know of a generated event depends on the remainder of its number.
        const KINDS: u64 = 15;
        static GENERATED: OnceLock<Vec<About>> = OnceLock::new();
        match (self.text.as_deref(), category) {
            (Some(Text::Given(text)), _) => Cow::Owned(About::read(text)),
            (_, Category::Insight) => Cow::Owned(About::read(&self.generated(category))),
            (_, Category::Management) => {
                let make = || (0..KINDS).map(|number| About::read(&generate::event(number))).collect();
                Cow::Borrowed(&GENERATED.get_or_init(make)[(self.number % KINDS) as usize])
            }
        }
    }

    fn generated(&self, category: Category) -> String {
        match category {
            Category::Management => generate::event_at(self.number, self.time),
            Category::Insight => insight(self.number, self.time),
        }
    }
}

/// The attributes by which events can be looked up as far as these events have them.
pub const ATTRIBUTES: [&str; 6] = ["EventId", "EventName", "ReadOnly", "Username", "EventSource", "AccessKeyId"];

/// What an event tells of itself beside its text, read from there.
#[derive(Clone, Debug, Default, PartialEq)]
struct About {
    name: Option<String>,
    source: Option<String>,
    read_only: Option<String>,
    user: Option<String>,
    access_key: Option<String>,
}

impl About {
    /// Reads as much as there is, nothing from what is no JSON.
    fn read(text: &str) -> Self {
        let event: Value = serde_json::from_str(text).unwrap_or_default();
        let text = |path: &str| Some(event.pointer(path)?.as_str()?.to_owned());
        let session = || Some(text("/userIdentity/arn")?.rsplit('/').next()?.to_owned());
        Self {
            name: text("/eventName").or_else(|| text("/insightDetails/eventName")),
            source: text("/eventSource").or_else(|| text("/insightDetails/eventSource")),
            read_only: event["readOnly"].as_bool().map(|read_only| read_only.to_string()),
            user: text("/userIdentity/userName").or_else(session),
            access_key: text("/userIdentity/accessKeyId"),
        }
    }

    fn get(&self, attribute: &str) -> Option<&str> {
        let value = match attribute {
            "EventName" => &self.name,
            "EventSource" => &self.source,
            "ReadOnly" => &self.read_only,
            "Username" => &self.user,
            "AccessKeyId" => &self.access_key,
            _ => &None,
        };
        value.as_deref()
    }
}

fn insight(number: u64, time: i64) -> String {
    let state = if number.is_multiple_of(2) { "Start" } else { "End" };
    json!({
        "eventVersion": "1.08",
        "eventTime": jiff::Timestamp::from_second(time).unwrap().to_string(),
        "awsRegion": "eu-central-1",
        "eventID": generate::event_id(number),
        "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": "123456789012",
        "sharedEventID": generate::event_id(number / 2),
        "insightDetails": {
            "state": state,
            "eventSource": "ssm.amazonaws.com",
            "eventName": "UpdateInstanceInformation",
            "insightType": "ApiCallRateInsight",
            "insightContext": {"statistics": {"baseline": {"average": 85.4}, "insight": {"average": 664}}},
        },
        "eventCategory": "Insight",
    })
    .to_string()
}

#[test]
fn what_is_known_of_generated_events_is_what_they_say() {
    for number in [0, 7, 14, 15, 29, 123_456] {
        let row = Row { time: 5, number, appears: 0, text: None };
        let about = About::read(&generate::event_at(number, 5));
        assert_eq!(*row.about(Category::Management), about);
        assert!(ATTRIBUTES[1..].iter().all(|key| about.get(key).is_some()), "{about:?}");
    }
    assert_eq!(About::read("no JSON"), About::default());
}

#[test]
fn the_most_requests_in_a_second_are_found_between_seconds() {
    let (mut history, start) = (History::default(), Instant::now());
    let mut arrive = |milliseconds| history.arrive(start + Duration::from_millis(milliseconds));
    assert_eq!([arrive(0), arrive(600), arrive(1000)], [(0, false), (1, false), (2, false)]);
    // Also those that are refused count.
    assert_eq!([arrive(1599), arrive(1999), arrive(3000)], [(3, true), (4, true), (5, false)]);
    assert_eq!(history.most_in_a_second(), 3);
    assert_eq!(History::default().most_in_a_second(), 0);
}
