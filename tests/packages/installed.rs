//! The .deb on a Debian system of its own: it works there, its drop-in is off until it is turned on, and removing it leaves
//! what is not its own.

use crate::{FILES, files, made, repository, run};
use runner::evaluate::{self, Input};
use runner::falco::Falco;
use runner::host::{Plugin, Session};
use runner::rules;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Debian system of its own, with nothing on it.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["info", "updates", "triggers"] {
            fs::create_dir_all(folder.path().join("var/lib/dpkg").join(name)).unwrap();
        }
        fs::write(folder.path().join("var/lib/dpkg/status"), "").unwrap();
        Self(folder)
    }

    /// Runs dpkg on this system, and returns what it said of trouble, or nothing where only root may.
    fn dpkg(&self, arguments: &[&str]) -> Option<String> {
        let is_root = run(Command::new("id").arg("-u")).trim() == "0";
        let has_fakeroot = Command::new("fakeroot").arg("--version").output().is_ok();
        let mut command = match (is_root, has_fakeroot) {
            (true, _) => Command::new("dpkg"),
            (false, true) => Command::new("fakeroot"),
            (false, false) => {
                println!("skipped: neither root nor fakeroot");
                return None;
            }
        };
        if !is_root {
            command.arg("dpkg");
        }
        command.arg("--root").arg(self.0.path()).args([
            "--force-not-root",
            "--force-depends",
            "--force-bad-path",
            "--force-script-chrootless",
        ]);
        command.arg("--log=/dev/null").args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {said}");
        Some(said)
    }

    fn install(&self) -> Option<()> {
        self.dpkg(&["-i", made("", ".deb").to_str().unwrap()]).map(|_| ())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Runs the command that the drop-in names to turn it on.
    fn turn_on(&self) {
        let drop_in = fs::read_to_string(repository("packaging/cloudtrail.yaml")).unwrap();
        let commands: Vec<_> = drop_in.lines().filter_map(|line| line.strip_prefix("#     ")).collect();
        let [command] = commands[..] else { panic!("{commands:?}") };
        assert!(fs::read_to_string(repository("docs/packages.md")).unwrap().contains(command));
        let command = command.replace("/etc/", &format!("{}/etc/", self.0.path().display()));
        run(Command::new("sh").args(["-c", &command]));
    }

    /// What the drop-in says, with the paths of this system.
    fn drop_in(&self) -> Value {
        let text = fs::read_to_string(self.path("etc/falco/config.d/cloudtrail.yaml")).unwrap();
        let root = self.0.path().display();
        let text = text.replace("/etc/", &format!("{root}/etc/"));
        let text = text.replace("library_path: ", &format!("library_path: {root}/usr/share/falco/plugins/"));
        yaml_serde::from_str(&text).unwrap()
    }

    /// Falco's own falco.yaml of these lists, and what it makes of them with the drop-in: it appends lists.
    fn merged(&self) -> (Value, Value) {
        let default = json!({
            "load_plugins": ["container"],
            "plugins": [{"name": "container", "library_path": "libcontainer.so"}],
            "rules_files": ["/etc/falco/falco_rules.yaml", "/etc/falco/rules.d"],
            "append_output": [{"suggested_output": true}],
        });
        let mut merged = default.clone();
        for (key, value) in self.drop_in().as_object().unwrap() {
            let items = value.as_array().unwrap_or_else(|| panic!("{key} is no list, so it would replace Falco's"));
            merged[key].as_array_mut().unwrap().extend(items.iter().cloned());
        }
        (default, merged)
    }
}

/// The files in the tree, without dpkg's own.
fn left(tree: &Path) -> Vec<String> {
    let mut left: Vec<String> = files(tree).into_keys().collect();
    left.retain(|path| !path.starts_with("var/lib/dpkg/"));
    left
}

#[test]
fn the_deb_works_where_it_is_installed_and_leaves_what_is_not_its_own() {
    let tree = Tree::new();
    let Some(()) = tree.install() else { return };
    assert_eq!(left(tree.0.path()), FILES);

    let plugins = [Plugin::new(tree.path("usr/share/falco/plugins/libcloudtrail.so")).unwrap().with_config("{}")];
    let rules = [tree.path("etc/falco/aws_cloudtrail_rules.yaml")];
    let examples = repository("examples");
    let input = Input { plugins: &plugins, params: examples.to_str().unwrap(), with_fields: false };
    let alerts = evaluate::evaluate(&rules::load(&rules).unwrap(), input).unwrap().alerts;
    assert!(alerts.iter().any(|alert| alert.rule == "Delete Bucket Encryption"), "{} alerts", alerts.len());

    let state = tree.path("var/lib/falco/cloudtrail/position");
    fs::create_dir_all(state.parent().unwrap()).unwrap();
    fs::write(&state, "here").unwrap();
    tree.turn_on();
    let said = tree.dpkg(&["-r", "falco-cloudtrail"]).unwrap();
    assert!(said.contains("Falco will not start again until that file is deleted"), "{said}");
    let configuration = FILES.iter().filter(|file| file.starts_with("etc/")).copied();
    let expected: Vec<_> = configuration.chain(["var/lib/falco/cloudtrail/position"]).collect();
    assert_eq!(left(tree.0.path()), expected);
    tree.dpkg(&["-P", "falco-cloudtrail"]).unwrap();
    assert_eq!(left(tree.0.path()), ["var/lib/falco/cloudtrail/position"]);
    assert!(!tree.path("etc").exists() && !tree.path("usr").exists(), "folders are left");
}

#[test]
fn the_drop_in_changes_nothing_until_it_is_turned_on() {
    let tree = Tree::new();
    let Some(()) = tree.install() else { return };
    let (default, off) = tree.merged();
    assert_eq!(off, default);

    tree.turn_on();
    let (_, on) = tree.merged();
    assert_eq!(on["load_plugins"], json!(["container", "cloudtrail"]));
    assert_eq!(on["plugins"].as_array().unwrap().len(), 2);
    let rules = on["rules_files"].as_array().unwrap();
    assert!(Path::new(rules.last().unwrap().as_str().unwrap()).is_file(), "{rules:?}");
    assert_eq!(on["append_output"], default["append_output"]);

    // The engine reads the same form, and loads only this plugin where Falco's own is not installed.
    let config = tree.path("engine.yaml");
    fs::write(&config, tree.drop_in().to_string()).unwrap();
    let session = Session::new(&[]).arg("--plugin-config-file").arg(&config);
    let report = session.input("cloudtrail", repository("examples")).format("%ct.name").run().unwrap().check().unwrap();
    let text = String::from_utf8(report.stdout).unwrap();
    assert!(text.contains("DeleteBucketEncryption"), "{text}");
}

#[test]
fn real_falco_reads_the_drop_in() {
    let Some(falco) = Falco::find() else { return println!("skipped: no falco") };
    let tree = Tree::new();
    let Some(()) = tree.install() else { return };
    let drop_in = tree.path("etc/falco/config.d/cloudtrail.yaml");
    let main = tree.path("etc/falco/falco.yaml");
    let config = json!({
        "config_files": [drop_in.parent().unwrap()],
        "engine": {"kind": "nodriver"},
        "json_output": true,
        "load_plugins": [],
        "log_stderr": true,
        "log_syslog": false,
        "rule_matching": "all",
        "stdout_output": {"enabled": true},
        "watch_config_files": false,
    });
    fs::write(&main, config.to_string()).unwrap();
    let start = |arguments: &[&str]| {
        let output = Command::new(falco.program()).arg("-c").arg(&main).args(arguments).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{log}");
        // A file that Falco finds a fault with is told by a warning.
        let verdict = log.lines().find(|line| line.contains("config.d/cloudtrail.yaml")).unwrap_or_default().to_owned();
        assert!(verdict.contains("schema validation: ok"), "{log}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    start(&["--dry-run"]);

    tree.turn_on();
    let text = tree.drop_in().to_string().replace("lookup://", repository("examples").to_str().unwrap());
    fs::write(&drop_in, text).unwrap();
    start(&["--dry-run"]);
    let alerts = start(&["--enable-source", "aws_cloudtrail"]);
    assert!(alerts.contains("Delete Bucket Encryption"), "{alerts}");
}
