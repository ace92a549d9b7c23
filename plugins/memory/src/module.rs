//! The operations of the module.

use mig_plugin_sdk::{Defaults, Failure, Module, Options, ResultDocument, Session};
use serde::{Deserialize, Serialize};

/// What a run is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {}

/// The module.
pub struct MemoryModule;

impl Module for MemoryModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("memory"))
    }

    fn options(_: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        Err(Failure::unsupported("memory"))
    }

    fn print(_: &ResultDocument, _: bool) -> Result<Vec<String>, Failure> {
        Err(Failure::unsupported("memory"))
    }
}
