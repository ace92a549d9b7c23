//! Documents and steps the tests share.

use std::collections::BTreeMap;
use std::time::Duration;

use mig_protocol::{
    Action, ActionStatus, Agent, CommandStatus, Environment, Id, ModuleResult, Operation,
    Permissions, Time,
};
use serde_json::json;

use crate::{
    ActionStart, Answer, Claim, HeartbeatOutcome, NewCommand, NewInvestigator, Signature, Store,
};

/// 2024-03-01T10:00:00Z plus seconds.
pub fn at(seconds: i64) -> Time {
    Time::from_unix(1_709_287_200 + seconds)
}

/// A number of seconds.
pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A pending action that is valid for ten minutes from `at(0)`.
pub fn action(id: u64, name: &str) -> Action {
    Action {
        id: Id(id),
        name: name.into(),
        target: "status='online'".into(),
        threat: mig_protocol::Threat {
            family: "audit".into(),
            ..Default::default()
        },
        validfrom: at(0),
        expireafter: at(600),
        operations: Some(vec![Operation {
            module: "file".into(),
            parameters: json!({"searches": {"s1": {"paths": ["/etc"]}}}),
            ..Operation::default()
        }]),
        pgpsignatures: Some(vec!["wsBc=AbCd".into()]),
        status: ActionStatus::Pending,
        starttime: Time::FAR_PAST,
        finishtime: Time::FAR_FUTURE,
        lastupdatetime: Time::FAR_PAST,
        syntaxversion: 2,
        ..Action::default()
    }
}

/// An agent as a heartbeat brings it.
pub fn agent(name: &str, queueloc: &str, pid: i64) -> Agent {
    Agent {
        name: name.into(),
        queueloc: queueloc.into(),
        mode: "daemon".into(),
        version: "20240101-0.abc.prod".into(),
        pid,
        refreshts: at(-60),
        environment: Environment {
            os: "linux".into(),
            ident: "Debian 12".into(),
            arch: "amd64".into(),
            addresses: vec!["10.1.2.3/24".into()],
            ..Environment::default()
        },
        tags: BTreeMap::from([("operator".into(), "it".into())]),
        ..Agent::default()
    }
}

/// A result with that flag.
pub fn result(found: bool) -> ModuleResult {
    ModuleResult {
        foundanything: found,
        success: true,
        elements: json!({"s1": []}),
        ..ModuleResult::default()
    }
}

/// Stores the heartbeat of one agent and returns its row.
pub async fn heard(store: &dyn Store, agent: &Agent, now: Time) -> Id {
    let outcome = store
        .record_heartbeats(std::slice::from_ref(agent), now)
        .await
        .expect("stored");
    match outcome[..] {
        [
            HeartbeatOutcome::New(id)
            | HeartbeatOutcome::Known(id)
            | HeartbeatOutcome::Destroyed(id),
        ] => id,
        _ => panic!("one outcome for one agent, not {outcome:?}"),
    }
}

/// Stores an investigator.
pub async fn investigator(store: &dyn Store, name: &str, fingerprint: &str) -> Id {
    let new = NewInvestigator {
        name: name.into(),
        fingerprint: fingerprint.into(),
        public_key: format!("key of {name}").into_bytes(),
        permissions: Permissions::DEFAULT,
        created: at(0),
    };
    store.create_investigator(&new).await.expect("created")
}

/// Stores an action signed by `signers`.
pub async fn stored(store: &dyn Store, action: &Action, signers: &[Id]) {
    let signature = |signer: &Id| Signature {
        investigator: *signer,
        signature: format!("signature {signer}"),
    };
    let signatures: Vec<_> = signers.iter().map(signature).collect();
    store
        .create_action(action, &signatures)
        .await
        .expect("stored");
}

/// Claims everything that may start at `now`.
pub async fn claimed(store: &dyn Store, now: Time) -> Vec<Id> {
    let claim = Claim {
        now,
        abandoned_before: at(-1_000_000),
        limit: 100,
    };
    let actions = store.claim_actions(&claim).await.expect("claimed");
    actions.iter().map(|action| action.id).collect()
}

/// Claims an action and starts it with one command per (command, agent, queueloc).
pub async fn started(store: &dyn Store, action: u64, commands: &[(u64, Id, &str)]) {
    assert_eq!(claimed(store, at(1)).await, [Id(action)]);
    store
        .start_action(&start(action, commands))
        .await
        .expect("started");
}

/// What [`started`] gives to the store.
pub fn start(action: u64, commands: &[(u64, Id, &str)]) -> ActionStart {
    ActionStart {
        action: Id(action),
        started: at(2),
        results: vec![ModuleResult::default()],
        commands: commands
            .iter()
            .map(|(id, agent, queueloc)| NewCommand {
                id: Id(*id),
                agent: *agent,
                queueloc: (*queueloc).into(),
            })
            .collect(),
    }
}

/// A successful answer that found something.
pub fn answer(command: u64, queueloc: &str, received: Time) -> Answer {
    Answer {
        command: Id(command),
        queueloc: queueloc.into(),
        status: CommandStatus::Success,
        results: vec![result(true)],
        received,
    }
}

/// Identifiers of what a search returned.
pub fn ids<T>(found: &[T], id: impl Fn(&T) -> Id) -> Vec<u64> {
    found.iter().map(|item| id(item).0).collect()
}
