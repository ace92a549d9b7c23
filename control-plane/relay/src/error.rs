//! Why a relay does not start, or stops with a complaint.

use std::net::SocketAddr;
use std::path::PathBuf;

/// One line for people each; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address or stop what uses it")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No listener is configured.
    #[error("the relay has no address to listen on; configure at least one")]
    NoListener,
    /// A name is given to two accounts.
    #[error("relay user `{0}` is configured twice; keep one")]
    DuplicateUser(String),
    /// A permission pattern does not compile.
    #[error("the {access} pattern `{pattern}` of relay user `{user}` is not a regular expression")]
    Pattern {
        /// The account.
        user: String,
        /// configure, write or read.
        access: &'static str,
        /// As configured.
        pattern: String,
        /// Where it breaks.
        source: Box<regex::Error>,
    },
    /// A grant names something that does not exist.
    #[error("permissions of relay user `{user}` in virtual host `{vhost}`: {problem}")]
    Grant {
        /// The account.
        user: String,
        /// The virtual host.
        vhost: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A password hash cannot be read.
    #[error(
        "`{0}` is not a password hash; write pbkdf2-sha256$ITERATIONS$SALT$HASH with base64 values"
    )]
    PasswordHash(String),
    /// A limit makes no sense.
    #[error("relay limit {name}: {problem}")]
    Limit {
        /// Field of [`Limits`](crate::Limits).
        name: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file that the configuration names cannot be read.
    #[error("cannot read {path}: {source}; check its name and permissions")]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the file with accounts cannot be used.
    #[error("{path}: line {line}: {problem}")]
    Roster {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong and what to write.
        problem: String,
    },
    /// Certificates or key are not usable.
    #[error("TLS material of the relay: {0}")]
    Tls(String),
    /// The message store cannot be opened.
    #[error("cannot open the relay's store {path}: {problem}")]
    Store {
        /// The SQLite file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The last messages could not be stored.
    #[error("the relay's store failed while stopping: {0}")]
    StoreFailed(String),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}
