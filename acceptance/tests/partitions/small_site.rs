//! Agents that are cut off from `mig-server` and its own relay.

use crate::asking;
use crate::books::{Database, Posted};
use crate::network::{self, Link, Network};
use crate::real_agents::{self, Agents};
use crate::stage::{INVESTIGATOR, files, wait_until};

/// Agents of the test.
const AGENTS: usize = 4;
/// The link between them and the server.
const LINK: u8 = 1;

#[test]
fn agents_cut_off_from_the_embedded_relay_lose_nothing_and_repeat_nothing() {
    if !network::inside() {
        return;
    }
    let elsewhere = Network::new();
    let link = Link::new(LINK, &elsewhere);
    let address = Link::address(LINK);
    let site = files(&[&address]);
    let relay = format!("{address}:{}", site.ports().relay);
    let configuration = site.server_configuration().add("relay", "listen", &relay);
    site.write("server.cfg", configuration).unwrap();
    let mut server = site.start_server().unwrap();
    let mut agents = Agents::start(&site, AGENTS, Some(&elsewhere), |label| {
        let own = site.agent_configuration(label).unwrap();
        let url = own.get("agent", "relay").unwrap().to_owned();
        own.set(
            "agent",
            "relay",
            url.replace("@localhost:", &format!("@{address}:")),
        )
        // The relay is asked for a sign of life in twice as much.
        .set("agent", "heartbeatfreq", "3s")
    });
    let database = Database::Sqlite(&site);
    let said = || {
        format!(
            "{}\n{}\n{}",
            database.open(),
            server.last_words(),
            agents.last_words()
        )
    };
    wait_until("every agent being known", said, || {
        database.online() == AGENTS as u64
    });

    let posted = Posted::default();
    let api = asking::api(&site, INVESTIGATOR);
    let ask = |label: &str, number: usize| {
        posted.post(
            &api,
            &real_agents::action(&site, &format!("{label} {number}")),
        )
    };
    let frozen = agents.get_under_way(&posted, &database, |number| ask("connected", number));
    link.cut();
    let open = database.open_commands();
    assert!(open > 0, "all was over before anything could happen");
    // It must find out as well that nobody answers.
    drop(frozen);
    for number in 0..2 {
        assert!(ask("cut off", number));
    }
    wait_until("both ends giving up each other", said, || {
        link.connections() == (0, 0)
    });
    for number in 0..2 {
        let action = posted.id(&format!("cut off {number}"));
        wait_until("the making of its commands", said, || {
            database.commands_of(action).0 == AGENTS as u64
        });
        let (_, open) = database.commands_of(action);
        assert_eq!(open, AGENTS as u64, "who answered was not cut off");
    }
    link.heal();
    wait_until("the end of every action", said, || database.is_settled());
    let commands = posted.check(&database, AGENTS, None);
    agents.check(&site, &commands);
    assert!(server.is_running());
}
