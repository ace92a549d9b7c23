//! What a run can be asked for.

mod command_line;
mod model;
mod validate;

pub use command_line::parse;
pub use model::{Parameters, Protocol};
pub use validate::{Plan, validate};
