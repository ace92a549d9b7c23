//! What can be asked of the module.

mod command_line;
mod model;
mod validate;

pub use command_line::parse;
pub use model::{Parameters, Search, SearchOptions};
pub use validate::{decode_hex, validate};
