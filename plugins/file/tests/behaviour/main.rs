//! What the module does, seen from the host.

mod content;
mod criteria;
mod decompress;
mod hostile;
mod limits;
mod locate;
mod options;
mod property;
mod results;
mod several;
mod support;
mod validation;
mod walk;
