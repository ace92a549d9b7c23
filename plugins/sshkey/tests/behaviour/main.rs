//! What the module does, seen from the host.

mod authorized;
mod formats;
mod hostile;
mod options;
mod printed;
mod property;
mod ssh_keygen;
mod support;
