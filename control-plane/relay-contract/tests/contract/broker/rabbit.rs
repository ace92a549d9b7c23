//! A virtual host of the RabbitMQ that the tests share.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Once, OnceLock};

use mig_test_servers::VirtualHost;

use super::{DOCUMENTED, Identity, SECRET};

pub struct Rabbit {
    vhost: VirtualHost,
    other: OnceLock<VirtualHost>,
    users: Once,
}

impl Rabbit {
    /// Takes a new virtual host; `None` when there is no RabbitMQ.
    pub fn shared() -> Option<Rabbit> {
        let broker = mig_test_servers::Rabbit::shared()?;
        Some(Rabbit {
            vhost: broker.new_vhost(),
            other: OnceLock::new(),
            users: Once::new(),
        })
    }

    pub fn vhost(&self) -> &str {
        self.vhost.name()
    }

    pub fn other_vhost(&self) -> String {
        let made = self.other.get_or_init(|| self.broker().new_vhost());
        made.name().to_owned()
    }

    pub fn broker(&self) -> &Arc<mig_test_servers::Rabbit> {
        self.vhost.broker()
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.broker().amqp_port()).into()
    }

    pub fn tls_address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.broker().amqps_port()).into()
    }

    pub fn identity(&self, name: &str) -> Identity {
        let read = |path: &Path| std::fs::read_to_string(path).expect("a PEM file");
        let (certificate, key) = self.broker().client_certificate(name);
        Identity {
            authority: read(&self.broker().ca()),
            own: Some((read(&certificate), read(&key))),
        }
    }

    /// The name here of a documented user, who is made when first asked for.
    pub fn documented(&self, user: &str) -> String {
        self.users.call_once(|| {
            for (user, patterns) in DOCUMENTED {
                let name = self.name(user);
                self.broker().add_user(&name, SECRET);
                self.broker().set_permissions(&name, self.vhost(), patterns);
            }
        });
        self.name(user)
    }

    fn name(&self, user: &str) -> String {
        format!("{}-{user}", self.vhost())
    }
}
