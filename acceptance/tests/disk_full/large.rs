//! PostgreSQL and RabbitMQ, with scheduler and API as programs of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mig_test_servers::{Postgres, Rabbit};
use mig_testkit::{SmallDisk, own_mounts, wait_until};

use crate::large_site::LargeSite;
use crate::orders::{AGENT, OUTBOX, Orders, PATIENCE, executed, freeze, site, wait_for_end};

/// What the broker wants to have free, and what it has when it has too little.
const WANTED: u64 = 16 << 20;
const TOO_LITTLE: u64 = 6 << 20;

/// What the scheduler says when the broker takes no commands, and when it does again.
const HELD_UP: &str = "the relay takes no commands for now";
const GOES_ON: &str = "the relay takes commands again";

/// A server whose data are on that disk.
fn postgres_on(disk: &SmallDisk) -> Option<Postgres> {
    let postgres = Postgres::start()?;
    postgres.stop();
    move_to(disk, &postgres.socket_dir().join("data"));
    postgres.restart();
    Some(postgres)
}

/// The same for a broker.
fn rabbit_on(disk: &SmallDisk) -> Option<Arc<Rabbit>> {
    let rabbit = Rabbit::start()?;
    rabbit.stop();
    move_to(disk, &rabbit.data_dir());
    rabbit.restart();
    rabbit.eval(&format!(
        "rabbit_disk_monitor:set_disk_free_limit({WANTED})"
    ));
    Some(Arc::new(rabbit))
}

fn move_to(disk: &SmallDisk, data: &Path) {
    let moved = Command::new("mv").arg(data).arg(disk.path()).status();
    assert!(moved.unwrap().success());
    let name = data.file_name().expect("a directory");
    std::os::unix::fs::symlink(disk.path().join(name), data).unwrap();
}

#[test]
fn a_large_site_goes_on_after_its_database_and_its_broker_had_no_room() {
    if !own_mounts() {
        return;
    }
    let (disk, brokers) = (SmallDisk::new(160), SmallDisk::new(96));
    let Some(rabbit) = rabbit_on(&brokers) else {
        return;
    };
    let Some(postgres) = postgres_on(&disk) else {
        return;
    };
    let large = LargeSite::on(site(), postgres, rabbit);
    let mut scheduler = large.start_scheduler("scheduler.log");
    let mut api = large.start_api("api.log");
    let mut agent = large.start_agent(AGENT);
    let site = &large.site;
    site.wait_until_online(&mut agent, "ada", 1)
        .unwrap_or_else(|error| panic!("{error}\n{}", scheduler.last_words()));
    let logs = || {
        let words = [&api, &scheduler, &agent].map(|process| process.last_words());
        words.join("\n")
    };
    let mut orders = Orders::new(site);
    assert!(orders.post());
    orders.assert_all_succeed(logs);

    // An answer that is under way while nothing can be written.
    let asked = orders.post_to_frozen(&agent, || {
        let waiting = large.postgres.sql("mig", OUTBOX);
        waiting.trim().parse().unwrap()
    });
    disk.fill();
    use_up_the_log(&large.postgres);
    orders.post_until_refused();
    freeze(&agent, false);
    wait_for_end(site, asked);
    wait_until("the answer's being with the broker", PATIENCE, || {
        answers(&large) > 0
    });
    orders.post_until_refused();
    disk.make_room();
    // Without room for its log PostgreSQL ends, and somebody starts it again.
    large.postgres.stop();
    large.postgres.restart();
    orders.post_until_accepted();
    orders.assert_all_succeed(logs);

    // The broker's disk is as good as full: it takes no commands. It says so to who
    // gives it one, which may get through.
    brokers.leave(TOO_LITTLE);
    wait_for_alarm(&large.rabbit, true);
    orders.post_until("the scheduler's being held up", || {
        scheduler.log().contains(HELD_UP)
    });
    let held = orders.post_and_wait();
    let waiting = format!("{OUTBOX} JOIN commands ON id = commandid WHERE actionid = {held}");
    assert_eq!(large.postgres.sql("mig", &waiting).trim(), "1");
    assert!(!executed(site).contains_key(&held.to_string()));
    assert!(!scheduler.log().contains(GOES_ON), "{}", logs());
    brokers.make_room();
    wait_for_alarm(&large.rabbit, false);
    orders.assert_all_succeed(logs);

    // What was refused because the database vanished may have been stored all the
    // same; nothing ran twice, and what was accepted ran.
    let ran = executed(site);
    assert!(ran.values().all(|times| *times == 1), "{ran:?}");
    for id in &orders.accepted {
        assert_eq!(ran.get(&id.to_string()), Some(&1), "{ran:?}");
    }
    for process in [&mut scheduler, &mut api, &mut agent] {
        assert!(process.is_running());
    }
}

/// How many answers the broker has that nobody has stored.
fn answers(large: &LargeSite) -> u64 {
    let columns = ["name", "messages"];
    let listing = ["list_queues", "--silent", "--vhost", &large.vhost];
    let queues = large.rabbit.ctl(&[&listing[..], &columns[..]].concat());
    let mut lines = queues.lines();
    let count = lines.find_map(|line| line.strip_prefix("mig.agt.results\t"));
    count.map_or(0, |count| count.trim().parse().expect("a number"))
}

/// Segments that are there already are used until a new one is needed.
fn use_up_the_log(postgres: &Postgres) {
    for _ in 0..50 {
        let switch = "SELECT pg_logical_emit_message(true, 'x', 'y'); SELECT pg_switch_wal()";
        let switched = catch_unwind(AssertUnwindSafe(|| {
            postgres.sql(postgres.superuser(), switch)
        }));
        if switched.is_err() {
            return;
        }
    }
    panic!("a full disk had room for any number of segments");
}

/// Waits until the broker has noticed how its disk is.
fn wait_for_alarm(rabbit: &Rabbit, raised: bool) {
    wait_until("the alarm changes", PATIENCE, || {
        (rabbit.eval("rabbit_alarm:get_alarms()") != "[]") == raised
    });
}
