//! `api.cfg`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mig_api::{ClientAddress, ClientAddressError};
use mig_store::PostgresAccess;

use super::reader::Reader;
use super::{SettingsError, keys, postgres};

/// Keys of the original that do nothing here, and why.
const OBSOLETE: &[(&str, &str, &str)] = &[(
    "manifest",
    "requiredsignatures",
    "this API serves no loader manifests",
)];

/// What `api.cfg` says.
#[derive(Debug)]
pub struct ApiSettings {
    /// The database.
    pub postgres: PostgresAccess,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Scheme and host for links; `None` makes them from the address.
    pub host: Option<String>,
    /// Path of the API.
    pub base_route: String,
    /// Where callers' addresses come from.
    pub client_address: ClientAddress,
    /// Certificate and key files for HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Connections at the same time; `None` for as many as go with the files that may
    /// be open.
    pub connections: Option<usize>,
    /// Whether callers have to say who they are.
    pub authentication: bool,
    /// How far a token's time may be from ours.
    pub token_duration: Duration,
    /// Whether agents may post heartbeats.
    pub http_heartbeats: bool,
    /// File of queuelocs whose heartbeats are accepted.
    pub whitelist: Option<PathBuf>,
    /// Where the log goes.
    pub logging: mig_logging::Settings,
    /// Things that are not wrong but dangerous.
    pub warnings: Vec<String>,
    /// What obsolete keys mean now.
    pub notices: Vec<String>,
}

impl ApiSettings {
    /// Reads a file.
    ///
    /// # Errors
    /// One line that names file and key.
    pub fn load(path: &Path) -> Result<ApiSettings, SettingsError> {
        let (file, warning) = Reader::load(path, keys::API)?;
        let mut settings = ApiSettings::read(&file)?;
        settings.warnings.extend(warning);
        Ok(settings)
    }

    pub(super) fn read(file: &Reader) -> Result<ApiSettings, SettingsError> {
        let ip = file.text("server", "ip").unwrap_or("127.0.0.1");
        let ip = ip.parse().map_err(|_| {
            file.wrong(
                "server",
                "ip",
                format!("`{ip}` is not an address; write one such as 127.0.0.1"),
            )
        })?;
        let client_address = match file.text("server", "clientpublicip") {
            None => ClientAddress::Peer,
            Some(text) => text.parse().map_err(|error: ClientAddressError| {
                file.wrong("server", "clientpublicip", error.to_string())
            })?,
        };
        let authentication = file.bool("authentication", "enabled", true);
        let mut warnings = Vec::new();
        if !authentication {
            warnings.push(format!(
                "{}: [authentication] enabled is off: everybody who reaches this API may do \
                 everything",
                file.0.file()
            ));
        }
        let http_heartbeats = file.bool("agent", "httpheartbeats", true);
        let whitelist = file.0.path("agent", "whitelist");
        if http_heartbeats && whitelist.is_none() {
            // Also where the schedulers have a list: it ends at the relay.
            warnings.push(format!(
                "{}: [agent] httpheartbeats is on without a whitelist: whoever reaches this API \
                 can make up agents, and each gets a command of every action for all; turn it off \
                 where agents send heartbeats over the relay, or name the schedulers' list here \
                 as well",
                file.0.file()
            ));
        }
        let postgres = postgres::read(file)?;
        warnings.extend(postgres::warning(file, &postgres));
        Ok(ApiSettings {
            postgres,
            listen: SocketAddr::new(ip, file.port("server", "port")?.unwrap_or(1664)),
            host: file.text("server", "host").map(str::to_owned),
            base_route: file
                .0
                .text("server", "baseroute")
                .unwrap_or("/api/v1")
                .to_owned(),
            client_address,
            tls: file.identity("server", "cert", "key")?,
            connections: connections(file)?,
            authentication,
            token_duration: file.duration("authentication", "tokenduration", 600),
            http_heartbeats,
            whitelist,
            logging: file.logging()?,
            warnings,
            notices: file.notices(OBSOLETE),
        })
    }
}

fn connections(file: &Reader) -> Result<Option<usize>, SettingsError> {
    const LEAST: usize = 10;
    let Some(number) = file.0.integer("server", "connections") else {
        return Ok(None);
    };
    match usize::try_from(number) {
        Ok(count) if count >= LEAST => Ok(Some(count)),
        _ => Err(file.wrong(
            "server",
            "connections",
            format!("{number} is too few; write {LEAST} or more"),
        )),
    }
}
