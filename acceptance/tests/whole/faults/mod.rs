//! Programs killed at random points of an action's life. Whatever is killed when:
//! afterwards every command is over, none without its result, none with two, and
//! no action that was accepted is gone.
//!
//! A point is one action that was posted and not yet answered at the moment of a
//! kill, or one worker killed. `MIG_FAULT_POINTS` says how many there shall be,
//! `MIG_FAULT_SEED` repeats the random choices of an earlier run.

mod batch;
mod ledger;
mod victim;

use std::time::{SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::setup::{PATIENCE, Whole, marks};
use batch::{Batch, Launched};
use ledger::Ledger;
use victim::{Moment, Victim};

/// Points of all tests here together, unless the environment says otherwise.
const POINTS: usize = 200;
/// A bound on the rounds, should kills keep coming too late.
const ROUNDS_PER_POINT: usize = 4;

#[test]
fn a_server_killed_at_any_point_loses_no_action_and_no_result() {
    interrupt(Victim::Server);
}

#[test]
fn an_agent_killed_at_any_point_answers_every_command_once() {
    interrupt(Victim::Agent);
}

#[test]
fn a_worker_killed_at_any_point_costs_its_own_operation_only() {
    interrupt(Victim::Worker);
}

#[test]
fn server_and_agent_killed_together_still_finish_what_was_accepted() {
    interrupt(Victim::Both);
}

/// Kills the victim until enough points were hit, and checks all that happened.
fn interrupt(victim: Victim) {
    let wanted = number("MIG_FAULT_POINTS").map_or(POINTS, |points| points as usize);
    let wanted = wanted.div_ceil(Victim::ALL.len());
    let seed = number("MIG_FAULT_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_nanos() as u64 % 1_000_000_007)
    });
    println!("{victim:?}: {wanted} points with MIG_FAULT_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed ^ (victim as u64) << 32);
    let mut whole = Whole::start_with(marks::install, |agent| agent);
    let mut ledger = Ledger::new(&whole.site);
    let mut points = victim::Points::default();
    for round in 0.. {
        if points.total() >= wanted {
            println!("{victim:?}: {points} in {round} rounds");
            break;
        }
        assert!(round < wanted * ROUNDS_PER_POINT, "only {points}");
        let batch = Batch::choose(&mut random, &format!("{victim:?} {round}"));
        points += one_round(&mut whole, &mut ledger, victim, &batch, &mut random);
    }
    ledger.close(&mut whole, victim, points);
}

/// Posts a batch of actions, kills in the midst of it, starts again what was
/// killed, and waits until everything is over.
fn one_round(
    whole: &mut Whole,
    ledger: &mut Ledger,
    victim: Victim,
    batch: &Batch,
    random: &mut StdRng,
) -> victim::Points {
    let moment = Moment::choose(batch, random);
    let launched = Launched::default();
    let (files, host) = (whole.site.directory().to_owned(), whole.host.clone());
    let points = std::thread::scope(|scope| {
        let launching = batch.launch(scope, &whole.site, &launched);
        let points = victim.strike(whole, batch, &launched, &moment, random);
        launching.wait();
        points
    });
    ledger.expect(batch, &launched);
    let settled = whole
        .agent
        .wait_until("the end of every command", PATIENCE, || ledger.is_settled());
    if let Err(error) = settled {
        let server = whole.server.last_words();
        panic!(
            "{host} in {}: {error}\nserver: {server}\n{}",
            files.display(),
            ledger.open()
        );
    }
    ledger.check(victim);
    points
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let parsed = text.parse();
    Some(parsed.unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
