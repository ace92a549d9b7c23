//! dpkg's database: `/var/lib/dpkg/status`, what `updates/` adds to it while
//! dpkg runs, and the `status.d` directory of images that have no dpkg.
//!
//! A package counts as installed when its state is `installed`, or when it only
//! waits for triggers, whatever somebody plans for it: a package on hold is as
//! installed as any other. Packages that were removed but for their
//! configuration, or whose installation never came to its end, do not count.

mod read;
mod record;

pub use read::{each, read};

/// Where the database is, below the root.
pub const DIRECTORY: &str = "var/lib/dpkg";
