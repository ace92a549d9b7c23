//! How many connections a program may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Takes as many file descriptors as the system allows, and says in the log how
/// many that are: each agent's connection takes one, and shells give programs
/// 1,024 to begin with. Returns the number, where it is known.
pub fn take_all() -> Option<u64> {
    let (usual, most) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => {
            tracing::warn!("The limit on open files is unknown: {error}.");
            return None;
        }
    };
    match setrlimit(Resource::RLIMIT_NOFILE, most, most) {
        Ok(()) => {
            tracing::info!("{most} files and connections may be open at the same time.");
            Some(most)
        }
        Err(error) => {
            tracing::warn!(
                "No more than {usual} files and connections may be open at the same time, because \
                 {most} cannot be had: {error}; raise the limit where the program is started."
            );
            Some(usual)
        }
    }
}

/// Most connections that go without saying: each costs some memory.
const USUAL: u64 = 16_384;

/// How many connections a server takes: `wanted`, or half as many as files may be open,
/// which leaves the rest to databases, the log and what is opened for a moment. Says
/// in the log when more are wanted than can be had.
pub fn connections(wanted: Option<usize>) -> usize {
    let allowed = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(now, _)| now);
    if let Some(said) = wanted.and_then(|wanted| complaint(wanted, allowed)) {
        tracing::warn!("{said}.");
    }
    wanted.unwrap_or_else(|| usual(allowed))
}

fn usual(allowed: u64) -> usize {
    usize::try_from((allowed / 2).clamp(64, USUAL)).unwrap_or(usize::MAX)
}

fn complaint(wanted: usize, allowed: u64) -> Option<String> {
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    (wanted > allowed.saturating_sub(100)).then(|| {
        format!(
            "`connections` in [server] is {wanted}, and only {allowed} files may be open: raise \
             the limit where the program is started (`LimitNOFILE` in its unit), or lower \
             `connections`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_go_with_the_files_that_may_be_open() {
        for (allowed, expected) in [(10, 64), (1024, 512), (20_000, 10_000), (1 << 30, 16_384)] {
            assert_eq!(usual(allowed), expected, "{allowed}");
        }
        assert_eq!(connections(Some(77)), 77);
        assert_eq!(complaint(900, 1024), None);
        let said = complaint(5000, 1024).expect("too few");
        assert!(
            said.contains("5000") && said.contains("LimitNOFILE"),
            "{said}"
        );
    }
}
