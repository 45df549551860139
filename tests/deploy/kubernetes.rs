//! The manifests are what Kubernetes takes, their init container gets what it should and nothing else, and what they
//! configure is what the plugin and the engine take.

use super::{deploy, files, python, succeeded};
use crate::engine;
use runner::evaluate::{Input, evaluate};
use runner::rules;
use serde::Deserialize;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Returns the documents of a file.
fn read(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(deploy("kubernetes").join(name)).unwrap();
    yaml_serde::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn values() -> Value {
    read("values.yaml").remove(0)
}

/// Returns the document of this kind in falco.yaml.
fn manifest(kind: &str) -> Value {
    read("falco.yaml").into_iter().find(|document| document["kind"] == kind).unwrap()
}

fn pod() -> Value {
    manifest("Deployment")["spec"]["template"]["spec"].clone()
}

/// Returns the configuration of Falco in falco.yaml.
fn configuration() -> Value {
    yaml_serde::from_str(manifest("ConfigMap")["data"]["falco.yaml"].as_str().unwrap()).unwrap()
}

#[test]
fn kubernetes_takes_the_manifests_from_an_old_version_to_a_new_one() {
    for version in ["1.25.0", "1.37.0"] {
        let mut arguments: Vec<OsString> =
            ["-m", "kubernetes_validate", "--strict", "--quiet", "-k", version].map(OsString::from).into();
        arguments.push(deploy("kubernetes/falco.yaml").into());
        succeeded(&python(arguments));
    }
}

#[test]
fn the_chart_and_the_manifests_run_the_same() {
    let (values, pod) = (values(), pod());
    let mut init = pod["initContainers"][0].clone();
    init.as_object_mut().unwrap().remove("resources");
    assert_eq!(values["extra"]["initContainers"][0], init);
    assert_eq!(values["podSecurityContext"], pod["securityContext"]);
    assert_eq!(values["containerSecurityContext"], pod["containers"][0]["securityContext"]);
    assert_eq!(init["image"], pod["containers"][0]["image"]);
    let configuration = configuration();
    assert_eq!(values["falco"]["plugins"], configuration["plugins"]);
    // Falco's image looks for the node's /proc in a folder that nobody mounts.
    assert_eq!([&values["falco"], &configuration].map(|falco| &falco["plugins_hostinfo"]), [false, false]);
    let rules = manifest("ConfigMap")["data"]["my_rules.yaml"].as_str().unwrap().trim().to_owned();
    assert_eq!(values["customRules"]["my_rules.yaml"].as_str().unwrap().trim(), rules);
    let pulled = read("values-falcoctl.yaml").remove(0);
    let source = |values: &Value| values["falco"]["plugins"][0]["open_params"].clone();
    assert_eq!(source(&pulled), source(&values));
}

#[test]
fn nothing_runs_as_root_or_writes_but_where_it_should() {
    let pod = pod();
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    for container in ["initContainers", "containers"].iter().flat_map(|kind| pod[kind].as_array().unwrap()) {
        let context = &container["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true, "{container}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{container}");
        assert_eq!(context["capabilities"]["drop"][0], "ALL", "{container}");
    }
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let writable: Vec<_> = mounts.iter().filter(|mount| mount["readOnly"] != true).collect();
    assert_eq!((writable.len(), &writable[0]["mountPath"]), (1, &Value::from("/var/lib/falco/cloudtrail")));
}

#[test]
fn what_is_configured_is_mounted_and_taken_by_the_engine() {
    let (pod, configuration) = (pod(), configuration());
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let plugin = &configuration["plugins"][0];
    let named = configuration["rules_files"].as_array().unwrap().iter().chain([&plugin["library_path"]]);
    for path in named {
        let is_in = |mount: &Value| Path::new(path.as_str().unwrap()).starts_with(mount["mountPath"].as_str().unwrap());
        assert!(mounts.iter().any(is_in), "{path} is in no volume");
    }
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("my_rules.yaml");
    fs::write(&own, manifest("ConfigMap")["data"]["my_rules.yaml"].as_str().unwrap()).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = rules::load(&[root.join("rules/aws_cloudtrail_rules.yaml"), own]).unwrap();
    let plugins = [engine::plugin(&plugin["init_config"].to_string())];
    let examples = root.join("examples");
    let input = Input { plugins: &plugins, params: examples.to_str().unwrap(), with_fields: false };
    assert!(!evaluate(&rules, input).unwrap().alerts.is_empty());
}

/// Returns a member of the environment of the init container.
fn environment(name: &str) -> String {
    let init = pod()["initContainers"][0].clone();
    let entry = init["env"].as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap().clone();
    entry["value"].as_str().unwrap().to_owned()
}

#[test]
fn the_archives_are_those_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let sums = environment("SHA256SUMS");
    let names: Vec<&str> = sums.lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    assert_eq!(
        names,
        [format!("cloudtrail-{version}-linux-x86_64.tar.gz"), format!("cloudtrail-rules-{version}.tar.gz")]
    );
    assert!(environment("RELEASE").ends_with(&format!("/v{version}")));
    let pulled = read("values-falcoctl.yaml").remove(0);
    for artifact in pulled["falcoctl"]["config"]["artifact"]["install"]["refs"].as_array().unwrap() {
        assert!(artifact.as_str().unwrap().ends_with(&format!(":{version}")), "{artifact}");
    }
}

/// Runs the script of the init container, in a folder in place of the volume.
fn install(volume: &Path, release: &Path, sums: &str) -> Output {
    let init = pod()["initContainers"][0].clone();
    let script = init["args"][0].as_str().unwrap().replace("/opt/cloudtrail", volume.to_str().unwrap());
    let release = format!("file://{}", release.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("RELEASE", release).env("SHA256SUMS", sums).output().unwrap()
}

#[test]
fn the_init_container_unpacks_the_archives_that_have_the_right_sums_and_no_others() {
    if Command::new("curl").arg("--version").output().is_err() {
        return println!("skipped: no curl");
    }
    let (release, volume) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = |script: &str| {
        let output = Command::new("sh").args(["-c", script]).current_dir(release.path()).output().unwrap();
        succeeded(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    let sums = run("echo library >libcloudtrail.so; echo rules >aws_cloudtrail_rules.yaml
        tar -czf a.tar.gz libcloudtrail.so; tar -czf b.tar.gz aws_cloudtrail_rules.yaml; sha256sum *.tar.gz");
    succeeded(&install(volume.path(), release.path(), &sums));
    let mut unpacked: Vec<_> = fs::read_dir(volume.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    unpacked.sort();
    assert_eq!(unpacked, ["aws_cloudtrail_rules.yaml", "libcloudtrail.so"]);

    run("echo another >libcloudtrail.so; tar -czf a.tar.gz libcloudtrail.so");
    assert!(!install(volume.path(), release.path(), &sums).status.success());
    assert_eq!(fs::read_to_string(volume.path().join("libcloudtrail.so")).unwrap(), "library\n");
    let missing = sums.replace("b.tar.gz", "c.tar.gz");
    assert!(!install(volume.path(), release.path(), &missing).status.success());
}

#[test]
fn every_file_for_kubernetes_is_told_of() {
    let told = fs::read_to_string(deploy("README.md")).unwrap();
    for file in files("kubernetes", "yaml") {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(told.contains(&format!("kubernetes/{name}")), "deploy/README.md does not name {name}");
    }
}
