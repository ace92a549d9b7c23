//! Rounds: actions are posted, something is killed in the midst of them and
//! started again, everything is waited for and checked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::account::Account;
use crate::fleet::Fleet;
use crate::fleet::asking::post;
use crate::fleet::engines::Engines;

/// Points unless the environment says otherwise: the short form.
const POINTS: u64 = 6;
/// Agents unless the environment says otherwise.
const AGENTS: u64 = 200;
/// Most actions of one round.
const LARGEST_ROUND: usize = 4;
/// A bound on the rounds, should kills keep coming too late.
const ROUNDS_PER_POINT: u64 = 8;

/// Kills until enough points were hit, and checks all that happened.
pub fn run(label: &str, engines: impl Engines) {
    let wanted = number("MIG_FLEET_POINTS").unwrap_or(POINTS);
    let agents = number("MIG_FLEET_AGENTS").unwrap_or(AGENTS) as usize;
    let seed = number("MIG_FAULT_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_nanos() as u64 % 1_000_000_007)
    });
    println!("{label}: {wanted} points among {agents} agents with MIG_FAULT_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // Storming agents are back at once, which is hardest for the engines and
    // shortest for the test.
    let mix = "boot-storm=80,slow=10,flap=10";
    let mut fleet = Fleet::start(engines, agents, mix, agents, |with, _| {
        with.seed = seed;
        with.slowness = Duration::from_millis(200);
        with.flapping = Duration::from_secs(4);
    });
    // How long an action takes where nothing is killed.
    let begun = Instant::now();
    fleet.ask("undisturbed", agents);
    let usual = begun.elapsed();
    let mut account = Account::new(agents);
    let (mut points, mut kills) = (0, BTreeMap::new());
    for round in 0.. {
        if points >= wanted {
            break;
        }
        assert!(
            round < wanted * ROUNDS_PER_POINT,
            "only {points} points after {round} rounds with MIG_FAULT_SEED={seed}"
        );
        let hit = one_round(&mut fleet, &mut account, round, usual, &mut random);
        points += hit.points;
        *kills.entry(hit.part).or_insert(0) += 1;
    }
    account.close(fleet);
    println!("{label}: {points} points; killed {kills:?}, with MIG_FAULT_SEED={seed}");
}

/// What a kill hit.
struct Hit {
    part: &'static str,
    points: u64,
}

fn one_round<E: Engines>(
    fleet: &mut Fleet<E>,
    account: &mut Account,
    round: u64,
    usual: Duration,
    random: &mut StdRng,
) -> Hit {
    let count = random.random_range(2..=LARGEST_ROUND);
    let posts: Vec<_> = (0..count)
        .map(|number| {
            let name = format!("round {round}.{number}");
            let after = usual.mul_f64(random.random_range(0.0..0.5));
            (fleet.action(&name), after)
        })
        .collect();
    let moment = usual.mul_f64(random.random_range(0.0..1.2));
    let outage = random.random_bool(0.25);
    let parts = fleet.engines.parts();
    let part = parts[random.random_range(0..parts.len())];
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
        until(begun + moment);
        fleet.engines.kill(part);
        if outage {
            fleet.swarm.outage();
        }
        let known = fleet.engines.actions();
        // What never arrived was not hit.
        let is_under_way = |name: &str| {
            let mut found = known.iter().filter(|action| action.name == name);
            found.any(|action| action.status != "completed")
        };
        let hit = posts
            .iter()
            .filter(|(action, _)| is_under_way(&action.name));
        fleet.engines.revive(part);
        hit.count() as u64
    });
    account.expect(accepted.into_inner().expect("no lock is held"));
    fleet.wait_until("the end of every action", || account.is_settled(fleet));
    account.check(fleet);
    Hit { part, points }
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
