//! The `scribe` module: evaluates a policy document on the host.
//!
//! A document names sources of data (installed packages, lines of files, names
//! of files, fixed values) and tests on them. The answer is true or false for
//! each test; what was read never leaves the machine.
//!
//! One walk of the file system and one reading of each file serve all objects
//! of a document. Objects that are relative to files found by others (import
//! chains) take one further walk for each level of the chain.
//!
//! | Folder | Knows |
//! |---|---|
//! | `document` | the form of documents, reading and checking them |
//! | `sources` | files and packages of the host, patterns with groups |
//! | `evaluation` | versions, objects, imports, tests and their order |
//! | `results` | entries as JSON and as printed lines |

mod command_line;
mod document;
mod evaluation;
#[doc(hidden)]
pub mod fuzzing;
mod module;
mod results;
mod sources;
#[cfg(test)]
mod tests;

pub use document::{
    Document, Evr, ExactMatch, FileContent, FileName, HasLine, Identifier, Object, PackageSource,
    Raw, Regexp, Tag, Test, Variable,
};
pub use module::{Parameters, ScribeModule};

mig_plugin_sdk::declare_plugin!(ScribeModule);
