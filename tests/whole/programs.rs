//! Falco and Falcosidekick, where a machine has them, and the engine with the rule runner in the place of Falco: started,
//! given time to work, and ended. What they do with events is left to the tests.

use super::receiver::ask;
use super::settings;
use crate::aws::consumer::{PATIENCE, Source};
use runner::evaluate::{Input, Watch, watch};
use runner::falco::Falco;
use runner::rules::RuleSet;
use runner::running::Running;
use serde_json::json;
use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long a program works before it is looked after what became of that.
const MOMENT: Duration = Duration::from_millis(50);

/// The end of each moment.
fn moment() -> Instant {
    Instant::now() + MOMENT
}

/// A program that runs. It is killed in the end, and what it said is shown when the test fails.
pub struct Process {
    name: &'static str,
    running: Running,
    said: Vec<String>,
}

impl Process {
    fn start(name: &'static str, command: Command) -> Self {
        let running = Running::start(command).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name, running, said: Vec::new() }
    }

    /// Lets it work for a moment and takes its lines.
    fn work(&mut self) {
        let deadline = moment();
        while let Some(line) = self.running.line(deadline) {
            self.said.push(line);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} said:\n{}\n{}", self.name, self.said.join("\n"), self.running.stderr());
        }
    }
}

/// Who raises alerts and posts them.
pub enum Sender<'a> {
    Falco { process: Process, _folder: tempfile::TempDir },
    Engine { watch: Watch<'a>, target: SocketAddr },
}

impl<'a> Sender<'a> {
    /// Starts Falco on a source, with the settings that the document names.
    pub fn falco(falco: &Falco, rules: &Path, source: &Source, target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings::falco();
        settings["http_output"]["url"] = json!(format!("http://{target}/"));
        let plugins = [source.plugin()];
        let input = Input { plugins: &plugins, params: source.params(), with_fields: true };
        let mut command = falco.command_with(folder.path(), &[rules.to_owned()], input, settings).unwrap();
        // Its client of HTTP would go through a proxy even to this machine.
        command.envs(source.environment()).env("TZ", "UTC").env_remove("http_proxy").env_remove("all_proxy");
        Self::Falco { process: Process::start("Falco", command), _folder: folder }
    }

    /// Starts the engine with the rule runner on a source.
    pub fn engine(rules: &'a RuleSet, source: &Source, target: SocketAddr) -> Self {
        Self::Engine { watch: watch(rules, source.session()).unwrap(), target }
    }

    /// Lets it work for a moment.
    pub fn work(&mut self) {
        self.post();
        let running = self.running();
        let ended = running.ended().unwrap();
        assert!(ended.is_none(), "it ended with {ended:?}: {}", running.stderr());
    }

    /// Ends it. What it raised has been posted then.
    pub fn stop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        self.running().interrupt().unwrap();
        while self.running().ended().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end: {}", self.running().stderr());
            self.post();
        }
        self.post();
    }

    /// Posts the alerts of a moment. Falco does that by itself, and needs somebody to read its lines.
    fn post(&mut self) {
        match self {
            Self::Falco { process, .. } => process.work(),
            Self::Engine { watch, target } => {
                let deadline = moment();
                while let Some(alert) = watch.alert(deadline).unwrap() {
                    let alert = serde_json::to_string(&alert).unwrap();
                    assert_eq!(ask(*target, "POST", "/", &alert).unwrap(), 200, "{alert}");
                }
            }
        }
    }

    fn running(&mut self) -> &mut Running {
        match self {
            Self::Falco { process, .. } => &mut process.running,
            Self::Engine { watch, .. } => watch.host(),
        }
    }
}

/// A running Falcosidekick.
pub struct Sidekick {
    pub address: SocketAddr,
    process: Process,
}

impl Sidekick {
    /// Finds Falcosidekick: the program that FALCOSIDEKICK_BIN names, else `falcosidekick` on PATH.
    pub fn find() -> Option<PathBuf> {
        let named = env::var_os("FALCOSIDEKICK_BIN").filter(|name| !name.is_empty()).map(PathBuf::from);
        named.or_else(|| {
            let path = env::var_os("PATH")?;
            env::split_paths(&path).map(|folder| folder.join("falcosidekick")).find(|program| program.is_file())
        })
    }

    /// Starts it with one output, the receiver, and waits until it takes alerts. Whatever other outputs the environment
    /// names stay out.
    pub fn start(program: &Path, receiver: SocketAddr) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("LISTENADDRESS", free.ip().to_string()).env("LISTENPORT", free.port().to_string());
        command.env("WEBHOOK_ADDRESS", format!("http://{receiver}/"));
        let mut sidekick = Self { address: free, process: Process::start("Falcosidekick", command) };
        let deadline = Instant::now() + PATIENCE;
        while ask(free, "GET", "/ping", "").ok() != Some(200) {
            assert!(Instant::now() < deadline, "Falcosidekick does not answer");
            sidekick.work();
        }
        sidekick
    }

    /// Lets it work for a moment.
    pub fn work(&mut self) {
        self.process.work();
        let ended = self.process.running.ended().unwrap();
        assert!(ended.is_none(), "Falcosidekick ended with {ended:?}");
    }
}
