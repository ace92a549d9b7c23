//! What an answer says about how its modules ended.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mig_protocol::action::compress_parameters;
use mig_protocol::{CommandStatus, Time};
use serde_json::json;

use crate::fixture::{Fixture, NOW};
use crate::intake::Received;

/// Delivers an action and runs it to its end.
async fn run(fixture: &Fixture, id: u64, action: mig_protocol::Action) -> mig_protocol::Command {
    match fixture.agent.receive(&fixture.message(id, action)) {
        Received::Run(task) => fixture.agent.clone().execute(*task, None).await,
        other => assert!(matches!(other, Received::Answered), "{other:?}"),
    }
    fixture.answers().pop().expect("an answer")
}

#[tokio::test]
async fn the_first_outcome_that_is_no_success_decides_the_status() {
    use CommandStatus::{Failed, Success, Timeout};
    for (modules, status) in [
        (&["quick"][..], Success),
        (&["quick", "quick"], Success),
        (&["broken"], Failed),
        (&["slow"], Timeout),
        (&["quick", "slow", "broken"], Timeout),
        (&["broken", "slow"], Failed),
        (&["quick", "absent", "slow"], Failed),
    ] {
        let fixture = Fixture::new();
        let answer = run(&fixture, 7, fixture.signed(modules)).await;
        assert_eq!(answer.status, status, "{modules:?}");
        assert_eq!(answer.results().len(), modules.len());
    }
}

#[tokio::test]
async fn results_stand_in_the_order_of_the_operations() {
    let fixture = Fixture::with(|settings| settings.concurrent_operations = 3);
    let modules = [
        "quick", "broken", "slow", "quick", "broken", "quick", "slow", "quick",
    ];
    let answer = run(&fixture, 7, fixture.signed(&modules)).await;
    for (result, module) in answer.results().iter().zip(modules) {
        assert_eq!(result.elements, json!({"asked": module}));
    }
    assert!(fixture.runner.most.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn an_unknown_module_is_answered_whatever_its_name() {
    for name in ["absent", "a\"b", "a'b\n", "<>&", ""] {
        let fixture = Fixture::new();
        let answer = run(&fixture, 7, fixture.signed(&[name])).await;
        assert_eq!(answer.status, CommandStatus::Failed);
        assert_eq!(
            answer.results()[0].errors(),
            [format!("module '{name}' is not available")]
        );
    }
}

#[tokio::test]
async fn compressed_parameters_reach_the_module_expanded_and_return_as_they_came() {
    let fixture = Fixture::new();
    let mut action = fixture.action(&["quick"]);
    let operation = &mut action.operations.as_mut().unwrap()[0];
    operation.want_compressed = true;
    compress_parameters(operation);
    let answer = run(&fixture, 7, fixture.sign(action, &[&fixture.ana])).await;
    assert_eq!(answer.status, CommandStatus::Success);
    assert_eq!(
        *fixture.runner.inputs.lock().unwrap(),
        [json!({"asked": "quick"})]
    );
    assert!(answer.action.operations()[0].is_compressed);
    assert!(answer.action.operations()[0].parameters.is_string());
}

#[tokio::test]
async fn parameters_that_do_not_expand_are_a_failed_operation() {
    let fixture = Fixture::new();
    let mut action = fixture.action(&["quick"]);
    let operation = &mut action.operations.as_mut().unwrap()[0];
    operation.is_compressed = true;
    operation.parameters = json!("bm90IGd6aXA=");
    let answer = run(&fixture, 7, fixture.sign(action, &[&fixture.ana])).await;
    assert_eq!(answer.status, CommandStatus::Failed);
    assert!(!answer.results()[0].errors().is_empty());
}

#[tokio::test]
async fn a_module_gets_the_time_left_and_no_more_than_its_limit() {
    for (left, limit, wall) in [(300, 30, 30), (20, 300, 80), (300, 3000, 360)] {
        let fixture =
            Fixture::with(|settings| settings.module_timeout = Duration::from_secs(limit));
        let mut action = fixture.action(&["quick"]);
        action.expireafter = Time::from_unix(NOW + left);
        run(&fixture, 7, fixture.sign(action, &[&fixture.ana])).await;
        // The clock may be off by the tolerance of a minute.
        assert_eq!(
            *fixture.runner.walls.lock().unwrap(),
            [Duration::from_secs(wall)]
        );
    }
}

#[tokio::test]
async fn a_command_that_expired_before_it_could_run_says_so() {
    let fixture = Fixture::new();
    let Received::Run(task) = fixture
        .agent
        .receive(&fixture.message(7, fixture.signed(&["quick"])))
    else {
        panic!("accepted");
    };
    fixture.clock.advance(Duration::from_secs(3600));
    fixture.agent.clone().execute(*task, None).await;
    let answer = fixture.answers().pop().unwrap();
    assert_eq!(answer.status, CommandStatus::Timeout);
    assert!(answer.results()[0].errors()[0].contains("expired"));
    assert!(fixture.runner.ran.lock().unwrap().is_empty());
}

#[tokio::test]
async fn stopping_cancels_what_runs_and_stores_its_answer() {
    let fixture = Fixture::new();
    let Received::Run(task) = fixture
        .agent
        .receive(&fixture.message(7, fixture.signed(&["patient"])))
    else {
        panic!("accepted");
    };
    let running = tokio::spawn(fixture.agent.clone().execute(*task, None));
    fixture.agent.until_active().await;
    let patience = Duration::from_secs(60);
    fixture.agent.stop(patience, patience).await;
    running.await.unwrap();
    let answer = fixture.answers().pop().unwrap();
    assert_eq!(answer.status, CommandStatus::Cancelled);
}

#[tokio::test]
async fn after_a_crash_only_repeatable_modules_run_again() {
    for (modules, started, status, ran) in [
        (
            &["quick", "once"][..],
            &[][..],
            CommandStatus::Success,
            &["quick", "once"][..],
        ),
        (
            &["quick", "once"],
            &[0],
            CommandStatus::Success,
            &["quick", "once"],
        ),
        (
            &["quick", "once"],
            &[0, 1],
            CommandStatus::Failed,
            &["quick"],
        ),
        (&["once"], &[0], CommandStatus::Failed, &[]),
    ] {
        let mut fixture = Fixture::new();
        let action = fixture.sign(fixture.action(modules), &[&fixture.ana, &fixture.ben]);
        let Received::Run(task) = fixture.agent.receive(&fixture.message(7, action)) else {
            panic!("accepted");
        };
        for operation in started {
            fixture
                .agent
                .journal()
                .start(task.entry, *operation, true)
                .unwrap();
        }
        fixture.restart();
        let open = fixture
            .agent
            .journal()
            .open_commands()
            .unwrap()
            .pop()
            .unwrap();
        let Received::Run(task) = fixture.agent.resume(open) else {
            panic!("resumed");
        };
        fixture.agent.clone().execute(*task, None).await;
        let answer = fixture.answers().pop().unwrap();
        assert_eq!(answer.status, status, "{modules:?} {started:?}");
        let mut done = fixture.runner.ran.lock().unwrap().clone();
        done.sort_by_key(|name| name == "once");
        assert_eq!(done, ran, "{modules:?} {started:?}");
        if status == CommandStatus::Failed {
            let reason = answer.results().last().unwrap().errors()[0].clone();
            assert!(reason.contains("may not be run a second time"), "{reason}");
        }
    }
}
