//! The operations of the module.

use mig_plugin_sdk::{Defaults, Failure, Module, Options, ResultDocument, Session};
use serde::{Deserialize, Serialize};

/// What a run is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {}

/// The module.
pub struct NetstatModule;

impl Module for NetstatModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("netstat"))
    }

    fn options(_: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        Err(Failure::unsupported("netstat"))
    }

    fn print(_: &ResultDocument, _: bool) -> Result<Vec<String>, Failure> {
        Err(Failure::unsupported("netstat"))
    }
}
