//! Every input that is kept goes through its target again.
#![allow(missing_docs)]

use fuzz::{TARGETS, seeds};

#[test]
fn nothing_that_is_kept_fails() {
    for target in TARGETS {
        let inputs = seeds::of(target.name);
        assert!(inputs.len() >= 5, "{} has only {} inputs to begin with", target.name, inputs.len());
        inputs.iter().for_each(|input| (target.run)(input));
    }
}
