//! What may arrive, and what the agent does about it.

use std::time::Duration;

use mig_protocol::{CommandStatus, Time};
use serde_json::json;

use super::*;
use crate::fixture::{Fixture, NOW};

/// Delivers a message that must be refused; the reason.
fn refused(fixture: &Fixture, message: &[u8]) -> String {
    let received = fixture.agent.receive(message);
    assert!(matches!(received, Received::Answered), "{received:?}");
    let answer = fixture.answers().pop().expect("an answer");
    assert_eq!(answer.status, CommandStatus::Failed);
    assert!(!answer.agent.name.is_empty() && !answer.agent.queueloc.is_empty());
    let reason = answer.results()[0].errors()[0].clone();
    assert!(!reason.contains('\n'), "{reason}");
    assert!(fixture.runner.ran.lock().unwrap().is_empty());
    reason
}

fn accepted(fixture: &Fixture, message: &[u8]) -> Task {
    match fixture.agent.receive(message) {
        Received::Run(task) => *task,
        other => panic!("{other:?} {:?}", fixture.answers()),
    }
}

#[test]
fn what_is_no_command_is_ignored() {
    let fixture = Fixture::new();
    for message in [
        &b""[..],
        b"{",
        b"null",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"{}",
        br#"{"id":0}"#,
        br#"{"id":"x"}"#,
    ] {
        let received = fixture.agent.receive(message);
        assert!(
            matches!(received, Received::Nothing),
            "{message:?}: {received:?}"
        );
    }
    let nested = [b"{\"id\":7,\"action\":".as_slice(), &b"[".repeat(100_000)].concat();
    assert!(matches!(fixture.agent.receive(&nested), Received::Nothing));
    assert!(fixture.answers().is_empty());
}

#[test]
fn a_command_with_an_identifier_is_answered_even_if_nothing_else_fits() {
    for body in [
        json!({"id": 7, "action": 5}),
        json!({"id": 7, "action": {"operations": "all"}}),
        json!({"id": 7, "action": {"operations": [{"module": 5}]}}),
        json!({"id": 7, "action": {"validfrom": "yesterday"}}),
        json!({"id": 7, "results": {}}),
    ] {
        let fixture = Fixture::new();
        refused(&fixture, body.to_string().as_bytes());
        assert_eq!(fixture.answers()[0].id, Id(7), "{body}");
    }
}

type MakeAction<'a> = &'a dyn Fn(&Fixture) -> mig_protocol::Action;

#[test]
fn each_bad_action_gets_its_reason() {
    let cases: [(&str, MakeAction<'_>); 16] = [
        ("no name", &|f| change(f, |action| action.name.clear())),
        ("no target", &|f| change(f, |action| action.target.clear())),
        ("syntax version 3", &|f| {
            change(f, |action| action.syntaxversion = 3)
        }),
        ("expired at", &|f| {
            change(f, |action| {
                action.validfrom = Time::from_unix(NOW - 120);
                action.expireafter = Time::from_unix(NOW - 61);
            })
        }),
        ("valid from", &|f| {
            change(f, |action| action.validfrom = Time::from_unix(NOW + 61))
        }),
        ("before it becomes valid", &|f| {
            change(f, |action| action.validfrom = Time::from_unix(NOW + 301))
        }),
        ("no operations", &|f| {
            change(f, |action| action.operations = Some(vec![]))
        }),
        ("no operations", &|f| {
            change(f, |action| action.operations = None)
        }),
        (";target=", &|f| {
            // Signing refuses it, so the signature of another action is used.
            let mut action = f.signed(&["quick"]);
            action.name = "a;target=b".into();
            action
        }),
        ("target cannot be understood", &|f| {
            change(f, |action| action.target = "name = ".into())
        }),
        ("does not match the action's target", &|f| {
            change(f, |action| {
                action.target = "tags->>'operator'='sales'".into()
            })
        }),
        ("not signed", &|f| f.action(&["quick"])),
        ("altered after it was signed", &|f| {
            let mut action = f.signed(&["quick"]);
            action.operations.as_mut().unwrap()[0].parameters = json!({"asked": "other"});
            action
        }),
        ("signed the action more than once", &|f| {
            f.sign(f.action(&["quick"]), &[&f.ana, &f.ana])
        }),
        ("needs weight 2", &|f| f.signed(&["once"])),
        ("signature made by unknown entity", &|f| {
            let stranger = crate::fixture::Investigator::new("Eve <eve@example.net>");
            f.sign(f.action(&["quick"]), &[&f.ana, &stranger])
        }),
    ];
    for (reason, action) in cases {
        let fixture = Fixture::new();
        let message = fixture.message(7, action(&fixture));
        let given = refused(&fixture, &message);
        assert!(given.contains(reason), "`{given}` does not say `{reason}`");
    }
}

fn change(
    fixture: &Fixture,
    change: impl FnOnce(&mut mig_protocol::Action),
) -> mig_protocol::Action {
    let mut action = fixture.action(&["quick"]);
    change(&mut action);
    fixture.sign(action, &[&fixture.ana])
}

#[test]
fn a_clock_that_is_a_little_off_does_no_harm() {
    for (validfrom, expireafter) in [(NOW + 60, NOW + 300), (NOW - 300, NOW - 60)] {
        let fixture = Fixture::new();
        let action = change(&fixture, |action| {
            action.validfrom = Time::from_unix(validfrom);
            action.expireafter = Time::from_unix(expireafter);
        });
        accepted(&fixture, &fixture.message(7, action));
    }
}

#[test]
fn enough_weight_is_accepted() {
    let fixture = Fixture::new();
    let action = fixture.sign(
        fixture.action(&["quick", "once"]),
        &[&fixture.ana, &fixture.ben],
    );
    accepted(&fixture, &fixture.message(7, action));
}

#[test]
fn a_key_that_was_withdrawn_stops_counting_at_once() {
    let fixture = Fixture::new();
    accepted(&fixture, &fixture.message(7, fixture.signed(&["quick"])));
    std::fs::remove_file(fixture.directory.path().join("agentkeys/ana")).unwrap();
    let mut again = fixture.action(&["quick"]);
    again.name = "again".into();
    let message = fixture.message(8, fixture.sign(again, &[&fixture.ana]));
    assert!(refused(&fixture, &message).contains("unknown entity"));
}

#[test]
fn the_same_action_under_another_command_is_a_replay() {
    let fixture = Fixture::new();
    let action = fixture.signed(&["quick"]);
    accepted(&fixture, &fixture.message(7, action.clone()));
    // Unsigned parts do not make it another action.
    let mut disguised = action.clone();
    disguised.id = Id(99);
    disguised.description.author = "somebody".into();
    for replay in [action, disguised] {
        assert!(refused(&fixture, &fixture.message(8, replay)).contains("replay"));
    }
}

#[test]
fn a_replay_is_recognised_after_a_restart_and_after_the_answer() {
    let mut fixture = Fixture::new();
    let action = fixture.signed(&["quick"]);
    let task = accepted(&fixture, &fixture.message(7, action.clone()));
    fixture.agent.store(task.entry, b"{\"id\":7}".into());
    fixture.send_all();
    fixture.restart();
    assert!(refused(&fixture, &fixture.message(8, action)).contains("replay"));
}

#[test]
fn a_redelivery_is_no_second_command() {
    let mut fixture = Fixture::new();
    let message = fixture.message(7, fixture.signed(&["quick"]));
    let task = accepted(&fixture, &message);
    // While it runs: nothing.
    assert!(matches!(fixture.agent.receive(&message), Received::Nothing));
    fixture
        .agent
        .store(task.entry, fixture.message(7, fixture.signed(&["quick"])));
    // Answered and sent: the stored answer is sent again, even after the expiry
    // and a restart.
    fixture.send_all();
    fixture.clock.advance(Duration::from_secs(500));
    fixture.restart();
    assert!(fixture.answers().is_empty());
    assert!(matches!(
        fixture.agent.receive(&message),
        Received::Answered
    ));
    assert_eq!(fixture.answers().len(), 1);
    assert_eq!(fixture.answers()[0].id, Id(7));
}

#[test]
fn a_resumed_command_is_checked_against_todays_keys() {
    let mut fixture = Fixture::new();
    accepted(&fixture, &fixture.message(7, fixture.signed(&["quick"])));
    std::fs::remove_file(fixture.directory.path().join("agentkeys/ana")).unwrap();
    fixture.restart();
    let open = fixture
        .agent
        .journal()
        .open_commands()
        .unwrap()
        .pop()
        .unwrap();
    assert!(matches!(fixture.agent.resume(open), Received::Answered));
    let answer = fixture.answers().pop().unwrap();
    assert_eq!(
        (answer.id, answer.status.clone()),
        (Id(7), CommandStatus::Failed)
    );
    assert!(answer.results()[0].errors()[0].contains("unknown entity"));
}

#[test]
fn every_action_gets_into_the_history() {
    let fixture = Fixture::new();
    accepted(&fixture, &fixture.message(7, fixture.signed(&["quick"])));
    refused(&fixture, &fixture.message(8, fixture.action(&["quick"])));
    let verdicts: Vec<bool> = fixture
        .agent
        .history()
        .iter()
        .map(|past| past.accepted)
        .collect();
    assert_eq!(verdicts, [true, false]);
}

#[test]
fn a_command_that_cannot_be_journalled_is_offered_again_until_it_expires() {
    let fixture = Fixture::new();
    let message = fixture.message(7, fixture.signed(&["quick"]));
    fixture.agent.journal().only_read(true);
    for _ in 0..2 {
        let received = fixture.agent.receive(&message);
        assert!(matches!(received, Received::NotNow), "{received:?}");
    }
    fixture.agent.journal().only_read(false);
    accepted(&fixture, &message);
    let received = fixture.agent.receive(&message);
    assert!(matches!(received, Received::Nothing), "{received:?}");
    assert!(fixture.answers().is_empty());

    // Another one, until it is too late.
    let mut action = fixture.action(&["quick"]);
    action.id = Id(6);
    action.name = "look again".into();
    let action = fixture.sign(action, &[&fixture.ana]);
    let message = fixture.message(8, action);
    fixture.agent.journal().only_read(true);
    let received = fixture.agent.receive(&message);
    assert!(matches!(received, Received::NotNow), "{received:?}");
    fixture.clock.advance(Duration::from_secs(400));
    let reason = refused(&fixture, &message);
    assert!(reason.contains("expired at"), "{reason}");
}
