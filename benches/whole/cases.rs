//! What is run: every case by its name, which the rows of the table ask for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use runner::evaluate::Input;
use runner::falco::Falco;
use runner::host::Plugin;

use crate::conditions::{self, Member};
use crate::events::LAST_USER;
use crate::logs::Log;
use crate::output::OUTPUT;
use crate::run::{Case, Work};
use crate::setting;

/// The script that runs the host.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/host");

/// How many conditions a filter has where it is about their number.
pub const CONDITIONS: [usize; 4] = [1, 10, 100, 300];

/// The sizes of events where it is about them, in bytes.
pub const SIZES: [usize; 4] = [512, 1 << 10, 4 << 10, 64 << 10];

/// The text of a log of events of one size.
const SIZED_MIB: u64 = 64;

/// All cases, in the order in which a round runs them.
pub struct Cases {
    pub cases: Vec<Case>,
    pub facts: Facts,
}

/// What the rows say of the cases.
pub struct Facts {
    /// The events of the log, and their size on average.
    pub events: u64,
    pub event_bytes: u64,
    pub pack_rules: usize,
}

/// Makes cases that the host runs.
struct Host<'a> {
    library: &'a Path,
}

pub fn cases(library: &Path, folder: &Path, falco: Option<&Falco>) -> Result<Cases> {
    let version = runner::host::version()?;
    let mib = setting("BENCH_MIB", 250)?;
    let log = Log::of_bytes(folder, mib << 20)?;
    let ten = Log::of_events(folder, 10)?;
    let members = conditions::members()?;
    let (pack, pack_rules) = conditions::pack()?;
    let chisel = folder.join("pack.lua");
    fs::write(&chisel, pack)?;

    let host = Host { library };
    let mut cases = vec![
        gunzip(&log.gzip, log.work(1)),
        host.filter("gzip, no field", &log.gzip, log.work(1), NO_FIELD),
        host.filter("no field", &log.plain, log.work(1), NO_FIELD),
        host.filter("no field, again", &log.plain, log.work(1), NO_FIELD),
        host.filter("one field", &log.plain, log.work(1), "ct.name=nothing"),
        host.three_fields("3 fields", &log.plain, log.work(1)),
        host.output("20 fields", &log),
        host.filter("100 ct.name", &log.plain, log.work(1), &repeated("ct.name", 100)),
    ];
    for count in CONDITIONS {
        let fields = members.iter().map(|Member { field, .. }| field.clone()).take(count);
        cases.push(host.filter(&format!("{count} conditions"), &log.plain, log.work(1), &conditions::filter(fields)));
    }
    let pointers = members.iter().map(|Member { pointer, .. }| format!("jevt.value[{pointer}]")).take(100);
    cases.push(host.filter("100 jevt.value", &log.plain, log.work(1), &conditions::filter(pointers)));
    cases.push(host.chisel("rule pack", &log, &chisel));
    for size in SIZES {
        let log = Log::of_size(folder, mib.min(SIZED_MIB) << 20, size)?;
        cases.push(host.filter(&format!("no field of {size}"), &log.plain, log.work(1), NO_FIELD));
        cases.push(host.filter(&format!("one field of {size}"), &log.plain, log.work(1), "ct.name=nothing"));
    }
    let engine = version.rsplit_once(' ').map_or(version, |(_, libs)| libs);
    cases.push(host.alone(engine));
    cases.push(host.first_alert(&ten));
    if let Some(falco) = falco {
        // Falco shares no value between rules, so that the pack takes it long.
        let fifth = Log::of_bytes(folder, (mib << 20) / 5)?;
        let many = |condition: fn(usize) -> String| (0..100).map(condition).collect::<Vec<_>>();
        for (name, log, rules, pack) in [
            ("Falco, 100 evt.num", &log, many(|_| "evt.num = 0".into()), None),
            ("Falco, 100 ct.name", &log, many(|i| format!("ct.name = \"nothing{i}\"")), None),
            ("Falco, rule pack", &fifth, Vec::new(), Some(conditions::PACK)),
        ] {
            let folder = folder.join(name);
            fs::create_dir_all(&folder)?;
            // One more rule tells that Falco came to the end.
            let said = format!("rule {}: 1", rules.len());
            let rules = rules.into_iter().chain([format!("evt.num = {}", log.events)]);
            let file = folder.join("rules.yaml");
            fs::write(&file, conditions::rule_file(rules)?)?;
            let files: Vec<PathBuf> = pack.map(PathBuf::from).into_iter().chain([file]).collect();
            let plugins = [Plugin::new(library)?];
            let params = log.plain.to_str().context("the log's path is not Unicode")?;
            let input = Input { plugins: &plugins, params, with_fields: false };
            let command = falco.command(&folder, &files, input)?;
            cases.push(case(name, log.work(1), command, said, None));
        }
    }
    let facts = Facts { events: log.events, event_bytes: log.text_bytes / log.events, pack_rules };
    Ok(Cases { cases, facts })
}

/// The cases that read the log again and again. The ids of one member have been forgotten when the next one repeats
/// them, for there are more than the plugin remembers.
pub fn large(library: &Path, folder: &Path) -> Result<Vec<Case>> {
    // So many events that the plugin cannot remember all.
    let log = Log::of_events(folder, 400_000)?;
    let (file, copies) = log.repeated()?;
    let host = Host { library };
    let mut three = host.three_fields("large, 3 fields", &file, log.work(copies));
    three.lines = Some(copies);
    Ok(vec![Case { name: "large, gzip -dc".into(), ..gunzip(&file, log.work(copies)) }, three])
}

impl Log {
    /// The work of reading so many copies of the log.
    fn work(&self, copies: u64) -> Work {
        Work { events: copies * self.events, bytes: copies * self.text_bytes }
    }
}

fn case(name: &str, work: Work, command: Command, said: String, lines: Option<u64>) -> Case {
    Case { name: name.into(), work, command, said, lines, is_engine: true, runs: Vec::new() }
}

/// A filter that asks the plugin for nothing and that no event passes.
const NO_FIELD: &str = "evt.num<0";

fn repeated(field: &str, count: usize) -> String {
    conditions::filter(std::iter::repeat_n(field.to_owned(), count))
}

fn gunzip(file: &Path, work: Work) -> Case {
    let mut command = Command::new("sh");
    command.args(["-c", "gzip -dc \"$1\" | wc -c", "sh"]).arg(file);
    Case { is_engine: false, ..case("gzip -dc", work, command, work.bytes.to_string(), Some(1)) }
}

impl Host<'_> {
    /// A run over a file, which says at its end how many events the plugin gave.
    fn read(&self, name: &str, file: &Path, work: Work, lines: u64) -> Case {
        let mut command = Command::new(SCRIPT);
        command.args(["-v", "-H"]).arg(self.library);
        command.arg("-I").arg(format!("cloudtrail:{}", file.display()));
        case(name, work, command, format!("Driver Events:{}", work.events), Some(lines))
    }

    /// With a filter that no event passes.
    fn filter(&self, name: &str, file: &Path, work: Work, filter: &str) -> Case {
        let mut case = self.read(name, file, work, 0);
        if filter.contains("jevt.") {
            case.command.arg("-H").arg(self.library.with_file_name("libjson.so"));
        }
        case.command.args(["-p", "*%evt.num", filter]);
        case
    }

    /// With a filter that reads all three fields of every event and that only the last event passes.
    fn three_fields(&self, name: &str, file: &Path, work: Work) -> Case {
        let mut case = self.read(name, file, work, 1);
        let filter = format!("ct.name!=Nothing and ct.src!=nothing.amazonaws.com and ct.user={LAST_USER}");
        case.command.args(["-p", "*%evt.num", &filter]);
        case
    }

    /// With an output of many fields for every event.
    fn output(&self, name: &str, log: &Log) -> Case {
        let mut case = self.read(name, &log.plain, log.work(1), log.events);
        let fields = OUTPUT.iter().map(|field| format!(" %{field}")).collect::<String>();
        case.command.args(["-p", &format!("*%evt.num{fields}"), "evt.num>0"]);
        case
    }

    fn chisel(&self, name: &str, log: &Log, chisel: &Path) -> Case {
        let mut case = self.read(name, &log.plain, log.work(1), 0);
        case.command.arg("-c").arg(chisel);
        case
    }

    /// The host without a plugin: all that it does is to say the version of its engine.
    fn alone(&self, engine: &str) -> Case {
        let mut command = Command::new(SCRIPT);
        command.arg("--libs-version");
        let said = format!("falcosecurity/libs version {engine}");
        Case { is_engine: false, ..case("host alone", Work { events: 0, bytes: 0 }, command, said, Some(1)) }
    }

    /// With a rule that every event of a small log matches, and alerts that are printed at once.
    fn first_alert(&self, log: &Log) -> Case {
        let mut case = self.read("first alert", &log.plain, log.work(1), log.events);
        case.command.args(["--unbuffered", "-p", "*%evt.time %ct.user %ct.name", "ct.src!=nothing"]);
        case
    }
}
