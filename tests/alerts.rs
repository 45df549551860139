//! The shipped rules raise the alerts that they promise, and no others, on the example events.

use crate::engine::plugin;
use runner::evaluate::{self, Input, Outcome};
use runner::falco::Falco;
use runner::rules;
use std::path::{Path, PathBuf};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_examples_raise_what_they_should() {
    let set = rules::load(&[repository("rules/aws_cloudtrail_rules.yaml")]).unwrap();
    let examples = repository("examples");
    let plugins = [plugin("{}")];
    let input = Input { plugins: &plugins, params: examples.to_str().unwrap(), with_fields: true };
    let outcome = evaluate::evaluate(&set, input).unwrap();
    let rules: Vec<_> = outcome.alerts.iter().map(|alert| (alert.priority.as_str(), alert.rule.as_str())).collect();
    assert_eq!(
        rules,
        [
            ("Notice", "Console Login Failed"),
            ("Warning", "Bucket Protection Change Denied"),
            ("Critical", "Delete Bucket Encryption"),
            ("Informational", "Attach Managed Policy"),
            ("Critical", "Attach Administrator Policy"),
            ("Informational", "Attach Managed Policy"),
        ]
    );
    let [_, _, bucket, _, policy, _] = &outcome.alerts[..] else { panic!("six alerts") };
    assert_eq!(
        [bucket.output.as_str(), policy.output.as_str()],
        [
            "09:06:02.000000000: Critical Encryption of a bucket was deleted (requesting user=\
             arn:aws:sts::111122223333:assumed-role/storage-admin/maria.lopez, requesting IP=203.0.113.24, \
             AWS region=us-east-1, bucket=example-invoices-111122223333, account=111122223333)",
            "09:08:20.000000000: Critical Administrator access was attached or an attempt made (requesting user=\
             arn:aws:iam::111122223333:user/ops.oncall, requesting IP=198.51.100.42, call=AttachUserPolicy, \
             target user=admin_test, target role=<NA>, target group=<NA>, account=111122223333, \
             AWS region=us-east-1, error=<NA>)",
        ]
    );
    assert_eq!(bucket.source, "aws_cloudtrail");
    assert_eq!(bucket.output_fields["s3.bucket"], "example-invoices-111122223333");
    assert!(policy.output_fields["iam.role"].is_null());
    assert_eq!(policy.output_fields["ct.request.username"], "admin_test");
}

#[test]
fn real_falco_raises_the_same_alerts() {
    let Some(falco) = Falco::find() else { return eprintln!("skipped: no falco") };
    let rules = [repository("rules/aws_cloudtrail_rules.yaml")];
    let examples = repository("examples");
    let plugins = [plugin("{}")];
    falco.check(&rules, &plugins).unwrap();
    let input = Input { plugins: &plugins, params: examples.to_str().unwrap(), with_fields: true };
    let alerts = |outcome: Outcome| -> Vec<_> {
        outcome.alerts.into_iter().map(|alert| (alert.rule, alert.output, alert.priority, alert.tags)).collect()
    };
    let here = evaluate::evaluate(&rules::load(&rules).unwrap(), input).unwrap();
    assert_eq!(alerts(falco.evaluate(&rules, input).unwrap()), alerts(here));
}
