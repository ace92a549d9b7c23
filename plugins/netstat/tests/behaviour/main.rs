//! What the module does, seen from the host.

mod options;
mod printed;
mod results;
mod sockets;
mod support;
mod validation;
