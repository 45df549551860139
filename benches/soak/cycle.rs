//! One cycle after the other: makes a plugin, opens a source, reads it to its end or not, closes all, and looks whether
//! anything was lost or left behind.

use crate::figures::{descriptors, threads};
use crate::folder;
use crate::host::{Library, Log, Plugin, SUCCESS};
use crate::oracle::Expect;
use crate::oracle::generate::event_id;
use crate::output::OUTPUT;
use crate::request::Request;
use crate::servers::{Answer, Ask};
use crate::source::{self, Source};
use anyhow::{Context, Result, anyhow, bail, ensure};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::{self, BufRead, Write};
use std::mem;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a cycle may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// How often a queue is asked whether it is empty.
const LOOK: Duration = Duration::from_millis(500);

/// The messages that nobody can read stay in a queue longer than a cycle takes.
const POISON: u64 = 6;

/// Where all plugins log to. Nothing may stay in it.
static LOG: Log = Log::new(Vec::new());

/// What there is to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Folder,
    Bucket,
    Follow,
    Queue,
    History,
    /// Configurations and open params that are wrong.
    Wrong,
}

const STAGES: [Stage; 6] = [Stage::Folder, Stage::Bucket, Stage::Follow, Stage::Queue, Stage::History, Stage::Wrong];

/// What was done so far.
#[derive(Default)]
pub struct Done {
    /// How many cycles, by what was opened and whether it was read whole.
    counts: BTreeMap<(Stage, bool), u64>,
    pub events: u64,
    pub faults: u64,
    lines: u64,
}

impl Done {
    pub fn cycles(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cycles:", self.cycles())?;
        for ((stage, whole), count) in &self.counts {
            write!(f, " {count} {stage:?}{},", if *whole { "" } else { " cut short" })?;
        }
        write!(f, " {} events, {} faults, {} lines of log", self.events, self.faults, self.lines)
    }
}

/// The host of the plugin.
pub struct Host {
    pub done: Done,
    library: Rc<Library>,
    random: Rng,
    /// Stages that are to come before all come again.
    next: Vec<Stage>,
    logs: TempDir,
    in_logs: Vec<Range<u64>>,
    /// How many events a reading of the whole folder gave.
    of_folder: Option<u64>,
}

impl Host {
    pub fn new(seed: u64) -> Result<Self> {
        let logs = tempfile::tempdir()?;
        let in_logs = folder::fill(logs.path())?;
        let (library, random) = (Library::load(), Rng::with_seed(seed));
        let mut host =
            Self { done: Done::default(), library, random, next: Vec::new(), logs, in_logs, of_folder: None };
        // The first runtime in a process opens two sockets for signals, which stay.
        host.run(Stage::Bucket, 0, None)?;
        Ok(host)
    }

    /// Does one cycle.
    pub fn cycle(&mut self) -> Result<()> {
        if self.next.is_empty() {
            self.next = STAGES.into();
            self.random.shuffle(&mut self.next);
        }
        let stage = self.next.pop().context("no stage")?;
        let seed = self.random.u64(..);
        // Two of three are read to their end, the others until some batches came, or none.
        let batches = (self.random.u8(..3) == 0).then(|| self.random.u32(..4));
        let before = (threads()?, descriptors()?);
        let events = self.run(stage, seed, batches).map_err(|error| {
            let lines: Vec<_> = LOG.lock().unwrap().iter().map(|line| line.text.clone()).collect();
            error.context(format!("{stage:?} with the seed {seed}, {batches:?} batches: {lines:#?}"))
        })?;
        self.done.lines += mem::take(&mut *LOG.lock().unwrap()).len() as u64;
        let after = (threads()?, descriptors()?);
        ensure!(after == before, "{stage:?} changed threads and descriptors: {before:?}, then {after:?}");
        *self.done.counts.entry((stage, batches.is_none())).or_default() += 1;
        self.done.events += events;
        Ok(())
    }

    /// Runs one cycle and returns how many events came.
    fn run(&mut self, stage: Stage, seed: u64, batches: Option<u32>) -> Result<u64> {
        let answer = match stage {
            Stage::Folder => {
                let params = self.logs.path().to_str().context("the folder's name")?.to_owned();
                Answer { params, events: self.in_logs.clone(), ..Answer::default() }
            }
            Stage::Bucket | Stage::Follow => ask(&Ask::Bucket(seed))?,
            Stage::Queue => ask(&Ask::Queue(seed))?,
            Stage::History => ask(&Ask::History(seed))?,
            Stage::Wrong => ask(&Ask::Refusal)?,
        };
        let state = tempfile::tempdir()?;
        let mut config = json!({"stateDir": state.path().join("state"), "limits": {"inFlightMiB": 16}});
        if stage != Stage::Folder {
            config["aws"] = json!({"endpointUrl": answer.url, "region": "us-east-1"});
        }
        match stage {
            Stage::Follow => {
                config["s3Follow"] = true.into();
                config["s3FollowInterval"] = "1s".into();
            }
            Stage::History => config["lookup"] = json!({"start": "3h", "follow": false}),
            _ => {}
        }
        let events = match stage {
            Stage::Wrong => self.refusals(&config, &answer.params),
            _ => self.read(stage, &config, &answer, batches),
        };
        if stage != Stage::Folder {
            self.done.faults += ask(&Ask::End)?.faults;
        }
        events
    }

    fn plugin(&self, config: &Value) -> Result<Plugin> {
        self.library.init_with(&config.to_string(), &LOG).map_err(|error| anyhow!("init: {error}"))
    }

    /// Opens a source and reads so many batches, or all of it.
    fn read(&mut self, stage: Stage, config: &Value, answer: &Answer, batches: Option<u32>) -> Result<u64> {
        let plugin = self.plugin(config)?;
        let source = plugin.try_open(answer.params.as_bytes()).map_err(|error| anyhow!("open: {error}"))?;
        let mut reading = Reading::new(&plugin, source);
        match batches {
            Some(batches) => {
                reading.until(|reading| Ok(reading.batches >= batches))?;
                return Ok(reading.count());
            }
            None => reading.until(|reading| match stage {
                Stage::Follow => Ok(reading.has(&answer.events)),
                Stage::Queue => Ok(reading.has(&answer.events) && reading.left()? <= POISON),
                _ => Ok(false),
            })?,
        }
        if stage == Stage::Follow {
            let late = ask(&Ask::Late)?.events;
            reading.until(|reading| Ok(reading.has(&late)))?;
        }
        ensure!(reading.has(&answer.events), "{} events came, of {:?} not all", reading.count(), answer.events);
        ensure!(reading.twice.is_empty(), "came twice: {:?}", reading.twice);
        let count = reading.count();
        if stage == Stage::Folder {
            let expected = *self.of_folder.get_or_insert(count);
            ensure!(count == expected, "{count} events came of the folder, before {expected}");
        }
        Ok(count)
    }

    /// What must fail, fails.
    fn refusals(&self, config: &Value, denied: &str) -> Result<u64> {
        for wrong in [json!({"sqsDelete": 7}), json!({"noSuchKey": 1}), json!({"s3Interval": "yesterday"}), json!([])] {
            ensure!(self.library.init_with(&wrong.to_string(), &LOG).is_err(), "{wrong} is accepted");
        }
        let plugin = self.plugin(config)?;
        for params in [denied, "s3://no/../Such Bucket", "sqs://", "/does/not/exist", "lookup://nowhere", "", "ftp://x"]
        {
            ensure!(plugin.try_open(params.as_bytes()).is_err(), "{params} is opened");
        }
        Ok(0)
    }
}

/// A source that is read.
struct Reading<'a> {
    plugin: &'a Plugin,
    source: Source<'a>,
    requests: Vec<Request>,
    deadline: Instant,
    looked: Instant,
    batches: u32,
    ids: HashSet<String>,
    twice: Vec<String>,
    without_id: u64,
}

impl<'a> Reading<'a> {
    fn new(plugin: &'a Plugin, source: Source<'a>) -> Self {
        let (requests, now) = (OUTPUT.map(|field| plugin.request(field)).into(), Instant::now());
        let (ids, twice) = (HashSet::new(), Vec::new());
        Self { plugin, source, requests, deadline: now + PATIENCE, looked: now, batches: 0, ids, twice, without_id: 0 }
    }

    /// Reads until this holds, or to the end.
    fn until(&mut self, mut enough: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        while !enough(self)? {
            if Instant::now() > self.deadline {
                bail!("after {PATIENCE:?} there are {} events, {}", self.count(), self.source.progress().1);
            }
            match self.source.next() {
                source::Answer::Events(events) => {
                    self.batches += 1;
                    for event in events {
                        let number = self.count() + 1;
                        let rc = self.plugin.extract(number, &event, &mut self.requests);
                        ensure!(rc == SUCCESS, "extract gives {rc}");
                        let values: Vec<Expect> = self.requests.iter().map(Request::value).collect();
                        self.plugin.line(number, &event);
                        match values.into_iter().next() {
                            Some(Expect::Text(id)) if self.ids.contains(&id) => self.twice.push(id),
                            Some(Expect::Text(id)) => _ = self.ids.insert(id),
                            _ => self.without_id += 1,
                        }
                    }
                }
                source::Answer::Timeout => {}
                source::Answer::End => return Ok(()),
            }
            ensure!(!self.plugin.metrics().is_empty(), "no metrics");
            self.source.progress();
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        (self.ids.len() + self.twice.len()) as u64 + self.without_id
    }

    fn has(&self, events: &[Range<u64>]) -> bool {
        events.iter().cloned().flatten().all(|number| self.ids.contains(&event_id(number)))
    }

    /// How many messages the queue holds, as it was asked not too often; else more than it can hold.
    fn left(&mut self) -> Result<u64> {
        if self.looked.elapsed() < LOOK {
            return Ok(u64::MAX);
        }
        self.looked = Instant::now();
        Ok(ask(&Ask::Left)?.left)
    }
}

/// Asks the servers, which are at the other end of standard input and output.
fn ask(request: &Ask) -> Result<Answer> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(request)?)?;
    output.flush()?;
    let mut line = String::new();
    ensure!(io::stdin().lock().read_line(&mut line)? > 0, "the servers are gone");
    Ok(serde_json::from_str(&line)?)
}
