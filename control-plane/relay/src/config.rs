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
    /// What the account may configure, write and read in the main virtual host.
    /// Patterns that are empty altogether do not even let it open that; see
    /// [`Grant`] for the others.
    pub permissions: PermissionPatterns,
}

/// What an account may do in one virtual host.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The account.
    pub user: String,
    /// The virtual host.
    pub vhost: String,
    /// What the account may configure, write and read there.
    pub permissions: PermissionPatterns,
}

/// Which name of a certificate is the account's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CertificateName {
    /// The subject's common name; several are joined with commas.
    #[default]
    CommonName,
    /// The whole subject, as in RFC 4514: `CN=agent,O=Example`.
    DistinguishedName,
    /// The first DNS name among the alternative names.
    SubjectAlternativeName,
}

/// Login without password, by the name in the certificate that the client has
/// shown to a TLS listener (SASL EXTERNAL). The account must exist.
#[derive(Debug, Clone, Default)]
pub struct External {
    /// Where the name is.
    pub name: CertificateName,
    /// Accounts that need their password, whatever a certificate says.
    pub except: Vec<String>,
}

/// Configuration of a relay.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Addresses; port 0 takes a free one (see
    /// [`RelayHandle::addresses`](crate::RelayHandle::addresses)).
    pub listeners: Vec<Listener>,
    /// The main virtual host.
    pub vhost: String,
    /// More virtual hosts.
    pub vhosts: Vec<String>,
    /// Accounts.
    pub users: Vec<User>,
    /// What accounts may do outside the main virtual host.
    pub grants: Vec<Grant>,
    /// Whether certificates are as good as passwords.
    pub external: Option<External>,
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
            vhosts: Vec::new(),
            users: Vec::new(),
            grants: Vec::new(),
            external: None,
            database: database.into(),
            limits: Limits::default(),
        }
    }
}
