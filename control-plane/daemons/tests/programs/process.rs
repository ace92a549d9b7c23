//! Starting the programs and talking to them as their neighbours do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mig_protocol::openpgp::{GeneratedKey, KeyFileSigner, generate_investigator_key, sign_action};
use mig_protocol::token::create_token;
use mig_protocol::{Action, Id, Operation, Time, to_go_json};
use mig_test_servers::{Postgres, Rabbit, VirtualHost};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

pub const DEADLINE: Duration = Duration::from_secs(60);
/// Everybody's password at the relay.
pub const AGENT_PASSWORD: &str = "a secret: with colon";

/// A database and a virtual host, configurations for both programs, and the keys
/// of an investigator.
pub struct Site {
    pub directory: tempfile::TempDir,
    pub postgres: Postgres,
    pub relay: SocketAddr,
    key: GeneratedKey,
    vhost: VirtualHost,
}

impl Site {
    /// A site whose database is not created yet; `None` when a server is not
    /// installed.
    pub fn bare() -> Option<Site> {
        let rabbit = Rabbit::shared()?;
        let postgres = Postgres::start()?;
        let vhost = rabbit.new_vhost();
        let directory = tempfile::tempdir().expect("temporary directory");
        let created = Time::now() - Duration::from_secs(60);
        let key = generate_investigator_key("Ada <ada@example.org>", None, created).expect("a key");
        let site = Site {
            relay: ([127, 0, 0, 1], rabbit.amqp_port()).into(),
            directory,
            postgres,
            key,
            vhost,
        };
        site.add_users(&rabbit);
        fs::write(site.path("ada.asc"), &site.key.public).expect("write key");
        Some(site)
    }

    /// The users that the documentation makes. Their names are the relay's, not a
    /// virtual host's, so each site has its own.
    fn add_users(&self, rabbit: &Arc<Rabbit>) {
        let events = "toagents|toschedulers|toworkers";
        for (user, patterns) in [
            (
                "scheduler",
                [
                    format!(r"^({events}|mig\.agt\..*)$"),
                    r"^(toagents|toworkers|mig\.agt\.(heartbeats|results))$".to_owned(),
                    format!(r"^({events}|mig\.agt\.(heartbeats|results))$"),
                ],
            ),
            (
                "agent",
                [
                    r"^mig\.agt\..*$".to_owned(),
                    r"^(toschedulers|mig\.agt\..*)$".to_owned(),
                    r"^(toagents|mig\.agt\..*)$".to_owned(),
                ],
            ),
        ] {
            let name = self.relay_user(user);
            rabbit.add_user(&name, AGENT_PASSWORD);
            rabbit.set_permissions(
                &name,
                self.vhost.name(),
                patterns.each_ref().map(String::as_str),
            );
        }
    }

    pub fn relay_user(&self, user: &str) -> String {
        format!("{user}-{}", self.vhost.name())
    }

    pub fn vhost(&self) -> &str {
        self.vhost.name()
    }

    /// A site with database, roles, configurations and an investigator.
    pub fn new() -> Option<Site> {
        // Nobody is taken for dead, however slow the machine is.
        Site::with("takeover = 10m\n")
    }

    /// The same with these lines below `[periodic]`.
    pub fn with(periodic: &str) -> Option<Site> {
        let site = Site::bare()?;
        let printed = String::from_utf8(good(&site.create_database()).stdout).expect("UTF-8");
        site.configure(&printed, periodic);
        let key = site.path("ada.asc");
        let key = key.to_str().expect("UTF-8");
        let words = [
            "investigator",
            "create",
            "--admin",
            "--name",
            "Ada",
            "--pubkey",
            key,
        ];
        good(&site.api().args(words).output().expect("the program runs"));
        Some(site)
    }

    /// `mig-scheduler database create`, as the superuser through the socket, for
    /// daemons that come over TCP, as from other machines.
    pub fn create_database(&self) -> Output {
        self.create_database_with(&[])
    }

    /// The same with these words as well.
    pub fn create_database_with(&self, more: &[&str]) -> Output {
        let ca = self.postgres.ca();
        let ca = ca.to_str().expect("UTF-8");
        let elsewhere = ["--print-host", "localhost", "--print-ca", ca];
        self.administer("create", &[&elsewhere, more].concat())
    }

    /// A task on the database as the superuser.
    pub fn administer(&self, task: &str, more: &[&str]) -> Output {
        self.scheduler()
            .args(["database", task, "--host"])
            .arg(self.postgres.socket_dir())
            .args(["--port", &self.postgres.port().to_string()])
            .args(["--as", self.postgres.superuser()])
            .args(more)
            .output()
            .expect("the program runs")
    }

    /// Writes both configurations with the sections that `database create`
    /// printed, and `periodic` in one of them.
    pub fn configure(&self, printed: &str, periodic: &str) {
        let (scheduler, api) = printed.split_once("; api.cfg").expect("two sections");
        let log = |name: &str| {
            let file = self.path(name);
            format!(
                "[logging]\nlevel = debug\nmode = file\nfile = \"{}\"\n",
                file.display()
            )
        };
        let scheduler = scheduler
            .split_once("; scheduler.cfg")
            .expect("a section")
            .1;
        self.write(
            "scheduler.cfg",
            &format!(
                "{}[mq]\nhost = 127.0.0.1\nport = {}\nuser = \"{}\"\npass = \"{AGENT_PASSWORD}\"\n\
                 vhost = {}\n[agent]\nlogactions = on\n[periodic]\n{periodic}{}",
                scheduler,
                self.relay.port(),
                self.relay_user("scheduler"),
                self.vhost(),
                log("scheduler.log"),
            ),
        );
        self.write(
            "api.cfg",
            &format!("{api}[server]\nport = 0\n{}", log("api.log")),
        );
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path(name))
            .expect("configuration file");
        file.write_all(text.as_bytes())
            .expect("write configuration");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn scheduler(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_mig-scheduler"), "scheduler.cfg")
    }

    pub fn api(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_mig-api"), "api.cfg")
    }

    fn command(&self, program: &str, config: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(self.path(config))
            .stdin(Stdio::null());
        command
    }

    pub fn start_scheduler(&self) -> Daemon {
        let (daemon, line) = Daemon::start(self.scheduler(), || self.read("scheduler.log"));
        assert!(line.starts_with("mig-scheduler is ready: relay "), "{line}");
        daemon
    }

    pub fn start_api(&self) -> Api {
        let (daemon, line) = Daemon::start(self.api(), || self.read("api.log"));
        let url = line.trim().strip_prefix("mig-api is ready: http://");
        let address = url.and_then(|url| url.split('/').next()).expect("a URL");
        Api {
            address: address.parse().expect("an address"),
            daemon,
        }
    }

    fn signer(&self) -> KeyFileSigner {
        KeyFileSigner::from_armored(self.key.secret.as_bytes(), None).expect("a signer")
    }

    /// Sends a request as the investigator.
    pub fn request(&self, api: &Api, method: &str, path: &str, body: &str) -> (u16, Value) {
        let token = create_token(&self.signer(), Time::now(), Id(1)).expect("a token");
        api.request(method, path, &token, body)
    }

    /// Posts an action that is valid for five minutes.
    pub fn post(&self, api: &Api, name: &str, target: &str) -> u64 {
        let now = Time::now();
        let mut action = Action {
            name: name.into(),
            target: target.into(),
            validfrom: now - Duration::from_secs(60),
            expireafter: now + Duration::from_secs(300),
            operations: Some(vec![Operation {
                module: "file".into(),
                parameters: serde_json::json!({"searches": {}}),
                ..Operation::default()
            }]),
            syntaxversion: 2,
            ..Action::default()
        };
        sign_action(&mut action, &self.signer(), now).expect("a signature");
        let document = to_go_json(&action).expect("JSON");
        let (status, body) = self.request(api, "POST", "/action/create/", &form(&document));
        assert_eq!(status, 202, "{body}");
        value(&body)["id"].as_u64().expect("an id")
    }

    /// Follows an action by long poll until it ends.
    pub fn follow(&self, api: &Api, id: u64) -> Value {
        let end = std::time::Instant::now() + DEADLINE;
        let mut done = 0;
        loop {
            let path = format!("/action?actionid={id}&wait=20&since={done}");
            let (status, body) = self.request(api, "GET", &path, "");
            assert_eq!(status, 200, "{body}");
            let action = value(&body);
            if action["status"] == "completed" {
                return action;
            }
            assert!(std::time::Instant::now() < end, "{action}");
            done = action["counters"]["done"].as_i64().unwrap_or(0);
        }
    }

    /// Waits until so many agents are online.
    pub fn wait_for_agents(&self, api: &Api, count: usize) {
        mig_testkit::wait_until("the agents are known", DEADLINE, || {
            let path = "/search?type=agent&status=online";
            let (_, body) = self.request(api, "GET", path, "");
            items(&body, "agent").len() == count
        });
    }
}

/// The value of the first item of an answer.
pub fn value(body: &Value) -> Value {
    body["collection"]["items"][0]["data"][0]["value"].clone()
}

/// The values of an answer's items of one type; a search has others, too.
pub fn items(body: &Value, name: &str) -> Vec<Value> {
    let items = body["collection"]["items"].as_array();
    let data = items.into_iter().flatten().map(|item| &item["data"][0]);
    let data = data.filter(|data| data["name"] == name);
    data.map(|data| data["value"].clone()).collect()
}

/// `action=` and the document, with everything escaped that has to be.
fn form(document: &[u8]) -> String {
    let escaped = document.iter().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    });
    format!("action={}", escaped.collect::<String>())
}

/// A running program.
pub struct Daemon(Child);

impl Daemon {
    /// Starts a program and waits for its first line.
    fn start(mut command: Command, log: impl Fn() -> String) -> (Daemon, String) {
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = mig_testkit::spawn(&mut command).expect("the program starts");
        let stdout = child.stdout.take().expect("a pipe");
        let daemon = Daemon(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "it ended; log: {}", log());
        (daemon, line)
    }

    /// Stops with SIGTERM and expects a clean end.
    pub fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("a signal");
        let status = self.0.wait().expect("an end");
        assert!(status.success(), "{status:?}");
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.0.kill().expect("a signal");
        self.0.wait().expect("an end");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already ended in the usual case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running API.
pub struct Api {
    pub address: SocketAddr,
    pub daemon: Daemon,
}

impl Api {
    /// Sends a request and returns status and JSON.
    pub fn request(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        write!(
            stream,
            "{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             X-PGPAUTHORIZATION: {token}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (
            status.expect("a status"),
            serde_json::from_str(body).unwrap_or(Value::Null),
        )
    }
}

/// The output of a program that succeeded.
pub fn good(output: &Output) -> Output {
    assert!(output.status.success(), "{output:?}");
    output.clone()
}

/// The one line a failed start prints.
pub fn fatal(output: &Output) -> String {
    let error = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(output.status.code(), Some(9), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
        .trim()
        .strip_prefix("FATAL: ")
        .unwrap_or_else(|| panic!("{error}"))
        .to_owned()
}
