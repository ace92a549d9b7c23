//! The same on the engines of a large site: PostgreSQL, RabbitMQ, two schedulers
//! and an API as programs of their own.

use std::net::TcpStream;
use std::process::Command;

use mig_acceptance::{Process, Site};
use mig_test_servers::{Postgres, Rabbit};

use crate::setup::{AGENT, PATIENCE, Said, files, mig};

const PASSWORD: &str = "carrier pigeon";

/// What runs; stopped in this order.
struct Production {
    agent: Process,
    api: Process,
    schedulers: Vec<Process>,
}

fn said(call: &mut Command) -> String {
    let said = Said::by(call);
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout
}

/// Creates database, roles and both configurations with the commands that a site
/// uses, and users as the documentation has them.
fn prepare(site: &Site, postgres: &Postgres, rabbit: &Rabbit, vhost: &str) {
    let printed = said(
        site.programs()
            .tool("mig-scheduler")
            .args(["database", "create", "--host"])
            .arg(postgres.socket_dir())
            .args(["--port", &postgres.port().to_string()])
            .args(["--as", postgres.superuser()]),
    );
    let (scheduler, api) = printed.split_once("; api.cfg").expect("two sections");
    let scheduler = scheduler.split_once("; scheduler.cfg").expect("one").1;
    let (cert, key) = rabbit.client_certificate("scheduler");
    let mq = format!(
        "[mq]\nhost = localhost\nport = {}\nuser = \"scheduler-{vhost}\"\npass = \"{PASSWORD}\"\n\
         vhost = {vhost}\nusetls = on\ncacert = \"{}\"\ntlscert = \"{}\"\ntlskey = \"{}\"\n",
        rabbit.amqps_port(),
        rabbit.ca().display(),
        cert.display(),
        key.display()
    );
    let log = "[logging]\nlevel = info\n";
    site.write("scheduler.cfg", format!("{scheduler}{mq}{log}"))
        .unwrap();
    let server = format!(
        "[server]\nport = {}\ncert = \"{}\"\nkey = \"{}\"\n",
        site.ports().api,
        site.path("server.crt").display(),
        site.path("server.key").display()
    );
    site.write("api.cfg", format!("{api}{server}{log}"))
        .unwrap();

    for (user, patterns) in [
        (
            "scheduler",
            [
                r"^(toagents|toschedulers|toworkers|mig\.agt\..*)$",
                r"^(toagents|toworkers|mig\.agt\.(heartbeats|results))$",
                r"^(toagents|toschedulers|toworkers|mig\.agt\.(heartbeats|results))$",
            ],
        ),
        (
            "agent",
            [
                r"^mig\.agt\..*$",
                r"^(toschedulers|mig\.agt\..*)$",
                r"^(toagents|mig\.agt\..*)$",
            ],
        ),
    ] {
        let name = format!("{user}-{vhost}");
        rabbit.add_user(&name, PASSWORD);
        rabbit.set_permissions(&name, vhost, patterns);
    }
    said(
        site.programs()
            .tool("mig-api")
            .arg("-c")
            .arg(site.path("api.cfg"))
            .args(["investigator", "create", "--admin", "--name", "ada"])
            .arg("--pubkey")
            .arg(site.path("ada.pub")),
    );
}

fn daemon(site: &Site, name: &str, log: &str) -> Process {
    let config = name.strip_prefix("mig-").expect("one of ours");
    let mut call = site.programs().tool(name);
    call.arg("-c").arg(site.path(&format!("{config}.cfg")));
    Process::start(name, &mut call, &site.path(log)).unwrap()
}

fn start(site: &Site, rabbit: &Rabbit, vhost: &str) -> Production {
    let schedulers = ["first.log", "second.log"]
        .map(|log| daemon(site, "mig-scheduler", log))
        .into();
    let mut api = daemon(site, "mig-api", "api.log");
    let port = site.ports().api;
    let listening = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    api.wait_until("listening", PATIENCE, listening).unwrap();
    let (cert, key) = rabbit.client_certificate("agent");
    let url = format!(
        "amqps://agent-{vhost}:{}@localhost:{}/{vhost}",
        PASSWORD.replace(' ', "%20"),
        rabbit.amqps_port()
    );
    let configuration = site
        .agent_configuration(AGENT)
        .unwrap()
        .set("agent", "relay", url)
        .set("certs", "ca", rabbit.ca().display())
        .set("certs", "cert", cert.display())
        .set("certs", "key", key.display());
    site.write(&format!("{AGENT}.cfg"), configuration).unwrap();
    Production {
        agent: site.start_agent(AGENT).unwrap(),
        api,
        schedulers,
    }
}

#[test]
fn the_engines_of_a_large_site_answer_as_the_small_one_does() {
    let Some(rabbit) = Rabbit::shared() else {
        return;
    };
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let vhost = rabbit.new_vhost();
    let (site, _) = files();
    prepare(&site, &postgres, &rabbit, vhost.name());
    let mut running = start(&site, &rabbit, vhost.name());
    let names = site.wait_until_online(&mut running.agent, "ada", 1);
    let names = names.unwrap_or_else(|error| panic!("{error}\n{}", running.api.last_words()));

    let data = site.path("data").display().to_string();
    let words = ["file", "-path", &data, "-name", "^passwd$"];
    let said = mig(&site, "ada", &words);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout
            .starts_with(&format!("{} {data}/passwd", names[0])),
        "{said:?}"
    );
    said.line_with("1 sent, 1 done, 1 succeeded");

    // With one scheduler less it goes on, and a signal ends what is left.
    running.schedulers[0].kill().unwrap();
    let said = mig(&site, "ada", &words);
    said.line_with("1 sent, 1 done, 1 succeeded");
    running.agent.stop().unwrap();
    running.api.stop().unwrap();
    running.schedulers[1].stop().unwrap();
}
