//! What can be asked of the module.

mod command_line;
mod model;
mod mtime;
mod size;
mod validate;

pub use command_line::parse;
pub use model::{Parameters, Search, SearchOptions};
pub use mtime::Mtime;
pub use size::Size;
pub use validate::{pattern_of, validate};
