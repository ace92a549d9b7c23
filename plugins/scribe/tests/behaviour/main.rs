//! What the module does, seen from the host.

mod chains;
mod documents;
mod evaluation;
mod hostile;
mod objects;
mod one_pass;
mod options;
mod printing;
mod results;
mod support;
