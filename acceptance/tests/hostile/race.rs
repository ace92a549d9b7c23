//! Three schedulers on one database that come and go at random: each action is
//! taken up once, each command runs once and is answered once.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mig_acceptance::Process;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::asking;
use crate::stage::Stage;

const SCHEDULERS: [&str; 3] = ["first.log", "second.log", "third.log"];
const AGENTS: usize = 30;
/// At least.
const ROUNDS: usize = 3;
/// How many must end while actions are open, at least one of them killed.
const HITS: usize = 3;
/// A bound on the rounds, should they keep coming too late.
const MOST_ROUNDS: usize = 40;
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
    // How long an action takes that nothing disturbs; the first finds nothing prepared.
    let took = ["first", "second"].map(|name| {
        let begun = Instant::now();
        let action = stage.post(name, "status = 'online'");
        stage.wait_for_end(action, "completed");
        begun.elapsed()
    });
    let usual = took[0].min(took[1]);
    let mut posted = took.len();

    let (mut hits, mut killed, mut round) = (0, 0, 0);
    while round < ROUNDS || hits < HITS || killed == 0 {
        assert!(
            round < MOST_ROUNDS,
            "only {hits} of those that ended in {round} rounds left work open, {killed} of them \
             killed, MIG_FAULT_SEED={seed}"
        );
        let actions: Vec<_> = (0..ACTIONS)
            .map(|number| stage.action(&format!("{round}.{number}"), "status = 'online'"))
            .collect();
        let mut moments: Vec<(Duration, usize, bool)> = (0..random.random_range(1..=3))
            .map(|_| {
                let moment = usual.mul_f64(random.random_range(0.0..1.5));
                let number = random.random_range(0..schedulers.len());
                (moment, number, random.random_bool(0.5))
            })
            .collect();
        moments.sort_unstable();
        let accepted = Mutex::new(Vec::new());
        let known = || accepted.lock().expect("nobody panics with it");
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for action in &actions {
                let (api, known) = (stage.client(), &known);
                scope.spawn(move || {
                    let id = asking::post(&api, action).expect("accepted");
                    known().push(id);
                });
            }
            for (moment, number, politely) in moments {
                until(begun + moment);
                let before = known().clone();
                let scheduler = &mut schedulers[number];
                if politely {
                    scheduler.stop().unwrap();
                } else {
                    scheduler.kill().unwrap();
                }
                // What is open still was open when it ended.
                let hit = before.iter().any(|id| stage.status_of(*id) != "completed");
                hits += usize::from(hit);
                killed += usize::from(hit && !politely);
                schedulers[number] = start(number);
            }
        });
        let ids = accepted.into_inner().expect("nobody panics with it");
        assert_eq!(ids.len(), ACTIONS);
        posted += ids.len();
        for id in ids {
            stage.wait_for_end(id, "completed");
        }
        round += 1;
    }
    println!("{hits} ended with work open in {round} rounds, {killed} of them killed");
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
