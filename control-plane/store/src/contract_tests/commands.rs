//! Commands and their answers.

use std::sync::Arc;

use mig_protocol::{ActionStatus, Command, CommandStatus, Counters, Id, ModuleResult, Time};
use serde_json::json;

use super::fixtures::{
    action, agent, answer, at, claimed, heard, ids, investigator, result, start, started, stored,
};
use crate::{Answer, AnswerOutcome, Store, StoreError};

async fn fleet(store: &dyn Store) -> [Id; 3] {
    let mut rows = [Id(0); 3];
    for (row, name) in rows.iter_mut().zip(["a", "b", "c"]) {
        *row = heard(store, &agent(name, &format!("linux.{name}"), 1), at(0)).await;
    }
    rows
}

/// As the original's scheduler publishes them.
pub async fn a_started_action_puts_its_commands_into_the_outbox(store: Arc<dyn Store>) {
    let [a, b, _] = fleet(&*store).await;
    let ada = investigator(&*store, "Ada", "aa11").await;
    stored(&*store, &action(1, "go"), &[ada]).await;
    started(&*store, 1, &[(11, b, "linux.b"), (10, a, "linux.a")]).await;

    let outbox = store.outbox(Id(0), 10).await.unwrap();
    let mut expected = action(1, "go");
    expected.status = ActionStatus::Preparing;
    expected.starttime = at(2);
    expected.finishtime = Time::ZERO;
    expected.lastupdatetime = Time::ZERO;
    expected.counters.sent = 2;
    let expected: Vec<_> = [(10, a), (11, b)]
        .into_iter()
        .map(|(id, agent)| (Id(id), expected.clone(), agent))
        .collect();
    let got: Vec<_> = outbox
        .iter()
        .map(|c| (c.id, c.action.clone(), c.agent.id))
        .collect();
    assert_eq!(got, expected);
    let Command {
        agent,
        status,
        results,
        starttime,
        finishtime,
        ..
    } = outbox[0].clone();
    assert_eq!(agent, store.agent(a).await.unwrap());
    assert_eq!(status, CommandStatus::Sent);
    assert_eq!(results, Some(vec![ModuleResult::default()]));
    assert_eq!((starttime, finishtime), (at(2), Time::ZERO));

    let got = store.action(Id(1)).await.unwrap().action;
    assert_eq!(got.status, ActionStatus::Inflight);
    assert_eq!((got.starttime, got.lastupdatetime), (at(2), at(2)));
    assert_eq!(got.finishtime, Time::FAR_FUTURE.truncated_to_micros());
    assert_eq!(
        got.counters,
        Counters {
            sent: 2,
            inflight: 2,
            ..Counters::default()
        }
    );
}

/// A start that fails leaves neither commands nor a changed action.
pub async fn an_action_starts_once_and_completely(store: Arc<dyn Store>) {
    let [a, b, _] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    let early = store
        .start_action(&start(1, &[(10, a, "linux.a")]))
        .await
        .unwrap_err();
    assert_eq!(
        early.to_string(),
        "action 1 is pending, which does not allow this"
    );
    started(&*store, 1, &[(10, a, "linux.a")]).await;
    let twice = store
        .start_action(&start(1, &[(11, b, "linux.b")]))
        .await
        .unwrap_err();
    assert!(matches!(twice, StoreError::Conflict { .. }), "{twice}");

    stored(&*store, &action(2, "clash"), &[]).await;
    assert_eq!(claimed(&*store, at(1)).await, [Id(2)]);
    let commands = [(12, b, "linux.b"), (10, a, "linux.a")];
    let clash = store.start_action(&start(2, &commands)).await.unwrap_err();
    assert_eq!(clash.to_string(), "command 10 exists already");
    let stranger = store
        .start_action(&start(2, &[(13, Id(5), "linux.x")]))
        .await
        .unwrap_err();
    assert_eq!(stranger.to_string(), "agent 5 does not exist");
    let progress = store.action_progress(Id(2)).await.unwrap();
    assert_eq!(
        (progress.status, progress.counters),
        (ActionStatus::Scheduled, Counters::default())
    );
    assert_eq!(
        ids(&store.outbox(Id(0), 10).await.unwrap(), |command| command
            .id),
        [10]
    );
    assert!(
        store
            .start_action(&start(9, &[]))
            .await
            .unwrap_err()
            .is_not_found()
    );
}

/// What the relay confirmed is not sent again.
pub async fn the_outbox_is_read_in_pages_and_emptied_by_confirmation(store: Arc<dyn Store>) {
    let [a, b, c] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    let commands = [(10, a, "linux.a"), (11, b, "linux.b"), (12, c, "linux.c")];
    started(&*store, 1, &commands).await;
    let page = |after, limit| {
        let store = store.clone();
        async move {
            let page = store.outbox(Id(after), limit).await.unwrap();
            ids(&page, |command| command.id)
        }
    };
    assert_eq!(page(0, 2).await, [10, 11]);
    assert_eq!(page(11, 2).await, [12]);
    store.outbox_done(&[Id(11), Id(99)]).await.unwrap();
    assert_eq!(page(0, 9).await, [10, 12]);
    // An agent that answers must have got it.
    store
        .finish_commands(&[answer(10, "linux.a", at(5))])
        .await
        .unwrap();
    assert_eq!(page(0, 9).await, [12]);
}

/// The first answer of an agent wins; the last one missing completes the action.
pub async fn an_answer_is_stored_exactly_once(store: Arc<dyn Store>) {
    let [a, b, _] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &[(10, a, "linux.a"), (11, b, "linux.b")]).await;
    let mut second = answer(10, "linux.a", at(6));
    second.status = CommandStatus::Failed;
    let answers = [
        answer(10, "linux.a", at(5)),
        second,
        answer(99, "linux.a", at(7)),
    ];
    let outcomes = store.finish_commands(&answers).await.unwrap();
    let action = Id(1);
    let stored = |completed| AnswerOutcome::Stored {
        action,
        replaced_expired: false,
        completed,
    };
    assert_eq!(
        outcomes,
        [
            stored(false),
            AnswerOutcome::AlreadyAnswered { action },
            AnswerOutcome::UnknownCommand
        ]
    );
    let progress = store.action_progress(action).await.unwrap();
    assert_eq!(
        (progress.status, progress.lastupdatetime),
        (ActionStatus::Inflight, at(5))
    );
    let counters = Counters {
        sent: 2,
        done: 1,
        inflight: 1,
        success: 1,
        ..Counters::default()
    };
    assert_eq!(progress.counters, counters);

    let mut failed = answer(11, "linux.b", at(8));
    failed.status = CommandStatus::Failed;
    failed.results = vec![ModuleResult::from_error("no such module \u{0} here")];
    assert_eq!(
        store.finish_commands(&[failed.clone()]).await.unwrap(),
        [stored(true)]
    );
    let done = store.action(action).await.unwrap().action;
    assert_eq!(done.status, ActionStatus::Completed);
    assert_eq!((done.finishtime, done.lastupdatetime), (at(8), at(8)));
    let counters = Counters {
        sent: 2,
        done: 2,
        success: 1,
        failed: 1,
        ..Counters::default()
    };
    assert_eq!(done.counters, counters);
    assert_eq!(
        store.command(Id(10)).await.unwrap().results,
        Some(vec![result(true)])
    );
    let command = store.command(Id(11)).await.unwrap();
    assert_eq!(
        (command.results, command.finishtime),
        (Some(failed.results), at(8))
    );
}

/// A relay delivers twice, schedulers work side by side.
pub async fn a_crowd_repeating_one_answer_stores_it_once(store: Arc<dyn Store>) {
    let [a, ..] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &[(10, a, "linux.a")]).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .finish_commands(&[answer(10, "linux.a", at(5))])
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        if let [AnswerOutcome::Stored { completed, .. }] = task.await.unwrap()[..] {
            assert!(completed);
            stored += 1;
        }
    }
    assert_eq!(stored, 1);
}

/// All agents share one relay account.
pub async fn an_answer_counts_only_from_the_agent_it_was_asked_of(store: Arc<dyn Store>) {
    let [a, ..] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &[(10, a, "linux.a")]).await;
    let outcomes = store
        .finish_commands(&[answer(10, "linux.b", at(5))])
        .await
        .unwrap();
    assert_eq!(outcomes, [AnswerOutcome::OtherAgent]);
    assert_eq!(
        store.command(Id(10)).await.unwrap().status,
        CommandStatus::Sent
    );
    // The same endpoint after a restart has another row and still counts.
    heard(&*store, &agent("a", "linux.a", 2), at(6)).await;
    let outcomes = store
        .finish_commands(&[answer(10, "linux.a", at(7))])
        .await
        .unwrap();
    assert!(matches!(
        outcomes[..],
        [AnswerOutcome::Stored {
            completed: true,
            ..
        }]
    ));
}

/// Late is better than never, but only once.
pub async fn a_late_answer_replaces_expired_once(store: Arc<dyn Store>) {
    let [a, ..] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &[(10, a, "linux.a")]).await;
    store.expire_due(at(600)).await.unwrap();
    let mut late = answer(10, "linux.a", at(610));
    late.status = CommandStatus::Expired;
    let action = Id(1);
    let stored = AnswerOutcome::Stored {
        action,
        replaced_expired: true,
        completed: false,
    };
    let outcomes = store
        .finish_commands(&[late, answer(10, "linux.a", at(611))])
        .await
        .unwrap();
    assert_eq!(
        outcomes,
        [stored, AnswerOutcome::AlreadyAnswered { action }]
    );
    let got = store.action(action).await.unwrap().action;
    assert_eq!(got.status, ActionStatus::Completed);
    assert_eq!((got.finishtime, got.lastupdatetime), (at(600), at(610)));
    assert_eq!(store.expire_due(at(700)).await.unwrap().commands, 0);
}

/// An agent of another version may know other words.
pub async fn an_answer_of_an_unknown_status_ends_its_command(store: Arc<dyn Store>) {
    let [a, b, _] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &[(10, a, "linux.a"), (11, b, "linux.b")]).await;
    let with = |command, queueloc, status: &str| Answer {
        status: status.into(),
        ..answer(command, queueloc, at(5))
    };
    store
        .finish_commands(&[with(10, "linux.a", "sent"), with(11, "linux.b", "odd")])
        .await
        .unwrap();
    let progress = store.action_progress(Id(1)).await.unwrap();
    assert_eq!(progress.status, ActionStatus::Completed);
    assert_eq!(
        progress.counters,
        Counters {
            sent: 2,
            done: 2,
            failed: 2,
            ..Counters::default()
        }
    );
}

/// With what the modules said, whatever that is.
pub async fn a_command_is_read_with_its_action_and_agent(store: Arc<dyn Store>) {
    let [a, ..] = fleet(&*store).await;
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &[(10, a, "linux.a")]).await;
    let results = vec![ModuleResult {
        elements: json!({"b": [1, 2.5, "é\u{7}\u{2028}"], "a": null}),
        statistics: json!("text"),
        errors: Some(vec![]),
        ..result(false)
    }];
    let mut given = answer(10, "linux.a", at(5));
    given.results.clone_from(&results);
    store.finish_commands(&[given]).await.unwrap();
    let command = store.command(Id(10)).await.unwrap();
    let mut got = command.results.unwrap();
    // Members of an object have no order.
    let elements = got[0].elements.as_object().unwrap();
    assert_eq!(elements["b"], json!([1, 2.5, "é\u{7}\u{2028}"]));
    assert_eq!(elements["a"], json!(null));
    got[0].elements = results[0].elements.clone();
    assert_eq!(got, results);
    assert_eq!(command.action.name, "go");
    assert_eq!(command.action.counters, Counters::default());
    assert_eq!(command.agent, store.agent(a).await.unwrap());
    assert!(store.command(Id(1)).await.unwrap_err().is_not_found());
    assert!(store.agent(Id(1)).await.unwrap_err().is_not_found());
}
