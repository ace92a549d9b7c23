//! A relay, somebody who publishes events as the scheduler does, and the worker.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use mig_relay::{Listener, Password, Relay, RelayConfig, RelayHandle, User, topology};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub const DEADLINE: Duration = Duration::from_secs(60);
pub const PASSWORD: &str = "secret";

/// The embedded relay with the documented users.
pub async fn embedded(directory: &tempfile::TempDir) -> (RelayHandle, SocketAddr) {
    let mut config = RelayConfig::new(directory.path().join("relay.db"));
    // However slow this machine is.
    config.limits.login_timeout = DEADLINE;
    config
        .listeners
        .push(Listener::Plain(([127, 0, 0, 1], 0).into()));
    for (name, permissions) in [
        (topology::SCHEDULER_USER, topology::scheduler_permissions()),
        (topology::WORKER_USER, topology::worker_permissions()),
        (topology::AGENT_USER, topology::agent_permissions()),
    ] {
        config.users.push(User {
            name: name.into(),
            password: Password::Plain(PASSWORD.into()),
            permissions,
        });
    }
    let relay = Relay::start(config).await.expect("a relay");
    let address = relay.addresses()[0];
    (relay, address)
}

/// Publishes events as the scheduler does.
pub struct Publisher {
    channel: Channel,
    _connection: Connection,
}

impl Publisher {
    pub async fn connect(uri: &str) -> Publisher {
        let runtime = lapin::runtime::default_runtime().expect("a runtime");
        let properties = ConnectionProperties::default();
        let connection = Connection::connect_with_runtime(uri, properties, runtime)
            .await
            .expect("a connection");
        let channel = connection.create_channel().await.expect("a channel");
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("confirms");
        Publisher {
            channel,
            _connection: connection,
        }
    }

    pub async fn declare(&self) {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let exchange = topology::TO_WORKERS.into();
        self.channel
            .exchange_declare(
                exchange,
                ExchangeKind::Topic,
                durable,
                FieldTable::default(),
            )
            .await
            .expect("the exchange");
    }

    pub async fn publish(&self, key: &str, id: &str, body: &[u8]) {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_expiration("6000000".into())
            .with_message_id(id.into())
            .with_timestamp(1_700_000_000);
        self.channel
            .basic_publish(
                topology::TO_WORKERS.into(),
                key.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await
            .expect("publish")
            .await
            .expect("confirm");
    }
}

/// Waits until the worker takes events from its queue.
pub async fn consuming(uri: &str, queue: &str) {
    consumers(uri, queue, |count| count > 0).await;
}

/// Waits until the relay has noticed that the worker is gone, and has given back to
/// the queue what it had.
pub async fn abandoned(uri: &str, queue: &str) {
    consumers(uri, queue, |count| count == 0).await;
}

async fn consumers(uri: &str, queue: &str, wanted: impl Fn(u32) -> bool) {
    let runtime = lapin::runtime::default_runtime().expect("a runtime");
    let properties = ConnectionProperties::default();
    let connection = Connection::connect_with_runtime(uri, properties, runtime)
        .await
        .expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let waiting = async {
        loop {
            ticks.tick().await;
            // As the worker does it, so it does not matter who is first.
            let durable = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            let found = channel
                .queue_declare(queue.into(), durable, FieldTable::default())
                .await
                .expect("the queue");
            if wanted(found.consumer_count()) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("a change of consumers in time");
}

/// The program with its configuration.
pub struct Worker {
    pub directory: tempfile::TempDir,
}

impl Worker {
    pub fn configured(relay: &str, more: &str) -> Worker {
        let directory = tempfile::tempdir().expect("a directory");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(directory.path().join("worker.cfg"))
            .expect("a file");
        write!(
            file,
            "[mq]\n{relay}\n{more}\n[logging]\nmode = file\nlevel = debug\nfile = \"{}\"\n",
            directory.path().join("log").display()
        )
        .expect("write");
        Worker { directory }
    }

    /// On the embedded relay.
    pub fn on(address: SocketAddr, more: &str) -> Worker {
        let relay = format!(
            "host = 127.0.0.1\nport = {}\nuser = worker\npass = {PASSWORD}\nvhost = {}",
            address.port(),
            topology::VHOST
        );
        Worker::configured(&relay, more)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mig-worker-webhook"));
        command.arg("-c").arg(self.path()).stdin(Stdio::null());
        command
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("worker.cfg")
    }

    pub fn start(&self) -> Running {
        Running {
            child: mig_testkit::spawn(&mut self.command()).expect("the program"),
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command()
            .args(arguments)
            .output()
            .expect("the program")
    }

    /// Waits until the program has said that it is done with an event.
    pub fn done_with(&self, id: &str) {
        let posted = format!("({id}) was posted");
        mig_testkit::wait_until(&posted, DEADLINE, || self.log().contains(&posted));
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// The running program; ends with this value.
pub struct Running {
    child: Child,
}

impl Running {
    /// As a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("an end");
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("a signal");
        mig_testkit::wait_until("the end", DEADLINE, || {
            self.child.try_wait().expect("a state").is_some()
        });
        let status = self.child.wait().expect("a status");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
