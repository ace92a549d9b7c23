//! Where the walk starts.
//!
//! Every search must find what it would find alone, and nothing may be walked
//! or read twice. So paths that lie inside other paths are starts of their own
//! with the union of the searches that get there, and the walk from above
//! leaves them out.

use super::Run;
use super::paths::{below, clean, uppers};
use super::scope::{Member, Scope};
use crate::sys::{self, At, FileType, Stat};
use mig_plugin_patterns::matching::transcribe;
use std::collections::{BTreeMap, HashSet};
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

/// Links in a row that are followed from a search path, at most.
const MAX_LINKS: usize = 40;

/// A start of the walk.
#[derive(Debug)]
pub struct Root {
    /// Its cleaned path; for a link to a file, the path the link leads to.
    pub path: Vec<u8>,
    /// What is there.
    pub kind: RootKind,
    /// The searches that start or pass here.
    pub scope: Arc<Scope>,
    /// Those of them that come from a directory above.
    pub passing: Option<Arc<Scope>>,
    /// Paths in the walk below that have starts of their own.
    pub nested: Arc<Nested>,
}

/// What is at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// A directory to walk.
    Directory,
    /// A file to look at.
    File,
    /// A link to a directory: looked at, not walked.
    DirectoryLink(Stat),
    /// A pipe or device: looked at, never read.
    Special(Stat),
}

/// Search paths that lie inside others.
#[derive(Debug, Default)]
pub struct Nested {
    paths: HashSet<Vec<u8>>,
    parents: HashSet<Vec<u8>>,
}

impl Nested {
    fn new(paths: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut nested = Self::default();
        for path in paths {
            let (front, _) = super::paths::split(&path);
            nested.parents.insert(front.to_vec());
            nested.paths.insert(path);
        }
        nested
    }

    /// Whether the directory with this prefix holds one of them.
    pub fn lies_in(&self, prefix: &[u8]) -> bool {
        !self.parents.is_empty() && self.parents.contains(prefix)
    }

    /// Whether this path, as walked, is one of them.
    pub fn contains(&self, path: &[u8]) -> bool {
        self.paths.contains(path)
    }
}

/// Looks at all paths of all searches.
pub fn find(run: &Run<'_>) -> Vec<Root> {
    let mut starts: BTreeMap<Vec<u8>, (RootKind, Vec<usize>)> = BTreeMap::new();
    let mut asked: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (number, search) in run.plan.searches.iter().enumerate() {
        for path in &search.roots {
            let searches = asked.entry(path).or_default();
            if !searches.contains(&number) {
                searches.push(number);
            }
        }
    }
    for (path, searches) in asked {
        let Some((path, kind)) = inspect(run, path) else {
            continue;
        };
        let (_, known) = starts.entry(path).or_insert((kind, Vec::new()));
        known.extend(searches);
    }
    let is_directory = |path: &[u8]| matches!(starts.get(path), Some((RootKind::Directory, _)));
    let mut nested = Vec::new();
    let mut found = Vec::new();
    for (path, (kind, searches)) in &starts {
        let mut passing: Vec<Member> = Vec::new();
        // Links and special files inside a directory are not what they are as
        // search paths, so those stay where they are as well.
        if matches!(kind, RootKind::Directory | RootKind::File) {
            for upper in uppers(path).filter(|upper| is_directory(upper)) {
                let Some(names) = below(upper, path) else {
                    continue;
                };
                nested.push(path.clone());
                if let Some(way) = way(upper, &names) {
                    // A file has the depth of the directory it lies in.
                    let levels = names.len() + usize::from(*kind == RootKind::Directory);
                    let depth = u32::try_from(levels).unwrap_or(u32::MAX);
                    let above = starts[upper].1.iter().filter(|&&search| {
                        way == Way::Plain || run.plan.searches[search].enters_pseudo
                    });
                    passing.extend(above.map(|&search| Member { search, depth }));
                }
            }
        }
        let own = searches.iter().map(|&search| Member { search, depth: 1 });
        let members = least_depths(own.chain(passing.iter().copied()));
        found.push((
            path.clone(),
            *kind,
            members,
            least_depths(passing.into_iter()),
        ));
    }
    let nested = Arc::new(Nested::new(nested.into_iter()));
    found
        .into_iter()
        .filter_map(|(path, kind, members, passing)| {
            Some(Root {
                path,
                kind,
                scope: Scope::new(run.plan, members)?,
                passing: Scope::new(run.plan, passing),
                nested: Arc::clone(&nested),
            })
        })
        .collect()
}

/// Each search once, with its least depth.
fn least_depths(members: impl Iterator<Item = Member>) -> Vec<Member> {
    let mut least: BTreeMap<usize, u32> = BTreeMap::new();
    for member in members {
        let depth = least.entry(member.search).or_insert(member.depth);
        *depth = member.depth.min(*depth);
    }
    least
        .into_iter()
        .map(|(search, depth)| Member { search, depth })
        .collect()
}

/// The way of the walk from `upper` to the last of `names`: only through
/// directories that can be listed, never through links. `None` when there is
/// none.
fn way(upper: &[u8], names: &[&[u8]]) -> Option<Way> {
    let mut path = upper.to_vec();
    let mut device = None;
    let mut way = Way::Plain;
    for name in names {
        let fd = sys::open_directory(At::WorkingDirectory, &c_path(&path)).ok()?;
        way = way.max(crossing(&fd, &mut device));
        if path != b"/" {
            path.push(b'/');
        }
        path.extend_from_slice(name);
    }
    if let Ok(fd) = sys::open_directory(At::WorkingDirectory, &c_path(&path)) {
        way = way.max(crossing(&fd, &mut device));
    }
    Some(way)
}

/// What a walk comes across on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Nothing special.
    Plain,
    /// The border of a file system that the kernel makes up.
    IntoPseudo,
}

/// Whether a border lies between a directory and the one before, whose device
/// is `device`.
fn crossing(fd: &OwnedFd, device: &mut Option<u64>) -> Way {
    let here = sys::stat_open(fd.as_fd()).ok().map(|stat| stat.device);
    let before = std::mem::replace(device, here);
    let is_border = before.is_some() && before != here;
    if is_border && sys::is_pseudo_file_system(fd.as_fd()).unwrap_or(false) {
        Way::IntoPseudo
    } else {
        Way::Plain
    }
}

/// What is at a search path, and the path it is reported under.
fn inspect(run: &Run<'_>, path: &[u8]) -> Option<(Vec<u8>, RootKind)> {
    let name = c_path(path);
    let here = At::WorkingDirectory;
    let stat = match sys::stat(here, &name, false) {
        Ok(stat) => stat,
        Err(error) => {
            run.open_failed(path, &error);
            return None;
        }
    };
    match stat.file_type() {
        FileType::Directory => Some((path.to_vec(), RootKind::Directory)),
        FileType::Link => {
            let target = match sys::stat(here, &name, true) {
                Ok(target) => target,
                Err(error) => {
                    run.link_failed(path, &error);
                    return None;
                }
            };
            let resolved = resolve(path, &target);
            if target.file_type() == FileType::Directory {
                run.errors.warning(&format!(
                    "{} is a link to {} and was not followed",
                    transcribe::text(path),
                    transcribe::text(&resolved),
                ));
                return Some((path.to_vec(), RootKind::DirectoryLink(target)));
            }
            special(run, resolved, target)
        }
        _ => special(run, path.to_vec(), stat),
    }
}

/// Something that is neither directory nor link. It must be openable, even
/// when only its metadata matters.
fn special(run: &Run<'_>, path: Vec<u8>, stat: Stat) -> Option<(Vec<u8>, RootKind)> {
    let name = c_path(&path);
    let refused = match stat.file_type() {
        // Opened when its turn comes.
        FileType::Regular => return Some((path, RootKind::File)),
        FileType::Socket => Some(io::Error::from_raw_os_error(libc::ENXIO)),
        _ => sys::may_read(At::WorkingDirectory, &name).err(),
    };
    match refused {
        Some(error) => {
            run.open_failed(&path, &error);
            None
        }
        None => Some((path, RootKind::Special(stat))),
    }
}

/// The path that a link leads to, following only the link itself and those it
/// leads to, as far as that names the same file.
fn resolve(link: &[u8], target: &Stat) -> Vec<u8> {
    let mut path = link.to_vec();
    for _ in 0..MAX_LINKS {
        let Ok(next) = std::fs::read_link(Path::new(OsStr::from_bytes(&path))) else {
            break;
        };
        let next = next.into_os_string().into_vec();
        path = if next.starts_with(b"/") {
            clean(&next)
        } else {
            let (front, _) = super::paths::split(&path);
            clean(&[front, &next].concat())
        };
    }
    // `..` behind a directory that is itself a link leads elsewhere than the
    // text says; then the system's own answer is used.
    let same = sys::stat(At::WorkingDirectory, &c_path(&path), false)
        .is_ok_and(|stat| (stat.device, stat.inode) == (target.device, target.inode));
    if same {
        return path;
    }
    match std::fs::canonicalize(Path::new(OsStr::from_bytes(link))) {
        Ok(path) => path.into_os_string().into_vec(),
        Err(_) => link.to_vec(),
    }
}

/// A path for system calls. One with a NUL inside names nothing; the part in
/// front of it might, so it is not cut but replaced.
pub fn c_path(path: &[u8]) -> CString {
    CString::new(path).unwrap_or_else(|_| {
        let replaced = path
            .iter()
            .map(|byte| if *byte == 0 { 0xFF } else { *byte });
        CString::new(replaced.collect::<Vec<u8>>()).unwrap_or_default()
    })
}
