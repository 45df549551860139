//! Counts the instructions that the plugin takes for an event or a call, and compares them with the figures that are
//! committed: work that creeps in is seen on any machine, however busy it is. How long things take is left to the other
//! benches.
//!
//! `make count` runs it; with `UPDATE_COUNTS=1` it renews `benches/counts.json`. It runs itself under valgrind with N
//! and with 2N events or calls and takes the difference, so start-up and warm-up are not counted. Then memcheck, also
//! of valgrind, looks for wrong reads where the plugin follows Falco's pointers.
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault ends a bench and is seen")]

mod events;
mod library;
mod output;

use anyhow::{Context, Result, ensure};
use events::Events;
use flate2::{Compression, write::GzEncoder};
use library::{Event, Plugin, Request};
use output::OUTPUT;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::env::{self, consts::ARCH};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

/// The committed figures.
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/counts.json");

/// How far a figure may be from the committed one. Runs of the same library differ by less than 0.5 %, for hash seeds and
/// the threads' turns. libc and the plugin choose their code by what the processor can do; valgrind shows them the same
/// one on every machine that has AVX2.
const TOLERANCE: f64 = 0.05;

/// The same when another compiler made the library.
const OTHER_COMPILER: f64 = 0.25;

/// How many different events go round. Scenarios ask about each of them as often as about the others.
const EVENTS: u64 = 512;

/// How many events a log has.
const LOG: u64 = 8192;

/// How many events the log has whose delivery memcheck watches.
const SHORT_LOG: u64 = 64;

/// Fields that no event has; every other one that is asked for must be there.
const ABSENT: [&str; 3] = ["ct.vpcendpointid", "ct.value[/no/such/member]", "ct.value[no pointer]"];

/// What is done again and again.
enum Work {
    /// Reads a log of this form from its opening to its end.
    Deliver(&'static str),
    /// Asks for fields of new events.
    Ask(&'static [&'static str]),
    /// Asks for a field of one event.
    AskAgain(&'static str),
    /// Asks for fields of new events and reads every answer.
    Read(&'static [&'static str]),
}

struct Scenario {
    name: &'static str,
    /// How many events or calls; valgrind runs the scenario with these and with twice as many.
    count: u64,
    work: Work,
}

const fn scenario(name: &'static str, count: u64, work: Work) -> Scenario {
    Scenario { name, count, work }
}

/// What is counted.
const COUNTED: &[Scenario] = &[
    scenario("deliver a plain log", LOG, Work::Deliver(PLAIN)),
    scenario("deliver a gzip log", LOG, Work::Deliver(GZIP)),
    scenario("first field of a new event", EVENTS, Work::Ask(&["ct.name"])),
    scenario("absent field of a new event", EVENTS, Work::Ask(&["ct.vpcendpointid"])),
    scenario("pointer of a new event", EVENTS, Work::Ask(&["ct.value[/userIdentity/arn]"])),
    scenario("20 fields of a new event", EVENTS, Work::Ask(&OUTPUT)),
    scenario("repeated field", EVENTS, Work::AskAgain("ct.name")),
];

/// What memcheck watches: every form that arguments and answers have.
const WATCHED: &[Scenario] = &[
    scenario("a delivery", SHORT_LOG, Work::Deliver(GZIP)),
    scenario("the fields of an output", EVENTS, Work::Read(&OUTPUT)),
    scenario(
        "keys, places, lists, numbers, addresses",
        EVENTS,
        Work::Read(&[
            "ct.request[/instancesSet/items/0/imageId]",
            "ct.response[/role/assumeRolePolicyDocument/Version]",
            "ct.value[/no/such/member]",
            "ct.value[no pointer]",
            "ct.values[/resources/*/ARN]",
            "ct.resources.arn",
            "ct.resources.arn[1]",
            "ec2.imageids[0]",
            "ct.srcip.ip",
            "ct.srcip.net",
            "s3.bytes",
        ]),
    ),
];

/// The two forms of a log. A file's name is the number of its events and this.
const PLAIN: &str = ".json";
const GZIP: &str = ".json.gz";

/// The events, one a line.
const LINES: &str = "events";

/// What is committed.
#[derive(Deserialize, Serialize)]
struct Figures {
    /// The processor's architecture; another one's instructions cannot be compared.
    arch: String,
    /// What `rustc -V` says.
    rustc: String,
    /// Instructions an event or a call, by scenario.
    instructions: BTreeMap<String, u64>,
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [mode, name, count, folder] = args.iter().map(String::as_str).collect::<Vec<_>>()[..]
        && mode == "--run"
    {
        let scenario = COUNTED.iter().chain(WATCHED).find(|scenario| scenario.name == name);
        return run(&scenario.context("no such scenario")?.work, count.parse()?, Path::new(folder));
    }
    match Command::new("valgrind").arg("--version").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let is_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
            ensure!(!is_ci, "no valgrind: apt-get install valgrind");
            println!("skipped: no valgrind: apt-get install valgrind");
            return Ok(());
        }
        version => ensure!(version?.status.success(), "valgrind does not work: valgrind --version says why"),
    }
    let folder = tempfile::tempdir()?;
    write_files(folder.path())?;
    watch(folder.path())?;
    let now = count(folder.path())?;
    let committed = fs::read(FIGURES).map(|figures| serde_json::from_slice::<Figures>(&figures));
    if env::var_os("UPDATE_COUNTS").is_none_or(|value| value.is_empty()) {
        return compare(&committed?.context("benches/counts.json")?, &now);
    }
    if let Ok(Ok(committed)) = committed {
        // What is too far is what is renewed.
        let _ = compare(&committed, &now);
    }
    fs::write(FIGURES, serde_json::to_string_pretty(&now)? + "\n")?;
    println!("benches/counts.json is renewed");
    Ok(())
}

/// Does a scenario's work, under valgrind.
fn run(work: &Work, count: u64, folder: &Path) -> Result<()> {
    let plugin = Plugin::load("{}")?;
    let lines = fs::read(folder.join(LINES))?;
    let lines = lines.split(|byte| *byte == b'\n');
    let events: Vec<Event> = lines.map(|line| Event::new(line, 1_772_441_000_000_000_000)).collect();
    let numbered = (1..=count).zip(events.iter().cycle());
    match work {
        Work::Deliver(form) => {
            let log = folder.join(format!("{count}{form}"));
            let delivered = plugin.open(log.to_str().context("a path that is no text")?)?.drain()?;
            ensure!(delivered == count, "{delivered} events of {count}");
        }
        Work::Ask(fields) => {
            let mut asked = asked(&plugin, fields)?;
            for (number, event) in numbered {
                for Asked { request, values, .. } in &mut asked {
                    *values += plugin.call(request, event, number);
                }
            }
            check(&asked)?;
        }
        Work::AskAgain(field) => {
            let mut asked = asked(&plugin, &[field])?;
            let event = events.first().context("no event")?;
            for Asked { request, values, .. } in &mut asked {
                *values = (0..count).map(|_| plugin.call(request, event, 1)).sum();
            }
            check(&asked)?;
        }
        Work::Read(fields) => {
            let mut asked = asked(&plugin, fields)?;
            let mut sum = 0;
            for (number, event) in numbered {
                for Asked { request, values, .. } in &mut asked {
                    let answer = plugin.read(request, event, number);
                    *values += u64::from(!answer.is_empty());
                    sum += answer.iter().map(|byte| u64::from(*byte)).sum::<u64>();
                }
            }
            check(&asked)?;
            // Printed, so that memcheck sees bytes in it that were never written.
            println!("the bytes of all answers add up to {sum}");
        }
    }
    Ok(())
}

/// A field that is asked for, and how many values it had.
struct Asked {
    field: &'static str,
    request: Request,
    values: u64,
}

fn asked(plugin: &Plugin, fields: &[&'static str]) -> Result<Vec<Asked>> {
    fields.iter().map(|field| Ok(Asked { field, request: plugin.request(field)?, values: 0 })).collect()
}

/// Checks that the work has been done: what ought to be there was found.
fn check(asked: &[Asked]) -> Result<()> {
    for Asked { field, values, .. } in asked {
        ensure!((*values == 0) == ABSENT.contains(field), "{field} has {values} values");
    }
    Ok(())
}

/// Writes what the scenarios read: the events, and logs of as many events as are delivered.
fn write_files(folder: &Path) -> Result<()> {
    let mut events = Events::new(u64::MAX);
    let texts = (0..2 * LOG).map(|_| {
        let mut text = String::new();
        events.append_to(&mut text);
        text
    });
    let texts: Vec<String> = texts.collect();
    fs::write(folder.join(LINES), texts[..EVENTS as usize].join("\n"))?;
    for count in [SHORT_LOG, LOG, 2 * LOG] {
        let log = format!("{{\"Records\":[{}]}}", texts[..count as usize].join(","));
        fs::write(folder.join(format!("{count}{PLAIN}")), &log)?;
        let gzip = File::create(folder.join(format!("{count}{GZIP}")))?;
        let mut gzip = GzEncoder::new(gzip, Compression::default());
        gzip.write_all(log.as_bytes())?;
        gzip.finish()?;
    }
    Ok(())
}

/// Runs a scenario under a tool of valgrind and returns what the tool says.
fn valgrind(options: &[&str], scenario: &Scenario, count: u64, folder: &Path) -> Result<String> {
    let mut command = Command::new("valgrind");
    command.args(options).arg(env::current_exe()?).args(["--run", scenario.name, &count.to_string()]).arg(folder);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}\n{said}", scenario.name, output.status);
    Ok(said.into_owned())
}

/// Lets memcheck watch: it fails a run that uses memory which is not the program's or was never written.
fn watch(folder: &Path) -> Result<()> {
    let options = ["--tool=memcheck", "--quiet", "--error-exitcode=9", "--leak-check=no"];
    for scenario in WATCHED {
        valgrind(&options, scenario, scenario.count, folder)?;
        println!("memcheck finds nothing: {}", scenario.name);
    }
    Ok(())
}

/// Counts the instructions of a scenario from its start to its end.
fn instructions(scenario: &Scenario, count: u64, folder: &Path) -> Result<u64> {
    let mut options = vec!["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    // What this bench does around the calls is not the plugin's. Delivery is the work of the plugin's threads.
    if !matches!(scenario.work, Work::Deliver(_)) {
        options.push("--toggle-collect=plugin_extract_fields");
    }
    let said = valgrind(&options, scenario, count, folder)?;
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.with_context(|| format!("callgrind gives no count:\n{said}"))
}

/// Counts the instructions of every scenario.
fn count(folder: &Path) -> Result<Figures> {
    let rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-V").output()?;
    let rustc = String::from_utf8(rustc.stdout)?.trim().to_owned();
    let mut figures = Figures { arch: ARCH.into(), rustc, instructions: BTreeMap::new() };
    for scenario in COUNTED {
        let once = instructions(scenario, scenario.count, folder)?;
        let twice = instructions(scenario, 2 * scenario.count, folder)?;
        let each = twice.saturating_sub(once) / scenario.count;
        ensure!(each > 0, "{}: {once} instructions, and {twice} for twice as many", scenario.name);
        figures.instructions.insert(scenario.name.into(), each);
    }
    Ok(figures)
}

/// Prints the table, and fails when a figure is too far from the committed one.
fn compare(committed: &Figures, now: &Figures) -> Result<()> {
    println!("{:<30} {:>10} {:>10} {:>8}", "instructions of", "committed", "now", "change");
    let (mut more, mut less, mut new) = (Vec::new(), Vec::new(), Vec::new());
    let tolerance = if committed.rustc == now.rustc { TOLERANCE } else { OTHER_COMPILER };
    for Scenario { name, .. } in COUNTED {
        let figure = |figures: &Figures| figures.instructions.get(*name).copied();
        let now = figure(now).context("a scenario that was not counted")?;
        let Some(committed) = figure(committed) else {
            println!("{name:<30} {:>10} {now:>10}", "none");
            new.push(*name);
            continue;
        };
        let change = now as f64 / committed as f64 - 1.0;
        println!("{name:<30} {committed:>10} {now:>10} {:>+7.1}%", 100.0 * change);
        if change > tolerance {
            more.push(*name);
        } else if change < -tolerance {
            less.push(*name);
        }
    }
    if committed.arch != now.arch {
        println!("not compared: the committed figures are those of {}, not of {}", committed.arch, now.arch);
        return Ok(());
    }
    if committed.rustc != now.rustc {
        println!(
            "{} % are allowed: the committed figures are those of {}, not of {}",
            100.0 * tolerance,
            committed.rustc,
            now.rustc
        );
    }
    let mut faults = Vec::new();
    for (names, what, why) in [
        (more, "more instructions", "if the change is worth them"),
        (less, "fewer instructions", "to keep the gain"),
        (new, "no figure yet", "to begin with"),
    ] {
        if !names.is_empty() {
            faults.push(format!("{what}: {}; {why}: UPDATE_COUNTS=1 make count", names.join(", ")));
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
