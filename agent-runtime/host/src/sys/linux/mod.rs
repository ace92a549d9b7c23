//! Linux: processes, descriptors, limits, Landlock, seccomp, capabilities.

pub(crate) mod capabilities;
pub(crate) mod confine;
pub(crate) mod descriptors;
pub(crate) mod diagnosis;
pub(crate) mod event;
pub(crate) mod landlock;
pub(crate) mod libraries;
pub(crate) mod limits;
pub(crate) mod memory_file;
pub(crate) mod ownership;
pub(crate) mod process;
pub(crate) mod seccomp;
pub(crate) mod signals;
pub(crate) mod spawn;
pub(crate) mod syscalls;
