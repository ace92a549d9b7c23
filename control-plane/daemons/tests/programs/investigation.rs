//! Two schedulers and two APIs that know nothing of each other.

use std::collections::HashMap;

use serde_json::json;

use super::fleet::Fleet;
use super::process::{Site, items};

const AGENTS: [&str; 3] = ["one", "two", "three"];
const ACTIONS: usize = 12;

#[test]
fn schedulers_and_apis_share_the_work_and_nothing_is_done_twice() {
    let Some(site) = Site::new() else { return };
    let schedulers = [site.start_scheduler(), site.start_scheduler()];
    let apis = [site.start_api(), site.start_api()];
    let fleet = Fleet::new(&site);
    fleet.join(&AGENTS);
    // Heartbeats that one scheduler got are known to every API.
    for api in &apis {
        site.wait_for_agents(api, AGENTS.len());
    }

    let ids: Vec<u64> = (0..ACTIONS)
        .map(|number| site.post(&apis[number % 2], "who has root?", "status='online'"))
        .collect();
    for (number, id) in ids.iter().enumerate() {
        // Followed at the API that did not take it.
        let action = site.follow(&apis[(number + 1) % 2], *id);
        let done = AGENTS.len();
        assert_eq!(
            action["counters"],
            json!({"sent": done, "done": done, "success": done})
        );
    }
    let received = fleet.received().clone();
    assert_eq!(received.len(), ACTIONS * AGENTS.len());
    assert!(received.values().all(|times| *times == 1), "{received:?}");
    let path = format!("/search?type=command&actionid={}&limit=50", ids[0]);
    for api in &apis {
        let (status, found) = site.request(api, "GET", &path, "");
        assert_eq!(status, 200, "{found}");
        let commands = items(&found, "command");
        assert_eq!(commands.len(), AGENTS.len());
        for command in commands {
            assert_eq!(command["results"][0]["foundanything"], true);
        }
    }

    let [first, second] = apis;
    first.daemon.stop();
    // The other one knows everything.
    let action = site.follow(&second, ids[0]);
    assert_eq!(action["status"], "completed");
    second.daemon.stop();
    for scheduler in schedulers {
        scheduler.stop();
    }
    // Each action was started once, whoever did.
    let mut started: HashMap<u64, usize> = HashMap::new();
    for line in site.read("scheduler.log").lines() {
        if line.contains("The action is in flight") {
            let id = ids.iter().find(|id| line.contains(&format!(" {id} ")));
            *started.entry(*id.expect("one of ours")).or_default() += 1;
        }
    }
    let log = site.read("scheduler.log");
    let logged = r#"[info] Agent action: agent="two" loader="" name="who has root?""#;
    assert_eq!(log.matches(logged).count(), ACTIONS);
    assert_eq!(started.len(), ACTIONS);
    assert!(started.values().all(|times| *times == 1), "{started:?}");
    let left = site.postgres.sql("mig", "SELECT count(*) FROM outbox");
    assert_eq!(left.trim(), "0");
    let left = site.postgres.sql("mig", "SELECT count(*) FROM schedulers");
    assert_eq!(left.trim(), "0", "those that stopped hold nothing");
}

#[test]
fn a_command_waits_for_an_agent_that_another_process_hears_of() {
    let Some(site) = Site::new() else { return };
    let scheduler = site.start_scheduler();
    let api = site.start_api();
    let fleet = Fleet::new(&site);
    fleet.announce("late");
    site.wait_for_agents(&api, 1);
    let id = site.post(&api, "to one without a queue", "name='late'");
    mig_testkit::wait_until("the command comes back", super::process::DEADLINE, || {
        site.read("scheduler.log")
            .contains("has no queue on the relay")
    });
    fleet.join(&["late"]);
    assert_eq!(site.follow(&api, id)["counters"]["success"], 1);
    api.daemon.stop();
    scheduler.stop();
}
