//! Actions that the API refuses: the reason on one line, and nothing stored.

use std::time::Duration;

use mig_client::ClientError;
use mig_protocol::{Action, Operation, Time};
use serde_json::json;

use super::old_key;
use crate::setup::Whole;
use crate::setup::asking::{action, api, post, post_text, sign, sign_with, text_of};
use crate::setup::database::Database;

/// A signed action that everybody would accept.
fn good(whole: &Whole) -> Action {
    sign(&whole.site, "ada", unsigned())
}

fn unsigned() -> Action {
    action("good", "file", json!({"searches": {}}))
}

#[test]
fn what_is_posted_wrongly_is_refused_with_its_reason_and_not_stored() {
    let mut whole = Whole::start_with(
        |site| {
            // Somebody enrolled them while they were good.
            for name in ["expired", "revoked"] {
                site.register(name, &old_key(&format!("{name}.pub")))
                    .unwrap();
            }
            site.make_key("mallory", "Mallory").unwrap();
        },
        |agent| agent,
    );
    let site = &whole.site;
    let signed_by = |name: &str| text_of(&sign(site, name, unsigned()));
    let signed_with = |name: &str| {
        let mut action = unsigned();
        sign_with(&old_key(name), &mut action);
        text_of(&action)
    };
    let ada = |change: &dyn Fn(&mut Action)| {
        let mut action = unsigned();
        change(&mut action);
        text_of(&sign(site, "ada", action))
    };
    let tampered = |change: &dyn Fn(&mut Action)| {
        let mut action = good(&whole);
        change(&mut action);
        text_of(&action)
    };
    let text = text_of(&good(&whole));
    let hour = Duration::from_secs(3600);
    let table: Vec<(&str, String, &str)> = vec![
        ("nothing", String::new(), "the action cannot be read"),
        (
            "cut short",
            text[..text.len() / 2].to_owned(),
            "the action cannot be read",
        ),
        ("no JSON", "{name: x}".into(), "the action cannot be read"),
        ("a list", "[]".into(), "the action cannot be read"),
        (
            "a key of another type",
            text.replace("\"good\"", "7"),
            "the action cannot be read",
        ),
        (
            "bytes after the end",
            format!("{text} {{}}"),
            "the action cannot be read",
        ),
        (
            "nested deeply",
            format!("{{\"operations\":{}", "[".repeat(100_000)),
            "nested more than",
        ),
        (
            "no name",
            ada(&|action| action.name.clear()),
            "the action has no name",
        ),
        (
            "no target",
            ada(&|action| action.target.clear()),
            "the action has no target",
        ),
        (
            "a target that is none",
            ada(&|action| action.target = "name=".into()),
            "target: column",
        ),
        (
            "a forbidden target",
            ada(&|action| action.target = "1=1; DELETE FROM agents".into()),
            "target: column",
        ),
        (
            "a foreign table",
            ada(&|action| action.target = "id IN (SELECT id FROM investigators)".into()),
            "target: column",
        ),
        (
            "no operations",
            ada(&|action| action.operations = Some(Vec::new())),
            "the action has no operations",
        ),
        (
            "operations left out",
            ada(&|action| action.operations = None),
            "the action has no operations",
        ),
        (
            "an operation without module",
            ada(&|action| action.operations = Some(vec![Operation::default()])),
            "operation 0 names no module",
        ),
        (
            "another syntax",
            ada(&|action| action.syntaxversion = 3),
            "only version 2 is known",
        ),
        (
            "expired",
            ada(&|action| action.expireafter = Time::now() - Duration::from_secs(5)),
            "the action expired at",
        ),
        (
            "over before it starts",
            ada(&|action| action.validfrom = action.expireafter + hour),
            "before it becomes valid",
        ),
        (
            "not signed",
            text_of(&unsigned()),
            "the action is not signed",
        ),
        (
            "another target",
            tampered(&|action| action.target = "1=1".into()),
            "altered after it was signed",
        ),
        (
            "another parameter",
            tampered(&|action| action.operations.as_mut().unwrap()[0].parameters = json!({})),
            "altered after it was signed",
        ),
        (
            "a longer life",
            tampered(&|action| action.expireafter = action.expireafter + hour),
            "altered after it was signed",
        ),
        (
            "half a signature",
            tampered(&|action| action.pgpsignatures.as_mut().unwrap()[0].truncate(40)),
            "signature 1:",
        ),
        (
            "signed twice by one",
            text_of(&sign(site, "ada", good(&whole))),
            "the action is signed twice by ada",
        ),
        (
            "an unknown key",
            signed_by("mallory"),
            "signature made by unknown entity",
        ),
        (
            "an expired key",
            signed_with("expired.key"),
            "which expired at 2020-12-31",
        ),
        (
            "a revoked key",
            signed_with("revoked.key"),
            "which is revoked",
        ),
        (
            "a number beyond doubles",
            tampered(&|action| {
                action.operations.as_mut().unwrap()[0].parameters =
                    json!({"n": 9_007_199_254_740_993_u64})
            }),
            "altered after it was signed",
        ),
    ];
    let api = api(site, "ada");
    let database = Database::of(site.directory());
    for (what, document, part) in table {
        match post_text(&api, &document) {
            Err(ClientError::Refused {
                status: 400,
                message,
            }) => {
                assert!(message.contains(part), "{what}: {message}");
                assert!(!message.contains('\n'), "{what}: {message}");
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(database.actions(), [], "{what}");
    }
    post(&api, &good(&whole)).unwrap();
    assert_eq!(database.actions().len(), 1);
    whole.assert_agent_lives();
}

#[test]
fn an_action_of_tomorrow_waits_and_one_for_nobody_is_invalid_with_a_reason() {
    let whole = Whole::start();
    let api = api(&whole.site, "ada");
    let mut tomorrow = unsigned();
    tomorrow.name = "tomorrow".into();
    tomorrow.validfrom = Time::now() + Duration::from_secs(86_400);
    tomorrow.expireafter = tomorrow.validfrom + Duration::from_secs(300);
    post(&api, &sign(&whole.site, "ada", tomorrow)).unwrap();
    let mut nobody = unsigned();
    nobody.name = "nobody".into();
    nobody.target = "name='nobody'".into();
    let id = post(&api, &sign(&whole.site, "ada", nobody)).unwrap();

    let database = Database::of(whole.site.directory());
    let status = |name: &str| {
        let actions = database.actions();
        actions
            .into_iter()
            .find(|action| action.name == name)
            .map(|action| action.status)
    };
    mig_testkit::wait_until("the verdict", crate::setup::PATIENCE, || {
        status("nobody").as_deref() == Some("invalid")
    });
    assert_eq!(status("tomorrow").as_deref(), Some("pending"));
    assert_eq!(database.commands(), []);
    let answer = api.get("action", &[("actionid", &id.to_string())]).unwrap();
    let reasons: Vec<String> = answer.documents("reason").unwrap();
    assert_eq!(
        reasons,
        ["no agent that is online or idle matches the target"]
    );
}
