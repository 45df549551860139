//! The command `rule-proof`: proves rule files by events, on the real engine. It reads arguments and prints; the work
//! is in the library.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use runner::host::Plugin;
use runner::proof::Proof;
use runner::{fixtures, rules};

/// Proves Falco rules on CloudTrail events: each rule has a folder with events that must raise its alert and near
/// misses that must not (tests/rules/README.md says how they are written). Then every condition is broken, one test
/// at a time, and what no event notices is named.
#[derive(Debug, Parser)]
#[command(name = "rule-proof", version)]
struct Args {
    /// A plugin library to load; libcloudtrail.so first.
    #[arg(long = "plugin", value_name = "PATH", required = true)]
    plugins: Vec<PathBuf>,
    /// A rule file; give several in the order in which Falco would load them.
    #[arg(long, value_name = "FILE", required = true)]
    rules: Vec<PathBuf>,
    /// Only look at the events, break nothing.
    #[arg(long)]
    quick: bool,
    /// The folder with a folder of events for each rule.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("rule-proof: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let plugins = args.plugins.iter().map(Plugin::new).collect::<Result<Vec<_>>>()?;
    let set = rules::load(&args.rules)?;
    let fixtures = fixtures::load(&args.folder, &set)?;
    let proof = Proof::new(&set, &fixtures, &plugins)?;
    let mut faults = proof.faults()?;
    if faults.is_empty() && !args.quick {
        faults = proof.survivors()?.into_iter().map(|mutant| format!("no event notices: {mutant}")).collect();
    }
    for fault in &faults {
        anstream::println!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} faults", faults.len());
    }
    anstream::println!("{} events prove {} rules", fixtures.len(), set.rules().len());
    if !args.quick {
        let broken = set.mutants()?.len() + set.macro_mutants()?.len();
        anstream::println!("each of {broken} broken conditions is noticed");
    }
    Ok(())
}
