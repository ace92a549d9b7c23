//! Persistent modules, with real workers.

mod alerts;
mod asking;
mod ending;
mod hostile;
mod jail;
mod plugin;
mod served;

pub use plugin::Source;
