//! Write a MIG module in Rust: implement [`Module`], declare it, export it.
//!
//! A module is two crates. The library crate holds the behaviour and can be
//! linked into an agent; a `cdylib` crate of a few lines makes the plugin file.
//!
//! ```
//! use mig_plugin_sdk::{Failure, Module, ResultDocument, Session, testing::FakeHost};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Parameters { name: String }
//!
//! struct Greet;
//!
//! impl Module for Greet {
//!     type Parameters = Parameters;
//!     // Usually include_bytes!("../manifest.json").
//!     const MANIFEST: &'static [u8] = br#"{"name":"greet","version":"1",
//!         "abi":{"major":1,"minor":0,"fingerprint":"99ec"},
//!         "operations":{"run":{"parameters":{"type":"object",
//!             "properties":{"name":{"type":"string"}}}}}}"#;
//!
//!     fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
//!         session.element("/elements/greetings", &format!("hello {}", parameters.name))?;
//!         Ok(ResultDocument { foundanything: true, success: true, ..Default::default() })
//!     }
//! }
//!
//! mig_plugin_sdk::declare_plugin!(Greet); // pub fn plugin() -> *const MigPlugin
//! // In the cdylib crate: mig_plugin_sdk::export_plugin!(my_module::Greet);
//!
//! let answer = FakeHost::new().run::<Greet>(serde_json::json!({"name": "world"}));
//! assert_eq!(answer.document()["elements"]["greetings"][0], "hello world");
//! ```

mod boundary;
mod export;
mod failure;
pub mod hosts;
mod module;
pub mod numbers;
mod operations;
mod persistent;
mod session;
pub mod testing;
pub mod texts;
pub mod times;
pub mod words;

pub use export::{copied, persistent_table, table};
pub use failure::Failure;
pub use module::{Defaults, Files, Module, Options};
pub use persistent::{Alert, Message, PersistentModule, Query, Service, Start, Surroundings};
pub use session::Session;

pub use mig_plugin_abi as abi;
pub use mig_plugin_payload as payload;
pub use mig_plugin_payload::{FieldError, Manifest, ResultDocument};
