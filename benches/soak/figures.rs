//! What is measured of this process while it rests between two cycles, and whether it stayed flat.

use crate::cycle::Done;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How much memory the last quarter may have more than the second one: in parts of it, and in KiB.
const MORE: f64 = 1.05;
const MORE_KIB: f64 = 1024.0;

/// With fewer samples nothing is judged.
const FEWEST: usize = 16;

/// One look at this process.
#[derive(Debug)]
pub struct Sample {
    seconds: u64,
    cycles: u64,
    events: u64,
    faults: u64,
    /// Memory of this process in KiB: all of it, its share of what others have too, and what no file holds.
    rss: u64,
    pss: u64,
    anonymous: u64,
    descriptors: usize,
    threads: usize,
}

impl Sample {
    pub fn take(time: Duration, done: &Done) -> Result<Self> {
        let memory = fs::read_to_string("/proc/self/smaps_rollup")?;
        let kib = |name: &str| -> Result<u64> {
            let line = memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.split_whitespace().next()).context("no figure")?;
            Ok(number.parse()?)
        };
        Ok(Self {
            seconds: time.as_secs(),
            cycles: done.cycles(),
            events: done.events,
            faults: done.faults,
            rss: kib("Rss")?,
            pss: kib("Pss")?,
            anonymous: kib("Anonymous")?,
            descriptors: descriptors()?.len(),
            threads: threads()?,
        })
    }
}

/// All samples of a run, which are in a file as well.
pub struct Figures {
    samples: Vec<Sample>,
    file: File,
}

impl Figures {
    pub fn new(path: &Path) -> Result<Self> {
        let mut figures = Self { samples: Vec::new(), file: File::create(path)? };
        figures.say("seconds,cycles,events,faults,rss_kib,pss_kib,anonymous_kib,descriptors,threads")?;
        Ok(figures)
    }

    pub fn add(&mut self, sample: Sample) -> Result<()> {
        let Sample { seconds, cycles, events, faults, rss, pss, anonymous, descriptors, threads } = sample;
        self.say(&format!("{seconds},{cycles},{events},{faults},{rss},{pss},{anonymous},{descriptors},{threads}"))?;
        self.samples.push(sample);
        Ok(())
    }

    fn say(&mut self, line: &str) -> Result<()> {
        eprintln!("{line}");
        Ok(writeln!(self.file, "{line}")?)
    }

    /// Fails unless memory, descriptors and threads stayed flat.
    pub fn judge(&self) -> Result<()> {
        let samples = self.samples.as_slice();
        let first = samples.first().context("no sample")?;
        for sample in samples {
            ensure!(sample.descriptors == first.descriptors, "descriptors: {first:?}, {sample:?}");
            ensure!(sample.threads == first.threads, "threads: {first:?}, {sample:?}");
        }
        if samples.len() < FEWEST {
            eprintln!("too short to judge the memory");
            return Ok(());
        }
        let quarter = samples.len() / 4;
        let (second, last) = (median(&samples[quarter..2 * quarter]), median(&samples[samples.len() - quarter..]));
        eprintln!("median memory of the second quarter {second:.0} KiB, of the last one {last:.0} KiB");
        ensure!(last <= second * MORE + MORE_KIB, "the memory grew");
        eprintln!("memory, {} descriptors and {} threads stayed flat", first.descriptors, first.threads);
        Ok(())
    }
}

fn median(samples: &[Sample]) -> f64 {
    let mut sizes: Vec<u64> = samples.iter().map(|sample| sample.rss).collect();
    sizes.sort_unstable();
    sizes[sizes.len() / 2] as f64
}

/// The descriptors of this process, by what they are of; that of the look itself is among them.
pub fn descriptors() -> Result<Vec<String>> {
    let entries = fs::read_dir("/proc/self/fd")?.collect::<std::io::Result<Vec<_>>>()?;
    let names = entries.iter().filter_map(|entry| fs::read_link(entry.path()).ok());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// The threads of this process that run. A join may return while the kernel still takes a thread down; such a one has
/// the flag PF_EXITING.
pub fn threads() -> Result<usize> {
    const PF_EXITING: u64 = 4;
    let runs = |task: &fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let flags: u64 = stat.rsplit_once(") ")?.1.split(' ').nth(6)?.parse().ok()?;
        Some(flags & PF_EXITING == 0)
    };
    Ok(fs::read_dir("/proc/self/task")?.flatten().filter(|task| runs(task) == Some(true)).count())
}
