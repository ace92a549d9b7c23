//! What the relay is started with.

use crate::limits::Limits;
use crate::password::Password;
use crate::permissions::PermissionPatterns;
use crate::tls::TlsFiles;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address to listen on.
#[derive(Debug, Clone)]
pub enum Listener {
    /// AMQP over TCP.
    Plain(SocketAddr),
    /// AMQP over TLS; clients without a certificate of our authority are
    /// refused.
    Tls(SocketAddr, TlsFiles),
}

/// An account.
#[derive(Debug, Clone)]
pub struct User {
    /// SASL name.
    pub name: String,
    /// Plain or hashed.
    pub password: Password,
    /// What the account may configure, write and read.
    pub permissions: PermissionPatterns,
}

/// Configuration of a relay.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Addresses; port 0 takes a free one (see
    /// [`RelayHandle::addresses`](crate::RelayHandle::addresses)).
    pub listeners: Vec<Listener>,
    /// The one virtual host.
    pub vhost: String,
    /// Accounts.
    pub users: Vec<User>,
    /// SQLite file of exchanges, queues, bindings and messages; created when
    /// missing, used by one relay at a time.
    pub database: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

impl RelayConfig {
    /// A relay with virtual host `mig`, no listener and no account yet.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Self {
            listeners: Vec::new(),
            vhost: crate::topology::VHOST.into(),
            users: Vec::new(),
            database: database.into(),
            limits: Limits::default(),
        }
    }
}
