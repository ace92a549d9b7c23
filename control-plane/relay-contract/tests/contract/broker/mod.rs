//! The two relays, as one thing.

mod alone;
mod embedded;
mod rabbit;
mod tls;

use std::net::SocketAddr;

pub use alone::Alone;
pub use embedded::{Authority, Embedded};
use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use lapin::{Channel, Connection, ConnectionProperties};
pub use rabbit::Rabbit;
pub use tls::Identity;

use crate::support::soon;

/// What the documentation has operators configure: name, configure, write, read.
/// `single` is an agent with an account of its own, and `original` what the original's
/// documentation has for agents.
pub const DOCUMENTED: [(&str, [&str; 3]); 5] = [
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
    (
        "worker",
        [
            r"^migevent\..*$",
            r"^migevent(|\..*)$",
            r"^(toworkers|migevent\..*)$",
        ],
    ),
    (
        SINGLE,
        [
            r"^mig\.agt\.linux\.one$",
            r"^(toschedulers|mig\.agt\.linux\.one)$",
            r"^(toagents|mig\.agt\.linux\.one)$",
        ],
    ),
    (
        "original",
        [
            r"^mig\.agt\..*$",
            r"^(toschedulers|mig\.agt\..*)$",
            r"^(toagents|mig\.agt\..*)$",
        ],
    ),
];
const SINGLE: &str = "single";
/// Password of every documented user.
const SECRET: &str = "secret";

/// A relay with a virtual host of the test's own, where `guest` may do
/// everything.
pub enum Broker {
    /// In this process.
    Embedded(Box<Embedded>),
    /// A virtual host of the instance that the tests share.
    Rabbit(Rabbit),
}

impl Broker {
    pub async fn embedded() -> Broker {
        Broker::Embedded(Box::new(Embedded::start().await))
    }

    /// `None` when there is no RabbitMQ here.
    pub async fn rabbitmq() -> Option<Broker> {
        let broker = tokio::task::spawn_blocking(Rabbit::shared).await;
        Some(Broker::Rabbit(broker.expect("RabbitMQ")?))
    }

    pub fn vhost(&self) -> &str {
        match self {
            Broker::Embedded(_) => embedded::VHOST,
            Broker::Rabbit(rabbit) => rabbit.vhost(),
        }
    }

    /// Another virtual host, where `guest` may do everything and the documented
    /// users nothing.
    pub fn other_vhost(&self) -> String {
        match self {
            Broker::Embedded(_) => embedded::OTHER_VHOST.into(),
            Broker::Rabbit(rabbit) => rabbit.other_vhost(),
        }
    }

    /// Where plain TCP is spoken.
    pub fn address(&self) -> SocketAddr {
        match self {
            Broker::Embedded(embedded) => embedded.address(),
            Broker::Rabbit(rabbit) => rabbit.address(),
        }
    }

    /// Where TLS is spoken.
    pub fn tls_address(&self) -> SocketAddr {
        match self {
            Broker::Embedded(embedded) => embedded.tls_address(),
            Broker::Rabbit(rabbit) => rabbit.tls_address(),
        }
    }

    /// A certificate of the authority that the relay trusts, with this common
    /// name, and the authority of the relay itself.
    pub fn identity(&self, name: &str) -> Identity {
        match self {
            Broker::Embedded(embedded) => embedded.identity(name),
            Broker::Rabbit(rabbit) => rabbit.identity(name),
        }
    }

    /// The name and password of `guest` or a documented user. Those of RabbitMQ
    /// carry the virtual host in their name, since users are for all of them.
    pub fn account(&self, user: &str) -> (String, String) {
        match self {
            _ if user == "guest" => ("guest".into(), "guest".into()),
            Broker::Embedded(_) => (user.into(), SECRET.into()),
            Broker::Rabbit(rabbit) => (rabbit.documented(user), SECRET.into()),
        }
    }

    pub fn uri(&self, user: &str) -> AMQPUri {
        let (user, password) = self.account(user);
        uri(self.address(), &user, &password, self.vhost())
    }

    pub async fn connect(&self) -> Connection {
        self.connect_as("guest").await
    }

    pub async fn connect_as(&self, user: &str) -> Connection {
        open(self.uri(user)).await.expect("a connection")
    }

    /// A channel on a connection of its own, which it keeps alive.
    pub async fn channel(&self) -> Channel {
        self.channel_as("guest").await
    }

    pub async fn channel_as(&self, user: &str) -> Channel {
        let connection = self.connect_as(user).await;
        connection.create_channel().await.expect("a channel")
    }

    /// Connects over TLS: by password, or by the certificate alone.
    pub async fn connect_tls(
        &self,
        user: &str,
        mechanism: SASLMechanism,
        identity: &Identity,
    ) -> lapin::Result<Connection> {
        let mut uri = self.uri(user);
        uri.scheme = AMQPScheme::AMQPS;
        uri.authority.host = "localhost".into();
        uri.authority.port = self.tls_address().port();
        uri.query.auth_mechanism = Some(mechanism);
        identity.connect(uri).await
    }
}

fn uri(address: SocketAddr, user: &str, password: &str, vhost: &str) -> AMQPUri {
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: user.into(),
                password: password.into(),
            },
            host: address.ip().to_string(),
            port: address.port(),
        },
        vhost: vhost.into(),
        query: AMQPQueryString::default(),
    }
}

/// Connects.
pub async fn open(uri: AMQPUri) -> lapin::Result<Connection> {
    let runtime = lapin::runtime::default_runtime()?;
    let properties = ConnectionProperties::default();
    let opened = Connection::connect_uri_with_runtime(uri, properties, runtime);
    soon("the answer to a login", opened).await
}
