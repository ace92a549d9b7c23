//! PostgreSQL and RabbitMQ, with scheduler and API as programs of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use mig_test_servers::{Postgres, Rabbit};
use mig_testkit::{SmallDisk, own_mounts, wait_until};

use crate::large_site::LargeSite;
use crate::orders::{AGENT, Orders, PATIENCE, executed, freeze, site};

/// A server whose data are on that disk.
fn postgres_on(disk: &SmallDisk) -> Option<Postgres> {
    let postgres = Postgres::start()?;
    postgres.stop();
    let data = postgres.socket_dir().join("data");
    let moved = Command::new("mv").arg(&data).arg(disk.path()).status();
    assert!(moved.unwrap().success());
    std::os::unix::fs::symlink(disk.path().join("data"), &data).unwrap();
    postgres.restart();
    Some(postgres)
}

#[test]
fn a_large_site_goes_on_after_its_database_and_its_broker_had_no_room() {
    if !own_mounts() {
        return;
    }
    let disk = SmallDisk::new(160);
    let Some(rabbit) = Rabbit::shared() else {
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
    freeze(&agent, true);
    assert!(orders.post());
    let asked = orders.accepted[1];
    wait_until("its start", PATIENCE, || {
        orders.read(asked).counters.sent == 1
    });
    // The broker must have the command before the database is gone.
    wait_until("the command's being with the broker", PATIENCE, || {
        large
            .postgres
            .sql("mig", "SELECT count(*) FROM outbox")
            .trim()
            == "0"
    });
    disk.fill();
    use_up_the_log(&large.postgres);
    orders.post_until_refused();
    freeze(&agent, false);
    wait_until("its end", PATIENCE, || {
        executed(site).contains_key(&asked.to_string())
    });
    orders.post_until_refused();
    disk.make_room();
    // Without room for its log PostgreSQL ends, and somebody starts it again.
    large.postgres.stop();
    large.postgres.restart();
    orders.post_until_accepted();
    orders.assert_all_succeed(logs);

    // The broker's disk is as good as full: it takes no commands.
    disk_alarm(&large.rabbit, true);
    assert!(orders.post());
    let held = *orders.accepted.last().expect("it was accepted");
    wait_until("its start", PATIENCE, || {
        orders.read(held).counters.sent == 1
    });
    assert!(!executed(site).contains_key(&held.to_string()));
    disk_alarm(&large.rabbit, false);
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

/// Raises (true) or ends the alarm for the broker's disk.
fn disk_alarm(rabbit: &Rabbit, raised: bool) {
    let least: u64 = if raised { 1 << 60 } else { 1 };
    rabbit.eval(&format!("rabbit_disk_monitor:set_disk_free_limit({least})"));
    wait_until("the alarm changes", PATIENCE, || {
        (rabbit.eval("rabbit_alarm:get_alarms()") != "[]") == raised
    });
}
