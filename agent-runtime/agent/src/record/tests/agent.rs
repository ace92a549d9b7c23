//! What the record says of an agent's commands.

use mig_protocol::Time;

use super::super::PARTS;
use super::super::entry::Entry;
use super::super::reader::Part;
use crate::fixture::{Fixture, NOW};
use crate::intake::Received;

/// What the record of an agent's fixture says, one word and the command each.
fn told(fixture: &Fixture) -> Vec<String> {
    let directory = fixture.agent.owners_record().directory().to_owned();
    let mut words = Vec::new();
    for (part, _) in PARTS {
        let mut reader = Part::open(&directory, part).unwrap();
        while let Some(read) = reader.read().unwrap() {
            words.extend(match read.line.entry {
                Entry::Accepted(accepted) if accepted.resumed => {
                    Some(format!("resumed {}", accepted.command))
                }
                Entry::Accepted(accepted) => Some(format!("accepted {}", accepted.command)),
                Entry::Ended(ended) => Some(format!("ended {}", ended.command)),
                Entry::Answered { command, .. } => Some(format!("answered {command}")),
                Entry::Refused(refused) => Some(format!("{} {}", refused.kind, refused.count)),
                Entry::Unsent { command, .. } => Some(format!("unsent {command}")),
                _ => None,
            });
        }
        assert!(reader.verdict().is_intact());
    }
    words
}

#[tokio::test]
async fn a_command_is_told_once_however_often_it_comes_and_its_answer_leaves() {
    let mut fixture = Fixture::new();
    let message = fixture.message(7, fixture.signed(&["quick"]));
    assert!(matches!(fixture.agent.receive(&message), Received::Run(_)));
    assert!(matches!(fixture.agent.receive(&message), Received::Nothing));
    fixture.restart();
    let open = fixture.agent.journal().open_commands().unwrap().pop();
    let Received::Run(task) = fixture.agent.resume(open.unwrap()) else {
        panic!("resumed");
    };
    fixture.agent.clone().execute(*task, None).await;
    fixture.send_all();
    assert!(matches!(
        fixture.agent.receive(&message),
        Received::Answered
    ));
    fixture.send_all();
    assert_eq!(
        told(&fixture),
        ["accepted 7", "resumed 7", "ended 7", "answered 7"]
    );
}

#[tokio::test]
async fn who_signed_is_told_with_names_and_what_leaves_as_it_is_in_the_answer() {
    let fixture = Fixture::new();
    let action = fixture.sign(
        fixture.action(&["quick", "once"]),
        &[&fixture.ana, &fixture.ben],
    );
    let Received::Run(task) = fixture.agent.receive(&fixture.message(7, action)) else {
        panic!("accepted");
    };
    fixture.agent.clone().execute(*task, None).await;
    let answer = fixture.answers().pop().unwrap();
    let directory = fixture.agent.owners_record().directory().to_owned();
    let mut reader = Part::open(&directory, "operations").unwrap();
    let mut sent = Vec::new();
    while let Some(read) = reader.read().unwrap() {
        match read.line.entry {
            Entry::Accepted(accepted) => {
                let names: Vec<&str> = accepted
                    .signers
                    .iter()
                    .flat_map(|signer| &signer.names)
                    .map(String::as_str)
                    .collect();
                let expected = [
                    "Ana",
                    "Ana <ana@example.net>",
                    "Ben",
                    "Ben <ben@example.net>",
                ];
                assert_eq!(names, expected);
                assert_eq!(accepted.signers[0].fingerprint.len(), 40);
                assert_eq!(accepted.operations, 2);
                assert!(accepted.asked.text.contains("asked"), "{accepted:?}");
            }
            Entry::Ended(ended) => sent.push(ended.sent.text),
            _ => {}
        }
    }
    let results: Vec<String> = answer
        .results()
        .iter()
        .map(|result| String::from_utf8(mig_protocol::to_go_json(result).unwrap()).unwrap())
        .collect();
    assert_eq!(sent, results);
}

#[test]
fn every_kind_of_refusal_is_told_and_answers_that_never_leave() {
    let mut fixture = Fixture::new();
    let sign = |action| fixture.sign(action, &[&fixture.ana]);
    let mut elsewhere = fixture.action(&["quick"]);
    elsewhere.target = "name='nobody'".into();
    let mut late = fixture.action(&["quick"]);
    late.expireafter = Time::from_unix(NOW - 100);
    late.validfrom = Time::from_unix(NOW - 200);
    let messages = [
        fixture.message(1, fixture.action(&["quick"])),
        fixture.message(2, sign(elsewhere)),
        fixture.message(3, sign(late)),
        fixture.message(4, fixture.signed(&["once"])),
        b"{\"id\":5,\"action\":7}".to_vec(),
        b"nonsense".to_vec(),
        fixture.message(6, fixture.signed(&["quick"])),
        fixture.message(7, fixture.signed(&["quick"])),
    ];
    for message in &messages {
        fixture.agent.receive(message);
    }
    let entry = fixture.agent.journal().next_unsent(None).unwrap();
    fixture.agent.give_up(entry, "it is too long");
    let words = told(&fixture);
    for expected in [
        "accepted 6",
        "signature 1",
        "target 1",
        "time 1",
        "acl 1",
        "malformed 1",
        "replay 1",
    ] {
        assert!(
            words.iter().any(|word| word == expected),
            "{expected}: {words:?}"
        );
    }
    assert_eq!(
        words.iter().filter(|word| *word == "malformed 1").count(),
        2
    );
    fixture.restart();
    assert_eq!(told(&fixture).len(), words.len());
}
