//! Investigations with the real programs, undisturbed and disturbed. The
//! programs are those that were built together with this test:
//! `cargo build --workspace && cargo test -p mig-acceptance`.

mod bad_input;
mod faults;
mod investigation;
mod setup;
