//! One server with SQLite and its own relay, and the agent.

use std::path::Path;

use mig_protocol::CommandStatus;
use mig_testkit::{SmallDisk, own_mounts, wait_until};
use rusqlite::{Connection, OpenFlags};

use crate::orders::{AGENT, Orders, PATIENCE, assert_each_ran_once, executed, freeze, site};

#[test]
fn a_server_with_a_full_disk_refuses_in_words_and_goes_on_when_there_is_room() {
    if !own_mounts() {
        return;
    }
    // Its relay wants 50 MB to be free.
    let disk = SmallDisk::new(96);
    let site = site();
    // Whom it knows already goes with the file; the relay's file is beside it.
    let database = disk.path().join("mig.db");
    std::fs::copy(site.path("mig.db"), &database).unwrap();
    let configuration = site.server_configuration();
    let configuration = configuration.set("database", "path", database.display());
    site.write("server.cfg", configuration).unwrap();
    let server = site.start_server().unwrap();
    let agent = site.agent_configuration(AGENT).unwrap();
    site.write("agent.cfg", agent).unwrap();
    let mut agent = site.start_agent(AGENT).unwrap();
    site.wait_until_online(&mut agent, "ada", 1).unwrap();
    let logs = || format!("{}\n{}", server.last_words(), agent.last_words());
    let mut orders = Orders::new(&site);
    assert!(orders.post());
    orders.assert_all_succeed(logs);

    // An answer that is under way while nothing can be written.
    freeze(&agent, true);
    assert!(orders.post());
    let asked = orders.accepted[1];
    wait_until("its start", PATIENCE, || {
        orders.read(asked).counters.sent == 1
    });
    // The relay must have the command before there is no room for it.
    let waiting = "SELECT count(*) FROM outbox";
    wait_until("the command's being with the relay", PATIENCE, || {
        number(&database, waiting) == 0
    });
    disk.fill();
    let said = orders.post_until_refused();
    assert!(said.contains("disk"), "{said}");
    freeze(&agent, false);
    wait_until("its end", PATIENCE, || {
        executed(&site).contains_key(&asked.to_string())
    });
    disk.fill();
    orders.post_until_refused();
    assert_eq!(orders.read(orders.accepted[0]).counters.success, 1);

    disk.make_room();
    orders.post_until_accepted();
    orders.assert_all_succeed(logs);
    assert_each_ran_once(&site, &orders.accepted);
    assert_eq!(
        number(&database, "SELECT count(*) FROM actions"),
        orders.accepted.len() as i64,
        "a refused one is there"
    );
}

/// Nothing runs that the agent could not note before: whoever ordered it hears
/// why, and it cannot run a second time because the agent forgot the first.
#[test]
fn an_agent_with_a_full_disk_runs_nothing_says_why_and_goes_on_when_there_is_room() {
    if !own_mounts() {
        return;
    }
    let disk = SmallDisk::new(8);
    let site = site();
    // Its run directory is on the disk; tests find it where it always is.
    let run = disk.path().join("run");
    std::fs::create_dir(&run).unwrap();
    std::os::unix::fs::symlink(&run, site.path(AGENT)).unwrap();
    let server = site.start_server().unwrap();
    let configuration = site.agent_configuration(AGENT).unwrap();
    let configuration = configuration.set("agent", "rundirectory", run.display());
    site.write("agent.cfg", configuration).unwrap();
    let mut agent = site.start_agent(AGENT).unwrap();
    site.wait_until_online(&mut agent, "ada", 1).unwrap();
    let logs = || format!("{}\n{}", server.last_words(), agent.last_words());
    let mut orders = Orders::new(&site);
    assert!(orders.post());
    orders.assert_all_succeed(logs);

    disk.fill();
    // The last page of its file may have room for one more.
    let mut reasons = Vec::new();
    while reasons.is_empty() {
        assert!(orders.accepted.len() < 20, "a full disk took it all");
        assert!(orders.post());
        let asked = *orders.accepted.last().expect("it was accepted");
        let ended = orders.wait_for_all(logs);
        if ended.last().expect("it ended").counters.failed == 1 {
            reasons = orders.reasons(asked);
        }
    }
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("No space left")),
        "{reasons:?}"
    );
    let failed = *orders.accepted.last().expect("it was accepted");
    disk.make_room();
    assert!(orders.post());
    let last = orders.wait_for_all(logs).pop().expect("it ended");
    assert_eq!(last.counters.success, 1, "{last:?}\n{}", logs());
    // The record may miss what ran without room for a line about it; it misses
    // nothing of what ran before and after, and has nothing of what did not run.
    let ran = executed(&site);
    for id in [orders.accepted[0], last.id] {
        assert_eq!(ran.get(&id.to_string()), Some(&1), "{ran:?}");
    }
    assert!(!ran.contains_key(&failed.to_string()), "{ran:?}");
    assert!(ran.values().all(|times| *times == 1), "{ran:?}");
    assert!(agent.is_running());
    let commands = orders.commands(failed);
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].status, CommandStatus::Failed);
}

/// What a query of one number finds in a database that is in use.
fn number(database: &Path, query: &str) -> i64 {
    let asked = || {
        let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.busy_timeout(PATIENCE)?;
        database.query_row(query, [], |row| row.get(0))
    };
    asked().unwrap_or_else(|error| panic!("{}: {error}", database.display()))
}
