//! How agents may behave, and what must be true all the same.

use std::collections::BTreeSet;
use std::time::Duration;

use mig_acceptance::Site;
use mig_swarm::{Configuration, Counts, HeartbeatPath, Scenario};

use crate::fleet::embedded::Embedded;
use crate::fleet::engines::{Engines, StoredCommand};
use crate::fleet::large::{Large, Queues};
use crate::fleet::{Fleet, asking, files};

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

/// Asks twice; everybody answers both times, and what was `asked` before.
fn assert_complete(fleet: Fleet<Embedded>, asked: &[(&str, u64)]) {
    for (name, id) in asked {
        fleet.wait_until("the answers", || fleet.engines.over(*id) == AGENTS);
        let all = fleet.engines.commands().into_iter();
        let own: Vec<_> = all.filter(|command| command.action == *id).collect();
        assert_all_answered(name, &own);
    }
    for name in ["first", "second"] {
        assert_all_answered(name, &fleet.ask(name, AGENTS));
    }
    let count = asked.len() + 2;
    let actions = fleet.engines.actions();
    let over = actions.iter().filter(|action| action.status == "completed");
    assert_eq!((over.count(), actions.len()), (count, count), "{actions:?}");
    assert_eq!(fleet.engines.outbox(), 0);
    fleet.assert_agreement();
    let totals = fleet.swarm.ledger().totals();
    assert_eq!(totals.executed, (count * AGENTS) as u64, "{totals:?}");
    assert_eq!(totals.refused, 0, "{totals:?}");
    let known = fleet.engines.commands();
    fleet.swarm.stop();
    // Nothing but copies of what is stored may be on its way.
    for left in fleet.engines.close() {
        assert!(known.iter().any(|command| command.stored.id == left));
    }
}

/// Waits until something is so of every agent.
fn wait_for_all(fleet: &Fleet<Embedded>, what: &str, is_so: impl Fn(&Counts) -> bool) {
    fleet.wait_until(what, || {
        let ledger = fleet.swarm.ledger();
        ledger.agents.iter().all(|agent| is_so(&agent.counts))
    });
}

fn assert_all_answered(name: &str, commands: &[StoredCommand]) {
    assert_eq!(commands.len(), AGENTS);
    assert!(commands.iter().all(succeeded), "{name}");
    for command in commands {
        let asked = &command.stored.results[0]["elements"]["asked"]["asked"];
        assert_eq!(asked, name, "{command:?}");
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
    assert_complete(fleet, &[]);
}

#[test]
fn boot_storms_after_a_failed_network_and_a_dead_server_cost_nobody_an_answer() {
    let mut fleet = start("boot-storm", AGENTS);
    let asked = asking::post(&fleet.api(), &fleet.action("before")).unwrap();
    fleet.wait_until("every agent being connected", || {
        fleet.swarm.connected() == AGENTS
    });
    fleet.swarm.outage();
    wait_for_all(&fleet, "being cut off", |counts| counts.outages > 0);
    // The server lives until then.
    wait_for_all(&fleet, "being back", |counts| counts.connections >= 2);
    for part in fleet.engines.parts() {
        fleet.engines.kill(part);
        fleet.engines.revive(part);
    }
    wait_for_all(&fleet, "being back again", |counts| counts.connections >= 3);
    assert_complete(fleet, &[("before", asked.0)]);
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
    // The embedded relay does not take the oversized answer.
    assert_told_all_lies(&fleet, "refused by the relay");
    let report = fleet.swarm.report();
    assert!(report.counts.cut > 0, "{:?}", report.counts);
    assert_eq!(report.counts.executed, 3 * AGENTS as u64);
}

/// Lies of every kind reached the relay, and one of that kind.
fn assert_told_all_lies<E: Engines>(fleet: &Fleet<E>, oversized: &str) {
    let lies = fleet.swarm.report().lies;
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
        oversized,
    ] {
        assert!(lies.contains_key(kind), "{kind}: {lies:?}");
    }
}

#[test]
fn agents_that_misbehave_in_every_way_change_nothing_on_a_large_site() {
    const FLEET: usize = 120;
    const SILENT: usize = 12;
    let mix = "flap=24,slow=24,lying=6,silent=12,clock-skewed=18,steady=36";
    let Some(mut large) = Large::start(files(), Queues::Classic) else {
        return;
    };
    // Liars give two answers, and which of them is stored where several schedulers
    // take from one queue is chance.
    large.kill("scheduler two");
    let known = FLEET - expected_behind(mix, FLEET);
    let fleet = Fleet::start(large, FLEET, mix, known, |with, _| {
        with.slowness = Duration::from_millis(400);
        with.flapping = Duration::from_millis(2500);
        // RabbitMQ takes it, and the scheduler does not.
        with.oversized = mig_protocol::Limits::COMMAND.bytes;
    });
    let before = fleet.ask("first", known - SILENT);
    assert_eq!(before.len(), known);
    fleet.wait_until("commands for silent agents", || {
        fleet.swarm.ledger().totals().ignored >= SILENT as u64
    });
    let before = fleet.engines.commands();

    // By now liars may have sent heartbeats of agents whose own are dropped, which are
    // asked as well then.
    // Nobody knows how many, so each command is looked at.
    let ledger = fleet.swarm.ledger();
    let silent: BTreeSet<&str> = ledger
        .of(Scenario::Silent)
        .map(|agent| agent.queueloc.as_str())
        .collect();
    let second = asking::post(&fleet.api(), &fleet.action("second")).unwrap();
    fleet.wait_until("the answers", || {
        let all = fleet.engines.commands().into_iter();
        let own = all.filter(|command| command.action == second.0);
        let mut awaited = own
            .filter(|command| !silent.contains(command.stored.queueloc.as_str()))
            .peekable();
        awaited.peek().is_some()
            && awaited.all(|command| command.stored.status != "sent")
            && fleet.swarm.is_settled()
    });
    let after = fleet.engines.commands();
    assert_eq!(after[..before.len()], before);
    fleet.assert_agreement();
    assert_told_all_lies(&fleet, "oversized answer");
    assert!(fleet.swarm.report().counts.cut > 0);
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
    let expected = expected_behind(mix, AGENTS);
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
fn expected_behind(mix: &str, agents: usize) -> usize {
    let mix: mig_swarm::Mix = mix.parse().unwrap();
    let seed = Configuration::new(agents, "").seed;
    let kinds = mix.assign(agents, seed).into_iter().enumerate();
    kinds
        .filter(|(number, kind)| *kind == Scenario::ClockSkewed && number % 3 == 2)
        .count()
}
