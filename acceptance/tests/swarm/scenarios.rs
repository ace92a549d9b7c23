//! How agents may behave, and what must be true all the same.

use std::time::Duration;

use mig_acceptance::Site;
use mig_swarm::{Configuration, HeartbeatPath, Scenario};

use crate::fleet::embedded::Embedded;
use crate::fleet::engines::{Engines, StoredCommand};
use crate::fleet::{Fleet, files};

/// Agents of each test.
const AGENTS: usize = 200;

fn start(mix: &str, known: usize) -> Fleet<Embedded> {
    start_with(mix, known, |_, _| {})
}

fn start_with(
    mix: &str,
    known: usize,
    configure: impl FnOnce(&mut Configuration, &Site),
) -> Fleet<Embedded> {
    Fleet::start(Embedded::start(files()), AGENTS, mix, known, configure)
}

/// Asks twice; everybody answers both times.
fn assert_complete(fleet: Fleet<Embedded>) {
    for name in ["first", "second"] {
        let commands = fleet.ask(name, AGENTS);
        assert_eq!(commands.len(), AGENTS);
        assert!(commands.iter().all(succeeded), "{name}");
        for command in &commands {
            let asked = &command.stored.results[0]["elements"]["asked"]["asked"];
            assert_eq!(asked, name, "{command:?}");
        }
    }
    let actions = fleet.engines.actions();
    let over = actions.iter().filter(|action| action.status == "completed");
    assert_eq!((over.count(), actions.len()), (2, 2), "{actions:?}");
    assert_eq!(fleet.engines.outbox(), 0);
    fleet.assert_agreement();
    let totals = fleet.swarm.ledger().totals();
    assert_eq!(totals.executed, 2 * AGENTS as u64, "{totals:?}");
    assert_eq!(totals.refused, 0, "{totals:?}");
    let known = fleet.engines.commands();
    fleet.swarm.stop();
    // Nothing but copies of what is stored may be on its way.
    for left in fleet.engines.close() {
        assert!(known.iter().any(|command| command.stored.id == left));
    }
}

fn succeeded(command: &StoredCommand) -> bool {
    command.stored.status == "success"
}

#[test]
fn steady_agents_answer_everything_once() {
    // Heartbeats go to the API, those of the other tests over the relay.
    let fleet = start_with("steady", AGENTS, |with, site| {
        let agent = site.agent_configuration("api").unwrap();
        with.heartbeats = HeartbeatPath::Api(agent.get("agent", "api").unwrap().to_owned());
    });
    assert_complete(fleet);
}

#[test]
fn boot_storms_after_a_failed_network_and_a_dead_server_cost_nobody_an_answer() {
    let mut fleet = start("boot-storm", AGENTS);
    fleet.swarm.outage();
    for part in fleet.engines.parts() {
        fleet.engines.kill(part);
        fleet.engines.revive(part);
    }
    assert_complete(fleet);
}

#[test]
fn agents_that_flap_are_slow_or_lie_change_nothing() {
    let fleet = start_with("flap=50,slow=50,lying=10,steady=90", AGENTS, |with, _| {
        with.slowness = Duration::from_millis(400);
        with.flapping = Duration::from_millis(2500);
    });
    for name in ["first", "second"] {
        let commands = fleet.ask(name, AGENTS);
        assert_eq!(commands.len(), AGENTS);
        assert!(commands.iter().all(succeeded), "{name}");
    }
    // What the liars told after their answers stands before those to this.
    let before = fleet.engines.commands();
    fleet.ask("third", AGENTS);
    let after = fleet.engines.commands();
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.len(), 3 * AGENTS);
    fleet.assert_agreement();
    let report = fleet.swarm.report();
    for kind in [
        "forged command",
        "own command, wrong queue",
        "own command, another's name and no queue",
        "own command, a status no agent gives",
        "another agent's command",
        "another agent's command, as NUL",
        "malformed answer",
        "answer replayed",
        "answer changed afterwards",
        "another agent's heartbeat",
        "oversized heartbeat",
        "heartbeat with NUL",
        "heartbeat of no known mode",
        "malformed heartbeat",
        "refused by the relay",
    ] {
        assert!(report.lies.contains_key(kind), "{kind}: {:?}", report.lies);
    }
    assert!(report.counts.cut > 0, "{:?}", report.counts);
    assert_eq!(report.counts.executed, 3 * AGENTS as u64);
}

#[test]
fn silent_agents_hold_nobody_up_and_wrong_clocks_are_said() {
    // A third of the skewed clocks are hours behind: their heartbeats are
    // dropped, so nobody asks them.
    let mix = "steady=100,silent=40,clock-skewed=60";
    let behind = |fleet: &Fleet<Embedded>| {
        let ledger = fleet.swarm.ledger();
        let skewed = ledger.of(Scenario::ClockSkewed);
        skewed.filter(|agent| agent.skew < -3600).count()
    };
    let expected = expected_behind(mix);
    let fleet = start(mix, AGENTS - expected);
    assert_eq!(behind(&fleet), expected);
    assert!(expected > 0);
    let commands = fleet.ask("first", AGENTS - expected - 40);
    assert_eq!(commands.len(), AGENTS - expected);
    fleet.wait_until("commands for silent agents", || {
        fleet.swarm.ledger().totals().ignored >= 40
    });
    fleet.assert_agreement();
    let ledger = fleet.swarm.ledger();
    let of = |queueloc: &str| {
        let mut found = commands.iter();
        found.find(|command| command.stored.queueloc == queueloc)
    };
    let (mut ahead, mut close) = (0, 0);
    for agent in ledger.of(Scenario::ClockSkewed) {
        let command = of(&agent.queueloc);
        match agent.skew {
            ..-3600 => assert_eq!(command, None),
            3600.. => {
                let command = command.expect("a command");
                assert_eq!(command.stored.status, "failed", "{command:?}");
                let reason = command.stored.results[0]["errors"][0].as_str();
                assert!(
                    reason.is_some_and(|reason| reason.contains("expired")),
                    "{command:?}"
                );
                ahead += 1;
            }
            _ => {
                assert!(succeeded(command.expect("a command")));
                close += 1;
            }
        }
    }
    assert!(ahead > 0 && close > 0);
    for agent in ledger.of(Scenario::Steady) {
        assert!(succeeded(of(&agent.queueloc).expect("a command")));
    }
}

/// How many clocks of a mix are hours behind: the same seed gives the same.
fn expected_behind(mix: &str) -> usize {
    let mix: mig_swarm::Mix = mix.parse().unwrap();
    let seed = Configuration::new(AGENTS, "").seed;
    let kinds = mix.assign(AGENTS, seed).into_iter().enumerate();
    kinds
        .filter(|(number, kind)| *kind == Scenario::ClockSkewed && number % 3 == 2)
        .count()
}
