//! What the author of a persistent module implements: it watches for as long as
//! the agent lives, raises alerts, and answers queries meanwhile.

mod service;

pub(crate) use service::find;
pub use service::{Query, Service};

use crate::{Failure, Module, Session, boundary};
use mig_plugin_abi::{MigBytes, MigHost, code};
use mig_plugin_payload::decode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A module that runs for as long as the agent does. What [`Module`] calls `run`
/// is a query to the running module here: its parameters, options and printer
/// are the query's, [`Module::run`] itself is never called.
pub trait PersistentModule: Module {
    /// The module's configuration file, as the manifest's `serve` declares it:
    /// an object of sections, each an object of keys, in the manifest's
    /// spelling. Keys that the file does not set are absent.
    type Configuration: DeserializeOwned;

    /// Watches until [`Service::next`] says that the end has come. Call
    /// [`Service::ready`] when the work has begun.
    ///
    /// # Errors
    /// What made it impossible to go on. The host says so, waits, longer each
    /// time, and starts the module again.
    fn serve(start: Start<Self::Configuration>, service: &Service<'_>) -> Result<(), Failure>;
}

/// What a persistent module is started with.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound = "C: DeserializeOwned")]
pub struct Start<C> {
    /// Its configuration file.
    pub config: C,
    /// Where it runs. Changes come as [`Message::Surroundings`].
    #[serde(flatten)]
    pub surroundings: Surroundings,
    /// The only directory it may write to, kept from start to start; `None`
    /// without the capability `state-directory`.
    #[serde(default)]
    pub directory: Option<PathBuf>,
}

/// The machine, as the agent describes it to the control plane.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Surroundings {
    /// Name of the host.
    #[serde(default)]
    pub hostname: String,
    /// Operating system, addresses and so on.
    #[serde(default)]
    pub environment: Value,
    /// Labels of the agent's configuration.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What the host says to a running module.
#[derive(Debug)]
pub enum Message {
    /// An investigator asks.
    Query(Query),
    /// Another module raised an alert. Only for modules with the capability
    /// `alerts`. Alerts of one source come in the order in which it raised
    /// them, and again after a restart unless [`Service::stored`] was called.
    Alert(Alert),
    /// Something of the machine's description has changed.
    Surroundings(Surroundings),
}

/// An alert of another module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Rises by one from alert to alert, across restarts of the module, until
    /// the agent itself is restarted.
    pub number: u64,
    /// Name of the module that raised it.
    pub source: String,
    /// Its text, usually a JSON object.
    pub message: String,
}

/// The `serve` entry of a persistent module's table.
///
/// # Safety
/// As the ABI says: `host` is null or a valid table for the whole call, and
/// both byte ranges are readable for the whole call.
pub(crate) unsafe extern "C" fn serve<M: PersistentModule>(
    host: *const MigHost,
    _operation: MigBytes,
    input: MigBytes,
) -> i32 {
    // SAFETY: by the contract of the ABI, which the caller keeps.
    unsafe { boundary::guarded(host, |session| perform::<M>(session, input.as_slice())) }
}

/// The host sends what its own limits allowed; this is a second fence.
const MAX_INPUT: usize = 4 << 20;

fn perform<M: PersistentModule>(session: &Session<'_>, input: &[u8]) -> Result<(), Failure> {
    let wrong = |error: String| Failure::new(code::BAD_PARAMETERS, error);
    let mut input =
        decode(input, MAX_INPUT).map_err(|error| wrong(format!("input of serve: {error}")))?;
    if input["config"].is_null() {
        input["config"] = Value::Object(serde_json::Map::new());
    }
    let start =
        serde_json::from_value(input).map_err(|error| wrong(format!("configuration: {error}")))?;
    let service = find(session).ok_or_else(|| {
        Failure::unsupported("this host does not run persistent modules; use a newer one")
    })?;
    M::serve(start, &service)
}
