//! The `netstat` module: addresses, neighbours, connections and listening
//! ports of this machine, in one or in all of its network namespaces.
//!
//! The kernel is asked through netlink; where it does not let the module ask,
//! `/proc` says most of the same. Each namespace is gone through once, however
//! many questions there are.
//!
//! | Folder | Knows |
//! |---|---|
//! | `parameters` | what can be asked, its validation, the command line |
//! | `questions` | the compiled questions: patterns, networks, ports |
//! | `netlink` | the messages of rtnetlink and sock_diag |
//! | `proc_net` | the tables below `/proc/PID/net` |
//! | `namespaces` | which network namespaces there are, and who can lead into them |
//! | `look` | going through namespaces, and what to do when one is closed |
//! | `owners` | which process has a socket open |
//! | `results` | what was found, as JSON and as printed lines |

mod facts;
#[doc(hidden)]
pub mod fuzzing;
mod look;
mod module;
mod namespaces;
mod netlink;
mod owners;
mod parameters;
mod proc_net;
mod questions;
mod results;
mod sys;

pub use module::NetstatModule;
pub use parameters::Parameters;

mig_plugin_sdk::declare_plugin!(NetstatModule);
