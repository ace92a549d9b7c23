//! A site on the engines of large ones: PostgreSQL, RabbitMQ, and scheduler and
//! API as programs of their own, with the accounts that the documentation has.
//! Several test programs include it, each of which uses a part.

#![allow(dead_code)]

use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mig_acceptance::{Configuration, Process, Site};
use mig_test_servers::{Postgres, Rabbit};

/// The password of every account.
const PASSWORD: &str = "carrier pigeon";
/// Long enough for a loaded machine, short enough to notice.
const PATIENCE: Duration = Duration::from_secs(60);
/// What each account of the broker may configure, write and read.
const ACCOUNTS: [(&str, [&str; 3]); 2] = [
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
            r"^mig\.agt\.[^.]+\..+$",
            r"^(toschedulers|mig\.agt\.[^.]+\..+)$",
            r"^(toagents|mig\.agt\.[^.]+\..+)$",
        ],
    ),
];

/// All that such a site needs, with none of our programs running yet.
pub struct LargeSite {
    // Declared in the order in which they must go.
    pub site: Site,
    /// An instance of its own: roles belong to the whole server.
    pub postgres: Postgres,
    pub rabbit: Arc<Rabbit>,
    /// The virtual host, which is also the end of its accounts' names.
    pub vhost: String,
}

impl LargeSite {
    /// Makes database, roles, accounts and configurations with the commands that
    /// people use. The site must have the key of `ada`, who becomes the
    /// administrator. `None`: a server is not installed, and the test has been
    /// reported as skipped.
    pub fn prepare(site: Site) -> Option<Self> {
        let rabbit = Rabbit::shared()?;
        Some(Self::on(site, Postgres::start()?, rabbit))
    }

    /// The same on servers that were started already.
    pub fn on(site: Site, postgres: Postgres, rabbit: Arc<Rabbit>) -> Self {
        // It outlives the handle: a test that kills the broker goes with it.
        let vhost = format!("site{}", site.ports().api);
        rabbit.add_vhost(&vhost);
        let large = Self {
            site,
            postgres,
            rabbit,
            vhost,
        };
        large.write_configurations();
        for (user, patterns) in ACCOUNTS {
            let name = large.account(user);
            large.rabbit.add_user(&name, PASSWORD);
            let vhost = &large.vhost;
            large.rabbit.set_permissions(&name, vhost, patterns);
        }
        let site = &large.site;
        printed(
            site.programs()
                .tool("mig-api")
                .arg("-c")
                .arg(site.path("api.cfg"))
                .args(["investigator", "create", "--admin", "--name", "ada"])
                .arg("--pubkey")
                .arg(site.path("ada.pub")),
        );
        large
    }

    fn write_configurations(&self) {
        let (site, rabbit) = (&self.site, &self.rabbit);
        let both = printed(
            site.programs()
                .tool("mig-scheduler")
                .args(["database", "create", "--host"])
                .arg(self.postgres.socket_dir())
                .args(["--port", &self.postgres.port().to_string()])
                .args(["--as", self.postgres.superuser()]),
        );
        let (scheduler, api) = both.split_once("; api.cfg").expect("two sections");
        let scheduler = scheduler.split_once("; scheduler.cfg").expect("one").1;
        let (cert, key) = rabbit.client_certificate("scheduler");
        let mq = format!(
            "[mq]\nhost = localhost\nport = {}\nuser = \"{}\"\npass = \"{PASSWORD}\"\n\
             vhost = {}\nusetls = on\ncacert = \"{}\"\ntlscert = \"{}\"\ntlskey = \"{}\"\n",
            rabbit.amqps_port(),
            self.account("scheduler"),
            self.vhost,
            rabbit.ca().display(),
            cert.display(),
            key.display()
        );
        let log = "[logging]\nlevel = info\n";
        let scheduler = format!("{scheduler}{mq}{log}");
        site.write("scheduler.cfg", scheduler).unwrap();
        let server = format!(
            "[server]\nport = {}\ncert = \"{}\"\nkey = \"{}\"\n",
            site.ports().api,
            site.path("server.crt").display(),
            site.path("server.key").display()
        );
        let api = format!("{api}{server}{log}");
        site.write("api.cfg", api).unwrap();
    }

    /// The name of an account of this site.
    pub fn account(&self, user: &str) -> String {
        format!("{user}-{}", self.vhost)
    }

    /// Where agents find the relay, with their account.
    pub fn relay_url(&self) -> String {
        format!(
            "amqps://{}:{}@localhost:{}/{}",
            self.account("agent"),
            PASSWORD.replace(' ', "%20"),
            self.rabbit.amqps_port(),
            self.vhost
        )
    }

    /// Starts a scheduler that logs to this file of the site.
    pub fn start_scheduler(&self, log: &str) -> Process {
        self.start("mig-scheduler", "scheduler.cfg", log)
    }

    /// Starts the API and waits until it listens.
    pub fn start_api(&self, log: &str) -> Process {
        let mut api = self.start("mig-api", "api.cfg", log);
        let port = self.site.ports().api;
        let listening = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        api.wait_until("listening", PATIENCE, listening).unwrap();
        api
    }

    fn start(&self, program: &str, configuration: &str, log: &str) -> Process {
        let mut call = self.site.programs().tool(program);
        call.arg("-c").arg(self.site.path(configuration));
        Process::start(program, &mut call, &self.site.path(log)).unwrap()
    }

    /// The configuration of an agent of this site.
    pub fn agent_configuration(&self, label: &str) -> Configuration {
        let (cert, key) = self.rabbit.client_certificate("agent");
        let configuration = self.site.agent_configuration(label).unwrap();
        configuration
            .set("agent", "relay", self.relay_url())
            .set("certs", "ca", self.rabbit.ca().display())
            .set("certs", "cert", cert.display())
            .set("certs", "key", key.display())
    }

    /// Starts an agent with that configuration.
    pub fn start_agent(&self, label: &str) -> Process {
        let configuration = self.agent_configuration(label);
        let file = format!("{label}.cfg");
        self.site.write(&file, configuration).unwrap();
        self.site.start_agent(label).unwrap()
    }
}

fn printed(call: &mut Command) -> String {
    let output = call.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("printed text")
}
