//! LookupEvents of CloudTrail: reads what a request asks for, and answers it page by page.

use super::history::{ATTRIBUTES, Category, History, Position, Row};
use super::refusal::{Service, refuse};
use super::{Caller, Message};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A request as hooks and tests look at it.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub account: String,
    pub region: String,
    pub category: Category,
    /// How many requests to this account and region came before, whatever became of them.
    pub number: usize,
    /// The number of its query. A request without a token begins one, whatever becomes of it.
    pub query: usize,
    pub has_token: bool,
    /// The first and the last second in which it wants events.
    pub start: i64,
    pub end: i64,
    /// When it had been read.
    pub at: Instant,
}

/// What a request asks for.
pub struct Input {
    start: i64,
    end: i64,
    most: usize,
    category: Category,
    attribute: Option<(String, String)>,
    token: Option<String>,
    /// All of it but the token.
    parameters: String,
}

/// Where a query goes on.
struct Token {
    account: String,
    region: String,
    parameters: String,
    query: usize,
    position: Position,
    made: Instant,
    /// Whether it is refused when it comes next.
    refused: bool,
}

/// All histories, and the tokens for them.
#[derive(Default)]
pub struct Histories {
    histories: HashMap<(String, String), History>,
    tokens: HashMap<String, Token>,
    /// How long tokens are good for, if that has an end.
    pub tokens_last: Option<Duration>,
    /// Of the tokens of a history, which of them are refused once.
    pub refuse_each: Option<usize>,
}

/// The code and the text of a refusal.
type Refusal = (&'static str, &'static str);

const INVALID_TOKEN: Refusal = ("InvalidNextTokenException", "The token is not valid for this request, or has expired");

impl Histories {
    /// Returns the history of an account in a region.
    pub fn of(&mut self, account: &str, region: &str) -> &mut History {
        self.histories.entry((account.to_owned(), region.to_owned())).or_default()
    }

    /// Returns what a request looks like to others.
    pub fn lookup(&mut self, caller: &Caller, input: &Input, number: usize, at: Instant) -> Lookup {
        let continued = input.token.as_ref().and_then(|token| self.tokens.get(token)).map(|token| token.query);
        let table = self.of(&caller.account, &caller.region).table(input.category);
        if input.token.is_none() {
            table.queries += 1;
        }
        Lookup {
            account: caller.account.clone(),
            region: caller.region.clone(),
            category: input.category,
            number,
            query: continued.unwrap_or(table.queries.saturating_sub(1)),
            has_token: input.token.is_some(),
            start: input.start,
            end: input.end,
            at,
        }
    }

    /// Returns the page for which a request asks; the error is the answer to one that has none.
    pub fn page(&mut self, lookup: &Lookup, input: &Input) -> Result<Page, Message> {
        let from = match &input.token {
            Some(token) => Some(self.redeem(token, lookup, input).ok_or_else(|| refused(INVALID_TOKEN))?),
            None => None,
        };
        let table = self.of(&lookup.account, &lookup.region).table(lookup.category);
        let (rows, next) = table.page(lookup.start..=lookup.end, from, lookup.query, input.most, |row| {
            input.attribute.as_ref().is_none_or(|(key, value)| row.has(lookup.category, key, value))
        });
        Ok(Page { rows, token: next.map(|position| self.issue(position, lookup, input)) })
    }

    fn redeem(&mut self, token: &str, lookup: &Lookup, input: &Input) -> Option<Position> {
        let last = self.tokens_last;
        let token = self.tokens.get_mut(token)?;
        let good = (&token.account, &token.region, &token.parameters)
            == (&lookup.account, &lookup.region, &input.parameters)
            && last.is_none_or(|last| token.made.elapsed() <= last)
            && !std::mem::take(&mut token.refused);
        good.then_some(token.position)
    }

    fn issue(&mut self, position: Position, lookup: &Lookup, input: &Input) -> String {
        let each = self.refuse_each;
        let history = self.of(&lookup.account, &lookup.region);
        history.tokens += 1;
        let token = Token {
            account: lookup.account.clone(),
            region: lookup.region.clone(),
            parameters: input.parameters.clone(),
            query: lookup.query,
            position,
            made: Instant::now(),
            refused: each.is_some_and(|each| history.tokens.is_multiple_of(each)),
        };
        // Of the alphabet of real ones.
        let name = format!("{:032x}+/==", self.tokens.len());
        self.tokens.insert(name.clone(), token);
        name
    }
}

/// What a request found.
pub struct Page {
    rows: Vec<Row>,
    token: Option<String>,
}

impl Page {
    pub fn answer(self, category: Category) -> Message {
        let events: Vec<String> = self.rows.iter().map(|row| row.shown(category)).collect();
        let token = self.token.map(|token| format!(",\"NextToken\":{}", json!(token))).unwrap_or_default();
        let body = format!("{{\"Events\":[{}]{token}}}", events.join(","));
        Message::new("HTTP/1.1 200 OK").with("Content-Type", "application/x-amz-json-1.1").body(body)
    }
}

impl Input {
    /// Reads the body of a request; the error is the answer to one that cannot be.
    pub fn read(body: &[u8]) -> Result<Self, Message> {
        const UNREADABLE: Refusal = ("SerializationException", "The request cannot be read");
        let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else { return Err(refused(UNREADABLE)) };
        members.retain(|_, value| !value.is_null());
        let token = members.remove("NextToken");
        let parameters = Value::Object(members);
        Self::from(&parameters, token.as_ref()).map_err(refused)
    }

    fn from(parameters: &Value, token: Option<&Value>) -> Result<Self, Refusal> {
        const UNREADABLE: Refusal = ("SerializationException", "A member of the request is of the wrong type");
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(UNREADABLE);
        let number = |name, default| parameters.get(name).map_or(Some(default), Value::as_f64).ok_or(UNREADABLE);
        let (start, end) = (number("StartTime", f64::NEG_INFINITY)?, number("EndTime", f64::INFINITY)?);
        if start > end {
            return Err(("InvalidTimeRangeException", "StartTime is after EndTime"));
        }
        let most = number("MaxResults", 50.0)?;
        if !(1.0..=50.0).contains(&most) {
            return Err(("InvalidMaxResultsException", "MaxResults is not between 1 and 50"));
        }
        let category = match parameters.get("EventCategory").map(text).transpose()?.as_deref() {
            None => Category::Management,
            Some("insight") => Category::Insight,
            Some(_) => return Err(("InvalidEventCategoryException", "EventCategory can only be insight")),
        };
        let attributes =
            parameters.get("LookupAttributes").map_or(Some(&[][..]), |list| list.as_array().map(Vec::as_slice));
        let attribute = match attributes.ok_or(UNREADABLE)? {
            [] => None,
            [one] => Some((text(&one["AttributeKey"])?, text(&one["AttributeValue"])?)),
            _ => return Err(("InvalidLookupAttributesException", "There can be only one lookup attribute")),
        };
        if attribute.as_ref().is_some_and(|(key, _)| !is_known(key, category)) {
            return Err(("InvalidLookupAttributesException", "There is no such lookup attribute"));
        }
        let token = token.map(text).transpose()?;
        // Infinite ones become the first and the last second that there are.
        let (start, end) = (start.ceil() as i64, end.floor() as i64);
        Ok(Self { start, end, most: most as usize, category, attribute, token, parameters: parameters.to_string() })
    }
}

fn is_known(attribute: &str, category: Category) -> bool {
    match category {
        Category::Management => {
            ATTRIBUTES.contains(&attribute) || ["ResourceType", "ResourceName"].contains(&attribute)
        }
        Category::Insight => ["EventId", "EventName", "EventSource"].contains(&attribute),
    }
}

fn refused((code, message): Refusal) -> Message {
    refuse(Service::CloudTrail, 400, code, message)
}
