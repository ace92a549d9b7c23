//! What the module does, through its table, with loopback as the network.

mod icmp;
mod options;
mod printing;
mod results;
mod support;
mod tcp;
mod udp;
mod validation;
