//! Limits of the operating system: raised as far as they may be, and named when
//! they are in the way.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::configuration::SwarmError;

/// Open files of one agent: its connection, its journal, two parts of its
/// owner's record, and a moment's file that is being made or a heartbeat that
/// is being posted.
const PER_AGENT: u64 = 6;
/// Open files of the process itself.
const OWN: u64 = 64;
/// Threads of the process itself.
const OWN_THREADS: u64 = 64;

/// Raises the limit on open files to what so many agents need.
///
/// # Errors
/// Where that is more than the system allows.
pub(crate) fn raise(agents: usize) -> Result<(), SwarmError> {
    let system = |what| {
        move |error: nix::Error| SwarmError::System {
            what,
            source: error.into(),
        }
    };
    let needed = OWN + PER_AGENT * agents as u64;
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).map_err(system("the limit on open files is unknown"))?;
    if soft < hard || soft < needed {
        // All there is: there may be more swarms in this process. The hard
        // limit takes a capability; trying costs nothing.
        let raised = setrlimit(Resource::RLIMIT_NOFILE, hard.max(needed), hard.max(needed)).is_ok()
            || hard >= needed && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
        if !raised {
            return Err(SwarmError::Descriptors {
                agents,
                needed,
                allowed: hard,
            });
        }
    }
    // The AMQP library has one thread for each connection.
    let needed = OWN_THREADS + agents as u64;
    let (allowed, _) =
        getrlimit(Resource::RLIMIT_NPROC).map_err(system("the limit on threads is unknown"))?;
    if allowed < needed {
        return Err(SwarmError::Threads {
            agents,
            needed,
            allowed,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_does_not_allow_is_said_with_the_limit() {
        raise(1).unwrap();
        let Err(error) = raise(usize::MAX >> 8) else {
            panic!("nobody has so many files");
        };
        let text = error.to_string();
        assert!(
            text.contains("open files and this process may have") && text.contains("ulimit -Hn"),
            "{text}"
        );
    }
}
