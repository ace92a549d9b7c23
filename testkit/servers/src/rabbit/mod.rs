//! A private RabbitMQ.

mod administration;
mod cluster;

pub use administration::VirtualHost;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Certificates, STARTING, ending, kept, owner, tail};

/// The directory of its data within its own.
const DATA: &str = "mnesia";
const COOKIE: &str = "MIGTESTCOOKIE";

/// A private RabbitMQ node with a port mapper of its own. It listens without and
/// with TLS on 127.0.0.1; over TLS it wants a certificate of its authority. The
/// user `guest` (password `guest`) may do everything in virtual host `/`.
pub struct Rabbit {
    programs: PathBuf,
    directory: TempDir,
    certificates: Arc<Certificates>,
    /// Where it listens.
    addresses: Vec<String>,
    node: String,
    /// A node of the cluster it joins.
    joined: Option<String>,
    running: Mutex<Running>,
}

struct Running {
    broker: Option<Child>,
    mapper: Option<Child>,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    mapper: u16,
    distribution: u16,
    amqp: u16,
    amqps: u16,
}

static SHARED: Mutex<Weak<Rabbit>> = Mutex::new(Weak::new());

impl Rabbit {
    /// The instance that the tests of this program share. `None` when the
    /// package is not installed; the test is then reported as skipped.
    pub fn shared() -> Option<Arc<Rabbit>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broker) = shared.upgrade() {
            return Some(broker);
        }
        let broker = Arc::new(Rabbit::start()?);
        *shared = Arc::downgrade(&broker);
        kept::keep(Arc::clone(&broker) as _);
        Some(broker)
    }

    /// An instance for one test. `None` when the package is not installed; the
    /// test is then reported as skipped.
    ///
    /// # Panics
    /// When it does not start; the message has the end of its log.
    pub fn start() -> Option<Rabbit> {
        Rabbit::start_at(&[])
    }

    /// The same, listening at these addresses beside 127.0.0.1: for a network
    /// namespace that is the test's own.
    ///
    /// # Panics
    /// As [`Rabbit::start`].
    pub fn start_at(addresses: &[&str]) -> Option<Rabbit> {
        let broker = Rabbit::prepare(addresses, None)?;
        broker.launch(&mut broker.running());
        Some(broker)
    }

    /// A node that does not run yet; it joins the cluster of another one, of which
    /// it takes port mapper and certificates.
    fn prepare(addresses: &[&str], first: Option<&Rabbit>) -> Option<Rabbit> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Some(programs) = programs() else {
            mig_testkit::skip("rabbitmq-server is not installed");
            return None;
        };
        let directory = owner::directory("mig-mq");
        let certificates = match first {
            None => Arc::new(Certificates::make(directory.path(), addresses)),
            Some(first) => Arc::clone(&first.certificates),
        };
        owner::write(&directory.path().join(".erlang.cookie"), COOKIE, 0o400);
        owner::write(
            &directory.path().join("plugins"),
            "[rabbitmq_auth_mechanism_ssl].\n",
            0o644,
        );
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let listening = ["127.0.0.1"].iter().chain(addresses);
        Some(Rabbit {
            programs,
            directory,
            certificates,
            addresses: listening.map(|&address| address.to_owned()).collect(),
            joined: first.map(|first| first.node.clone()),
            node: format!("mig{}x{number}@localhost", std::process::id()),
            running: Mutex::new(Running {
                broker: None,
                mapper: None,
                ports: Ports {
                    mapper: first.map_or(0, |first| first.running().ports.mapper),
                    distribution: 0,
                    amqp: 0,
                    amqps: 0,
                },
            }),
        })
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join(DATA)
    }

    /// The port without TLS on 127.0.0.1; also after [`Rabbit::restart`].
    pub fn amqp_port(&self) -> u16 {
        self.running().ports.amqp
    }

    /// The port with TLS on 127.0.0.1; also after [`Rabbit::restart`].
    pub fn amqps_port(&self) -> u16 {
        self.running().ports.amqps
    }

    /// The authority that signed the broker's certificate and must have signed
    /// the clients'; PEM.
    pub fn ca(&self) -> PathBuf {
        self.certificates.ca()
    }

    /// Makes a client's certificate and key, PEM files.
    pub fn client_certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        self.certificates.client(name)
    }

    /// Stops (true) or continues the broker's process: it stays connected and
    /// silent, as behind a network that loses everything. Only for an instance of
    /// one's own.
    pub fn freeze(&self, frozen: bool) {
        let running = self.running();
        let broker = running.broker.as_ref().expect("it runs");
        let word = if frozen {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        ending::signal(broker, word);
    }

    /// Kills the broker as a crash would. Only for an instance of one's own.
    ///
    /// What its own database (users, virtual hosts, bindings) has confirmed is written
    /// down first: RabbitMQ does that some time later, and a site whose accounts are
    /// gone shows nothing about messages.
    ///
    /// # Panics
    /// When it had ended already; the message has the end of its log.
    pub fn kill(&self) {
        assert_eq!(self.eval("mnesia:sync_log()"), "ok");
        let broker = self.running().broker.take().expect("it runs");
        ending::crash(broker, &self.log());
    }

    /// Stops the broker in order. Only for an instance of one's own.
    pub fn stop(&self) {
        self.end(Signal::SIGTERM);
    }

    /// Starts the broker again after [`Rabbit::kill`] or [`Rabbit::stop`], with
    /// the same data on the same ports.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        let mut running = self.running();
        assert!(running.broker.is_none(), "it runs");
        self.launch(&mut running);
    }

    fn end(&self, signal: Signal) {
        if let Some(mut broker) = self.running().broker.take() {
            ending::signal(&broker, signal);
            broker.wait().expect("wait");
        }
    }

    fn log(&self) -> PathBuf {
        let name = format!("log/{}.log", self.node);
        self.directory.path().join(name)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, running: &mut Running) {
        let end = Instant::now() + STARTING;
        let again = running.ports.amqp != 0;
        loop {
            if !again {
                self.choose_ports(running);
            }
            let broker = mig_testkit::spawn(&mut self.server(running.ports));
            let mut broker = broker.expect("RabbitMQ starts");
            if self.answers(&mut broker, running.ports, end) {
                running.broker = Some(broker);
                return;
            }
            let _ = broker.kill();
            let _ = broker.wait();
            assert!(
                Instant::now() < end,
                "RabbitMQ does not start: {}",
                tail(&self.directory.path().join("log/output"))
            );
        }
    }

    /// Takes ports that are free now, tells the broker's configuration, and
    /// starts a port mapper.
    fn choose_ports(&self, running: &mut Running) {
        let ports = Ports {
            mapper: match self.joined {
                None => mig_testkit::free_port(),
                Some(_) => running.ports.mapper,
            },
            distribution: mig_testkit::free_port(),
            amqp: mig_testkit::free_port(),
            amqps: mig_testkit::free_port(),
        };
        if let Some(mut mapper) = running.mapper.take() {
            let _ = mapper.kill();
            let _ = mapper.wait();
        }
        running.ports = ports;
        let configuration = self.directory.path().join("rabbitmq.conf");
        let _ = std::fs::remove_file(&configuration);
        owner::write(&configuration, &self.configuration(ports), 0o644);
        let _ = std::fs::create_dir(self.directory.path().join("log"));
        owner::give(&self.directory.path().join("log"));
        if self.joined.is_some() {
            return;
        }
        let mut mapper = owner::command("/usr/bin/epmd".as_ref(), self.directory.path());
        mapper
            .args(["-port", &ports.mapper.to_string(), "-address", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        running.mapper = Some(mig_testkit::spawn(&mut mapper).expect("epmd starts"));
        // The broker would start one that outlives it if it were first.
        mig_testkit::wait_until("the port mapper answers", STARTING, || {
            std::net::TcpStream::connect(("127.0.0.1", ports.mapper)).is_ok()
        });
    }

    fn configuration(&self, ports: Ports) -> String {
        let mut text = String::new();
        let settings = [
            ("ssl_options.cacertfile", self.ca().display().to_string()),
            (
                "ssl_options.certfile",
                self.certificates
                    .certificate("server")
                    .display()
                    .to_string(),
            ),
            (
                "ssl_options.keyfile",
                self.certificates.key("server").display().to_string(),
            ),
            ("ssl_options.verify", "verify_peer".to_owned()),
            ("ssl_options.fail_if_no_peer_cert", "true".to_owned()),
            ("ssl_cert_login_from", "common_name".to_owned()),
            ("auth_mechanisms.1", "PLAIN".to_owned()),
            ("auth_mechanisms.2", "EXTERNAL".to_owned()),
            ("vm_memory_high_watermark.absolute", "1GB".to_owned()),
            ("disk_free_limit.absolute", "1MB".to_owned()),
            ("log.file.level", "warning".to_owned()),
        ];
        for (key, value) in settings {
            let _ = writeln!(text, "{key} = {value}");
        }
        for (number, address) in (1..).zip(&self.addresses) {
            let _ = writeln!(text, "listeners.tcp.{number} = {address}:{}", ports.amqp);
            let _ = writeln!(text, "listeners.ssl.{number} = {address}:{}", ports.amqps);
        }
        if let Some(joined) = &self.joined {
            let nodes = "cluster_formation.classic_config.nodes";
            let _ = writeln!(
                text,
                "cluster_formation.peer_discovery_backend = classic_config\n\
                 {nodes}.1 = {joined}\n{nodes}.2 = {}",
                self.node
            );
        }
        text
    }

    /// Waits until the broker takes connections; false when it ended instead.
    fn answers(&self, broker: &mut Child, ports: Ports, end: Instant) -> bool {
        while Instant::now() < end {
            if broker.try_wait().expect("wait").is_some() {
                return false;
            }
            // In its own words: who listens at the port until then is somebody else.
            let listening = format!(
                "lists:member({}, [element(6, L) || L <- rabbit_networking:active_listeners()])",
                ports.amqps
            );
            if self.call(ports, &listening).as_deref() == Ok("true") {
                return true;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        false
    }

    fn server(&self, ports: Ports) -> Command {
        let directory = self.directory.path();
        let output = std::fs::File::options()
            .create(true)
            .append(true)
            .open(directory.join("log/output"))
            .expect("a log");
        let path = |name: &str| directory.join(name);
        let mut command = self.command_with(self.programs.join("rabbitmq-server"), ports);
        command
            .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", path(DATA))
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins"))
            .env("RABBITMQ_FEATURE_FLAGS_FILE", path("flags"))
            .env("RABBITMQ_PID_FILE", path("pid"))
            // The start script then becomes the broker instead of waiting for it.
            .env("detached", "yes")
            // Waiting schedulers would take processor time from the tests.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} \
                 +sbwt none +sbwtdcpu none +sbwtdio none +S 2:2",
            )
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output);
        command
    }

    /// A program that speaks to this node.
    fn command(&self, program: PathBuf) -> Command {
        self.command_with(program, self.running().ports)
    }

    fn command_with(&self, program: PathBuf, ports: Ports) -> Command {
        let mut command = owner::command(&program, self.directory.path());
        command
            .env("ERL_EPMD_PORT", ports.mapper.to_string())
            .env("RABBITMQ_NODENAME", &self.node)
            .env("RABBITMQ_CONF_ENV_FILE", "/nonexistent");
        command
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} had said:\n{}", self.node, tail(&self.log()));
        }
        self.end(Signal::SIGKILL);
        if let Some(mut mapper) = self.running().mapper.take() {
            let _ = mapper.kill();
            let _ = mapper.wait();
        }
    }
}

/// Where Debian puts the programs, as they are before its wrappers.
fn programs() -> Option<PathBuf> {
    if !std::path::Path::new("/usr/bin/erl_call").exists() {
        return None;
    }
    let versions = std::fs::read_dir("/usr/lib/rabbitmq/lib").ok()?;
    versions
        .filter_map(|entry| Some(entry.ok()?.path().join("sbin")))
        .find(|programs| programs.join("rabbitmq-server").exists())
}
