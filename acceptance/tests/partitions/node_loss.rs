//! A RabbitMQ cluster falls apart, comes together again, and loses a node.

use std::sync::{Arc, PoisonError};

use mig_test_servers::{Postgres, Rabbit};

use crate::asking;
use crate::books::{Database, Posted};
use crate::large_site::LargeSite;
use crate::real_agents::{self, Agents};
use crate::stage::{self, INVESTIGATOR, files, wait_until};

/// Nodes of the cluster: one may go.
const NODES: usize = 3;
/// Agents, each connected to one of the nodes.
const AGENTS: usize = 6;

/// Whether a node serves clients.
const RUNS: &str = "rabbit:is_running()";
/// How many nodes serve clients, as far as one knows.
const TOGETHER: &str = "length([N || N <- [node() | nodes()], rabbit:is_running(N)])";

/// Schedulers.
const SCHEDULERS: usize = 2;
/// How many of them send their commands to this node.
const SCHEDULERS_HERE: &str = "length([C || C <- rabbit_networking:local_connections(), \
    [{client_properties, P}] <- [catch rabbit_networking:connection_info(C, [client_properties])], \
    lists:member({<<\"connection_name\">>, longstr, <<\"mig-scheduler, commands\">>}, P)])";

/// The node with most of the schedulers, when all are connected, and the other nodes.
fn with_schedulers(nodes: &[Arc<Rabbit>], said: impl Fn() -> String) -> (&Rabbit, Vec<&Rabbit>) {
    let mut at = Vec::new();
    wait_until("the schedulers' being connected", said, || {
        let here = |node: &Arc<Rabbit>| node.eval(SCHEDULERS_HERE).parse().expect("a number");
        at = nodes.iter().map(here).collect::<Vec<usize>>();
        at.iter().sum::<usize>() == SCHEDULERS
    });
    let mut nodes: Vec<&Rabbit> = nodes.iter().map(Arc::as_ref).collect();
    let most = (0..nodes.len()).max_by_key(|&number| at[number]);
    let one = nodes.remove(most.expect("nodes"));
    (one, nodes)
}

#[test]
fn a_cluster_that_is_split_and_then_loses_a_node_loses_nothing_else() {
    let _alone = crate::BROKERS
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    let Some(cluster) = Rabbit::cluster(NODES) else {
        return;
    };
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let nodes: Vec<Arc<Rabbit>> = cluster.into_iter().map(Arc::new).collect();
    let ports: Vec<u16> = nodes.iter().map(|node| node.amqps_port()).collect();
    for node in &nodes {
        node.eval("application:set_env(rabbit, cluster_partition_handling, pause_minority)");
    }
    let large = LargeSite::on(files(&[]), postgres, Arc::clone(&nodes[0]));
    let hosts: Vec<String> = ports
        .iter()
        .map(|port| format!("localhost:{port}"))
        .collect();
    let changes = [(
        "host = localhost",
        format!("host = \"{}\"\nqueues = quorum", hosts.join(", ")),
    )];
    stage::rewrite(&large.site, "scheduler.cfg", &changes);
    let mut schedulers = ["first.log", "second.log"].map(|log| large.start_scheduler(log));
    let bound = format!(
        "length(rabbit_binding:list_for_source(\
         rabbit_misc:r(<<\"{}\">>, exchange, <<\"toschedulers\">>)))",
        large.vhost
    );
    // Agents that come first try again, which takes its time.
    wait_until(
        "a scheduler being there for agents",
        || schedulers[0].last_words(),
        || nodes[0].eval(&bound) == "2",
    );
    let mut api = large.start_api("api.log");
    let certificate = large.agent_configuration("all");
    let relays: Vec<String> = ports
        .iter()
        .map(|port| {
            let own = format!(":{}/", ports[0]);
            large.relay_url().replace(&own, &format!(":{port}/"))
        })
        .collect();
    let mut agents = Agents::start(&large.site, AGENTS, None, |label| {
        let mut own = large.site.agent_configuration(label).unwrap();
        for key in ["ca", "cert", "key"] {
            own = own.set("certs", key, certificate.get("certs", key).unwrap());
        }
        own.set("agent", "relay", relays.join(", "))
            .set("agent", "queuetype", "quorum")
            // One that was on its way to the lost node is soon followed by another.
            .set("agent", "heartbeatfreq", "10s")
    });
    let database = Database::Postgres(&large.postgres);
    let said = || {
        let words = schedulers
            .each_ref()
            .map(|scheduler| scheduler.last_words());
        format!(
            "{}\n{}\n{}",
            database.open(),
            words.join("\n"),
            agents.last_words()
        )
    };
    wait_until("every agent being known", said, || {
        database.online() == AGENTS as u64
    });

    let posted = Posted::default();
    let client = asking::api(&large.site, INVESTIGATOR);
    let ask = |label: &str, number: usize| {
        let action = real_agents::action(&large.site, &format!("{label} {number}"));
        posted.post(&client, &action)
    };
    let settle = || wait_until("the end of every action", said, || database.is_settled());

    let frozen = agents.get_under_way(&posted, &database, |number| ask("with all", number));
    let (lone, others) = with_schedulers(&nodes, said);
    lone.split_off(&others, true);
    wait_until("the smaller part giving up", said, || {
        lone.eval(RUNS) == "false"
    });
    assert!(database.open_commands() > 0, "all was over before");
    drop(frozen);
    for number in 0..3 {
        assert!(ask("while they are apart", number));
    }
    settle();
    posted.check(&database, AGENTS, None);
    let left = (lone.eval(RUNS), others[0].eval(TOGETHER));
    assert_eq!(left, ("false".into(), "2".into()), "they have been apart");
    lone.split_off(&others, false);
    wait_until("all nodes being together again", said, || {
        nodes.iter().all(|node| node.eval(TOGETHER) == "3")
    });

    let frozen = agents.get_under_way(&posted, &database, |number| ask("again with all", number));
    let (lost, others) = with_schedulers(&nodes, said);
    lost.kill();
    wait_until("the others' missing it", said, || {
        others.iter().all(|node| node.eval(TOGETHER) == "2")
    });
    assert!(database.open_commands() > 0, "all was over before");
    drop(frozen);
    for number in 0..3 {
        assert!(ask("without one", number));
    }
    settle();
    let commands = posted.check(&database, AGENTS, None);
    agents.check(&large.site, &commands);
    assert!(api.is_running() && schedulers.iter_mut().all(|one| one.is_running()));
}
