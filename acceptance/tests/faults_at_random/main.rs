//! Engines and agents killed at random moments while hundreds of agents work.
//! Whatever is killed when: no accepted action is lost, each agent carries each
//! command out as often as its module allows, and each command has one answer,
//! from its agent.
//!
//! A point is an action that was posted and not over when something was killed.
//! `MIG_FLEET_POINTS` says how many there shall be (a long run has 200 or more),
//! `MIG_FLEET_AGENTS` how many agents, `MIG_FAULT_SEED` repeats the random
//! choices of an earlier run, `MIG_FLEET_QUEUES` is `classic` or `quorum`; `cargo
//! xtask faults` sets them. Each combination of engines is one implementation of
//! `Engines` and one test here.

mod account;
#[path = "../fleet/mod.rs"]
mod fleet;
mod rounds;

use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet::embedded::Embedded;
use fleet::files;
use fleet::large::{Large, Queues};

/// One combination at a time: each takes the whole machine.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn one_process_with_sqlite_killed_at_any_point_loses_nothing_and_repeats_nothing() {
    let _alone = alone();
    rounds::run("embedded", rounds::seed(), Embedded::start(files()));
}

#[test]
fn postgresql_and_rabbitmq_killed_at_any_point_lose_nothing_and_repeat_nothing() {
    let _alone = alone();
    // Quorum queues differ within RabbitMQ only: the seed takes one or the other.
    let seed = rounds::seed();
    let queues = match std::env::var("MIG_FLEET_QUEUES").as_deref() {
        Ok("classic") => Queues::Classic,
        Ok("quorum") => Queues::Quorum,
        Ok(other) => panic!("MIG_FLEET_QUEUES={other} is neither classic nor quorum"),
        Err(_) if seed.is_multiple_of(2) => Queues::Classic,
        Err(_) => Queues::Quorum,
    };
    if let Some(large) = Large::start(files(), queues) {
        rounds::run(&format!("large, {queues:?}"), seed, large);
    }
}
