//! The module on the real kernel.
//!
//! There is one audit state for the whole machine: every test that changes it
//! holds a lock against all others and puts it back in the end.

mod events;
mod limits;
mod others;
mod restoring;
mod rights;
mod roles;
mod support;
