//! One agent sends more than is dealt with, as long as the others are asked. They answer
//! all the same, nothing of theirs is lost, and what it costs the scheduler is
//! bounded.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mig_protocol::{Id, Time};
use mig_testkit::StopOnDrop;
use serde_json::json;

use crate::drops::Drops;
use crate::hand::{HEARTBEATS, Hand, RESULTS};
use crate::stage::Stage;

/// Agents that are asked meanwhile.
const HONEST: usize = 50;
/// Messages of each kind, at least: as long as questions are open there are more.
const FLOOD: usize = 10_000;
/// How many of them the scheduler has still before it, as far as it has reported: so
/// many before the first question, and never more, or each question would take longer
/// than the one before.
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

    let (told, answered) = (AtomicUsize::new(0), AtomicBool::new(false));
    let peak = std::thread::scope(|scope| {
        // Also when a question stays open: the scope waits for the flood.
        let all_answered = StopOnDrop(&answered);
        let flood = scope.spawn(|| {
            let goes_on = |number: &usize| *number < FLOOD || !answered.load(Ordering::Relaxed);
            let mut bound = AHEAD;
            let lies = (0..).take_while(goes_on).flat_map(|number| {
                if number == bound {
                    stage.wait_until("the flood being dropped", || {
                        bound = dropped(stage) + AHEAD;
                        number < bound
                    });
                }
                told.store(number + 1, Ordering::SeqCst);
                [
                    (RESULTS, forged(&mallory, number as u64)),
                    (HEARTBEATS, heartbeat(&mallory, number)),
                ]
            });
            mallory.flood(lies);
        });
        let mut peak = 0;
        stage.wait_until("the flood", || told.load(Ordering::SeqCst) >= AHEAD);
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
        drop(all_answered);
        flood.join().expect("a flood to the end");
        peak
    });
    let told = told.into_inner();
    // Each lie is counted, those that came in between as well.
    let drops = Drops {
        unknown: told,
        heartbeats_malformed: told.div_ceil(2),
        ..Drops::default()
    };
    drops.wait_until_counted(stage, told / 10);
    let peak = peak.max(memory(engines.scheduler.id()));
    println!("{told} of each kind; {resting} KiB before, at most {peak} KiB");
    assert!(
        peak < GROWTH * resting + ROOM,
        "{resting} KiB became {peak} KiB"
    );
    let lines = stage.scheduler_log().lines().count();
    assert!(lines < told / 5, "{lines} lines of log for {told} lies");
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

/// What the scheduler has dropped of both kinds.
fn dropped(stage: &Stage) -> usize {
    let drops = Drops::reported(stage);
    drops.unknown.min(2 * drops.heartbeats_malformed)
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
