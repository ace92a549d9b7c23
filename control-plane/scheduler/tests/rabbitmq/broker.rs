//! RabbitMQ as the documentation sets it up, for one test at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, path::Path};

use mig_relay::{PermissionPatterns, topology};
use mig_scheduler::{RelayTls, SchedulerConfig};
use mig_test_servers::Rabbit;
use tokio::sync::{Mutex, MutexGuard};

use crate::site::PASSWORD;

/// The tests share one instance, which takes long to start, and disturb it.
static TURN: Mutex<()> = Mutex::const_new(());

pub struct Broker {
    pub rabbit: Arc<Rabbit>,
    _turn: MutexGuard<'static, ()>,
}

impl Broker {
    /// With an empty virtual host and the documented users; `None` when there is
    /// no RabbitMQ here.
    pub async fn take() -> Option<Broker> {
        let rabbit = tokio::task::spawn_blocking(Rabbit::shared).await;
        let rabbit = rabbit.expect("RabbitMQ")?;
        let turn = TURN.lock().await;
        let broker = Broker {
            rabbit,
            _turn: turn,
        };
        broker.change(set_up).await;
        Some(broker)
    }

    /// Does something to it that takes a while.
    pub async fn change(&self, work: impl FnOnce(&Rabbit) + Send + 'static) {
        let rabbit = Arc::clone(&self.rabbit);
        let done = tokio::task::spawn_blocking(move || work(&rabbit));
        done.await.expect("done");
    }

    /// Leads a scheduler here over TLS.
    pub fn encrypt(&self, config: &mut SchedulerConfig) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("scheduler{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let (certificate, key) = self.rabbit.client_certificate(&name);
        let read = |path: &Path| fs::read(path).expect("a PEM file");
        config.relay.host = "localhost".into();
        config.relay.port = self.rabbit.amqps_port();
        config.relay.tls = Some(RelayTls {
            ca: fs::read_to_string(self.rabbit.ca()).expect("a PEM file"),
            identity: Some((read(&certificate), read(&key))),
        });
    }
}

fn set_up(rabbit: &Rabbit) {
    // A test that failed may have left it.
    rabbit.memory_alarm(false);
    let vhost = topology::VHOST;
    rabbit.eval(&format!(
        "catch rabbit_vhost:delete(<<\"{vhost}\">>, <<\"test\">>)"
    ));
    rabbit.add_vhost(vhost);
    let users = [
        (topology::SCHEDULER_USER, topology::scheduler_permissions()),
        (topology::AGENT_USER, topology::agent_permissions()),
    ];
    for (user, permissions) in users {
        let PermissionPatterns {
            configure,
            write,
            read,
        } = permissions;
        rabbit.eval(&format!(
            "catch rabbit_auth_backend_internal:delete_user(<<\"{user}\">>, <<\"test\">>)"
        ));
        rabbit.add_user(user, PASSWORD);
        rabbit.set_permissions(user, vhost, [&configure, &write, &read]);
    }
}
