//! Each module through the real agent and its jailed worker, on data of this
//! machine or made here. The programs are those that were built together with
//! this test: `cargo build --workspace && cargo test -p mig-acceptance`.

mod agentdestroy;
mod memory;
mod namespaces;
mod netstat;
mod order;
mod ping;
mod pkg;
mod readme;
mod scale;
mod schema;
mod scribe;
mod setup;
mod sshkey;
mod timedrift;
