//! Messages that are no commands, and commands that come again or to the wrong
//! place.

use mig_protocol::{Id, to_go_json};

use super::prey::Prey;
use crate::setup::asking::sign;
use crate::setup::{AGENT, PATIENCE, marks};

#[test]
fn a_message_that_is_no_command_is_answered_if_it_says_whose_and_ignored_if_not() {
    let mut prey = Prey::new();
    let good = prey.signed("malformed");
    let command = prey.command(&good);
    let text = String::from_utf8(to_go_json(&command).unwrap()).unwrap();
    let nested = format!("{{\"id\":5,\"action\":{}", "[".repeat(200_000));
    for (what, body) in [
        ("nothing", ""),
        ("no JSON", "hello"),
        ("a list", "[]"),
        ("a number", "5"),
        ("an empty object", "{}"),
        ("an identifier that is none", r#"{"id":"x"}"#),
        ("nested deeply", nested.as_str()),
        ("cut short", &text[..text.len() / 2]),
        ("bytes after the end", &format!("{text}{text}")),
        (
            "another type",
            &text.replace("\"operations\":[", "\"operations\":7,\"x\":["),
        ),
    ] {
        let before = prey.agent.log().lines().count();
        prey.server.send(&prey.record, body.as_bytes());
        let mut lines = Vec::new();
        // What it says of its start in other threads may come in between.
        let logged = prey.agent.wait_until("an error in the log", PATIENCE, || {
            let log = std::fs::read_to_string(prey.site.path("agent.log")).unwrap_or_default();
            lines = log.lines().skip(before).map(str::to_owned).collect();
            // A line may be there in part.
            lines.iter().any(|line| line.contains("[error]")) && log.ends_with('\n')
        });
        logged.unwrap_or_else(|error| panic!("{what}: {error}: {lines:?}"));
        prey.assert_untouched();
    }
    // Answers, where there were any, say whose they are and why.
    let last = prey.signed("the last");
    let last = prey.command(&last);
    prey.server.order(&prey.record, &last);
    loop {
        let answer = prey.server.next_answer();
        if answer.id == last.id {
            assert_eq!(answer.status, "success");
            break;
        }
        assert_eq!(answer.status, "failed", "{answer:?}");
        assert!(answer.id == Id(5) || answer.id == command.id, "{answer:?}");
    }
}

#[test]
fn a_command_that_comes_again_is_answered_again_and_runs_once() {
    let mut prey = Prey::new();
    let action = prey.signed("again");
    let command = prey.command(&action);
    let first = prey.answer_to(&command);
    assert_eq!(first.status, "success", "{first:?}");
    // One answer after the other: when the next one comes, the relay has confirmed
    // this one.
    let between = prey.signed("between");
    let between = prey.command(&between);
    assert_eq!(prey.answer_to(&between).status, "success");
    // A redelivery has the same answer.
    let again = prey.answer_to(&command);
    assert_eq!(again.results, first.results);
    assert_eq!(marks::count(&prey.site, "again"), 1);

    // Under another identifier it is a replay.
    let replayed = prey.command(&action);
    let reason = prey.reason_for(&replayed);
    assert!(
        reason.contains("it is a replay under another command identifier"),
        "{reason}"
    );
    // Reordered signatures or an unsigned field do not make it another one.
    let mut disguised = action.clone();
    disguised.description.author = "somebody else".into();
    disguised.id = Id(4711);
    let disguised = prey.command(&disguised);
    let reason = prey.reason_for(&disguised);
    assert!(reason.contains("it is a replay"), "{reason}");
    assert_eq!(marks::count(&prey.site, "again"), 1);

    // The agent remembers that after a restart, however it ended.
    prey.agent.kill().unwrap();
    prey.agent = prey.site.start_agent(AGENT).unwrap();
    prey.record = prey.server.next_heartbeat();
    let replayed = prey.command(&action);
    let reason = prey.reason_for(&replayed);
    assert!(reason.contains("it is a replay"), "{reason}");
    let again = prey.answer_to(&command);
    assert_eq!(again.results, first.results);
    assert_eq!(marks::count(&prey.site, "again"), 1);

    // What another agent was ordered is not for this one, in whichever queue.
    let mut other = prey.unsigned("redirected");
    other.target = "queueloc='linux.another'".into();
    let other = sign(&prey.site, "ada", other);
    let redirected = prey.command(&other);
    let reason = prey.reason_for(&redirected);
    assert!(
        reason.contains("does not match the action's target"),
        "{reason}"
    );
    assert_eq!(marks::count(&prey.site, "redirected"), 0);
}
