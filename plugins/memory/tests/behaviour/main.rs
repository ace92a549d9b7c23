//! What the module does, seen from the host, on processes of its own.

mod borders;
mod checks;
mod hostile;
mod libraries;
mod options;
mod results;
mod sparse;
mod support;
mod validation;
