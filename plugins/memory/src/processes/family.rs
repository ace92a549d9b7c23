//! The processes that hold the question themselves: the searching one and those
//! that called it.
//!
//! Never searched are the process that runs the module and all its ancestors:
//! agent or client, the shell in whose history the command stands, `sudo` with
//! the command in its arguments. The first process of the machine is left out
//! only if it shares a session with one of them, as a shell does that a
//! container was started with; an ordinary `init` started the agent and knows
//! nothing of the question. Further never searched are copies of these: their
//! children that run the same program in the same session, as other workers of
//! the same agent and sub-shells do.

use crate::sys::ProcessDirectory;
use std::collections::{HashMap, HashSet};
use std::io::Read;

/// Where a process comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The process that started it, 0 for none.
    pub parent: i32,
    /// Its session.
    pub session: i32,
}

/// Reads `/proc/PID/stat`, see proc_pid_stat(5). The name in it may contain
/// anything, also what looks like the end of a name.
pub fn parse_stat(stat: &[u8]) -> Option<Origin> {
    let end = memchr::memrchr(b')', stat)?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Origin { parent, session })
}

fn origin(pid: i32) -> Option<Origin> {
    let mut stat = Vec::new();
    let file = ProcessDirectory::open(pid).ok()?.file("stat").ok()?;
    file.take(4096).read_to_end(&mut stat).ok()?;
    parse_stat(&stat)
}

/// Which of `pids` are never searched, when `own` searches.
pub fn of(own: i32, pids: &[i32]) -> HashSet<i32> {
    let origins: HashMap<i32, Origin> = pids
        .iter()
        .filter_map(|&pid| Some((pid, origin(pid)?)))
        .collect();
    let program = |pid: i32| {
        let directory = ProcessDirectory::open(pid).ok()?;
        let (device, inode, _) = directory.target("exe").ok()?;
        Some((device, inode))
    };
    find(own, &origins, program)
}

fn find(
    own: i32,
    origins: &HashMap<i32, Origin>,
    program: impl Fn(i32) -> Option<(u64, u64)>,
) -> HashSet<i32> {
    let mut family = HashSet::from([own]);
    let session = |pid: i32| origins.get(&pid).map(|origin| origin.session);
    let mut current = own;
    while let Some(origin) = origins.get(&current) {
        current = origin.parent;
        let is_first = current == 1;
        let knows = !is_first || family.iter().any(|&pid| session(pid) == session(1));
        // A parent that is not there ends the way, and so would a circle, which
        // numbers that are used again could make.
        if current <= 0 || !knows || !family.insert(current) || is_first {
            break;
        }
    }
    // Copies may have copies.
    let mut grown = true;
    while grown {
        grown = false;
        for (&pid, origin) in origins {
            let copies = family.contains(&origin.parent)
                && !family.contains(&pid)
                && session(origin.parent) == Some(origin.session)
                && program(pid).is_some_and(|own| program(origin.parent) == Some(own));
            if copies {
                family.insert(pid);
                grown = true;
            }
        }
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_stat_may_contain_anything() {
        let wanted = Some(Origin {
            parent: 7,
            session: 5,
        });
        for name in ["cat", "a) S 1 1 1", "x\n) (y", "\u{1b}[31m"] {
            let stat = format!("42 ({name}) S 7 6 5 0 -1 4194560 1 2");
            assert_eq!(parse_stat(stat.as_bytes()), wanted, "{name}");
        }
        for stat in ["", "42 (cat", "42 (cat) S", "42 (cat) S x y z"] {
            assert_eq!(parse_stat(stat.as_bytes()), None, "{stat}");
        }
    }

    /// Processes as (pid, parent, session, program).
    fn family(own: i32, processes: &[(i32, i32, i32, u64)]) -> Vec<i32> {
        let origins = processes
            .iter()
            .map(|&(pid, parent, session, _)| (pid, Origin { parent, session }))
            .collect();
        let program = |pid| {
            let process = processes.iter().find(|process| process.0 == pid)?;
            (process.3 > 0).then_some((1, process.3))
        };
        let mut family: Vec<i32> = find(own, &origins, program).into_iter().collect();
        family.sort_unstable();
        family
    }

    #[test]
    fn an_agent_and_its_workers_are_left_out_but_not_what_started_the_machine() {
        let processes = [
            (1, 0, 1, 1),
            (50, 1, 50, 5),  // the agent
            (51, 50, 50, 5), // this worker
            (52, 50, 50, 5), // another worker
            (53, 50, 50, 9), // a program of another module
            (60, 1, 60, 5),  // another agent
        ];
        assert_eq!(family(51, &processes), [50, 51, 52]);
    }

    #[test]
    fn callers_are_left_out_up_to_the_first_process() {
        let processes = [
            (1, 0, 1, 1),
            (20, 1, 20, 2),  // sshd
            (21, 20, 21, 2), // sshd of this session
            (22, 20, 22, 2), // sshd of somebody else
            (30, 21, 30, 3), // bash
            (31, 30, 30, 3), // a sub-shell
            (32, 30, 30, 4), // an editor
            (33, 31, 30, 3), // a sub-shell of the sub-shell
            (40, 30, 40, 5), // sudo, with a session of its own
            (41, 40, 40, 6), // mig
            (42, 41, 40, 6), // the worker
        ];
        assert_eq!(family(42, &processes), [20, 21, 30, 31, 33, 40, 41, 42]);
    }

    #[test]
    fn a_first_process_that_is_the_shell_is_left_out_too() {
        let processes = [(1, 0, 1, 3), (5, 1, 1, 6), (6, 5, 1, 6), (7, 1, 1, 8)];
        assert_eq!(family(6, &processes), [1, 5, 6]);
    }

    #[test]
    fn numbers_that_make_a_circle_end_the_way() {
        assert_eq!(family(5, &[(5, 6, 5, 0), (6, 5, 5, 0)]), [5, 6]);
        assert_eq!(family(5, &[]), [5]);
    }
}
