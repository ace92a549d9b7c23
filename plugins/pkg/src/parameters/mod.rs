//! What can be asked.

mod command_line;
mod model;
mod validate;

pub use command_line::parse;
pub use model::Parameters;
pub use validate::{Version, complaint, validate};
