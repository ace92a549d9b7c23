//! A small site for tests: a real relay in this process, a scheduler played by
//! a plain AMQP client, and agents as the real program.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod api;
pub mod proxy;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use mig_protocol::json::{parse_agent, parse_command, to_go_json};
use mig_protocol::openpgp::{KeyFileSigner, Signer, generate_investigator_key, sign_action};
use mig_protocol::{Action, Agent, Command, Id, Operation, Time};
use mig_relay::{
    External, Listener, Password, Relay, RelayConfig, RelayHandle, TlsFiles, User, topology,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

/// Most time anything in a test may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The scheduler's end.
struct Scheduler {
    _connection: Connection,
    channel: Channel,
    results: Consumer,
    heartbeats: Consumer,
}

/// A running agent; killed when the test ends.
pub struct Running {
    child: Child,
    pub log: PathBuf,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As a crash or a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Has it look at the configuration of persistent modules.
    pub fn look_again(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    }

    /// As a service manager would.
    pub fn terminate(&mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.wait()
    }

    /// Waits for its end; the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        mig_testkit::wait_until("the end of the agent", DEADLINE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the agent\n{}---", self.log());
        }
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(parameters, key),
            pem,
        }
    }

    /// Certificate and key, PEM.
    pub fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.into()]).unwrap();
        let subject = &mut parameters.distinguished_name;
        subject.push(rcgen::DnType::CommonName, name);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

pub struct Site {
    directory: tempfile::TempDir,
    relay: Option<RelayHandle>,
    address: SocketAddr,
    pub tls_port: Option<u16>,
    /// Longest message the relay takes, from its next start.
    pub max_message: Option<u64>,
    /// Accounts that log in with a certificate of their name, from the relay's
    /// next start.
    pub certificate_accounts: Vec<&'static str>,
    /// Environment of agents, beside that of the test.
    pub environment: Vec<(&'static str, String)>,
    scheduler: Option<Scheduler>,
    pub signer: KeyFileSigner,
    answers: HashMap<u64, Vec<Command>>,
    next_name: u32,
    queueloc: Option<String>,
}

impl Site {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = generate_investigator_key(
            "Ana <ana@example.net>",
            None,
            Time::from_unix(1_600_000_000),
        )
        .unwrap();
        let signer = KeyFileSigner::from_armored(key.secret.as_bytes(), None).unwrap();
        std::fs::create_dir(directory.path().join("agentkeys")).unwrap();
        std::fs::write(directory.path().join("agentkeys/ana.asc"), &key.public).unwrap();
        let fingerprint = signer.fingerprint().to_string();
        let ana = |weight: u32| json!({"Ana": {"fingerprint": fingerprint, "weight": weight}});
        let acl = json!({"default": {"minimumweight": 1, "investigators": ana(1)},
                         "forbidden": {"minimumweight": 2, "investigators": ana(1)}});
        std::fs::write(directory.path().join("acl.cfg"), acl.to_string()).unwrap();
        let mut site = Self {
            directory,
            relay: None,
            address: ([127, 0, 0, 1], 0).into(),
            tls_port: None,
            max_message: None,
            certificate_accounts: Vec::new(),
            environment: Vec::new(),
            scheduler: None,
            signer,
            answers: HashMap::new(),
            next_name: 0,
            queueloc: None,
        };
        site.start_relay().await;
        site.connect_scheduler().await;
        site.configure("");
        site
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn run_directory(&self) -> PathBuf {
        self.path("run")
    }

    /// Where configuration files of persistent modules are.
    pub fn modules_directory(&self) -> PathBuf {
        self.path("modules")
    }

    /// Writes the configuration file of a persistent module.
    pub fn configure_module(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.modules_directory()).unwrap();
        let file = self.modules_directory().join(format!("{name}.cfg"));
        std::fs::write(file, text).unwrap();
    }

    /// Writes the configuration; `more` goes to the end of `[agent]`, and may
    /// open further sections.
    pub fn configure(&self, more: &str) {
        self.configure_for(&format!("amqp://agent:a@{}/mig", self.address), more);
    }

    /// As [`Site::configure`], with another way to the relay.
    pub fn configure_for(&self, relay: &str, more: &str) {
        let text = format!(
            "[agent]\nrelay = \"{relay}\"\nsocket = \"\"\nheartbeatfreq = 300s\n\
             rundirectory = \"{}\"\nmoduleconfiguration = \"{}\"\nkeyring = \"{}\"\nacl = \"{}\"\ndiscoverpublicip = off\n\
             discoverawsmeta = off\ninstallservice = off\ntags = operator:it\n{more}\n\
             [logging]\nlevel = debug\n",
            self.run_directory().display(),
            self.modules_directory().display(),
            self.path("agentkeys").display(),
            self.path("acl.cfg").display(),
        );
        std::fs::write(self.configuration(), text).unwrap();
    }

    pub fn configuration(&self) -> PathBuf {
        self.path("mig-agent.cfg")
    }

    pub async fn start_relay(&mut self) {
        self.start_relay_with(None).await;
    }

    /// With `tls` the relay listens on a second port, where it serves TLS.
    pub async fn start_relay_with(&mut self, tls: Option<&Authority>) {
        let mut config = RelayConfig::new(self.path("relay.db"));
        config.listeners.push(Listener::Plain(self.address));
        if let Some(limit) = self.max_message {
            config.limits.max_message_bytes = limit;
        }
        if let Some(authority) = tls {
            let (certificate, key) = authority.issue("localhost");
            let files = TlsFiles {
                certificate: certificate.into(),
                key: key.into(),
                client_authority: authority.pem.clone().into(),
                revoked: None,
            };
            config
                .listeners
                .push(Listener::Tls(([127, 0, 0, 1], 0).into(), files));
        }
        for (name, password, permissions) in [
            (topology::AGENT_USER, "a", topology::agent_permissions()),
            (
                topology::SCHEDULER_USER,
                "s",
                topology::scheduler_permissions(),
            ),
        ] {
            config.users.push(User {
                name: name.into(),
                password: Password::parse(password).unwrap(),
                permissions,
            });
        }
        if !self.certificate_accounts.is_empty() {
            config.external = Some(External::default());
        }
        for name in &self.certificate_accounts {
            config.users.push(User {
                name: (*name).into(),
                password: Password::parse("never sent").unwrap(),
                permissions: topology::agent_permissions(),
            });
        }
        let relay = Relay::start(config).await.unwrap();
        self.address = relay.addresses()[0];
        self.tls_port = relay.addresses().get(1).map(SocketAddr::port);
        self.relay = Some(relay);
    }

    /// Moves the site's relay to one with TLS, and returns the section of the
    /// agent's configuration with its certificates.
    pub async fn with_tls(&mut self, authority: &Authority) -> String {
        self.with_tls_as("agent", authority).await
    }

    /// The same with a certificate for another name.
    pub async fn with_tls_as(&mut self, name: &str, authority: &Authority) -> String {
        self.stop_relay().await;
        self.start_relay_with(Some(authority)).await;
        self.connect_scheduler().await;
        let (certificate, key) = authority.issue(name);
        for (name, pem) in [
            ("ca.crt", &authority.pem),
            ("agent.crt", &certificate),
            ("agent.key", &key),
        ] {
            std::fs::write(self.path(name), pem).unwrap();
        }
        format!(
            "[certs]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"",
            self.path("ca.crt").display(),
            self.path("agent.crt").display(),
            self.path("agent.key").display()
        )
    }

    /// A command to the agent and its answer.
    pub async fn exchange(&mut self) {
        let absent = self.signed("absent", json!({}));
        let id = 7000 + u64::from(self.next_name);
        self.send(id, absent).await;
        let answer = self.answer(id).await;
        assert_eq!(answer.status, mig_protocol::CommandStatus::Failed);
    }

    pub async fn stop_relay(&mut self) {
        self.scheduler = None;
        self.relay.take().unwrap().shutdown().await.unwrap();
    }

    pub async fn connect_scheduler(&mut self) {
        let url = format!("amqp://scheduler:s@{}/mig", self.address);
        let connection = Connection::connect(&url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        let none = FieldTable::default;
        for exchange in [topology::TO_AGENTS, topology::TO_SCHEDULERS] {
            let durable = ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .exchange_declare(exchange.into(), ExchangeKind::Direct, durable, none())
                .await
                .unwrap();
        }
        for queue in [topology::RESULTS, topology::HEARTBEATS] {
            let durable = QueueDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .queue_declare(queue.into(), durable, none())
                .await
                .unwrap();
            let bind = QueueBindOptions::default();
            channel
                .queue_bind(
                    queue.into(),
                    topology::TO_SCHEDULERS.into(),
                    queue.into(),
                    bind,
                    none(),
                )
                .await
                .unwrap();
        }
        let results = consume(&channel, topology::RESULTS).await;
        let heartbeats = consume(&channel, topology::HEARTBEATS).await;
        self.scheduler = Some(Scheduler {
            _connection: connection,
            channel,
            results,
            heartbeats,
        });
    }

    pub async fn delete_results_queue(&self) {
        let channel = &self.scheduler.as_ref().unwrap().channel;
        channel
            .queue_delete(topology::RESULTS.into(), QueueDeleteOptions::default())
            .await
            .unwrap();
    }

    /// Starts the real `mig-agent`.
    pub fn agent(&mut self) -> Running {
        self.start(Path::new(env!("CARGO_BIN_EXE_mig-agent")), &[])
    }

    /// Starts the agent with modules for tests.
    pub fn agent_with_test_modules(&mut self) -> Running {
        self.agent_with_test_modules_and(&[])
    }

    /// The same with further options.
    pub fn agent_with_test_modules_and(&mut self, words: &[&str]) -> Running {
        let program = Path::new(env!("CARGO_BIN_EXE_mig-agent"))
            .with_file_name("examples/agent_with_own_modules");
        assert!(
            program.exists(),
            "build it with `cargo build -p mig-agent --examples`"
        );
        self.start(&program, words)
    }

    pub fn start(&mut self, program: &Path, words: &[&str]) -> Running {
        self.next_name += 1;
        let log = self.path(&format!("agent-{}.log", self.next_name));
        let child = Program::new(program)
            .args(["-f", "-c"])
            .arg(self.configuration())
            .args(words)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Running { child, log }
    }

    /// The next heartbeat; from then on commands reach its agent.
    pub async fn heartbeat(&mut self) -> Agent {
        let consumer = &mut self.scheduler.as_mut().unwrap().heartbeats;
        let body = next(consumer, "a heartbeat").await;
        let agent = parse_agent(&body).unwrap();
        self.queueloc = Some(agent.queueloc.clone());
        agent
    }

    /// An action with one operation, valid for five minutes, not signed.
    pub fn action(&mut self, module: &str, parameters: Value) -> Action {
        self.next_name += 1;
        let now = Time::now();
        Action {
            id: Id(1000 + u64::from(self.next_name)),
            name: format!("action {}", self.next_name),
            target: "status='online'".into(),
            validfrom: now - Duration::from_secs(60),
            expireafter: now + Duration::from_secs(300),
            operations: Some(vec![Operation {
                module: module.into(),
                parameters,
                ..Operation::default()
            }]),
            syntaxversion: 2,
            ..Action::default()
        }
    }

    pub fn sign(&self, mut action: Action) -> Action {
        sign_action(&mut action, &self.signer, Time::now()).unwrap();
        action
    }

    pub fn signed(&mut self, module: &str, parameters: Value) -> Action {
        let action = self.action(module, parameters);
        self.sign(action)
    }

    pub fn command(&self, id: u64, action: Action) -> Command {
        Command {
            id: Id(id),
            action,
            agent: Agent {
                name: "known name".into(),
                queueloc: self.queueloc.clone().unwrap(),
                pid: 42,
                ..Agent::default()
            },
            status: "sent".into(),
            ..Command::default()
        }
    }

    /// Publishes a command and waits until the relay has it.
    pub async fn send(&self, id: u64, action: Action) {
        let body = to_go_json(&self.command(id, action)).unwrap();
        self.send_bytes(&body).await;
    }

    pub async fn send_bytes(&self, body: &[u8]) {
        let queue = topology::agent_queue(self.queueloc.as_deref().unwrap());
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let properties = BasicProperties::default().with_delivery_mode(2);
        let channel = &self.scheduler.as_ref().unwrap().channel;
        let confirmation = channel
            .basic_publish(
                topology::TO_AGENTS.into(),
                queue.into(),
                options,
                body,
                properties,
            )
            .await
            .unwrap()
            .await
            .unwrap();
        assert!(confirmation.is_ack() && confirmation.take_message().is_none());
    }

    /// Waits for the next answer to a command. Answers to others are kept.
    pub async fn answer(&mut self, id: u64) -> Command {
        loop {
            if let Some(answers) = self.answers.get_mut(&id)
                && !answers.is_empty()
            {
                return answers.remove(0);
            }
            let consumer = &mut self.scheduler.as_mut().unwrap().results;
            let body = next(consumer, "an answer").await;
            let answer = parse_command(&body).unwrap();
            self.answers.entry(answer.id.0).or_default().push(answer);
        }
    }

    /// Answers that arrived and that nobody asked for.
    pub fn further_answers(&self) -> usize {
        self.answers.values().map(Vec::len).sum()
    }
}

async fn consume(channel: &Channel, queue: &str) -> Consumer {
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap()
}

async fn next(consumer: &mut Consumer, what: &str) -> Vec<u8> {
    let delivery = tokio::time::timeout(DEADLINE, consumer.next())
        .await
        .unwrap_or_else(|_| panic!("{what} did not come in time"))
        .expect("the relay is there")
        .unwrap();
    delivery
        .acker
        .ack(BasicAckOptions::default())
        .await
        .unwrap();
    delivery.data
}

/// Waits, without blocking the runtime that the relay lives on.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lines in a file; 0 when it is not there.
pub fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}
