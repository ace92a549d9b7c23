//! Posting actions and following them.

mod site;

use std::time::Duration;

use mig_protocol::{
    Action, ActionStatus, Agent, AgentMode, CommandStatus, Id, ModuleResult, Permissions, Time,
};
use mig_store::{ActionStart, Answer, Claim, NewCommand, StoreError};
use site::{DEADLINE, Person, Site, signed, unknown_person, unsigned};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_signed_action_is_stored_and_wakes_the_scheduler() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let bob = site.person("Bob", Permissions::DEFAULT).await;
    let action = signed(&[&ada, &bob], |action| {
        // None of this is for the client to say.
        action.id = Id(99);
        action.status = ActionStatus::Completed;
        action.counters.sent = 5;
    });
    let reply = site.post_action(&ada, &action).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let answered: Action = serde_json::from_value(reply.value(0)).expect("an action");
    let id = answered.id;
    assert_ne!(id, Id(99));
    let data = &reply.json()["collection"]["items"][0]["data"][0];
    assert_eq!(data["name"], format!("action ID {id}"));
    assert_eq!(answered.status, ActionStatus::Pending);
    assert_eq!(answered.starttime, Time::FAR_PAST);
    assert_eq!(answered.finishtime, Time::FAR_FUTURE);
    assert_eq!(answered.counters, Default::default());
    tokio::time::timeout(DEADLINE, site.wake.woken())
        .await
        .expect("the scheduler is woken");

    let shown = site.get(&format!("/action?actionid={id}"), &ada).await;
    assert_eq!(shown.status, 200);
    assert!(
        shown
            .body
            .contains(r#""name":"who has root? \u003c\u0026\u003e""#)
    );
    let shown: Action = serde_json::from_value(shown.value(0)).expect("an action");
    assert_eq!(shown.pgpsignatures, action.pgpsignatures);
    let mut signers: Vec<_> = shown
        .investigators
        .iter()
        .map(|who| who.name.as_str())
        .collect();
    signers.sort_unstable();
    assert_eq!(signers, ["Ada", "Bob"]);
    assert!(
        shown
            .investigators
            .iter()
            .all(|who| who.publickey.is_empty())
    );
}

#[tokio::test]
async fn a_refused_action_gets_one_line_and_changes_nothing() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let eve = unknown_person("Eve");
    let good = || signed(&[&ada], |_| {});
    let table: Vec<(Action, &str)> = vec![
        (unsigned(), "the action is not signed"),
        (signed(&[&eve], |_| {}), "signature made by unknown entity"),
        (
            signed(&[&ada, &eve], |_| {}),
            "signature made by unknown entity",
        ),
        (signed(&[&ada, &ada], |_| {}), "is signed twice by Ada"),
        (
            Action {
                name: "altered".into(),
                ..good()
            },
            "signature",
        ),
        (
            signed(&[&ada], |action| action.name.clear()),
            "the action has no name",
        ),
        (
            signed(&[&ada], |action| action.target.clear()),
            "the action has no target",
        ),
        (
            Action {
                syntaxversion: 1,
                ..good()
            },
            "syntax version 1",
        ),
        (
            signed(&[&ada], |action| {
                action.expireafter = Time::now() - Duration::from_secs(30)
            }),
            "the action expired at",
        ),
        (
            signed(&[&ada], |action| {
                action.validfrom = action.expireafter + Duration::from_secs(1)
            }),
            "before it becomes valid",
        ),
        (
            signed(&[&ada], |action| action.operations = None),
            "has no operations",
        ),
        (
            signed(&[&ada], |action| action.operations = Some(Vec::new())),
            "has no operations",
        ),
        (
            signed(&[&ada], |action| {
                action.target = "name = 'x' OR password = 'y'".into()
            }),
            "target: column ",
        ),
        (
            signed(&[&ada], |action| {
                action.target = "true; DROP TABLE agents".into()
            }),
            "target: column ",
        ),
        (
            signed(&[&ada], |action| action.name = "x".repeat(3000)),
            "longer than 2048",
        ),
        (
            Action {
                name: "x;target=true".into(),
                ..good()
            },
            "would make its signature ambiguous",
        ),
    ];
    for (action, reason) in table {
        let reply = site.post_action(&ada, &action).await;
        assert_eq!(reply.status, 400, "{reason}: {reply:?}");
        let error = reply.error();
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    for (fields, reason) in [
        (vec![("other", "x")], "no field `action`"),
        (vec![("action", "{\"name\":")], "the action cannot be read"),
        (
            vec![("action", "{\"id\":\"x\"}")],
            "the action cannot be read",
        ),
    ] {
        let reply = site.post("/action/create/", &ada, &fields).await;
        assert_eq!(reply.status, 400);
        assert!(reply.error().contains(reason), "{}", reply.error());
    }
    let search = mig_store::Search {
        limit: 10,
        ..Default::default()
    };
    let stored = site.store.search_actions(&search).await.expect("a search");
    assert_eq!(stored, []);
}

#[tokio::test]
async fn a_disabled_signer_does_not_count_although_the_caller_does() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let bob = site.person("Bob", Permissions::DEFAULT).await;
    let update = mig_store::InvestigatorUpdate {
        status: Some(mig_protocol::InvestigatorStatus::Disabled),
        ..Default::default()
    };
    site.store
        .update_investigator(bob.id, &update, Time::now())
        .await
        .expect("disabled");
    let reply = site.post_action(&ada, &signed(&[&bob], |_| {})).await;
    assert_eq!(reply.status, 400);
}

/// Puts an action in flight for one agent, as the scheduler does.
async fn in_flight(site: &Site, person: &Person) -> (Id, Id) {
    let reply = site.post_action(person, &signed(&[person], |_| {})).await;
    let action: Action = serde_json::from_value(reply.value(0)).expect("an action");
    let agent = Agent {
        name: "host".into(),
        queueloc: "linux.host".into(),
        mode: AgentMode::Daemon,
        pid: 5,
        ..Agent::default()
    };
    let now = Time::now();
    let outcome = site
        .store
        .record_heartbeats(&[agent], now)
        .await
        .expect("an agent");
    let row = match outcome[0] {
        mig_store::HeartbeatOutcome::New(id) | mig_store::HeartbeatOutcome::Known(id) => id,
        mig_store::HeartbeatOutcome::Destroyed(id) => panic!("agent {id} is destroyed"),
    };
    let claim = Claim {
        now,
        abandoned_before: now,
        limit: 10,
    };
    site.store.claim_actions(&claim).await.expect("claimed");
    let command = Id(action.id.0 + 100_000);
    site.store
        .start_action(&ActionStart {
            action: action.id,
            started: now,
            results: vec![ModuleResult::default()],
            commands: vec![NewCommand {
                id: command,
                agent: row,
                queueloc: "linux.host".into(),
            }],
        })
        .await
        .expect("started");
    (action.id, command)
}

async fn answer(site: &Site, action: Id, command: Id) {
    site.store
        .finish_commands(&[Answer {
            command,
            queueloc: "linux.host".into(),
            status: CommandStatus::Success,
            results: vec![ModuleResult {
                foundanything: true,
                success: true,
                ..Default::default()
            }],
            received: Time::now(),
        }])
        .await
        .expect("stored");
    site.changes.changed(action);
}

#[tokio::test]
async fn a_waiting_reader_is_answered_as_soon_as_the_action_changes() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let (action, command) = in_flight(&site, &ada).await;
    // Who is not told of the change gets no answer in time.
    let path = format!("/action?actionid={action}&wait=3600&since=0");
    let (reply, ()) = tokio::join!(site.get(&path, &ada), async {
        // Something else changes first; the reader is not interested.
        site.changes.changed(Id(1));
        answer(&site, action, command).await;
    });
    let shown: Action = serde_json::from_value(reply.value(0)).expect("an action");
    assert_eq!(shown.status, ActionStatus::Completed);
    assert_eq!((shown.counters.done, shown.counters.success), (1, 1));

    // It is over: nobody waits for more.
    let since = shown.lastupdatetime;
    for since in [since.to_string(), "1".to_owned()] {
        let reply = site
            .get(
                &format!("/action?actionid={action}&wait=3600&since={since}"),
                &ada,
            )
            .await;
        assert_eq!(reply.status, 200);
    }

    let found = site
        .get(
            &format!("/search?type=command&actionid={action}&foundanything=true"),
            &ada,
        )
        .await;
    assert_eq!(found.status, 200, "{found:?}");
    assert_eq!(found.items(), 2, "the command and the parameters");
    assert_eq!(found.value(0)["id"], command.0);
    assert_eq!(found.value(0)["agent"]["name"], "host");
    let none = site
        .get(
            &format!("/search?type=command&actionid={action}&foundanything=false"),
            &ada,
        )
        .await;
    assert_eq!(
        (none.status, none.error().as_str()),
        (404, "no results found")
    );
    let single = site
        .get(&format!("/command?commandid={command}"), &ada)
        .await;
    assert_eq!(single.status, 200);
    let links = &single.json()["collection"]["items"][0]["links"];
    assert_eq!(
        links[0]["href"],
        format!("http://localhost:1664/api/v1/action?actionid={action}")
    );
}

#[tokio::test]
async fn a_waiting_reader_is_answered_when_the_time_is_over_or_the_server_stops() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let (action, _) = in_flight(&site, &ada).await;
    let reply = site
        .get(
            &format!("/action?actionid={action}&wait=0.05&since=0"),
            &ada,
        )
        .await;
    assert_eq!(reply.value(0)["status"], "inflight");

    let mut listening = site.changes.subscribe();
    let mut reader = tokio::net::TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    let headers = ada.key_header();
    let path = format!("/api/v1/action?actionid={action}&wait=3600&since=0");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    reader
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    // The reader is let in before the server is told to stop: who came after it has
    // an answer by then.
    let ready = site.get("/dashboard", &ada).await;
    assert_eq!(ready.status, 200);
    let Site { api, .. } = site;
    api.stop().await;
    // Sooner than the reader's time is over.
    let mut reply = String::new();
    tokio::time::timeout(DEADLINE, reader.read_to_string(&mut reply))
        .await
        .expect("an answer in time")
        .expect("an answer");
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert!(listening.try_recv().is_err());
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_words_of_the_original() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::ALL).await;
    for (path, status, message) in [
        ("/action?actionid=1", 404, "Action ID '1' not found"),
        ("/action?actionid=1&wait=1", 404, "Action ID '1' not found"),
        ("/command?commandid=1", 404, "Command ID '1' not found"),
        ("/agent?agentid=1", 404, "Agent ID '1' not found"),
        (
            "/investigator?investigatorid=99",
            404,
            "Investigator ID '99' not found",
        ),
        ("/action?actionid=0", 400, "Invalid Action ID '0'"),
        ("/action", 400, "Invalid Action ID ''"),
        ("/action?actionid=x", 400, "parameter actionid: "),
        ("/action?actionid=1&wait=x", 400, "parameter wait: "),
    ] {
        let reply = site.get(path, &ada).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(
            reply.error().starts_with(message),
            "{path}: {}",
            reply.error()
        );
    }
}

#[tokio::test]
async fn an_invalid_action_says_why() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::ALL).await;
    let reply = site.post_action(&ada, &signed(&[&ada], |_| {})).await;
    let id: Id = serde_json::from_value(reply.value(0)["id"].clone()).expect("an id");
    site.store
        .invalidate_action(id, "nobody is there", Time::now())
        .await
        .expect("invalid");
    let again = site.store.invalidate_action(id, "again", Time::now()).await;
    assert!(
        matches!(again, Err(StoreError::Conflict { .. })),
        "{again:?}"
    );
    let reply = site
        .get(&format!("/action?actionid={id}&wait=10"), &ada)
        .await;
    let data = &reply.json()["collection"]["items"][0]["data"];
    assert_eq!(data[0]["value"]["status"], "invalid");
    assert_eq!(data[1]["name"], "reason");
    assert_eq!(data[1]["value"], "nobody is there");
}
