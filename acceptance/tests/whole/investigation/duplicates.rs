//! Two agents of one machine that share an identity, and a scheduler that has a
//! key to order the end of all but the newest.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use mig_acceptance::Site;
use mig_testkit::wait_until;
use serde_json::json;

use crate::setup::database::Database;
use crate::setup::{AGENT, PATIENCE, Whole};

/// Who signs for the scheduler.
const SIGNER: &str = "migscheduler";

/// The scheduler's key, and what its pages say to do with it.
fn give_a_key(site: &Site) {
    let signer = site.add_investigator(SIGNER).unwrap();
    let list = fs::read_to_string(site.path("acl.cfg")).unwrap();
    let mut list: serde_json::Value = serde_json::from_str(&list).unwrap();
    list["agentdestroy"] = json!({"minimumweight": 1, "investigators":
        {SIGNER: {"fingerprint": signer.fingerprint, "weight": 1}}});
    site.write("acl.cfg", list).unwrap();
    let key = site.path(&format!("{SIGNER}.key"));
    // An order that the older agent itself took is repeated after three of its
    // periods.
    let settings = site
        .server_configuration()
        .set("agent", "killdupagents", "on")
        .set("agent", "killkey", key.display())
        .set("agent", "heartbeatfreq", "3s")
        .set("periodic", "freq", "1s");
    site.write("server.cfg", settings).unwrap();
}

#[test]
fn of_two_agents_of_one_machine_the_older_is_ended_and_the_newer_answers() {
    let often = |agent: mig_acceptance::Configuration| agent.set("agent", "heartbeatfreq", "1s");
    let mut whole = Whole::start_with(give_a_key, often);
    let older = whole.agent.id();
    let version = env!("CARGO_PKG_VERSION");

    // The same identity, in a run directory of its own.
    let settings = often(whole.site.agent_configuration("newer").unwrap());
    whole.site.write("newer.cfg", settings).unwrap();
    fs::create_dir(whole.site.path("newer")).unwrap();
    let identity = |run: &str| whole.site.path(run).join(".migagtid");
    fs::copy(identity(AGENT), identity("newer")).unwrap();
    let mut newer = whole.site.start_agent("newer").unwrap();

    let ended = whole.agent.wait_for_end(PATIENCE);
    let ended = ended.unwrap_or_else(|error| panic!("{error}\n{}", whole.server.last_words()));
    assert_eq!(ended.signal(), Some(9), "{}", whole.agent.last_words());
    let database = Database::of(whole.site.directory());
    // The rows that are looked at afterwards: as long as the older one was heard of a
    // moment ago, there may be another order at any time.
    let mut orders = Vec::new();
    wait_until("the orders being answered", PATIENCE, || {
        orders = database.commands();
        !orders.is_empty() && orders.iter().all(|order| order.is_over())
    });
    let named = |order: &crate::setup::database::Command| {
        order.answered && order.name == format!("Kill agent {}", whole.host)
    };
    assert!(orders.iter().all(named), "{orders:?}");
    // The older takes from the same queue: it does not carry out an order against
    // itself.
    let (done, refused): (Vec<_>, Vec<_>) =
        (orders.iter()).partition(|order| order.status == "success");
    assert_eq!(done.len(), 1, "{orders:?}");
    assert!(
        refused.iter().all(|order| order.status == "failed"),
        "{refused:?}"
    );
    let actions: std::collections::HashSet<u64> = orders.iter().map(|o| o.action).collect();
    assert_eq!(actions.len(), orders.len(), "one command each: {orders:?}");
    let sentence = done[0].results[0]["elements"].as_str().expect("a sentence");
    assert_eq!(
        sentence,
        format!("PID {older} from agent {version} has been killed")
    );

    // The one that is left is asked alone, and is the process that it was.
    let said = whole.ask();
    assert_eq!(said.code, 0, "{said:?}\n{}", newer.last_words());
    said.line_with("1 sent, 1 done, 1 succeeded");
    assert!(newer.is_running(), "{}", newer.last_words());
    newer.stop().unwrap();
}
