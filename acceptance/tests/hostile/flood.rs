//! One agent sends as much as it can. The others are asked all the same, nothing
//! of theirs is lost, and what it costs the scheduler is bounded.

use std::sync::atomic::{AtomicUsize, Ordering};

use mig_protocol::{Id, Time};
use serde_json::json;

use crate::drops::Drops;
use crate::hand::{HEARTBEATS, Hand, RESULTS};
use crate::stage::Stage;

/// Agents that are asked meanwhile.
const HONEST: usize = 50;
/// Messages of each kind.
const FLOOD: usize = 10_000;
/// Sent before the first question, so that there is always a backlog.
const AHEAD: usize = FLOOD / 4;
/// How many times what it was the memory may become, with what a process that
/// rests does not have yet.
const GROWTH: usize = 3;
const ROOM: usize = 64 << 10;

#[test]
fn a_flood_takes_nothing_from_others_on_postgresql_and_rabbitmq() {
    if let Some(stage) = Stage::large("10m") {
        a_flood_takes_nothing_from_others(&stage);
    }
}

#[test]
fn a_flood_takes_nothing_from_others_in_one_process() {
    a_flood_takes_nothing_from_others(&Stage::small());
}

fn a_flood_takes_nothing_from_others(stage: &Stage) {
    let engines = stage.start();
    let mallory = Hand::join(&stage.relay(), "mallory");
    let swarm = stage.swarm(HONEST);
    // Mallory lives as well, and is not asked: it would not answer.
    let others = "queueloc <> 'linux.mallory'";
    let before = stage.post("before", others);
    stage.wait_for_end(before, "completed");
    let resting = memory(engines.scheduler.id());

    let told = AtomicUsize::new(0);
    let peak = std::thread::scope(|scope| {
        scope.spawn(|| {
            let lies = (0..FLOOD).flat_map(|number| {
                told.store(number, Ordering::SeqCst);
                [
                    (RESULTS, forged(&mallory, number as u64)),
                    (HEARTBEATS, heartbeat(&mallory, number)),
                ]
            });
            mallory.flood(lies);
        });
        let mut peak = 0;
        stage.wait_until("the flood", || told.load(Ordering::SeqCst) > AHEAD);
        for name in ["first", "second", "third"] {
            let action = stage.post(name, others);
            stage.wait_until(&format!("the answers to {name}"), || {
                peak = peak.max(memory(engines.scheduler.id()));
                stage.status_of(action) == "completed"
            });
            println!(
                "{name}: all answered, {} lies told",
                told.load(Ordering::SeqCst)
            );
        }
        peak
    });
    let told = FLOOD;
    // Each lie is counted, those that came in between as well.
    let drops = Drops {
        unknown: told,
        heartbeats_malformed: told / 2,
        ..Drops::default()
    };
    drops.wait_until_counted(stage, FLOOD / 10);
    let peak = peak.max(memory(engines.scheduler.id()));
    println!("{told} of each kind; {resting} KiB before, at most {peak} KiB");
    assert!(
        peak < GROWTH * resting + ROOM,
        "{resting} KiB became {peak} KiB"
    );
    let lines = stage.scheduler_log().lines().count();
    assert!(lines < 2000, "{lines} lines of log for {told} lies");
    let commands = stage.commands();
    assert_eq!(commands.len(), 4 * HONEST);
    stage.wait_until("the agents' knowing", || swarm.is_settled());
    let wrong = swarm.ledger().discrepancies(&commands);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(swarm.ledger().totals().executed, 4 * HONEST as u64);
    let mallorys = "SELECT count(*) FROM agents WHERE queueloc = 'linux.mallory'";
    assert_eq!(stage.number(mallorys), 1);
    swarm.stop();
}

/// An answer to a command that nobody was given.
fn forged(mallory: &Hand, number: u64) -> Vec<u8> {
    let command = mig_protocol::Command {
        id: Id((1 << 52) + number),
        starttime: Time::now(),
        ..mig_protocol::Command::default()
    };
    mallory.answer_to(&command, json!({"number": number}), |_| {})
}

/// Every other one is none.
fn heartbeat(mallory: &Hand, number: usize) -> Vec<u8> {
    mallory.heartbeat(|record| {
        if number.is_multiple_of(2) {
            record.name.clear();
        }
    })
}

/// What a process has in memory, in KiB.
fn memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("its memory")
}
