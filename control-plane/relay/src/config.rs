//! What the relay is started with.

use crate::accounts::Accounts;
use crate::error::RelayError;
use crate::limits::Limits;
use crate::password::Password;
use crate::permissions::PermissionPatterns;
use crate::shared::Doors;
use crate::tls::TlsFiles;
use crate::vhost::Vhosts;
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
    /// File with accounts of single agents, which may use their own queue only, of
    /// further workers, and of whoever has one of `vhosts`: a line `NAME agent QUEUELOC`,
    /// `NAME worker` or `NAME vhost VHOST` each, with a password behind it unless a
    /// certificate lets the account in. It is read again when it changed; connections
    /// that stand are not ended by it.
    pub accounts: Option<PathBuf>,
    /// SQLite file of exchanges, queues, bindings and messages; created when
    /// missing, used by one relay at a time.
    pub database: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

impl RelayConfig {
    /// Whether a relay would start with the accounts, the virtual hosts, the
    /// certificates and the limits as they are; reads the files of accounts and of
    /// revoked certificates, and touches nothing.
    ///
    /// # Errors
    /// Names what of the configuration cannot be used and how to mend it.
    pub fn check(&self) -> Result<(), RelayError> {
        self.doors()?;
        for listener in &self.listeners {
            if let Listener::Tls(_, files) = listener {
                files.server_config()?;
            }
        }
        Ok(())
    }

    /// Who may come in, and where to.
    pub(crate) fn doors(&self) -> Result<Doors, RelayError> {
        self.limits.check()?;
        let vhosts = Vhosts::new(&self.vhost, &self.vhosts);
        let (external, listed) = (self.external.as_ref(), self.accounts.as_deref());
        Ok(Doors {
            accounts: Accounts::new(&self.users, &self.grants, &vhosts, external, listed)?,
            vhosts,
            certificates: external.map(|external| external.name),
        })
    }

    /// A relay with virtual host `mig`, no listener and no account yet.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Self {
            listeners: Vec::new(),
            vhost: crate::topology::VHOST.into(),
            vhosts: Vec::new(),
            users: Vec::new(),
            grants: Vec::new(),
            external: None,
            accounts: None,
            database: database.into(),
            limits: Limits::default(),
        }
    }
}
