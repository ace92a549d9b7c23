//! Persistent modules, with real workers.

mod alerts;
mod asking;
mod ending;
mod hostile;
mod jail;
mod plugin;
pub mod served;

pub use plugin::Source;
