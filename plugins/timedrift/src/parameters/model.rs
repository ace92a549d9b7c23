//! The parameter document, and what it comes to.

use crate::server::Server;
use mig_plugin_sdk::texts::shown;
use mig_plugin_sdk::{FieldError, times};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most servers that a run may name.
const MAX_SERVERS: usize = 32;

/// Parameters of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// How far the clock may be off, a Go duration; empty for the local time
    /// alone.
    pub drift: String,
    /// Servers to ask instead of those that the machine knows: `host` or
    /// `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
}

/// What valid parameters come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How far the clock may be off; `None` when nobody is asked.
    pub window: Option<Duration>,
    /// The servers that the run names.
    pub servers: Vec<Server>,
}

impl Plan {
    /// Reads parameters.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(parameters: &Parameters) -> Result<Self, Vec<FieldError>> {
        let mut complaints = Vec::new();
        let window = match window(&parameters.drift) {
            Ok(window) => window,
            Err(reason) => {
                let message = format!("`{}` {reason}", shown(&parameters.drift));
                complaints.push(FieldError::new("drift", message));
                None
            }
        };
        let given = &parameters.servers;
        if given.len() > MAX_SERVERS {
            let message = format!("has {} servers, at most {MAX_SERVERS}", given.len());
            complaints.push(FieldError::new("servers", message));
        }
        if !given.is_empty() && parameters.drift.is_empty() {
            let message = "are asked only with a drift to compare with; give one, like 5s";
            complaints.push(FieldError::new("servers", message));
        }
        let mut servers = Vec::new();
        for (index, text) in given.iter().enumerate() {
            match Server::parse(text) {
                Ok(server) => servers.push(server),
                Err(reason) => {
                    let message = format!("`{}` {reason}", shown(text));
                    complaints.push(FieldError::new(format!("servers[{index}]"), message));
                }
            }
        }
        if complaints.is_empty() {
            Ok(Self { window, servers })
        } else {
            Err(complaints)
        }
    }
}

fn window(drift: &str) -> Result<Option<Duration>, String> {
    if drift.is_empty() {
        return Ok(None);
    }
    let nanoseconds = times::parse_duration(drift).map_err(|error| error.to_string())?;
    match u64::try_from(nanoseconds) {
        Ok(nanoseconds) => Ok(Some(Duration::from_nanos(nanoseconds))),
        Err(_) => Err("is negative; a window is at least 0s".to_owned()),
    }
}

/// Everything that is wrong with the parameters. Names are not looked up.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    Plan::new(parameters).err().unwrap_or_default()
}
