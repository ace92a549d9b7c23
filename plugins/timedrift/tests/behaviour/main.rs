//! What the module does, through its table, with servers on loopback.

mod options;
mod printing;
mod responder;
mod results;
mod servers;
mod support;
mod validation;
