//! Directories that cannot be written and ports that others have.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use mig_acceptance::{Configuration, Site};
use mig_testkit::free_port;

use crate::setup::{AGENT, PATIENCE, Said, Whole, files};

/// A place where nobody can make a file, not even root.
const NOWHERE: &str = "/proc/nowhere";

fn server(site: &Site, configuration: Configuration) -> Said {
    site.write("server.cfg", configuration).unwrap();
    let mut call = site.programs().tool("mig-server");
    let said = Said::by(call.arg("-c").arg(site.path("server.cfg")));
    assert_eq!((said.code, said.stdout.as_str()), (9, ""), "{said:?}");
    said
}

fn agent(site: &Site, configuration: Configuration) -> Said {
    site.write("agent.cfg", configuration).unwrap();
    let mut call = site.programs().agent();
    let said = Said::by(call.arg("-f").arg("-c").arg(site.path("agent.cfg")));
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
    said
}

#[test]
fn a_directory_that_cannot_be_written_stops_the_program_with_its_name() {
    let (site, _) = files();
    let good = site.server_configuration();
    let said = server(
        &site,
        good.clone()
            .set("database", "path", format!("{NOWHERE}/mig.db")),
    );
    assert!(
        said.line_with("FATAL: ")
            .contains(&format!("{NOWHERE}/mig.db")),
        "{said:?}"
    );
    let said = server(
        &site,
        good.clone()
            .set("relay", "database", format!("{NOWHERE}/relay.db")),
    );
    assert!(
        said.line_with("FATAL: ")
            .contains(&format!("{NOWHERE}/relay.db")),
        "{said:?}"
    );
    let log = good
        .set("logging", "mode", "file")
        .set("logging", "file", format!("{NOWHERE}/log"));
    let said = server(&site, log);
    assert!(
        said.line_with("FATAL: ")
            .contains(&format!("{NOWHERE}/log")),
        "{said:?}"
    );

    let good = site.agent_configuration(AGENT).unwrap();
    let said = agent(&site, good.clone().set("agent", "rundirectory", NOWHERE));
    assert!(said.line_with("[error]").contains(NOWHERE), "{said:?}");
    // A file is no directory.
    let file = site.write("file", "").unwrap();
    let said = agent(
        &site,
        good.clone().set("agent", "rundirectory", file.display()),
    );
    assert!(
        said.line_with("[error]").contains(file.to_str().unwrap()),
        "{said:?}"
    );
    let said = agent(&site, good.clone().set("agent", "keyring", file.display()));
    assert!(
        said.line_with("[error]").contains(file.to_str().unwrap()),
        "{said:?}"
    );
    let log = good
        .set("logging", "mode", "file")
        .set("logging", "file", format!("{NOWHERE}/log"));
    let said = agent(&site, log);
    assert!(said.stderr.contains(&format!("{NOWHERE}/log")), "{said:?}");
}

#[test]
fn a_directory_of_others_is_not_written_by_an_ordinary_user() {
    if mig_testkit::is_root() {
        mig_testkit::skip("root may write everywhere");
        return;
    }
    let (site, _) = files();
    let closed = site.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    let path = closed.display().to_string();
    let good = site.server_configuration();
    let said = server(
        &site,
        good.set("database", "path", format!("{path}/mig.db")),
    );
    assert!(said.line_with("FATAL: ").contains(&path), "{said:?}");
    let good = site.agent_configuration(AGENT).unwrap();
    let said = agent(&site, good.set("agent", "rundirectory", &path));
    assert!(said.line_with("[error]").contains(&path), "{said:?}");
}

#[test]
fn a_port_that_somebody_has_stops_the_server_and_costs_the_agent_its_status_page() {
    let taken = |port: u16| TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    let (site, _) = files();
    let good = site.server_configuration();
    for (section, key) in [("server", "port"), ("relay", "listen")] {
        let port = free_port();
        let value = if key == "port" {
            port.to_string()
        } else {
            format!("127.0.0.1:{port}")
        };
        let held = taken(port);
        let said = server(&site, good.clone().set(section, key, value));
        let line = said.line_with("FATAL: ");
        assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
        drop(held);
    }

    let port = free_port();
    let _held = taken(port);
    let mut whole = Whole::start_with(
        |_| {},
        |agent| agent.set("agent", "socket", format!("127.0.0.1:{port}")),
    );
    whole.assert_agent_lives();
    let log = whole.agent.log();
    let about = format!("127.0.0.1:{port}");
    assert!(log.lines().any(|line| line.contains(&about)), "{log}");
}

#[test]
fn two_agents_or_two_servers_do_not_share_one_directory() {
    let mut whole = Whole::start();
    let mut call = whole.site.programs().agent();
    let said = Said::by(call.arg("-f").arg("-c").arg(whole.site.path("agent.cfg")));
    assert_eq!(said.code, 1, "{said:?}");
    let line = said.line_with("another mig-agent uses");
    assert!(line.contains("mig-agent -q shutdown"), "{line}");

    let other = whole
        .site
        .server_configuration()
        .set("server", "port", free_port())
        .set("relay", "listen", format!("127.0.0.1:{}", free_port()));
    let said = server(&whole.site, other);
    assert!(
        said.line_with("FATAL: ")
            .contains("mig.db: the database is in use by another process"),
        "{said:?}"
    );
    assert!(whole.server.is_running());
    whole.assert_agent_lives();
}

#[test]
fn an_agent_waits_for_a_server_that_is_not_there_and_for_one_that_comes_back() {
    let (site, _) = files();
    let configuration = site.agent_configuration(AGENT).unwrap();
    site.write("agent.cfg", configuration).unwrap();
    let mut agent = site.start_agent(AGENT).unwrap();
    let log = site.path("agent.log");
    let times = |part: &str| {
        let log = std::fs::read_to_string(&log).expect("a log");
        log.matches(part).count()
    };
    agent
        .wait_until("a complaint", PATIENCE, || {
            times("cannot connect to the relay") > 0
        })
        .unwrap();
    let mut server = site.start_server().unwrap();
    site.wait_until_online(&mut agent, "ada", 1).unwrap();
    // How often it took until then depends on how soon the server was ready.
    let (complaints, connected) = (times("trying again in"), times("connected to the relay"));
    server.stop().unwrap();
    agent
        .wait_until("another complaint", PATIENCE, || {
            times("trying again in") > complaints
        })
        .unwrap();
    let _server = site.start_server().unwrap();
    agent
        .wait_until("coming back", PATIENCE, || {
            times("connected to the relay") > connected
        })
        .unwrap();
    let said = crate::setup::mig(
        &site,
        "ada",
        &["file", "-path", "/etc", "-name", "^hostname$"],
    );
    assert_eq!(said.code, 0, "{said:?}");
}
