//! How many connections a program may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Takes as many file descriptors as the system allows, and says in the log how
/// many that are: each agent's connection takes one, and shells give programs
/// 1,024 to begin with.
pub fn take_all() {
    let (usual, most) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => return tracing::warn!("The limit on open files is unknown: {error}."),
    };
    match setrlimit(Resource::RLIMIT_NOFILE, most, most) {
        Ok(()) => tracing::info!("{most} files and connections may be open at the same time."),
        Err(error) => tracing::warn!(
            "No more than {usual} files and connections may be open at the same time, because \
             {most} cannot be had: {error}; raise the limit where the program is started."
        ),
    }
}
