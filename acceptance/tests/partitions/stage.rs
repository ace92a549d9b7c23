//! A large site with a swarm: what the tests of both engines share.

use std::time::{Duration, Instant};

use mig_acceptance::{Programs, Site};
use mig_agent::relay::Certificates;
use mig_protocol::Action;
use mig_swarm::{Configuration, Swarm};
use serde_json::json;

use crate::asking;
use crate::books::{Database, Posted};
use crate::large_site::LargeSite;

/// Long enough for a loaded machine, short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at something that changes by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Who asks.
pub const INVESTIGATOR: &str = "ada";

/// A site of which nothing runs yet, with somebody who may ask for everything.
/// Its certificate is also for these addresses.
pub fn files(addresses: &[&str]) -> Site {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    let site = Site::reachable_at(programs, "mig-apart-", &[], addresses).unwrap();
    let ada = site.add_investigator(INVESTIGATOR).unwrap();
    let list = json!({"default": {"minimumweight": 1, "investigators":
        {"ada": {"fingerprint": ada.fingerprint, "weight": 1}}}});
    site.write("acl.cfg", list).unwrap();
    site
}

/// Changes texts in a configuration of the site.
pub fn rewrite(site: &Site, file: &str, changes: &[(&str, String)]) {
    let mut text = std::fs::read_to_string(site.path(file)).unwrap();
    for (old, new) in changes {
        assert!(text.contains(old), "{file} has no `{old}`:\n{text}");
        text = text.replacen(old, new, 1);
    }
    site.write(file, text).unwrap();
}

/// The line with the database's host in configurations of a large site.
pub fn database_host(large: &LargeSite) -> String {
    format!("host = \"{}\"", large.postgres.socket_dir().display())
}

/// Agents of a swarm that reach the relay at an address.
pub fn swarm(large: &LargeSite, agents: usize, host: &str) -> Swarm {
    let site = &large.site;
    let url = large
        .relay_url()
        .replace("@localhost:", &format!("@{host}:"));
    let mut with = Configuration::new(agents, url);
    let (cert, key) = large.rabbit.client_certificate("swarm");
    let pem = |path| std::fs::read(path).unwrap();
    with.certificates = Some(Certificates {
        ca: pem(large.rabbit.ca()),
        cert: pem(cert),
        key: pem(key),
    });
    with.keyring = site.path("agentkeys");
    with.acl = site.path("acl.cfg");
    with.directory = site.path("swarm");
    // Storming agents are back at once; slow ones have something in hand whenever
    // something happens.
    with.mix = format!("boot-storm={},slow={}", agents / 2, agents - agents / 2)
        .parse()
        .unwrap();
    with.slowness = Duration::from_millis(1200);
    // The first ones may come before there is a queue for them.
    with.heartbeat = Duration::from_secs(5);
    Swarm::start(with).unwrap_or_else(|error| panic!("{error}"))
}

/// An action for all agents of a swarm, signed.
pub fn action(site: &Site, name: &str) -> Action {
    let action = asking::action(name, "swarm", json!({"asked": name}));
    asking::sign(site, INVESTIGATOR, action)
}

/// Waits until something is so, and says what there is when it does not become so.
pub fn wait_until(what: &str, said: impl Fn() -> String, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > end {
            panic!("{what} did not happen within {PATIENCE:?}\n{}", said());
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

/// Asks until actions are under way: some commands are over, others are with agents
/// that have not answered, and an action is at its very beginning.
pub fn get_under_way(posted: &Posted, database: &Database<'_>, mut ask: impl FnMut(usize) -> bool) {
    for round in 0..20 {
        let before = database.finished_commands();
        for number in 0..2 {
            assert!(ask(3 * round + number), "nothing is disturbed yet");
        }
        wait_until(
            "the first answers",
            || database.open(),
            || database.finished_commands() > before,
        );
        assert!(ask(3 * round + 2));
        // Where all was over before anybody could look, there is another round.
        if database.open_commands() > 0 {
            return;
        }
    }
    panic!(
        "{} actions were over before anything could happen",
        posted.len()
    );
}
