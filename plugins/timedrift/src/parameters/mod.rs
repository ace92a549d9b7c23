//! What a run can be asked for.

mod command_line;
mod model;

pub use command_line::parse;
pub use model::{Parameters, Plan, validate};
