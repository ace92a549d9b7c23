//! The `fswatch` module: watches files and directories, and raises an alert when
//! the content of a file changes, or a path appears or goes.
//!
//! One thread does everything in small steps: the kernel's events come first, then
//! what is due, then a piece of a listing or of a checksum.

mod alert;
mod answers;
mod configuration;
mod hashing;
mod known;
mod serving;
mod sys;
#[cfg(test)]
mod tests;
mod watching;

pub use configuration::{Configuration, Paths, Settings};

use mig_plugin_sdk::{
    Defaults, Failure, Module, Options, PersistentModule, ResultDocument, Service, Session, Start,
    declare_plugin,
};
use serde::{Deserialize, Serialize};

/// What a query asks for: nothing but a sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {}

/// The module.
#[derive(Debug)]
pub struct FswatchModule;

impl Module for FswatchModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("fswatch answers while it runs"))
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        answers::options(words)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        Ok(answers::lines(result, found_only))
    }
}

impl PersistentModule for FswatchModule {
    type Configuration = Configuration;

    fn serve(start: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        serving::serve(&start, service)
    }
}

declare_plugin!(persistent FswatchModule);

#[doc(hidden)]
pub mod fuzzing {
    //! Entry points for fuzz targets.

    use crate::known::file;
    use crate::sys;

    /// Reads what the kernel tells, and what the module keeps between two runs:
    /// as it is, and with a checksum that is right.
    pub fn watched(bytes: &[u8]) {
        assert!(sys::events(bytes).count() <= bytes.len() / 16);
        let _damaged = file::decode(bytes);
        if let Ok(past) = file::decode(&file::sealed(bytes)) {
            let written = past
                .iter()
                .map(|(path, past)| (path.as_path(), past.whole, &past.names));
            assert_eq!(file::decode(&file::encode(written)), Ok(past));
        }
    }
}
