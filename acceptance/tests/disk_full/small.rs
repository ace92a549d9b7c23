//! One server with SQLite and its own relay, and the agent.

use std::path::Path;

use mig_acceptance::{Configuration, Process, Site};
use mig_protocol::CommandStatus;
use mig_testkit::{SmallDisk, own_mounts, wait_until};
use rusqlite::{Connection, OpenFlags};

use crate::orders::{
    AGENT, OUTBOX, Orders, PATIENCE, assert_each_ran_once, executed, freeze, site, wait_for_end,
};

/// What the disk has when that is too little for the relay, and enough for everybody
/// else.
const TOO_LITTLE: u64 = 24 << 20;
/// What the server says then, and afterwards.
const ALARM: &str = "publishers wait until the relay's store has room again";
const ALARM_IS_OVER: &str = "The relay's store has room again.";

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
    let agent = start_agent(&site, site.agent_configuration(AGENT).unwrap());
    let logs = || format!("{}\n{}", server.last_words(), agent.last_words());
    let mut orders = Orders::new(&site);
    assert!(orders.post());
    orders.assert_all_succeed(logs);

    // An answer that is under way while nothing can be written. The relay lets nothing
    // in any more before the agent goes on: with that it gives up what it has set aside
    // on the disk. It looks at its disk when it stores something.
    let asked = orders.post_to_frozen(&agent, || number(&database, OUTBOX));
    disk.leave(TOO_LITTLE);
    orders.post_until("the relay's alarm", || server.log().contains(ALARM));
    disk.fill();
    let said = orders.post_until_refused();
    assert!(said.contains("disk"), "{said}");
    freeze(&agent, false);
    wait_for_end(&site, asked);
    disk.fill();
    orders.post_until_refused();
    assert_eq!(orders.read(orders.accepted[0]).counters.success, 1);

    assert!(!server.log().contains(ALARM_IS_OVER), "{}", server.log());
    disk.make_room();
    orders.post_until_accepted();
    orders.assert_all_succeed(logs);
    wait_until("the end of the alarm", PATIENCE, || {
        server.log().contains(ALARM_IS_OVER)
    });
    assert_each_ran_once(&site, &orders.accepted);
    assert_eq!(
        number(&database, "SELECT count(*) FROM actions"),
        orders.accepted.len() as i64,
        "a refused one is there"
    );
}

/// Nothing runs that the agent could not note before: it could run a second time. It
/// waits instead, until there is room.
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
    let mut agent = start_agent(&site, configuration);
    let logs = || format!("{}\n{}", server.last_words(), agent.last_words());
    let mut orders = Orders::new(&site);
    assert!(orders.post());
    orders.assert_all_succeed(logs);

    // The last pages of its file have room for some.
    let mut asked = 0;
    let mut held = String::new();
    wait_until("a command's being kept back twice", PATIENCE, || {
        // Also of what was freed meanwhile.
        disk.fill();
        // Most of them meet a full disk: each takes more than a kilobyte.
        asked += usize::from(asked < 20 && orders.post());
        let log = agent.log();
        let mut last = kept_back(&log).rev();
        held = last.next().unwrap_or_default().to_owned();
        last.next() == Some(&held)
    });
    // Whoever asks meanwhile sees that it was sent and not that it failed.
    assert_eq!(orders.command(&held).status, CommandStatus::Sent);
    let last = orders.post_and_wait();
    disk.make_room();
    orders.assert_all_succeed(logs);
    // The record may miss what ran without room for a line about it; it misses
    // nothing of what ran before and after, and nothing ran twice.
    let ran = executed(&site);
    for id in [orders.accepted[0], last] {
        assert_eq!(ran.get(&id.to_string()), Some(&1), "{ran:?}");
    }
    assert!(ran.values().all(|times| *times == 1), "{ran:?}");
    assert!(agent.is_running());
}

/// Commands that the agent could not note, each as often as it tried.
fn kept_back(log: &str) -> impl DoubleEndedIterator<Item = &str> {
    let lines = log.lines().filter(|line| {
        line.contains("No space left") && line.contains("the command stays with the relay")
    });
    // Its number stands before the level.
    lines.filter_map(|line| line.split_once(" [")?.0.split(' ').next_back())
}

fn start_agent(site: &Site, configuration: Configuration) -> Process {
    site.write("agent.cfg", configuration).unwrap();
    let mut agent = site.start_agent(AGENT).unwrap();
    site.wait_until_online(&mut agent, "ada", 1).unwrap();
    agent
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
