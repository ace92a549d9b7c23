//! Commands that a good server would never send, and those that a good server
//! sends because only the agent can know better. Each gets one answer with one
//! reason, and nothing runs.

use std::time::Duration;

use mig_protocol::{Action, Time};
use serde_json::{Value, json};

use super::old_key;
use super::prey::Prey;
use crate::setup::asking::{action, sign, sign_with};

#[test]
fn an_order_that_is_not_in_order_is_refused_with_its_reason_and_not_run() {
    let mut prey = Prey::new();
    let hour = Duration::from_secs(3600);
    let with_old_key = |prey: &Prey, name: &str| {
        let mut action = prey.unsigned("old key");
        sign_with(&old_key(name), &mut action);
        action
    };
    type Make<'a> = Box<dyn Fn(&Prey) -> Action + 'a>;
    // Ada signs what is wrong, or somebody changes what she signed.
    let ada = |change: fn(&mut Action)| -> Make<'_> {
        Box::new(move |prey| {
            let mut action = prey.unsigned("wrong");
            change(&mut action);
            sign(&prey.site, "ada", action)
        })
    };
    let tampered = |change: fn(&mut Action)| -> Make<'_> {
        Box::new(move |prey| {
            let mut action = prey.signed("tampered");
            change(&mut action);
            action
        })
    };
    let table: Vec<(&str, Make<'_>, &str)> = vec![
        (
            "expired",
            ada(|action| {
                action.validfrom = Time::now() - Duration::from_secs(300);
                action.expireafter = Time::now() - Duration::from_secs(120);
            }),
            "the action expired at",
        ),
        (
            "not yet valid",
            Box::new(move |prey| {
                let mut action = prey.unsigned("early");
                action.validfrom = Time::now() + hour;
                action.expireafter = action.validfrom + hour;
                sign(&prey.site, "ada", action)
            }),
            "the action is valid from",
        ),
        (
            "no operations",
            ada(|action| action.operations = Some(Vec::new())),
            "the action has no operations",
        ),
        (
            "a target that is none",
            ada(|action| action.target = "name=".into()),
            "the target cannot be understood: target: column",
        ),
        (
            "a forbidden target",
            ada(|action| action.target = "1=1; DROP TABLE agents".into()),
            "the target cannot be understood: target: column",
        ),
        (
            "another host's",
            ada(|action| action.target = "name='another.example.net'".into()),
            "this agent does not match the action's target",
        ),
        (
            "not signed",
            Box::new(|prey| prey.unsigned("unsigned")),
            "the action is not signed",
        ),
        (
            "another target",
            tampered(|action| action.target = "1=1".into()),
            "altered after it was signed",
        ),
        (
            "another module",
            tampered(|action| action.operations.as_mut().unwrap()[0].module = "file".into()),
            "altered after it was signed",
        ),
        (
            "another parameter",
            tampered(|action| {
                action.operations.as_mut().unwrap()[0].parameters["milliseconds"] = json!(1)
            }),
            "altered after it was signed",
        ),
        (
            "a longer life",
            tampered(|action| action.expireafter = action.expireafter + Duration::from_secs(1)),
            "altered after it was signed",
        ),
        (
            "another name",
            tampered(|action| action.name.push('!')),
            "altered after it was signed",
        ),
        (
            "an unknown key",
            Box::new(|prey| sign(&prey.site, "mallory", prey.unsigned("unknown"))),
            "signature made by unknown entity",
        ),
        (
            "one good and one unknown",
            Box::new(|prey| sign(&prey.site, "mallory", prey.signed("half"))),
            "signature 2: signature made by unknown entity",
        ),
        (
            "an expired key",
            Box::new(move |prey| with_old_key(prey, "expired.key")),
            "which expired at 2020-12-31",
        ),
        (
            "a revoked key",
            Box::new(move |prey| with_old_key(prey, "revoked.key")),
            "which is revoked",
        ),
        (
            "too little weight",
            Box::new(|prey| sign(&prey.site, "ada", action("weight", "example", json!({})))),
            "module `example` needs weight 2 by ACL entry `example`, the signers have 1",
        ),
        (
            "a signer twice",
            Box::new(|prey| sign(&prey.site, "ada", prey.signed("twice"))),
            "signed the action more than once",
        ),
        (
            "one who weighs double by signing double",
            Box::new(|prey| {
                let action = sign(&prey.site, "ada", action("double", "example", json!({})));
                sign(&prey.site, "ada", action)
            }),
            "signed the action more than once",
        ),
    ];
    for (what, make, part) in &table {
        let action = make(&prey);
        let command = prey.command(&action);
        let reason = prey.reason_for(&command);
        assert!(reason.contains(part), "{what}: {reason}");
        prey.assert_untouched();
    }
    // What was wrong in the message does not disturb the agent either.
    prey.assert_lives();
}

#[test]
fn what_a_module_cannot_do_is_answered_with_its_reason() {
    let mut prey = Prey::new();
    let search = |search: Value| json!({"searches": {"s1": search}});
    for (what, module, parameters, part) in [
        (
            "an unknown module",
            "nosuchmodule",
            json!({}),
            "module 'nosuchmodule' is not available",
        ),
        (
            "a name that is a path",
            "../file",
            json!({}),
            "module '../file' is not available",
        ),
        (
            "a text for a list",
            "file",
            search(json!({"paths": "/etc"})),
            "searches.s1.paths",
        ),
        (
            "a list for an object",
            "file",
            json!({"searches": []}),
            "searches",
        ),
        (
            "a text for a number",
            "file",
            search(json!({"paths": ["/etc"], "options": {"matchlimit": "many"}})),
            "searches.s1.options.matchlimit",
        ),
        (
            "an invalid name regex",
            "file",
            search(json!({"paths": ["/etc"], "names": ["good", "a(b"]})),
            "a(b",
        ),
        (
            "an invalid content regex",
            "file",
            search(json!({"paths": ["/etc"], "contents": ["x{2,1}"]})),
            "x{2,1}",
        ),
        (
            "an invalid mode regex",
            "file",
            search(json!({"paths": ["/etc"], "modes": ["["]})),
            "[",
        ),
        (
            "no path",
            "file",
            search(json!({"names": ["a"]})),
            "searches.s1.paths",
        ),
        (
            "a size that is none",
            "file",
            search(json!({"paths": ["/etc"], "sizes": ["big"]})),
            "'big' is not a size",
        ),
        (
            "a hash that is none",
            "file",
            search(json!({"paths": ["/etc"], "sha2": ["abc"]})),
            "searches.s1.sha2",
        ),
    ] {
        let action = sign(&prey.site, "ada", action(what, module, parameters));
        let command = prey.command(&action);
        let reason = prey.reason_for(&command);
        assert!(reason.contains(part), "{what}: {reason}");
        prey.assert_untouched();
    }
    // Compressed parameters that are none.
    let mut packed = action("packed", "file", json!("bm90IGd6aXA="));
    packed.operations.as_mut().unwrap()[0].is_compressed = true;
    let command = prey.command(&sign(&prey.site, "ada", packed));
    let reason = prey.reason_for(&command);
    assert!(reason.contains("are not gzip"), "{reason}");
    prey.assert_lives();
}
