//! Rounds: actions are posted, one or two parts are killed in the midst of them
//! and started again, everything is waited for and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mig_swarm::AgentLedger;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::account::Account;
use crate::fleet::Fleet;
use crate::fleet::agents::Agents;
use crate::fleet::asking::post;
use crate::fleet::engines::Engines;
use crate::fleet::processes::{Behaviour, Processes};

/// Points unless the environment says otherwise: the short form. Every part is
/// killed at least once however few there are.
const POINTS: u64 = 6;
/// Agents unless the environment says otherwise: fewer than in the long form, since
/// each comes back several times, and that is what a short form's time goes to.
const AGENTS: u64 = 120;
/// Most actions of one round.
const LARGEST_ROUND: usize = 4;
/// A bound on the rounds, should kills keep coming too late.
const ROUNDS_PER_POINT: u64 = 8;
/// A bound on the actions that are asked for until engines that share their work
/// have all done some.
const MOST_EXTRA: usize = 40;
/// Between two failures of the network, the first of which not all have noticed.
const NEXT_FAILURE: Duration = Duration::from_secs(5);
/// Modules: one that may run again after an interruption, and one that must not.
const MODULES: [&str; 2] = ["swarm", mig_swarm::MUST_NOT_RUN_TWICE];

/// What decides all random choices.
pub fn seed() -> u64 {
    number("MIG_FAULT_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_nanos() as u64 % 1_000_000_007)
    })
}

/// Kills until enough points were hit, and checks all that happened.
pub fn run(label: &str, seed: u64, engines: impl Engines) {
    let wanted = number("MIG_FLEET_POINTS").unwrap_or(POINTS);
    let agents = number("MIG_FLEET_AGENTS").unwrap_or(AGENTS) as usize;
    println!("{label}: {wanted} points among {agents} agents with MIG_FAULT_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut fleet = Fleet::of_processes(
        engines,
        &Behaviour {
            agents,
            // Storming agents are back at once, which is hardest for the engines
            // and shortest for the test.
            mix: "boot-storm=80,slow=10,flap=10",
            seed,
            slowness: Duration::from_millis(200),
            flapping: Duration::from_secs(4),
        },
    );
    // How long an action takes where nothing is killed.
    let begun = Instant::now();
    fleet.ask("undisturbed", agents);
    let usual = begun.elapsed();
    let mut account = Account::new(agents);
    let mut parts = fleet.engines.parts();
    parts.extend(fleet.swarm.parts());
    let (mut points, mut kills, mut deck) = (0, BTreeMap::new(), Vec::new());
    let mut round = 0;
    while points < wanted || kills.len() < parts.len() {
        assert!(
            round < (wanted + parts.len() as u64) * ROUNDS_PER_POINT,
            "only {points} points after {round} rounds with MIG_FAULT_SEED={seed}"
        );
        // Every part has its turn before one has its next.
        let count = if random.random_bool(0.4) { 2 } else { 1 };
        if deck.len() < count {
            deck.clone_from(&parts);
            deck.shuffle(&mut random);
        }
        let struck = deck.split_off(deck.len() - count);
        let hit = one_round(&mut fleet, &mut account, round, usual, &struck, &mut random);
        points += hit;
        println!("{label}: round {round}: {struck:?} killed, {hit} actions hit, {points} in all");
        for part in struck {
            *kills.entry(part).or_insert(0) += 1;
        }
        round += 1;
    }
    let extra = everybody_works(&fleet, agents);
    account.close(fleet);
    println!(
        "{label}: {points} points in {round} rounds, {extra} actions more; killed {kills:?}, \
         with MIG_FAULT_SEED={seed}"
    );
}

fn one_round<E: Engines>(
    fleet: &mut Fleet<E, Processes>,
    account: &mut Account,
    round: u64,
    usual: Duration,
    struck: &[&'static str],
    random: &mut StdRng,
) -> u64 {
    let count = random.random_range(2..=LARGEST_ROUND);
    let posts: Vec<_> = (0..count)
        .map(|number| {
            let name = format!("round {round}.{number}");
            let module = MODULES[random.random_range(0..MODULES.len())];
            let after = usual.mul_f64(random.random_range(0.0..0.5));
            (fleet.action_of(&name, module), after)
        })
        .collect();
    let mut moments: Vec<_> = struck
        .iter()
        .map(|part| (usual.mul_f64(random.random_range(0.0..1.2)), *part))
        .collect();
    moments.sort();
    // Before anything is killed: who has lost the relay notices no failed network.
    let outage = random.random_bool(0.25);
    let outage = outage.then(|| moments[0].0.mul_f64(random.random_range(0.0..1.0)));
    let accepted = Mutex::new(Vec::new());
    let begun = Instant::now();
    let points = std::thread::scope(|scope| {
        for (action, after) in &posts {
            let (api, accepted) = (fleet.api(), &accepted);
            scope.spawn(move || {
                until(begun + *after);
                // Without an answer it may have been accepted or not.
                if let Ok(id) = post(&api, action) {
                    let mut accepted = accepted.lock().expect("nobody panics with it");
                    accepted.push((action.name.clone(), id.0));
                }
            });
        }
        let own = |name: &str| posts.iter().any(|(action, _)| action.name == name);
        let mut hit = BTreeSet::new();
        if let Some(moment) = outage {
            until(begun + moment);
            cut_off(fleet);
        }
        for (moment, part) in &moments {
            until(begun + *moment);
            // What never arrived was not hit.
            if fleet.engines.can_be_asked() {
                let known = fleet.engines.actions().into_iter();
                hit.extend(known.map(|action| action.name).filter(|name| own(name)));
            }
            kill(fleet, part);
        }
        // Agents first: they may come back before what they connect to.
        let order = fleet.swarm.parts().into_iter().chain(fleet.engines.parts());
        let mut uncounted = true;
        for part in order.filter(|part| struck.contains(part)) {
            if uncounted && fleet.engines.can_be_asked() {
                uncounted = false;
                forget_the_over(fleet, &mut hit);
            }
            revive(fleet, part);
        }
        if uncounted {
            forget_the_over(fleet, &mut hit);
        }
        hit.len() as u64
    });
    account.expect(accepted.into_inner().expect("no lock is held"));
    fleet.wait_until("the end of every action", || account.is_settled(fleet));
    account.check(fleet);
    points
}

/// Has the network fail, and waits until agents of every process have noticed.
fn cut_off<E: Engines>(fleet: &Fleet<E, Processes>) {
    let noticed = || {
        let ledger = fleet.swarm.ledger();
        // Each process has an agent 0.
        let processes = ledger.agents.chunk_by(|_, next| next.number > 0);
        let of = |agents: &[AgentLedger]| agents.iter().map(|agent| agent.counts.outages).sum();
        processes.map(of).collect::<Vec<u64>>()
    };
    let before = noticed();
    let mut next = Instant::now();
    fleet.wait_until("a failure of the network", || {
        // Once more after a while: who was not connected has not noticed.
        if Instant::now() >= next {
            fleet.swarm.outage();
            next = Instant::now() + NEXT_FAILURE;
        }
        let now = noticed();
        before.iter().zip(&now).all(|(before, now)| now > before)
    });
}

/// What is over was not hit by the last kill.
fn forget_the_over<E: Engines, A>(fleet: &Fleet<E, A>, hit: &mut BTreeSet<String>) {
    for action in fleet.engines.actions() {
        if action.status == "completed" {
            hit.remove(&action.name);
        }
    }
}

fn kill<E: Engines>(fleet: &mut Fleet<E, Processes>, part: &str) {
    if fleet.swarm.parts().contains(&part) {
        fleet.swarm.kill(part);
    } else {
        fleet.engines.kill(part);
    }
}

fn revive<E: Engines>(fleet: &mut Fleet<E, Processes>, part: &str) {
    if fleet.swarm.parts().contains(&part) {
        fleet.swarm.revive(part);
    } else {
        fleet.engines.revive(part);
    }
}

/// Asks until every engine that shares its work with others has done some, so
/// that all of it was a race; returns how often that took.
fn everybody_works<E: Engines, A: Agents>(fleet: &Fleet<E, A>, agents: usize) -> usize {
    for extra in 0..MOST_EXTRA {
        if fleet.engines.idlers().is_empty() {
            return extra;
        }
        fleet.ask(&format!("extra {extra}"), agents);
    }
    panic!(
        "after {MOST_EXTRA} actions more {:?}\n{}",
        fleet.engines.idlers(),
        fleet.engines.last_words()
    );
}

/// Lets a moment come that was chosen at random. Nothing is waited for here: the
/// moment itself is what is tried.
fn until(moment: Instant) {
    loop {
        let now = Instant::now();
        if now >= moment {
            return;
        }
        std::thread::park_timeout(moment - now);
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let parsed = text.parse();
    Some(parsed.unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
