//! Where a database is and how it is reached.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

use super::tls::Tls;
use crate::{StoreError, StoreResult};

/// Connections in the pool when `maxconn` does not say.
const MAXCONN: usize = 10;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Not at all: for a database on the same machine.
    #[default]
    Disable,
    /// TLS. The server's certificate is held against `ca` if there is one, its
    /// name is not; without `ca` anybody could be the server.
    Require,
    /// TLS with a certificate of `ca` (or of the system's authorities) that is
    /// made out to `host`.
    VerifyFull,
}

impl FromStr for SslMode {
    type Err = String;

    fn from_str(text: &str) -> Result<SslMode, String> {
        match text {
            "disable" => Ok(SslMode::Disable),
            "require" => Ok(SslMode::Require),
            "verify-full" => Ok(SslMode::VerifyFull),
            other => Err(format!(
                "`{other}` is no sslmode; use disable, require or verify-full"
            )),
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SslMode::Disable => "disable",
            SslMode::Require => "require",
            SslMode::VerifyFull => "verify-full",
        })
    }
}

/// What the section `[postgres]` of a configuration file says.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAccess {
    /// Name or address; a path that starts with `/` is the directory of the
    /// server's socket, over which there is no TLS. Of several, separated by
    /// commas, the first one that answers and takes changes is used: after a
    /// fail-over that is the new primary.
    pub host: String,
    /// TCP port, also part of the socket's name.
    pub port: u16,
    /// Name of the database.
    pub dbname: String,
    /// Role to log in as.
    pub user: String,
    /// Its password; empty for none.
    pub password: String,
    /// How the connection is protected.
    pub sslmode: SslMode,
    /// Certificates of the authorities that a server's certificate may come
    /// from, PEM.
    pub ca: Option<PathBuf>,
    /// Most connections of the pool, 10 when `None`. [`PostgresStore::follow`]
    /// (super::PostgresStore::follow) has one more.
    pub maxconn: Option<usize>,
}

impl fmt::Debug for PostgresAccess {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PostgresAccess({}@{}, sslmode {})",
            self.user, self, self.sslmode
        )
    }
}

/// The database as messages name it.
impl fmt::Display for PostgresAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PostgreSQL database {} at {}:{}",
            self.dbname, self.host, self.port
        )
    }
}

impl PostgresAccess {
    pub(super) fn pool_size(&self) -> usize {
        self.maxconn.unwrap_or(MAXCONN).max(1)
    }

    /// The TLS side, with the authorities read.
    pub(super) fn tls(&self) -> StoreResult<Tls> {
        if self.is_socket() || self.sslmode == SslMode::Disable {
            return Ok(Tls::none());
        }
        Tls::new(self.sslmode == SslMode::VerifyFull, self.ca.as_deref())
    }

    fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// The driver's settings for each server.
    pub(super) fn configs(&self, name: &str) -> Vec<Config> {
        if self.is_socket() {
            let mut config = self.config(name);
            config.host_path(Path::new(&self.host));
            return vec![config];
        }
        let of = |host: &str| {
            let mut config = self.config(name);
            config
                .host(host.trim())
                .target_session_attrs(TargetSessionAttrs::ReadWrite);
            config
        };
        self.host.split(',').map(of).collect()
    }

    /// Whether it may be at any of several servers.
    pub(super) fn has_several_hosts(&self) -> bool {
        !self.is_socket() && self.host.contains(',')
    }

    /// What is the same for each. Nothing waits for ever: not for a connection, not
    /// for a statement, not for a lock, and not for a peer that went away.
    fn config(&self, name: &str) -> Config {
        let mut config = Config::new();
        config
            .port(self.port)
            .dbname(&self.dbname)
            .user(&self.user)
            .application_name(name)
            .ssl_mode(match self.sslmode {
                _ if self.is_socket() => tokio_postgres::config::SslMode::Disable,
                SslMode::Disable => tokio_postgres::config::SslMode::Disable,
                _ => tokio_postgres::config::SslMode::Require,
            })
            // Names in statements are those of our schema and what is committed is
            // on the disk, whatever the server's settings say. What we had locked when
            // the network lost us is free for others before they give up: nothing of
            // ours waits between two statements of a transaction.
            .options(
                "-c search_path=public -c statement_timeout=60s -c lock_timeout=30s \
                 -c idle_in_transaction_session_timeout=20s -c synchronous_commit=on \
                 -c tcp_user_timeout=20s -c tcp_keepalives_idle=20s \
                 -c tcp_keepalives_interval=5s -c tcp_keepalives_count=3",
            )
            // For each address of a name: a machine that is off keeps nobody from the
            // next one.
            .connect_timeout(Duration::from_secs(3))
            .tcp_user_timeout(Duration::from_secs(30))
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        if !self.password.is_empty() {
            config.password(&self.password);
        }
        config
    }

    pub(super) fn unreachable(&self, reason: impl fmt::Display) -> StoreError {
        StoreError::Unreachable {
            database: self.to_string(),
            reason: reason.to_string(),
        }
    }
}
