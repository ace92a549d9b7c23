//! Three schedulers on one database that come and go at random: each action is
//! taken up once, each command runs once and is answered once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mig_acceptance::Process;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::asking;
use crate::stage::Stage;

const SCHEDULERS: [&str; 3] = ["first.log", "second.log", "third.log"];
const AGENTS: usize = 30;
const ROUNDS: usize = 3;
/// Actions posted at the same moment in each round.
const ACTIONS: usize = 5;

#[test]
fn schedulers_that_come_and_go_share_the_work_and_repeat_none_of_it() {
    let Some(stage) = Stage::large("2s") else {
        return;
    };
    let seed = std::env::var("MIG_FAULT_SEED").map_or_else(
        |_| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |since| since.as_nanos() as u64 % 1_000_000_007)
        },
        |seed| seed.parse().expect("a number"),
    );
    println!("MIG_FAULT_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut engines = stage.start();
    engines.scheduler.stop().unwrap();
    let start = |number: usize| stage.start_scheduler(SCHEDULERS[number], None);
    let mut schedulers: Vec<Process> = (0..SCHEDULERS.len()).map(start).collect();
    let swarm = stage.swarm(AGENTS);
    let begun = Instant::now();
    let first = stage.post("undisturbed", "status = 'online'");
    stage.wait_for_end(first, "completed");
    let usual = begun.elapsed();

    let mut posted = 1;
    for round in 0..ROUNDS {
        let actions: Vec<_> = (0..ACTIONS)
            .map(|number| stage.action(&format!("{round}.{number}"), "status = 'online'"))
            .collect();
        let moments: Vec<(Duration, usize, bool)> = (0..random.random_range(1..=3))
            .map(|_| {
                let moment = usual.mul_f64(random.random_range(0.0..2.0));
                let number = random.random_range(0..schedulers.len());
                (moment, number, random.random_bool(0.5))
            })
            .collect();
        let begun = Instant::now();
        let ids = std::thread::scope(|scope| {
            let posts: Vec<_> = actions
                .iter()
                .map(|action| {
                    let api = stage.client();
                    scope.spawn(move || asking::post(&api, action).expect("accepted"))
                })
                .collect();
            for (moment, number, politely) in moments {
                until(begun + moment);
                let scheduler = &mut schedulers[number];
                if politely {
                    scheduler.stop().unwrap();
                } else {
                    scheduler.kill().unwrap();
                }
                schedulers[number] = start(number);
            }
            let ids = posts.into_iter().map(|post| post.join().expect("no panic"));
            ids.collect::<Vec<_>>()
        });
        posted += ids.len();
        for id in ids {
            stage.wait_for_end(id, "completed");
        }
    }
    stage.wait_until("the agents' knowing", || swarm.is_settled());
    stage.wait_until("the outbox being empty", || {
        stage.number("SELECT count(*) FROM outbox") == 0
    });

    let commands = stage.commands();
    assert_eq!(commands.len(), posted * AGENTS);
    let wrong = swarm.ledger().discrepancies(&commands);
    assert!(wrong.is_empty(), "MIG_FAULT_SEED={seed}: {wrong:?}");
    assert_eq!(swarm.ledger().totals().executed as usize, commands.len());
    let pairs = "SELECT count(*) FROM (SELECT DISTINCT actionid, queueloc FROM commands) AS pairs";
    assert_eq!(stage.number(pairs), commands.len(), "MIG_FAULT_SEED={seed}");
    // Each action was set in flight once, whoever did it, and counts are right.
    let taken: Vec<usize> = SCHEDULERS
        .iter()
        .map(|log| {
            let log = std::fs::read_to_string(stage.site().path(log)).unwrap_or_default();
            let taken = log.matches("The action is in flight with").count();
            println!("{taken} actions were taken up by one of the schedulers");
            taken
        })
        .collect();
    let all: usize = taken.iter().sum();
    // One that is killed may not come to say so.
    assert!(
        (1..=posted).contains(&all),
        "{taken:?} of {posted}, MIG_FAULT_SEED={seed}"
    );
    for id in stage.rows("SELECT id FROM actions") {
        let answer = stage.client().get("action", &[("actionid", &id)]).unwrap();
        let action: mig_protocol::Action = answer.documents("action").unwrap().remove(0);
        let counters = &action.counters;
        let (all, agents) = (
            (counters.sent, counters.done, counters.success),
            AGENTS as i64,
        );
        assert_eq!(all, (agents, agents, agents), "{id}, MIG_FAULT_SEED={seed}");
    }
    swarm.stop();
}

/// Lets a moment come that was chosen at random.
fn until(moment: Instant) {
    while let Some(left) = moment.checked_duration_since(Instant::now()) {
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}
