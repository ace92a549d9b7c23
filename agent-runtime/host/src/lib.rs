//! The host of MIG's modules, for programs that run them.
//!
//! A module is foreign code, linked in or loaded from a plugin file. The
//! program that uses this library runs none of it: a plugin is inspected as
//! bytes, its signatures are verified, and each operation runs in a worker
//! process of its own, which is this program once more, with its limits set
//! before the plugin is loaded. Whatever a module does (crash, loop, flood,
//! lie) costs one operation and ends in one clear line.
//!
//! ```no_run
//! use mig_host::{Cancel, Job, ModuleStore, Operation, StoreOptions};
//!
//! fn main() {
//!     // First of all: the worker is this program.
//!     mig_host::run_worker_if_asked(&[]);
//!     let options = StoreOptions {
//!         directories: StoreOptions::search_path(&[]),
//!         keyring_directory: Some("/etc/mig/pluginkeys".into()),
//!         ..StoreOptions::default()
//!     };
//!     let store = ModuleStore::open(&[], &options);
//!     let job = Job::new("example", Operation::Run, serde_json::json!({}));
//!     let outcome = store.run(&job, &Cancel::new(), &mut |_| {});
//!     println!("{}", outcome.answer);
//! }
//! ```
//!
//! What holds for every worker: a process group of its own, killed as one; dead
//! when the thread that started it is; no descriptor but its own; limits of
//! memory, descriptors, processor and wall time and output; idle I/O; no new
//! privileges; only the capabilities, files, sockets and processes that the
//! manifest declares, and none at all for every operation but `run`. What a
//! kernel or container does not offer is left out and said in the
//! [`SandboxReport`].

mod cancel;
mod charge;
mod digest;
mod frame;
pub mod inspect;
mod job;
mod message;
mod rate;
mod request;
mod sandbox;
pub mod signature;
mod store;
mod supervise;
mod sys;
mod text;
mod worker;

pub use cancel::Cancel;
pub use inspect::inspect as inspect_bytes;
pub use inspect::{InspectError, Inspection};
pub use job::{Diagnosis, Ending, Job, Limits, Operation, Outcome, Progress};
pub use mig_plugin_payload::Document;
pub use sandbox::{Guard, GuardState, SandboxReport};
pub use signature::{PluginKeys, PublisherKey};
pub use store::{ModuleInfo, ModuleStore, Origin, Refusal, StoreOptions};
pub use supervise::service::{
    Attendant, ForwardedAlert, Mailbox, Pace, ServiceEvent, ServiceJob, fuzz_serving,
};
pub use supervise::{Printed, fuzz_frames};
pub use worker::{StaticModule, run_worker_if_asked};
