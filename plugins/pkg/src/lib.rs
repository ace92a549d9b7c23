//! The `pkg` module: what is installed, by the databases of rpm, dpkg and apk.
//!
//! The databases are read directly and no program is run: a compromised host
//! may have replaced its package tools, and the worker may not start any. All
//! readers stream: memory is bounded whatever the databases hold, and damage
//! costs the damaged part, not the rest.
//!
//! | Module | Knows |
//! |---|---|
//! | `rpm` | the SQLite, ndb and Berkeley databases, and the headers in them |
//! | `dpkg`, `apk` | their text files, on top of `stanzas` |
//! | `versions` | how each manager orders versions |
//! | `installed` | all of them together, the API for other modules |

mod apk;
mod collection;
mod dpkg;
#[doc(hidden)]
pub mod fuzzing;
mod installed;
mod module;
mod package;
mod parameters;
mod results;
mod rpm;
mod stanzas;
mod sys;
mod trouble;
mod versions;

pub use collection::Installed;
pub use installed::{installed, installed_until};
pub use module::PkgModule;
pub use package::{Kind, Package};
pub use versions::compare;

mig_plugin_sdk::declare_plugin!(PkgModule);
