//! The processes that this one runs for, and those that run for the same agent:
//! they are never ended.

use super::Status;

/// Most generations looked at; deeper trees do not exist.
const MOST: usize = 1024;

/// How a process is related to the running one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is the running one.
    Oneself,
    /// The agent that runs the module.
    Parent,
    /// What that agent runs for.
    Ancestor,
}

/// The relation of a process, if it is a close one.
pub fn relation(pid: i32) -> Option<Relation> {
    let own = i32::try_from(std::process::id()).ok()?;
    if pid == own {
        return Some(Relation::Oneself);
    }
    let parent = i32::try_from(std::os::unix::process::parent_id()).ok()?;
    if pid == parent {
        return Some(Relation::Parent);
    }
    ancestors(parent)
        .any(|ancestor| ancestor == pid)
        .then_some(Relation::Ancestor)
}

/// Whether a process runs for the agent that runs the module: another worker of
/// its, or what one of them started. This process starts none.
pub fn runs_for_the_agent(pid: i32) -> bool {
    let own = i32::try_from(std::process::id());
    let agent = i32::try_from(std::os::unix::process::parent_id());
    matches!((agent, own), (Ok(agent), Ok(own)) if descends(pid, agent, own))
}

/// Whether a process descends from that agent, by another way than through this
/// child of it.
fn descends(pid: i32, agent: i32, child: i32) -> bool {
    ancestors(pid)
        .take_while(|ancestor| *ancestor != child)
        .any(|ancestor| ancestor == agent)
}

/// The ancestors of a process, nearest first, as far as they can be seen.
fn ancestors(of: i32) -> impl Iterator<Item = i32> {
    let mut current = of;
    std::iter::from_fn(move || {
        current = Status::of(current).ok()?.parent;
        (current > 0).then_some(current)
    })
    .take(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn what_the_agent_started_runs_for_it_and_what_it_runs_for_does_not() {
        let own = i32::try_from(std::process::id()).unwrap();
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert!(runs_for_the_agent(own));
        for ancestor in ancestors(own) {
            assert!(!runs_for_the_agent(ancestor), "{ancestor}");
        }
        // The middle one waits for the last one, which waits for its input.
        let mut child = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 >&2 & echo $!; exec >&-; wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let middle = i32::try_from(child.id()).unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
        said.read_line(&mut line).expect("a line");
        let last = line.trim().parse().expect("a number");
        for pid in [middle, last] {
            assert!(descends(pid, own, 0), "{pid}");
            assert!(descends(pid, parent, 0), "{pid}");
            assert!(!descends(pid, parent, own), "{pid}");
        }
        assert!(descends(last, own, 0) && descends(last, middle, 0));
        assert!(!descends(middle, last, 0));
        drop(child.stdin.take());
        child.wait().expect("its end");
    }
}
