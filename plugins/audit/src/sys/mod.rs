//! What is special about the operating system.

mod linux;

pub(crate) use linux::{Datagrams, join, open, process_name, send, wait};
