//! The kernel's audit trail: rules loaded, each event an alert.

use mig_plugin_sdk::{Failure, Module, PersistentModule, ResultDocument, Service, Session, Start};
use serde::{Deserialize, Serialize};

/// The module.
#[derive(Debug)]
pub struct AuditModule;

/// Parameters of a query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parameters {}

/// The configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Configuration {}

impl Module for AuditModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("it answers while it runs"))
    }
}

impl PersistentModule for AuditModule {
    type Configuration = Configuration;

    fn serve(_: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        service.ready()?;
        loop {
            service.next(None)?;
        }
    }
}

mig_plugin_sdk::declare_plugin!(persistent AuditModule);
