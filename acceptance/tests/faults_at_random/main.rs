//! Engines killed at random moments while two hundred agents work. Whatever is
//! killed when: no accepted action is lost, each agent carries each command out
//! once, and each command has one answer, from its agent.
//!
//! A point is an action that was posted and not over when something was killed.
//! `MIG_FLEET_POINTS` says how many there shall be (a long run has 200 or more),
//! `MIG_FLEET_AGENTS` how many agents, `MIG_FAULT_SEED` repeats the random
//! choices of an earlier run. Each combination of engines is one implementation
//! of `Engines` and one test here.

mod account;
#[path = "../fleet/mod.rs"]
mod fleet;
mod rounds;

use fleet::embedded::Embedded;
use fleet::files;

#[test]
fn one_process_with_sqlite_killed_at_any_point_loses_nothing_and_repeats_nothing() {
    rounds::run("embedded", Embedded::start(files()));
}
