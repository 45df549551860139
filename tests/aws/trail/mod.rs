//! A stand-in for CloudTrail's LookupEvents and ListPublicKeys, and for what a reader of it needs of STS and Account Management: keeps to
//! their documentation, fails as tests say, and remembers what it was asked. This file has the server and what tests
//! see of it; what is asked and answered is left to the others.

mod history;
mod lookup;
mod refusal;
mod services;
#[cfg(test)]
mod tests;

pub use history::{Category, Event, Text};
pub use lookup::Lookup;
pub use refusal::Fault;
pub use services::Call;

use super::http::Message;
use crate::oracle::generate;
use lookup::{Histories, Input};
use refusal::{Service, refusal, refuse};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The account of all credentials that do not come from a role.
pub const ACCOUNT: &str = "111122223333";

/// A running server. It ends when this is dropped.
pub struct Trail {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something was asked, or the server ends.
    changed: Condvar,
    connections: Mutex<Vec<Arc<TcpStream>>>,
    on_lookup: Hook<Lookup>,
    on_call: Hook<Call>,
}

type Hook<T> = Mutex<Option<Arc<dyn Fn(&T) -> Option<Fault> + Send + Sync>>>;

#[derive(Default)]
struct State {
    histories: Histories,
    lookups: Vec<Lookup>,
    calls: Vec<Call>,
    /// Those of accounts, where they are not [`REGIONS`].
    regions: HashMap<String, Vec<(String, String)>>,
    /// Those of digests in each region, as ListPublicKeys gives them.
    public_keys: HashMap<String, Value>,
    throttled: usize,
    is_unthrottled: bool,
    is_closed: bool,
}

const REGIONS: [(&str, &str); 4] = [
    ("ap-east-1", "DISABLED"),
    ("eu-south-1", "ENABLED"),
    ("eu-west-1", "ENABLED_BY_DEFAULT"),
    ("us-east-1", "ENABLED_BY_DEFAULT"),
];

impl Trail {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let listening = Arc::clone(&shared);
        Self { address, shared, listener: Some(thread::spawn(move || listening.listen(&listener))) }
    }

    /// Returns the endpoint URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds events to the history of an account in a region, at any time.
    pub fn add(&self, account: &str, region: &str, events: impl IntoIterator<Item = Event>) {
        let of = |wanted| move |event: &Event| event.category == wanted;
        let (management, insights): (Vec<Event>, Vec<Event>) = events.into_iter().partition(of(Category::Management));
        self.change(|state| {
            let history = state.histories.of(account, region);
            history.table(Category::Management).add(management);
            history.table(Category::Insight).add(insights);
        });
    }

    /// Adds generated management events with numbers from `first` on, spread evenly from the second `from` to the
    /// second `to`.
    pub fn fill(&self, account: &str, region: &str, first: u64, count: u64, from: i64, to: i64) {
        let time = |index: u64| from + (to - from) * index as i64 / (count as i64 - 1).max(1);
        let events = (0..count).map(|index| Event::new(first + index, time(index)));
        self.change(|state| state.histories.of(account, region).table(Category::Management).add(events));
    }

    /// Lets tokens be good for this time only.
    pub fn expire_tokens(&self, after: Duration) {
        self.change(|state| state.histories.tokens_last = Some(after));
    }

    /// Refuses each `nth` token of an account in a region, the first time that it comes.
    pub fn refuse_tokens(&self, nth: usize) {
        self.change(|state| state.histories.refuse_each = Some(nth));
    }

    /// Has no more request refused because there were too many, except by [`on_lookup`](Self::on_lookup).
    pub fn unthrottled(&self) {
        self.change(|state| state.is_unthrottled = true);
    }

    /// Sets the regions of an account and their states, such as `ENABLED`.
    pub fn set_regions(&self, account: &str, regions: &[(&str, &str)]) {
        self.change(|state| state.regions.insert(account.to_owned(), owned(regions)));
    }

    /// Sets the public keys of a region: fingerprints, and the keys in base64.
    pub fn set_public_keys(&self, region: &str, keys: &[(&str, &str)]) {
        let key = |(fingerprint, value): &(&str, &str)| json!({"Fingerprint": fingerprint, "Value": value});
        self.change(|state| state.public_keys.insert(region.to_owned(), keys.iter().map(key).collect()));
    }

    /// Has `plan` look at each request that could be read: what it returns becomes of the request, be it one too many or
    /// not. Takes the place of an earlier plan.
    pub fn on_lookup(&self, plan: impl Fn(&Lookup) -> Option<Fault> + Send + Sync + 'static) {
        *self.shared.on_lookup.lock().unwrap() = Some(Arc::new(plan));
    }

    /// The same for ListPublicKeys, STS and Account Management.
    pub fn on_call(&self, plan: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) {
        *self.shared.on_call.lock().unwrap() = Some(Arc::new(plan));
    }

    /// Returns how many LookupEvents requests came within any one second, at most.
    pub fn most_in_a_second(&self, account: &str, region: &str) -> usize {
        self.change(|state| state.histories.of(account, region).most_in_a_second())
    }

    /// Returns how many LookupEvents requests came.
    pub fn requests(&self, account: &str, region: &str) -> usize {
        self.change(|state| state.histories.of(account, region).arrivals.len())
    }

    /// Returns how many of them had no token.
    pub fn queries(&self, account: &str, region: &str, category: Category) -> usize {
        self.change(|state| state.histories.of(account, region).table(category).queries)
    }

    /// Returns all LookupEvents requests that could be read.
    pub fn lookups(&self) -> Vec<Lookup> {
        self.change(|state| state.lookups.clone())
    }

    /// Returns all requests for public keys, and to STS and Account Management.
    pub fn calls(&self) -> Vec<Call> {
        self.change(|state| state.calls.clone())
    }

    /// Returns how many requests were refused because there were too many, not by a plan.
    pub fn throttled(&self) -> usize {
        self.change(|state| state.throttled)
    }

    /// Waits until the LookupEvents requests so far are as `enough` wants, for at most this time; returns whether they
    /// are. Their answers may still be on the way.
    pub fn wait(&self, time: Duration, enough: impl Fn(&[Lookup]) -> bool) -> bool {
        let state = self.shared.state.lock().unwrap();
        let (state, _) = self.shared.changed.wait_timeout_while(state, time, |state| !enough(&state.lookups)).unwrap();
        enough(&state.lookups)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.shared.state.lock().unwrap())
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Ok(mut state) = self.shared.state.lock() {
            state.is_closed = true;
        }
        self.shared.changed.notify_all();
        // Wakes the listener.
        TcpStream::connect(self.address).ok();
        let ended = self.listener.take().is_none_or(|listener| listener.join().is_ok());
        assert!(ended || thread::panicking(), "a plan or the server itself panicked");
    }
}

/// An open connection, closed when this is dropped.
struct Connection<'a> {
    shared: &'a Shared,
    stream: Arc<TcpStream>,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.stream.shutdown(Shutdown::Both).ok();
        if let Ok(mut connections) = self.shared.connections.lock() {
            connections.retain(|other| !Arc::ptr_eq(other, &self.stream));
        }
    }
}

/// Who signed a request, and for which service.
struct Caller {
    account: String,
    region: String,
    service: Service,
}

impl Caller {
    /// Reads `Credential=KEY/DATE/REGION/SERVICE/aws4_request`. Temporary keys need their session token.
    fn of(request: &Message) -> Option<Self> {
        let scope = request.header("authorization")?.split_once("Credential=")?.1.split(',').next()?;
        let [key, _, region, service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else { return None };
        let role = key.get(4..16).filter(|account| services::access_key(account) == key);
        let token = role.map(services::session_token);
        if request.header("x-amz-security-token") != token.as_deref() {
            return None;
        }
        let service = match service {
            "cloudtrail" => Service::CloudTrail,
            "sts" => Service::Sts,
            "account" => Service::Account,
            _ => return None,
        };
        Some(Self { account: role.unwrap_or(ACCOUNT).to_owned(), region: region.to_owned(), service })
    }
}

impl Shared {
    /// Accepts connections until the server ends, and waits for their threads.
    fn listen(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for stream in listener.incoming().flatten() {
                if self.state.lock().is_ok_and(|state| state.is_closed) {
                    break;
                }
                let stream = Arc::new(stream);
                self.connections.lock().unwrap().push(Arc::clone(&stream));
                let connection = Connection { shared: self, stream };
                // A connection that breaks is what clients do when they end.
                scope.spawn(move || self.serve(&connection.stream).ok());
            }
            for stream in self.connections.lock().unwrap().iter() {
                stream.shutdown(Shutdown::Both).ok();
            }
        });
    }

    /// Answers the requests of one connection until one side closes it.
    fn serve(&self, mut client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client);
        while let Some(request) = Message::read_request(&mut reader)? {
            let (answer, fault) = self.answer(&request, Instant::now());
            match fault {
                Some(Fault::Cut) => return Ok(()),
                Some(Fault::CutInside) => {
                    answer.write_head(&mut client)?;
                    return client.write_all(&answer.body[..answer.body.len() / 2]);
                }
                Some(Fault::Slow(time)) => self.pause(time),
                _ => {}
            }
            answer.write(&mut client)?;
        }
        Ok(())
    }

    /// Returns the answer to a request, and what becomes of it on the way.
    fn answer(&self, request: &Message, at: Instant) -> (Message, Option<Fault>) {
        // With the namespace as CloudTrail's own documents have it, or without as the SDKs' protocol has it.
        const TARGETS: [&str; 2] =
            ["com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", "CloudTrail_20131101.LookupEvents"];
        let Some(caller) = Caller::of(request) else {
            let text = "The security token included in the request is invalid.";
            return (refuse(Service::CloudTrail, 400, "UnrecognizedClientException", text), None);
        };
        let unknown = || (refuse(caller.service, 400, "UnknownOperationException", ""), None);
        let start = request.start.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let call = |action: &str| {
            let (account, region) = (caller.account.clone(), caller.region.clone());
            Call { account, region, action: action.to_owned(), body: request.text() }
        };
        match (start.as_str(), caller.service) {
            ("POST /", Service::CloudTrail) => {
                let is_json = request.header("content-type") == Some("application/x-amz-json-1.1");
                let is_lookup = request.header("x-amz-target").is_some_and(|target| TARGETS.contains(&target));
                let is_keys =
                    request.header("x-amz-target").is_some_and(|target| target.ends_with("_20131101.ListPublicKeys"));
                match (is_json, is_lookup, is_keys) {
                    (true, true, _) => self.lookup(&caller, &request.body, at),
                    (true, _, true) => {
                        let keys = self.state.lock().unwrap().public_keys.get(&caller.region).cloned();
                        let body = json!({ "PublicKeyList": keys.unwrap_or_else(|| json!([])) }).to_string();
                        self.call(caller.service, call("ListPublicKeys"), |_| services::json(&body))
                    }
                    _ => unknown(),
                }
            }
            ("POST /", Service::Sts) => match call("").parameter("Action").as_deref() {
                Some("AssumeRole") => self.call(caller.service, call("AssumeRole"), services::assume_role),
                Some("GetCallerIdentity") => {
                    self.call(caller.service, call("GetCallerIdentity"), |_| services::caller_identity(&caller))
                }
                _ => unknown(),
            },
            ("POST /listRegions", Service::Account) => {
                let regions = self.state.lock().unwrap().regions.get(&caller.account).cloned();
                let regions = regions.unwrap_or_else(|| owned(&REGIONS));
                self.call(caller.service, call("ListRegions"), |call| services::list_regions(call, &regions))
            }
            _ => unknown(),
        }
    }

    fn lookup(&self, caller: &Caller, body: &[u8], at: Instant) -> (Message, Option<Fault>) {
        let mut state = self.state.lock().unwrap();
        let (number, is_too_many) = state.histories.of(&caller.account, &caller.region).arrive(at);
        let input = match Input::read(body) {
            Ok(input) => input,
            Err(refusal) => return (refusal, None),
        };
        let lookup = state.histories.lookup(caller, &input, number, at);
        state.lookups.push(lookup.clone());
        drop(state);
        self.changed.notify_all();
        // Neither lock is held while the plan looks at it: it may ask the server, or panic.
        let plan = self.on_lookup.lock().unwrap().clone();
        let fault = plan.and_then(|plan| plan(&lookup));
        if let Some(answer) = fault.and_then(|fault| refusal(Service::CloudTrail, fault)) {
            return (answer, fault);
        }
        let mut state = self.state.lock().unwrap();
        let page = if is_too_many && !state.is_unthrottled {
            state.throttled += 1;
            Err(refuse(Service::CloudTrail, 400, "ThrottlingException", "Rate exceeded"))
        } else {
            state.histories.page(&lookup, &input)
        };
        drop(state);
        (page.map_or_else(|refusal| refusal, |page| page.answer(lookup.category)), fault)
    }

    fn call(&self, service: Service, call: Call, answer: impl Fn(&Call) -> Message) -> (Message, Option<Fault>) {
        self.state.lock().unwrap().calls.push(call.clone());
        let plan = self.on_call.lock().unwrap().clone();
        let fault = plan.and_then(|plan| plan(&call));
        let refusal = fault.and_then(|fault| refusal(service, fault));
        (refusal.unwrap_or_else(|| answer(&call)), fault)
    }

    /// Waits for this time, or until the server ends.
    fn pause(&self, time: Duration) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_timeout_while(state, time, |state| !state.is_closed).unwrap());
    }
}

fn owned(regions: &[(&str, &str)]) -> Vec<(String, String)> {
    regions.iter().map(|(name, status)| ((*name).to_owned(), (*status).to_owned())).collect()
}
