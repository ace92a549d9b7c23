//! The `file` module: finds files by name, metadata, content and checksum.
//!
//! One parallel walk serves all searches of a run. Each file is opened at most
//! once and read at most once, whatever number of patterns and checksums looks
//! at it, and cheap checks (name, mode, size, modification time) shield the
//! expensive ones. Nothing of what is read leaves the machine: results are
//! paths, metadata and yes or no.
//!
//! | Folder | Knows |
//! |---|---|
//! | `parameters` | what can be asked, its validation, the command line |
//! | `content` | one pass over a file: lines, checksums, decompression |
//! | `walk` | directories, threads, limits |
//! | `locate` | the walk as a library call of other modules |
//! | `results` | what was found, as JSON and as printed lines |

mod checks;
mod content;
mod locate;
mod module;
mod parameters;
mod results;
mod sys;
mod walk;

pub use locate::{locate, locate_from};
pub use module::FileModule;
pub use parameters::{Parameters, Search, SearchOptions};

mig_plugin_sdk::declare_plugin!(FileModule);
