//! A private RabbitMQ.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Certificates, STARTING, owner, printed, sys, tail};

const COOKIE: &str = "MIGTESTCOOKIE";

/// A private RabbitMQ node with a port mapper of its own. It listens without and
/// with TLS on 127.0.0.1; over TLS it wants a certificate of its authority. The
/// user `guest` (password `guest`) may do everything in virtual host `/`.
pub struct Rabbit {
    programs: PathBuf,
    directory: TempDir,
    certificates: Certificates,
    node: String,
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
        Some(broker)
    }

    /// An instance for one test. `None` when the package is not installed; the
    /// test is then reported as skipped.
    ///
    /// # Panics
    /// When it does not start; the message has the end of its log.
    pub fn start() -> Option<Rabbit> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Some(programs) = programs() else {
            mig_testkit::skip("rabbitmq-server is not installed");
            return None;
        };
        let directory = owner::directory("mig-mq");
        let certificates = Certificates::make(directory.path());
        owner::write(&directory.path().join(".erlang.cookie"), COOKIE, 0o400);
        owner::write(
            &directory.path().join("plugins"),
            "[rabbitmq_auth_mechanism_ssl].\n",
            0o644,
        );
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let broker = Rabbit {
            programs,
            directory,
            certificates,
            node: format!("mig{}x{number}@localhost", std::process::id()),
            running: Mutex::new(Running {
                broker: None,
                mapper: None,
                ports: Ports {
                    mapper: 0,
                    distribution: 0,
                    amqp: 0,
                    amqps: 0,
                },
            }),
        };
        broker.launch(&mut broker.running());
        Some(broker)
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

    /// A new virtual host in which `guest` may do everything.
    pub fn new_vhost(self: &Arc<Self>) -> VirtualHost {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("mig{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.add_vhost(&name);
        self.set_permissions("guest", &name, [".*", ".*", ".*"]);
        VirtualHost {
            broker: Arc::clone(self),
            name,
        }
    }

    /// Adds a virtual host that nobody may use yet.
    pub fn add_vhost(&self, name: &str) {
        self.eval(&format!("ok = rabbit_vhost:add({}, {ACTOR})", binary(name)));
    }

    /// Adds a user without permissions.
    pub fn add_user(&self, name: &str, password: &str) {
        self.eval(&format!(
            "ok = rabbit_auth_backend_internal:add_user({}, {}, {ACTOR})",
            binary(name),
            binary(password)
        ));
    }

    /// Sets what a user may configure, write and read in a virtual host.
    pub fn set_permissions(&self, user: &str, vhost: &str, patterns: [&str; 3]) {
        let [configure, write, read] = patterns.map(binary);
        self.eval(&format!(
            "ok = rabbit_auth_backend_internal:set_permissions({}, {}, {configure}, {write}, {read}, {ACTOR})",
            binary(user),
            binary(vhost)
        ));
    }

    /// Evaluates an Erlang expression in the broker and returns its value as
    /// text; takes milliseconds where [`Rabbit::ctl`] takes half a second.
    ///
    /// # Panics
    /// When the evaluation fails.
    pub fn eval(&self, expression: &str) -> String {
        match self.call(self.running().ports, expression) {
            Ok(value) => value,
            Err(answer) => panic!("{expression}: {answer}"),
        }
    }

    /// Runs `rabbitmqctl` with these words and returns what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn ctl(&self, words: &[&str]) -> String {
        let mut command = self.command(self.programs.join("rabbitmqctl"));
        printed(command.arg("--quiet").args(words)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Raises (true) or ends the alarm for memory, at which publishers are held
    /// up. Only for an instance of one's own.
    pub fn memory_alarm(&self, raised: bool) {
        let fraction = if raised { "0.0000001" } else { "0.6" };
        self.eval(&format!(
            "vm_memory_monitor:set_vm_memory_high_watermark({fraction})"
        ));
        mig_testkit::wait_until("the alarm changes", STARTING, || {
            (self.eval("rabbit_alarm:get_alarms()") != "[]") == raised
        });
    }

    /// Ends every connection, as a restarting load balancer would.
    pub fn close_connections(&self) {
        self.eval(
            "[catch rabbit_networking:close_connection(C, \"closed by a test\") \
             || C <- rabbit_networking:connections()]",
        );
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
        sys::signal(broker, word);
    }

    /// Kills the broker as a crash would. Only for an instance of one's own.
    pub fn kill(&self) {
        self.end(Signal::SIGKILL);
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
            sys::signal(&broker, signal);
            broker.wait().expect("wait");
        }
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
            let broker = sys::spawn(self.server(running.ports), Signal::SIGKILL);
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
            mapper: mig_testkit::free_port(),
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
        let mut mapper = owner::command("/usr/bin/epmd".as_ref(), self.directory.path());
        mapper
            .args(["-port", &ports.mapper.to_string(), "-address", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        running.mapper = Some(sys::spawn(mapper, Signal::SIGKILL).expect("epmd starts"));
        // The broker would start one that outlives it if it were first.
        mig_testkit::wait_until("the port mapper answers", STARTING, || {
            std::net::TcpStream::connect(("127.0.0.1", ports.mapper)).is_ok()
        });
    }

    fn configuration(&self, ports: Ports) -> String {
        let mut text = String::new();
        let settings = [
            ("listeners.tcp.1", format!("127.0.0.1:{}", ports.amqp)),
            ("listeners.ssl.1", format!("127.0.0.1:{}", ports.amqps)),
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
        text
    }

    /// Waits until the broker takes connections; false when it ended instead.
    fn answers(&self, broker: &mut Child, ports: Ports, end: Instant) -> bool {
        while Instant::now() < end {
            if broker.try_wait().expect("wait").is_some() {
                return false;
            }
            if std::net::TcpStream::connect(("127.0.0.1", ports.amqps)).is_ok()
                && self.call(ports, "rabbit:is_running()").as_deref() == Ok("true")
            {
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
            .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
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

    /// An evaluation; what it answers instead when it fails.
    fn call(&self, ports: Ports, expression: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("erl_call: {error}");
        let mut call = self.command_with("/usr/bin/erl_call".into(), ports);
        let mut child = call
            .args(["-sname", &self.node, "-c", COOKIE, "-e"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut input = child.stdin.take().expect("piped");
        // It may have ended without reading; its answer says why.
        let _ = writeln!(input, "{expression}.");
        drop(input);
        let output = child.wait_with_output().map_err(failed)?;
        let answer = String::from_utf8_lossy(&output.stdout);
        answer
            .strip_prefix("{ok, ")
            .and_then(|rest| rest.trim_end().strip_suffix('}'))
            .map(str::to_owned)
            .ok_or_else(|| format!("{answer}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.end(Signal::SIGKILL);
        if let Some(mut mapper) = self.running().mapper.take() {
            let _ = mapper.kill();
            let _ = mapper.wait();
        }
    }
}

/// A virtual host that exists as long as this value.
pub struct VirtualHost {
    broker: Arc<Rabbit>,
    name: String,
}

impl VirtualHost {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its broker.
    pub fn broker(&self) -> &Arc<Rabbit> {
        &self.broker
    }
}

impl Drop for VirtualHost {
    fn drop(&mut self) {
        // A panic here would hide the one of the test.
        if !std::thread::panicking() {
            let name = binary(&self.name);
            self.broker
                .eval(&format!("rabbit_vhost:delete({name}, {ACTOR})"));
        }
    }
}

/// Who does it, for the broker's log.
const ACTOR: &str = "<<\"test\">>";

/// Text as an Erlang binary.
fn binary(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    format!("<<{}>>", bytes.join(","))
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
