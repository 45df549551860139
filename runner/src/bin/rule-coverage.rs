//! The command `rule-coverage`: runs rule files over a folder of logs and reports what they catch and how noisy they
//! are. It reads arguments and prints; the work is in the library.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use runner::coverage::{self, layer, page, text};
use runner::host::Plugin;
use runner::proof::Proof;
use runner::{fixtures, rules};

/// Runs Falco rules over CloudTrail logs and reports which attacks they catch and how noisy they are. A file
/// labels.jsonl among the logs (or labels.jsonl.gz) may say which events carry an attack, one a line:
/// {"eventID": "…", "technique": "…", "attack": true}.
#[derive(Debug, Parser)]
#[command(name = "rule-coverage", version)]
struct Args {
    /// A plugin library to load; libcloudtrail.so first.
    #[arg(long = "plugin", value_name = "PATH", required = true)]
    plugins: Vec<PathBuf>,
    /// A rule file; give several in the order in which Falco would load them.
    #[arg(long, value_name = "FILE", required = true)]
    rules: Vec<PathBuf>,
    /// The folder with the events of the rules' tests, to name rules that fire nowhere.
    #[arg(long, value_name = "FOLDER")]
    tests: Option<PathBuf>,
    /// A rule file that the tests load behind the others: their own lists.
    #[arg(long, value_name = "FILE", requires = "tests")]
    tuning: Option<PathBuf>,
    /// Write the page and the layer into this folder: index.html, layer.json.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// The folder of logs.
    #[arg(value_name = "LOGS")]
    logs: PathBuf,
}

/// The progress: bar, events done and in all, time left.
const BAR: &str = "{bar:40} {human_pos} of {human_len} events, {eta} left";

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("rule-coverage: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let plugins = args.plugins.iter().map(Plugin::new).collect::<Result<Vec<_>>>()?;
    let set = rules::load(&args.rules)?;
    // The bar shows itself on a terminal only.
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(BAR)?);
    let coverage = coverage::measure(&set, &plugins, &args.logs, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let enabled = set.enabled();
    let untested = match &args.tests {
        Some(folder) => {
            let tuned = rules::load(&args.rules.iter().chain(&args.tuning).collect::<Vec<_>>())?;
            let fixtures = fixtures::load(folder, &tuned)?;
            let fired = Proof::new(&tuned, &fixtures, &plugins)?.fired()?;
            let names = enabled.iter().map(|rule| rule.name.as_str()).enumerate();
            let never = names.filter(|(place, name)| !coverage.fired.contains(place) && !fired.contains(*name));
            Some(never.map(|(_, name)| name.to_owned()).collect::<Vec<_>>())
        }
        None => None,
    };
    anstream::print!("{}", text::report(&coverage, &enabled, untested.as_deref()));
    if let Some(folder) = &args.output {
        let (html, json) = (folder.join("index.html"), folder.join("layer.json"));
        let logs = args.logs.display().to_string();
        coverage::write(&html, &page::page("Rule coverage", &logs, &coverage, &enabled))?;
        coverage::write(&json, &layer::layer("Rule coverage", &enabled))?;
        anstream::println!(
            "\nThe page: {}\nThe layer for MITRE's ATT&CK Navigator: {}",
            html.display(),
            json.display()
        );
    }
    Ok(())
}
