//! Programs and database that go away in the middle.

use super::fleet::Fleet;
use super::process::{DEADLINE, Site};

const AGENTS: [&str; 4] = ["a", "b", "c", "d"];
/// Commands that a scheduler has taken to publish.
const HELD: &str = "SELECT count(*) FROM outbox WHERE holder IS NOT NULL";

#[test]
fn what_a_killed_scheduler_held_is_sent_by_another() {
    let Some(site) = Site::with("takeover = 2s\n") else {
        return;
    };
    let doomed = site.start_scheduler();
    let api = site.start_api();
    let fleet = Fleet::new(&site);
    // What is for an agent without a queue stays with the scheduler that took it.
    fleet.announce("late");
    site.wait_for_agents(&api, 1);
    let post = |number| site.post(&api, &format!("action {number}"), "name='late'");
    let ids: Vec<u64> = (0..3).map(post).collect();
    let all_held = || site.postgres.sql("mig", HELD).trim() == "3";
    mig_testkit::wait_until("one having all commands", DEADLINE, all_held);
    doomed.kill();
    assert!(all_held(), "it gave them back");

    let other = site.start_scheduler();
    fleet.join(&["late"]);
    for id in &ids {
        assert_eq!(site.follow(&api, *id)["counters"]["success"], 1);
    }
    assert_eq!(fleet.received().len(), ids.len());
    api.daemon.stop();
    other.stop();
}

#[test]
fn a_killed_scheduler_or_api_is_not_missed() {
    let Some(site) = Site::with("takeover = 2s\n") else {
        return;
    };
    let (doomed, other) = (site.start_scheduler(), site.start_scheduler());
    let (first, second) = (site.start_api(), site.start_api());
    let fleet = Fleet::new(&site);
    fleet.join(&AGENTS);
    site.wait_for_agents(&first, AGENTS.len());
    // Answers wait, so that every action is under way when one dies.
    fleet.answer(false);
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(site.post(&first, &format!("action {number}"), "status='online'"));
    }
    fleet.wait_for_commands(AGENTS.len());
    doomed.kill();
    first.daemon.kill();
    for number in 10..20 {
        ids.push(site.post(&second, &format!("action {number}"), "status='online'"));
    }
    fleet.answer(true);
    for id in &ids {
        let action = site.follow(&second, *id);
        assert_eq!(action["counters"]["success"], AGENTS.len());
    }
    // What the dead one had published and not noted may come a second time, as a
    // redelivery; it is one command all the same.
    assert_eq!(fleet.received().len(), ids.len() * AGENTS.len());
    let rows = site.postgres.sql(
        "mig",
        "SELECT count(*) FROM commands WHERE status = 'success'",
    );
    assert_eq!(rows.trim(), (ids.len() * AGENTS.len()).to_string());
    second.daemon.stop();
    other.stop();
}

#[test]
fn the_database_may_go_away_and_come_back() {
    let Some(site) = Site::new() else { return };
    let scheduler = site.start_scheduler();
    let api = site.start_api();
    let fleet = Fleet::new(&site);
    fleet.join(&AGENTS[..2]);
    site.wait_for_agents(&api, 2);
    fleet.answer(false);
    let before = site.post(&api, "before", "status='online'");
    fleet.wait_for_commands(2);

    site.postgres.kill();
    // The answers arrive while there is nothing to store them in.
    fleet.answer(true);
    fleet.wait_for_answers(2);
    // Whatever it can say, it does not hang.
    let (status, body) = site.request(&api, "GET", "/dashboard", "");
    assert!(status >= 500, "{status}: {body}");
    site.postgres.restart();

    mig_testkit::wait_until("the API answers again", DEADLINE, || {
        site.request(&api, "GET", "/dashboard", "").0 == 200
    });
    assert_eq!(site.follow(&api, before)["counters"]["success"], 2);
    let after = site.post(&api, "after", "status='online'");
    assert_eq!(site.follow(&api, after)["counters"]["success"], 2);
    api.daemon.stop();
    scheduler.stop();
}
