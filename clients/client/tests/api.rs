//! The client against an API that answers as it is told.

mod server;

use std::time::{Duration, Instant};

use mig_client::ClientError;
use mig_client::follow::{self, Interest};
use mig_client::http::{Api, Endpoint};
use mig_client::launch;
use mig_client::modules::Modules;
use mig_client::results::{self, Show};
use mig_client::signer::ApiKey;
use mig_client::terminal::Terminal;
use mig_protocol::{Action, ActionStatus, Id, Time};
use serde_json::{Value, json};

use server::{Reply, Server, collection};

fn api(server: &Server) -> Api {
    let endpoint = Endpoint {
        url: server.url.parse().expect("a URL"),
        skip_verification: false,
        authorities: None,
        user_agent: "test".to_owned(),
    };
    Api::new(&endpoint, Box::new(ApiKey("secret".to_owned())), false).expect("an API")
}

fn commands(ids: std::ops::Range<u64>) -> Reply {
    let items = ids.map(|id| {
        json!({"name": "command", "value": {
            "id": id, "agent": {"name": format!("host{id}")}, "action": {"operations": []},
            "status": "success", "results": []}})
    });
    collection(items.collect())
}

fn nothing_found() -> Reply {
    let body = json!({"collection": {"error": {"code": "1", "message": "no results found"}}});
    Reply::new(404, body.to_string())
}

#[test]
fn an_api_key_does_not_follow_a_redirect() {
    let server = Server::start(|_, _| {
        Reply::new(301, String::new()).with("Location", "http://elsewhere.example.net/")
    });
    let error = api(&server).get("dashboard", &[]).unwrap_err();
    assert!(matches!(error, ClientError::Moved { .. }), "{error}");
    assert!(
        error.to_string().contains("set [api] url"),
        "the remedy: {error}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn only_the_apis_own_words_mean_that_nothing_was_found() {
    let server = Server::start(|path, _| {
        if path.contains("nobody") {
            nothing_found()
        } else {
            Reply::new(404, "<html>not here</html>".to_owned())
        }
    });
    let api = api(&server);
    let nobody = launch::evaluate(&api, "name='nobody'").unwrap_err();
    assert!(matches!(nobody, ClientError::NoAgents(_)), "{nobody}");
    let elsewhere = launch::evaluate(&api, "name='x'").unwrap_err();
    assert!(
        matches!(elsewhere, ClientError::Refused { status: 404, .. }),
        "{elsewhere}"
    );
}

#[test]
fn what_the_api_says_holds_no_orders_to_the_terminal() {
    let server = Server::start(|_, _| {
        let body = json!({"collection": {"error": {"message": "bad `\u{1b}[2J\u{202e}`"}}});
        Reply::new(400, body.to_string())
    });
    let error = api(&server).get("search", &[]).unwrap_err().to_string();
    assert_eq!(error, "the API refuses (400): bad `\u{fffd}[2J\u{fffd}`");
}

#[test]
fn all_pages_of_results_are_printed_once_each() {
    // The third page overlaps the second, as when an answer arrives meanwhile.
    let server = Server::start(
        |path, _| match Server::parameter(path, "offset").as_deref() {
            Some("0") => commands(0..50),
            Some("50") => commands(49..99),
            Some("100") => commands(99..107),
            _ => nothing_found(),
        },
    );
    let modules = Modules::open(&mig_host::StoreOptions::default());
    let (mut out, terminal) = (Vec::new(), Terminal::default());
    let action = Action {
        id: Id(7),
        ..Action::default()
    };
    let tally = results::print(
        &api(&server),
        &modules,
        &action,
        Show::All,
        &terminal,
        &mut out,
    )
    .expect("prints");
    assert_eq!((tally.shown, tally.troubled), (107, 0));
    let expected: String = (0..107)
        .map(|id| format!("host{id} command success\n"))
        .collect();
    assert_eq!(String::from_utf8(out).expect("text"), expected);
}

#[test]
fn results_of_any_size_are_printed_in_their_order() {
    // More than is decoded and printed at a time, in one page.
    let server = Server::start(|_, _| {
        let items = (0..7).map(|id| {
            let large = "x".repeat(if id % 2 == 0 { 3 << 20 } else { 10 });
            json!({"name": "command", "value": {
                "id": id, "agent": {"name": format!("host{id}")},
                "action": {"operations": [{"module": "example"}]}, "status": "success",
                "results": [{"success": true, "elements": {"hostname": large}}]}})
        });
        collection(items.collect())
    });
    let modules = Modules::open(&mig_host::StoreOptions::default());
    let (mut out, terminal) = (Vec::new(), Terminal::default());
    let tally = results::print(
        &api(&server),
        &modules,
        &Action::default(),
        Show::All,
        &terminal,
        &mut out,
    )
    .expect("prints");
    assert_eq!((tally.shown, tally.troubled), (7, 0));
    let text = String::from_utf8(out).expect("text");
    let hosts: Vec<_> = text
        .lines()
        .filter(|line| line.ends_with("command success"))
        .collect();
    let expected: Vec<_> = (0..7)
        .map(|id| format!("host{id} command success"))
        .collect();
    assert_eq!(hosts, expected);
}

fn action(status: &str, changed: u32) -> Value {
    let updated = Time::from_unix(1_800_000_000 + i64::from(changed));
    json!({"name": "action", "value": {
        "id": 7, "status": status, "expireafter": Time::now() + Duration::from_secs(60),
        "lastupdatetime": updated, "counters": {"sent": 100, "done": changed}}})
}

#[test]
fn following_survives_an_api_that_is_started_again() {
    let server = Server::start(|_, number| match number {
        0 => collection(vec![action("inflight", 1)]),
        1 => Reply::new(503, "<html>back soon</html>".to_owned()),
        2 => nothing_found(),
        _ => collection(vec![action("completed", 100)]),
    });
    let followed = follow::follow(&api(&server), Id(7), |_| Interest::Continue).expect("follows");
    assert_eq!(followed.action.status, ActionStatus::Completed);
}

#[test]
fn following_ends_at_once_when_the_key_is_refused() {
    let server = Server::start(|_, _| Reply::new(401, String::new()));
    let error = follow::follow(&api(&server), Id(7), |_| Interest::Continue).unwrap_err();
    assert!(
        matches!(error, ClientError::Refused { status: 401, .. }),
        "{error}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn following_a_busy_action_leaves_the_api_time_for_others() {
    let takes = || {
        let server = Server::start(|_, number| {
            let status = if number < 11 { "inflight" } else { "completed" };
            collection(vec![action(status, number)])
        });
        let start = Instant::now();
        let mut changes = 0;
        follow::follow(&api(&server), Id(7), |_| {
            changes += 1;
            Interest::Continue
        })
        .expect("follows");
        assert_eq!(changes, 12, "no change is missed");
        start.elapsed()
    };
    // Three of the pauses of 250 ms; without them it takes a few milliseconds. An API
    // that itself took so long for an answer is given no pause, which may happen where
    // the machine is busy, but not each time.
    let times: Vec<_> = (0..10)
        .map(|_| takes())
        .take_while(|time| *time <= Duration::from_millis(600))
        .collect();
    assert!(times.len() < 10, "{times:?}");
}

#[test]
fn the_reason_of_an_invalid_action_is_kept() {
    let server = Server::start(|_, _| {
        collection(vec![
            action("invalid", 0),
            json!({"name": "reason", "value": "no agent matches"}),
        ])
    });
    let followed = follow::follow(&api(&server), Id(7), |_| Interest::Continue).expect("follows");
    assert_eq!(followed.reason.as_deref(), Some("no agent matches"));
}
