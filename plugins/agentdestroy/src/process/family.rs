//! The processes that this one runs for: they are never ended.

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

/// The ancestors of a process, nearest first, as far as they can be seen.
fn ancestors(of: i32) -> impl Iterator<Item = i32> {
    let mut current = of;
    std::iter::from_fn(move || {
        current = Status::of(current).ok()?.parent;
        (current > 0).then_some(current)
    })
    .take(MOST)
}
