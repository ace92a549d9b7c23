//! From bytes on a socket to a call of a handler and back.

mod call;
mod listener;
mod log;
mod newcomers;
mod service;

pub(crate) use call::{Answer, Call, Query};
pub(crate) use listener::{Running, serve};
