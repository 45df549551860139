//! Measures the whole process, the plugin in the real engine, and prints one table of it and of what `decode` and
//! `extract` measured: every figure beside its yardstick.
//!
//! `make bench` runs all three. Logs are made once and kept under the target folder. The environment can change it:
//! `BENCH_RUNS` (rounds of all cases, default 5), `BENCH_MIB` (MiB of text in the log, default 250), `BENCH_DOCS=1`
//! (writes the table to docs/performance.md as well), `BENCH_GZIP_GIB=1` (adds a gzip file of at least 1 GiB, which is the log
//! again and again, in one round).
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault ends a bench and is seen")]

mod cases;
mod conditions;
#[path = "../events.rs"]
mod events;
#[path = "../library.rs"]
mod library;
mod logs;
mod measured;
#[path = "../output.rs"]
mod output;
mod rows;
mod run;
mod table;

use std::path::Path;

use anyhow::{Context, Result};
use cases::Cases;
use measured::Measured;
use runner::falco::Falco;

fn main() -> Result<()> {
    let rounds = setting("BENCH_RUNS", 5)?.max(1);
    let library = library::release()?;
    let target = library.parent().and_then(Path::parent).context("the library has no folder")?;
    let criterion = target.join("criterion");
    let falco = Falco::find();
    let Cases { mut cases, facts } = cases::cases(&library, &target.join("bench"), falco.as_ref())?;
    let rows = rows::rows(&facts);
    table::check_criterion(&rows, &Measured::new(&[], &criterion))?;
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for case in &mut cases {
            case.run()?;
        }
    }
    let measured = Measured::new(&cases, &criterion);
    let machine = table::machine(falco.as_ref(), &facts, rounds)?;
    let table = table::table(&rows, &measured)?;
    println!("\n{machine}\n\n{table}");
    if setting("BENCH_DOCS", 0)? > 0 {
        table::write_to_document(&format!("\n{machine}\n\n{table}\n"))?;
    }
    if setting("BENCH_GZIP_GIB", 0)? > 0 {
        let mut cases = cases::large(&library, &target.join("bench"))?;
        for case in &mut cases {
            case.run()?;
        }
        let measured = Measured::new(&cases, &criterion);
        println!("\nThe log again and again, more than 1 GiB of gzip:\n\n{}", table::table(&rows::large(), &measured)?);
    }
    Ok(())
}

fn setting(name: &str, default: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} must be a number, not {text}")),
        Err(_) => Ok(default),
    }
}
