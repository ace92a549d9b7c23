//! A relay for one test, which may kill it or make it run short of memory.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use lapin::options::{BasicPublishOptions, QueuePurgeOptions};
use lapin::{BasicProperties, Connection};
use tempfile::TempDir;

use super::open;
use crate::support::{declare, select_confirms, soon};

pub struct Alone {
    engine: Engine,
    vhost: &'static str,
}

enum Engine {
    Embedded(Box<Program>),
    Rabbit(Arc<mig_test_servers::Rabbit>),
}

/// The embedded relay in a process of its own.
struct Program {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// What holds memory in the embedded relay while its alarm is raised.
const FILLER: &str = "filler";

impl Alone {
    pub async fn embedded() -> Alone {
        let directory = tempfile::tempdir().expect("a directory");
        let (child, address) = launch(directory.path(), ([127, 0, 0, 1], 0).into());
        Alone {
            engine: Engine::Embedded(Box::new(Program {
                child,
                address,
                directory,
            })),
            vhost: super::embedded::VHOST,
        }
    }

    /// `None` when there is no RabbitMQ here.
    pub async fn rabbitmq() -> Option<Alone> {
        let rabbit = tokio::task::spawn_blocking(mig_test_servers::Rabbit::start).await;
        Some(Alone {
            engine: Engine::Rabbit(Arc::new(rabbit.expect("RabbitMQ")?)),
            vhost: "/",
        })
    }

    pub async fn connect(&self) -> Connection {
        self.try_connect().await.expect("a connection")
    }

    pub async fn try_connect(&self) -> lapin::Result<Connection> {
        let address = match &self.engine {
            Engine::Embedded(program) => program.address,
            Engine::Rabbit(rabbit) => ([127, 0, 0, 1], rabbit.amqp_port()).into(),
        };
        open(super::uri(address, "guest", "guest", self.vhost)).await
    }

    /// Kills it as a crash would and starts it again on what it has left.
    pub async fn crash(&mut self) {
        match &mut self.engine {
            Engine::Embedded(program) => {
                program.child.kill().expect("killed");
                program.child.wait().expect("ended");
                // Its port may be somebody else's meanwhile.
                let anywhere = ([127, 0, 0, 1], 0).into();
                (program.child, program.address) = launch(program.directory.path(), anywhere);
            }
            Engine::Rabbit(rabbit) => {
                let rabbit = Arc::clone(rabbit);
                blocking(move || {
                    rabbit.kill();
                    rabbit.restart();
                })
                .await;
            }
        }
    }

    /// Makes it run short of memory.
    pub async fn raise_alarm(&self) {
        match &self.engine {
            Engine::Rabbit(rabbit) => {
                let rabbit = Arc::clone(rabbit);
                blocking(move || rabbit.memory_alarm(true)).await;
            }
            Engine::Embedded(_) => {
                let connection = self.connect().await;
                let channel = connection.create_channel().await.expect("a channel");
                declare(&channel, FILLER, &[]).await;
                select_confirms(&channel).await;
                while !connection.status().blocked() {
                    let options = BasicPublishOptions::default();
                    let body = vec![0; 20_000];
                    let properties = BasicProperties::default();
                    let sent = channel
                        .basic_publish("".into(), FILLER.into(), options, &body, properties)
                        .await
                        .expect("sent");
                    // The last one is not confirmed but held up.
                    soon("an answer or being held up", async {
                        let blocked = async {
                            let mut ticks =
                                tokio::time::interval(std::time::Duration::from_millis(5));
                            while !connection.status().blocked() {
                                ticks.tick().await;
                            }
                        };
                        tokio::select! {
                            answer = sent => { answer.expect("an answer"); }
                            () = blocked => {}
                        }
                    })
                    .await;
                }
            }
        }
    }

    /// Gives it room again.
    pub async fn end_alarm(&self) {
        match &self.engine {
            Engine::Rabbit(rabbit) => {
                let rabbit = Arc::clone(rabbit);
                blocking(move || rabbit.memory_alarm(false)).await;
            }
            Engine::Embedded(_) => {
                let connection = self.connect().await;
                let channel = connection.create_channel().await.expect("a channel");
                channel
                    .queue_purge(FILLER.into(), QueuePurgeOptions::default())
                    .await
                    .expect("purged");
            }
        }
    }
}

async fn blocking(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.expect("done");
}

fn launch(directory: &Path, address: SocketAddr) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mig-relay-contract"))
        .arg(address.to_string())
        .arg(directory.join("relay.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the relay starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("its address");
    let address = line
        .trim_end()
        .strip_prefix("listening ")
        .and_then(|address| address.parse().ok());
    (child, address.expect("an address"))
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
