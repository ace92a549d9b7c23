//! `[relay]`: where agents connect, and who may.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mig_relay::{CertificateName, Limits, topology};

use super::{Reader, SettingsError, count};

/// Where and how the relay listens.
#[derive(Debug)]
pub struct Relay {
    /// TLS listeners.
    pub listen: Vec<SocketAddr>,
    /// Certificate, key and authority of clients, when there is a TLS listener.
    pub tls: Option<(PathBuf, PathBuf, PathBuf)>,
    /// The authority's list of revoked certificates.
    pub revoked: Option<PathBuf>,
    /// Plain listeners.
    pub listen_plain: Vec<SocketAddr>,
    /// The virtual host of the site.
    pub vhost: String,
    /// Further ones, for programs that are not the site's.
    pub vhosts: Vec<String>,
    /// The account that agents share. Its password may be missing when certificates
    /// are as good, or agents have accounts of their own.
    pub agent: Account,
    /// The account of the workers, when there are any.
    pub worker: Option<Account>,
    /// Which name in a client's certificate is a user's, when that is as good as
    /// a password.
    pub external: Option<CertificateName>,
    /// File with accounts of single agents and of further workers.
    pub accounts: Option<PathBuf>,
    /// Connections at the same time; `None` for the relay's default.
    pub connections: Option<usize>,
    /// Of those, from one address; `None` for the relay's default.
    pub connections_per_address: Option<usize>,
    /// Bytes that must be free on the disk of the relay's database; `None` for
    /// the relay's default.
    pub disk_free: Option<u64>,
    /// The relay's own database.
    pub database: PathBuf,
}

/// A name and a password, plain or hashed.
#[derive(Debug)]
pub struct Account {
    /// The name.
    pub user: String,
    /// `None`: only a certificate lets in.
    pub password: Option<String>,
}

impl Relay {
    pub(super) fn read(file: &Reader, database: &Path) -> Result<Relay, SettingsError> {
        let listen = file.addresses("relay", "listen")?;
        let listen_plain = file.addresses("relay", "listenplain")?;
        if listen.is_empty() && listen_plain.is_empty() {
            // Says that the key is missing.
            file.0.required("relay", "listen")?;
        }
        let tls = if listen.is_empty() {
            None
        } else {
            let path = |key| file.0.required("relay", key).map(PathBuf::from);
            Some((path("cert")?, path("key")?, path("ca")?))
        };
        let external = external(file, !listen.is_empty())?;
        let text = |key| file.0.text("relay", key).map(str::to_owned);
        let accounts = file.0.path("relay", "accounts");
        let agent = Account {
            user: text("agentuser").unwrap_or_else(|| topology::AGENT_USER.to_owned()),
            password: match (text("agentpassword"), external, &accounts) {
                (None, None, None) => Some(file.0.required("relay", "agentpassword")?.to_owned()),
                (password, ..) => password,
            },
        };
        let user = text("workeruser");
        let worker = match (user, text("workerpassword")) {
            (None, None) => None,
            (Some(_), None) if external.is_none() => {
                return Err(file.missing("relay", "workerpassword", "workeruser"));
            }
            (user, password) => Some(Account {
                user: user.unwrap_or_else(|| topology::WORKER_USER.to_owned()),
                password,
            }),
        };
        let vhosts = file.0.list("relay", "vhosts").iter();
        let vhosts: Vec<String> = vhosts.filter(|name| !name.is_empty()).cloned().collect();
        if !vhosts.is_empty() && accounts.is_none() {
            let problem = "needs `accounts`, the file that says who has them".to_owned();
            return Err(file.wrong("relay", "vhosts", problem));
        }
        let names = [topology::SCHEDULER_USER, &agent.user];
        if let Some(worker) = &worker
            && names.contains(&worker.user.as_str())
        {
            let problem = format!("`{}` is somebody else\'s name; choose another", worker.user);
            return Err(file.wrong("relay", "workeruser", problem));
        }
        let disk_free = file.0.integer("relay", "diskfreelimit");
        let disk_free = disk_free.map(u64::try_from).transpose().map_err(|_| {
            let problem = "is not a number of bytes; write one such as 50000000".to_owned();
            file.wrong("relay", "diskfreelimit", problem)
        })?;
        let connections = count(file, "relay", "connections")?;
        let connections_per_address = count(file, "relay", "connectionsperaddress")?;
        Ok(Relay {
            listen,
            tls,
            revoked: file.0.path("relay", "crl"),
            listen_plain,
            vhost: text("vhost").unwrap_or_else(|| topology::VHOST.to_owned()),
            vhosts,
            agent,
            worker,
            external,
            accounts,
            connections,
            connections_per_address,
            disk_free,
            database: file
                .0
                .path("relay", "database")
                .unwrap_or_else(|| database.with_file_name("relay.db")),
        })
    }

    /// Sets the limits that the file names.
    pub fn limit(&self, limits: &mut Limits) {
        if let Some(count) = self.connections {
            limits.allow_connections(count);
        }
        if let Some(count) = self.connections_per_address {
            limits.allow_connections_per_address(count);
        }
        if let Some(bytes) = self.disk_free {
            limits.disk_free_bytes = bytes;
        }
    }
}

fn external(file: &Reader, encrypted: bool) -> Result<Option<CertificateName>, SettingsError> {
    let Some(text) = file.0.text("relay", "external") else {
        return Ok(None);
    };
    let name = match text {
        "off" | "no" | "false" => return Ok(None),
        "commonname" => CertificateName::CommonName,
        "distinguishedname" => CertificateName::DistinguishedName,
        "subjectaltname" => CertificateName::SubjectAlternativeName,
        other => {
            let problem = format!(
                "`{other}` is no name in a certificate; write commonname, distinguishedname, \
                 subjectaltname or off"
            );
            return Err(file.wrong("relay", "external", problem));
        }
    };
    if !encrypted {
        let problem = "needs certificates, and so `listen` for TLS".to_owned();
        return Err(file.wrong("relay", "external", problem));
    }
    Ok(Some(name))
}
