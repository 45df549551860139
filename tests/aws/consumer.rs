//! The plugin on a source in AWS, in the real engine: a start that is set up, and a running host whose events are read
//! as they come. What the sources must do is left to the tests.

use super::proxy::Proxy;
use super::server::{Queue, server};
use crate::engine::plugin;
use runner::host::{Plugin, Report, Session};
use runner::running::Running;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long anything may take that a test waits for. Far more than it needs on a machine that does nothing else.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// How long a host may take to end once it is asked to.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// What to start. Its state lasts as long as this does, for all hosts that are started from it.
pub struct Source {
    params: String,
    config: Value,
    region: String,
    environment: Vec<(String, String)>,
    format: String,
    folder: tempfile::TempDir,
}

impl Source {
    /// A start with these open params, directly at moto.
    pub fn new(params: impl Into<String>) -> Self {
        Self::at(&server().url(), params)
    }

    /// The same at another server.
    pub fn at(url: &str, params: impl Into<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({"aws": {"endpointUrl": url}, "stateDir": folder.path().join("state")});
        let environment = vec![];
        let (region, format) = ("us-east-1".into(), "%ct.id".into());
        Self { params: params.into(), config, region, environment, format, folder }
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
    }

    pub fn s3(bucket: &str) -> Self {
        Self::new(format!("s3://{bucket}"))
    }

    pub fn sqs(queue: &Queue) -> Self {
        Self::new(format!("sqs://{}", queue.name))
    }

    /// Sets a key of the configuration.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config[key] = value.into();
        self
    }

    /// Sets a key under `aws`.
    pub fn with_aws(mut self, key: &str, value: &str) -> Self {
        self.config["aws"][key] = value.into();
        self
    }

    /// Goes through a proxy.
    pub fn through(self, proxy: &Proxy) -> Self {
        self.with_aws("endpointUrl", &proxy.url())
    }

    /// Reads something else.
    pub fn with_params(mut self, params: &str) -> Self {
        self.params = params.into();
        self
    }

    /// Has no credentials anywhere.
    pub fn without_credentials(mut self) -> Self {
        self.environment.retain(|(name, _)| !name.starts_with("AWS_"));
        self
    }

    /// Names no region anywhere.
    pub fn without_region(mut self) -> Self {
        self.region.clear();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Prints something else than the ids of events.
    pub fn printing(mut self, format: &str) -> Self {
        self.format = format.into();
        self
    }

    /// The folder of the state.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What it reads.
    pub fn params(&self) -> &str {
        &self.params
    }

    /// The plugin, set up.
    pub fn plugin(&self) -> Plugin {
        let mut config = self.config.clone();
        if !self.region.is_empty() {
            config["aws"]["region"] = self.region.as_str().into();
        }
        plugin(&config.to_string())
    }

    /// The environment that it needs. Nothing of the machine's own AWS may get in.
    pub fn environment(&self) -> Vec<(String, OsString)> {
        let none = |name: &str| (name.to_owned(), "/dev/null".into());
        let mut all = vec![none("AWS_CONFIG_FILE"), none("AWS_SHARED_CREDENTIALS_FILE")];
        all.push(("HOME".into(), self.folder.path().into()));
        all.push(("AWS_EC2_METADATA_DISABLED".into(), "true".into()));
        all.extend(self.environment.iter().map(|(name, value)| (name.clone(), value.into())));
        all
    }

    /// A start of the host on it.
    pub fn session(&self) -> Session {
        let session = Session::new(&[self.plugin()]).input("cloudtrail", &self.params);
        self.environment().into_iter().fold(session, |session, (name, value)| session.env(name, value))
    }

    /// Starts a host.
    pub fn start(&self) -> Consumer {
        Consumer { host: self.session().format(&self.format).spawn().unwrap(), ids: Vec::new() }
    }

    /// Runs a host to the end of the source and returns the ids of the events in their order.
    pub fn read(&self) -> Vec<String> {
        self.read_with_logs().0
    }

    /// The same, and the lines of the log.
    pub fn read_with_logs(&self) -> (Vec<String>, Vec<String>) {
        let report = self.run();
        let report = report.check().unwrap_or_else(|error| panic!("{}: {error}", self.params));
        (lines(&report), report.logs)
    }

    /// Runs a host to its end, whatever that is.
    pub fn run(&self) -> Report {
        self.start().host.wait(Instant::now() + PATIENCE).unwrap()
    }

    /// Runs a host that must not get to read, and returns why.
    pub fn refusal(&self) -> String {
        self.run().check().expect_err(&self.params).to_string()
    }
}

fn lines(report: &Report) -> Vec<String> {
    String::from_utf8(report.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

/// A running host and the ids of the events that it has printed.
pub struct Consumer {
    pub host: Running,
    pub ids: Vec<String>,
}

impl Consumer {
    /// Reads until there are `count` events in all.
    #[track_caller]
    pub fn read(&mut self, count: usize) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while self.ids.len() < count {
            let Some(id) = self.host.line(deadline) else {
                panic!("only {} of {count} events came: {}", self.ids.len(), self.host.stderr());
            };
            self.ids.push(id);
        }
        self
    }

    /// Reads whatever comes until `enough` holds.
    #[track_caller]
    pub fn read_until(&mut self, what: &str, enough: impl Fn() -> bool) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while !enough() {
            assert!(Instant::now() < deadline, "waited too long until {what}: {}", self.host.stderr());
            self.read_for(Duration::from_millis(50));
        }
        self
    }

    /// Reads what comes within this time.
    pub fn read_for(&mut self, time: Duration) -> &mut Self {
        let deadline = Instant::now() + time;
        while let Some(id) = self.host.line(deadline) {
            self.ids.push(id);
        }
        self
    }

    /// Asks the host to end, in time, and returns the ids of all events that it gave, and its log.
    #[track_caller]
    pub fn stop(mut self) -> (Vec<String>, Vec<String>) {
        self.host.interrupt().unwrap();
        let report = self.host.wait(Instant::now() + SHUTDOWN).unwrap().check().unwrap();
        self.ids.extend(lines(&report));
        (self.ids, report.logs)
    }

    /// Kills the host, and returns the ids of all events that it gave.
    pub fn kill(mut self) -> Vec<String> {
        self.ids.extend(self.host.kill().unwrap());
        self.ids
    }
}

/// Returns ids in order, to compare them whatever order they came in.
pub fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
