//! The command `falco-rules`: runs Falco rule files over CloudTrail logs and prints the alerts. It reads arguments and
//! prints; the work is in the library.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use runner::evaluate::{self, Input, Outcome};
use runner::falco::Falco;
use runner::host::{self, Plugin};
use runner::rules::{self, RuleSet};

/// Runs Falco rule files over CloudTrail logs on a real engine: Falco when it is on PATH (or FALCO_BIN names it), else
/// libsinsp. Alerts go to stdout, everything else to stderr.
#[derive(Debug, Parser)]
#[command(name = "falco-rules", version)]
struct Args {
    /// A plugin library to load; libcloudtrail.so first.
    #[arg(long = "plugin", value_name = "PATH", required = true)]
    plugins: Vec<PathBuf>,
    /// The configuration of the first plugin (its init_config).
    #[arg(long, value_name = "JSON", default_value = "")]
    config: String,
    /// A rule file; give several in the order in which Falco would load them.
    #[arg(long, value_name = "FILE", required = true)]
    rules: Vec<PathBuf>,
    /// Print alerts as Falco's JSON objects, one a line.
    #[arg(long)]
    json: bool,
    /// Only have the engine compile every rule.
    #[arg(long, conflicts_with = "json")]
    check: bool,
    /// Print all log lines of the engine and the plugins, not only warnings and errors.
    #[arg(long)]
    verbose: bool,
    /// What the plugin reads: a log file or a folder of them.
    #[arg(value_name = "OPEN_PARAMS", required_unless_present = "check", conflicts_with = "check")]
    params: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("falco-rules: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let mut plugins = args.plugins.iter().map(Plugin::new).collect::<Result<Vec<_>>>()?;
    if let Some(first) = plugins.first_mut() {
        *first = first.clone().with_config(args.config.as_str());
    }
    let falco = Falco::find();
    let engine = match &falco {
        Some(falco) => falco.version()?,
        None => format!("libsinsp ({})", host::version()?),
    };
    anstream::eprintln!("engine: {engine}");
    if args.check {
        let count = check(falco.as_ref(), args, &plugins)?;
        anstream::eprintln!("the engine takes all {count} rules");
        return Ok(());
    }
    let params = args.params.as_deref().context("name what to read")?;
    let input = Input { plugins: &plugins, params, with_fields: args.json };
    let outcome = match &falco {
        Some(falco) => falco.evaluate(&args.rules, input)?,
        None => evaluate::evaluate(&load(&args.rules)?, input)?,
    };
    print(args, &outcome)
}

/// Reads the rule files and tells what they say in vain.
fn load(files: &[PathBuf]) -> Result<RuleSet> {
    let set = rules::load(files)?;
    for warning in set.warnings() {
        anstream::eprintln!("warning: {warning}");
    }
    Ok(set)
}

/// Has the engine compile every rule and tells what it, or the reading of the rules without Falco, warns of; gives the
/// number of rules.
fn check(falco: Option<&Falco>, args: &Args, plugins: &[Plugin]) -> Result<usize> {
    let Some(falco) = falco else { return evaluate::check(&load(&args.rules)?, plugins) };
    for warning in falco.check(&args.rules, plugins)? {
        anstream::eprintln!("warning: {warning}");
    }
    let set = rules::load(&args.rules)?;
    Ok(set.rules().iter().filter(|rule| rule.source == rules::SOURCE).count())
}

fn print(args: &Args, outcome: &Outcome) -> Result<()> {
    let is_loud = |line: &&String| {
        args.verbose || ["[WARN]", "[ERROR]", "Warning:", "Error:"].iter().any(|level| line.contains(level))
    };
    for line in outcome.logs.iter().filter(is_loud) {
        anstream::eprintln!("{line}");
    }
    let terminal = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let mut stdout = anstream::stdout().lock();
    for alert in &outcome.alerts {
        if args.json {
            writeln!(stdout, "{}", serde_json::to_string(alert)?)?;
        } else if terminal {
            writeln!(stdout, "{}", alert.styled())?;
        } else {
            writeln!(stdout, "{}", alert.output)?;
        }
    }
    Ok(())
}
