//! Measures the whole process: the plugin in the real libsinsp host on a log of 1 GiB, beside `gzip -dc`.
//!
//! `make bench` runs it. It makes the log once and keeps it under the target folder. The environment can change it:
//! `BENCH_RUNS` (rounds of all cases, default 3), `BENCH_MIB` (MiB of text in the log, default 1024), `BENCH_GZIP_GIB=1`
//! (adds a gzip file of at least 1 GiB, which is the log again and again, in one round).

mod events;
mod output;

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use cloudtrail::fields::Get;
use cloudtrail::fields::table::FIELDS;
use events::{Events, LAST_USER};
use flate2::{Compression, GzBuilder};
use output::OUTPUT;
use runner::rules;
use wait4::Wait4;

/// The script that runs the host.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/host");

const MIB: f64 = 1_048_576.0;

/// Changes with the generator, so that a log of an older one is not taken for its work.
const LOG_VERSION: u32 = 1;

/// An event's size, roughly; decides how many events make a log of a wanted size.
const EVENT_BYTES: u64 = 1_200;

/// The size of the log that many conditions are asked of: 200,000 events.
const CONDITIONS_MIB: u64 = 230;

/// How many conditions that is.
const CONDITIONS: usize = 100;

/// The case of the rule pack.
const PACK: &str = "plain, the rule pack";

/// What the issue of speed asks of three fields.
const WANTED: f64 = 300_000.0;

/// A generated log in its two forms.
struct Log {
    plain: PathBuf,
    gzip: PathBuf,
    events: u64,
    text_bytes: u64,
    gzip_bytes: u64,
}

/// What is run.
enum Case {
    /// `gzip -dc FILE | wc -c`
    Gunzip,
    /// The host with a filter, and an output that counts only when it is long.
    Host { filter: String, output: &'static [&'static str] },
    /// The host with a chisel that prints nothing.
    Chisel(PathBuf),
}

/// One line of the table.
struct Row {
    name: &'static str,
    file: PathBuf,
    /// How often the file has the log.
    copies: u64,
    events: u64,
    text_bytes: u64,
    case: Case,
    runs: Vec<Figures>,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Figures {
    wall: f64,
    cpu: f64,
    peak_bytes: u64,
}

fn main() -> Result<()> {
    let rounds = setting("BENCH_RUNS", 3)?.max(1);
    let host = runner::host::version()?;
    let library = library()?;
    let folder = library.parent().and_then(Path::parent).context("the library has no folder")?.join("bench");
    let log = log(&folder, setting("BENCH_MIB", 1024)?)?;
    println!(
        "{} events, {:.0} MiB of text, {:.0} bytes each, gzip {:.1}:1; {host}; {} CPUs; {rounds} rounds",
        log.events,
        log.text_bytes as f64 / MIB,
        log.text_bytes as f64 / log.events as f64,
        log.text_bytes as f64 / log.gzip_bytes as f64,
        thread::available_parallelism()?,
    );
    let mut rows = rows(&log);
    let small = self::log(&folder, CONDITIONS_MIB.min(setting("BENCH_MIB", 1024)?))?;
    rows.extend(condition_rows(&small));
    rows.push(pack_row(&small)?);
    for _ in 0..rounds {
        for row in &mut rows {
            row.run(&library)?;
        }
    }
    print_table(&rows);
    print_verdict(&rows);
    if setting("BENCH_GZIP_GIB", 0)? > 0 {
        let mut rows = large_rows(&log, &folder)?;
        for row in &mut rows {
            row.run(&library)?;
        }
        println!("\na gzip file of {:.0} MiB", fs::metadata(&rows[0].file)?.len() as f64 / MIB);
        print_table(&rows);
    }
    Ok(())
}

fn setting(name: &str, default: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} must be a number, not {text}")),
        Err(_) => Ok(default),
    }
}

/// The plugin that `cargo build --release` made beside this bench; the json plugin is beside it.
fn library() -> Result<PathBuf> {
    let bench = std::env::current_exe()?;
    let release = bench.parent().and_then(Path::parent).context("this bench has no folder")?;
    let library = release.join("libcloudtrail.so");
    ensure!(library.is_file(), "no plugin at {}: run make bench, which builds it first", library.display());
    Ok(library)
}

/// Makes the log unless it is there.
fn log(folder: &Path, mib: u64) -> Result<Log> {
    let name = format!("log-v{LOG_VERSION}-{mib}");
    let (plain, gzip) = (folder.join(format!("{name}.json")), folder.join(format!("{name}.json.gz")));
    let events = (mib << 20).div_ceil(EVENT_BYTES);
    if !(plain.is_file() && gzip.is_file()) {
        eprintln!("writing {} and its gzip form, once", plain.display());
        fs::create_dir_all(folder)?;
        let part = |path: &Path| path.with_extension("part");
        let (plain_part, gzip_part) = (part(&plain), part(&gzip));
        write_log(&plain_part, &gzip_part, events)?;
        fs::rename(plain_part, &plain)?;
        fs::rename(gzip_part, &gzip)?;
    }
    let (text_bytes, gzip_bytes) = (fs::metadata(&plain)?.len(), fs::metadata(&gzip)?.len());
    ensure!(text_bytes >= mib << 20, "the generated log is smaller than {mib} MiB: lower EVENT_BYTES");
    Ok(Log { plain, gzip, events, text_bytes, gzip_bytes })
}

fn write_log(plain: &Path, gzip: &Path, count: u64) -> Result<()> {
    let mut plain = BufWriter::new(File::create(plain)?);
    let mut gzip = GzBuilder::new().write(BufWriter::new(File::create(gzip)?), Compression::default());
    let mut events = Events::new(count);
    let mut text = String::from("{\"Records\":[");
    for number in 0..count {
        if number > 0 {
            text.push(',');
        }
        events.append_to(&mut text);
        if number + 1 == count {
            text.push_str("]}");
        }
        plain.write_all(text.as_bytes())?;
        gzip.write_all(text.as_bytes())?;
        text.clear();
    }
    plain.flush()?;
    Ok(gzip.finish()?.flush()?)
}

fn rows(log: &Log) -> Vec<Row> {
    let row = |name, file: &Path, case| Row::new(name, log, file, case);
    vec![
        row("gzip -dc | wc -c", &log.gzip, Case::Gunzip),
        row("gzip, no field", &log.gzip, no_field()),
        row("gzip, filter on 3 fields", &log.gzip, three_fields()),
        row("gzip, output of 20 fields", &log.gzip, Case::Host { filter: "evt.num>0".into(), output: &OUTPUT }),
        row("plain, no field", &log.plain, no_field()),
        row("plain, filter on 3 fields", &log.plain, three_fields()),
    ]
}

/// A filter that asks the plugin for nothing and that no event passes.
fn no_field() -> Case {
    Case::Host { filter: "evt.num<0".into(), output: &[] }
}

/// A filter that reads all three fields of every event and that only the last event passes.
fn three_fields() -> Case {
    let filter = format!("ct.name!=Nothing and ct.src!=nothing.amazonaws.com and ct.user={LAST_USER}");
    Case::Host { filter, output: &[] }
}

/// The rule pack that is shipped, every enabled rule asked of every event but those that an earlier one matches.
fn pack_row(log: &Log) -> Result<Row> {
    let set = rules::load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/rules/aws_cloudtrail_rules.yaml")])?;
    let filters: Vec<String> = set.filters()?.into_iter().map(|(_, filter)| format!("({filter})")).collect();
    // Too long for an argument: a chisel, a script of the host, holds it, and nothing is printed.
    let chisel = log.plain.with_file_name("pack.lua");
    let filter = format!("({}) and evt.num<0", filters.join(" or ")).replace(['\n', '\r'], " ");
    let script = format!(
        "description = '' short_description = '' category = '' args = {{}}\n\
         function on_init() chisel.set_filter([==[{filter}]==]) return true end\n\
         function on_event() return true end\n"
    );
    fs::write(&chisel, script)?;
    Ok(Row::new(PACK, log, &log.plain, Case::Chisel(chisel)))
}

/// Many conditions, none of which holds, so that every one is asked: on fields, and on the same members by pointers.
fn condition_rows(log: &Log) -> Vec<Row> {
    let paths = FIELDS.iter().filter_map(|field| match field.get {
        Get::Path(path) => Some((field.name, path)),
        _ => None,
    });
    let paths = paths.cycle().take(CONDITIONS).enumerate();
    let (on_fields, on_pointers): (Vec<_>, Vec<_>) = paths
        .map(|(i, (name, path))| (format!("{name}=no{i}"), format!("jevt.value[/{}]=no{i}", path.join("/"))))
        .unzip();
    [("plain, 100 conditions on ct", on_fields), ("plain, 100 conditions on jevt", on_pointers)]
        .map(|(name, conditions)| {
            let case = Case::Host { filter: conditions.join(" or "), output: &[] };
            Row::new(name, log, &log.plain, case)
        })
        .into()
}

/// Makes the file of at least 1 GiB: gzip members, each of them the whole log. The ids of one member have been
/// forgotten when the next one repeats them, for there are more than the plugin remembers.
fn large_rows(log: &Log, folder: &Path) -> Result<Vec<Row>> {
    let members = (1u64 << 30).div_ceil(log.gzip_bytes);
    let file = folder.join(format!("large-v{LOG_VERSION}-{}.json.gz", log.events));
    if fs::metadata(&file).map(|metadata| metadata.len()).ok() != Some(members * log.gzip_bytes) {
        let mut large = File::create(&file)?;
        for _ in 0..members {
            std::io::copy(&mut File::open(&log.gzip)?, &mut large)?;
        }
    }
    let row = |name, case| {
        let row = Row::new(name, log, &file, case);
        Row { copies: members, events: members * row.events, text_bytes: members * row.text_bytes, ..row }
    };
    Ok(vec![row("gzip -dc | wc -c", Case::Gunzip), row("gzip, filter on 3 fields", three_fields())])
}

impl Row {
    fn new(name: &'static str, log: &Log, file: &Path, case: Case) -> Self {
        let (events, text_bytes) = (log.events, log.text_bytes);
        Self { name, file: file.to_owned(), copies: 1, events, text_bytes, case, runs: Vec::new() }
    }

    fn run(&mut self, library: &Path) -> Result<()> {
        let (mut command, lines) = match &self.case {
            Case::Gunzip => {
                let mut command = Command::new("sh");
                command.args(["-c", "gzip -dc \"$1\" | wc -c", "sh"]).arg(&self.file);
                (command, 1)
            }
            Case::Host { filter, output } => {
                let mut command = Command::new(SCRIPT);
                let fields = output.iter().map(|field| format!(" %{field}")).collect::<String>();
                command.arg("-v").arg("-H").arg(library);
                if filter.contains("jevt.") {
                    command.arg("-H").arg(library.with_file_name("libjson.so"));
                }
                command.arg("-I").arg(format!("cloudtrail:{}", self.file.display()));
                command.arg("-p").arg(format!("*%evt.num{fields}")).arg(filter);
                let lines = match filter.contains(LAST_USER) {
                    true => self.copies,
                    false if output.is_empty() => 0,
                    false => self.events,
                };
                (command, lines)
            }
            Case::Chisel(chisel) => {
                let mut command = Command::new(SCRIPT);
                command.arg("-v").arg("-H").arg(library);
                command.arg("-I").arg(format!("cloudtrail:{}", self.file.display()));
                command.arg("-c").arg(chisel);
                (command, 0)
            }
        };
        let start = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stderr = child.stderr.take().context("no stderr")?;
        // Beside each other: a host that says much on one would wait for its reader while the other is read.
        let report = thread::spawn(move || {
            let mut report = String::new();
            stderr.read_to_string(&mut report).map(|_| report)
        });
        let (printed, tail) = read_lines(child.stdout.take().context("no stdout")?)?;
        let report = report.join().map_err(|_| anyhow!("the reader of stderr panicked"))??;
        let usage = child.wait4()?;
        let wall = start.elapsed().as_secs_f64();
        let expected = match self.case {
            Case::Gunzip => self.text_bytes.to_string(),
            // The host's own count of what the plugin gave.
            Case::Host { .. } | Case::Chisel(_) => format!("Driver Events:{}", self.events),
        };
        let is_complete = report.lines().chain(tail.lines()).any(|line| line == expected);
        if !usage.status.success() || !is_complete || printed != lines {
            bail!(
                "{}: expected {expected} and {lines} lines, got {printed} lines and {}\n{report}{tail}",
                self.name,
                usage.status
            );
        }
        let cpu = (usage.rusage.utime + usage.rusage.stime).as_secs_f64();
        self.runs.push(Figures { wall, cpu, peak_bytes: usage.rusage.maxrss });
        Ok(())
    }

    fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn events_per_second(&self) -> f64 {
        self.events as f64 / self.median(|run| run.wall)
    }
}

/// Counts the lines of an output, and gives the last bytes of it as text.
fn read_lines(mut output: impl Read) -> Result<(u64, String)> {
    let mut buffer = vec![0; 1 << 16];
    let (mut lines, mut tail) = (0, Vec::new());
    loop {
        let length = output.read(&mut buffer)?;
        if length == 0 {
            return Ok((lines, String::from_utf8_lossy(&tail).into_owned()));
        }
        let read = &buffer[..length];
        lines += read.iter().filter(|byte| **byte == b'\n').count() as u64;
        tail = read[length.saturating_sub(1 << 10)..].to_vec();
    }
}

fn print_table(rows: &[Row]) {
    let gunzip = rows.first().map_or(f64::NAN, |row| row.median(|run| run.wall));
    println!(
        "{:<30} {:>10} {:>7} {:>9} {:>8}  {:<15} {:>7} {:>9}",
        "median of", "events/s", "MB/s", "x gzip", "wall s", "(min..max)", "cpu s", "peak MiB"
    );
    for row in rows {
        let wall = row.median(|run| run.wall);
        let (shortest, longest) =
            row.runs.iter().fold((f64::INFINITY, 0f64), |(low, high), run| (low.min(run.wall), high.max(run.wall)));
        println!(
            "{:<30} {:>10.0} {:>7.0} {:>9.2} {:>8.2}  {:<15} {:>7.2} {:>9.0}",
            row.name,
            row.events_per_second(),
            row.text_bytes as f64 / 1e6 / wall,
            gunzip / wall,
            wall,
            format!("({shortest:.2}..{longest:.2})"),
            row.median(|run| run.cpu),
            // The largest of all runs: a limit on memory has no median.
            row.runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0) as f64 / MIB,
        );
    }
}

fn print_verdict(rows: &[Row]) {
    let speed = |name: &str| rows.iter().find(|row| row.name == name).map_or(f64::NAN, Row::events_per_second);
    let (none, three) = (speed("gzip, no field"), speed("gzip, filter on 3 fields"));
    println!(
        "3 fields: {:.2} of the speed without fields (wanted: 0.25), {:.2} of {WANTED} events/s",
        three / none,
        three / WANTED
    );
    let (fields, pointers) = (speed("plain, 100 conditions on ct"), speed("plain, 100 conditions on jevt"));
    println!(
        "100 conditions on jevt.value take {:.2} times as long as on ct fields (wanted: below 3)",
        fields / pointers
    );
    let micros = |name| 1e6 / speed(name);
    println!(
        "the rule pack costs {:.2} us an event, beside an event without any",
        micros(PACK) - micros("plain, no field")
    );
}
