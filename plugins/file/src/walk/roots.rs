//! Where the walk starts.
//!
//! Every search must find what it would find alone, and nothing may be walked
//! or read twice. So paths that lie inside other paths are starts of their own
//! with the union of the searches that get there, and the walk from above
//! leaves them out.

use super::Run;
use super::paths::{below, clean};
use super::scope::{Member, Scope};
use crate::sys::{self, At, FileType, Stat};
use std::collections::{BTreeMap, HashSet};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// Links in a row that are followed from a search path, at most.
const MAX_LINKS: usize = 40;

/// A start of the walk.
#[derive(Debug)]
pub struct Root {
    /// Its cleaned path; for a link to a file, the path the link leads to.
    pub path: String,
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
    fn new(paths: impl Iterator<Item = String>) -> Self {
        let mut nested = Self::default();
        for path in paths {
            let (front, _) = super::paths::split(path.as_bytes());
            nested.parents.insert(front.to_vec());
            nested.paths.insert(path.into_bytes());
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
    let mut starts: BTreeMap<String, (RootKind, Vec<usize>)> = BTreeMap::new();
    let mut asked: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, search) in run.plan.searches.iter().enumerate() {
        for path in &search.search.paths {
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
    let directories: Vec<&String> = starts
        .iter()
        .filter(|(_, (kind, _))| *kind == RootKind::Directory)
        .map(|(path, _)| path)
        .collect();
    let mut nested = Vec::new();
    let mut found = Vec::new();
    for (path, (kind, searches)) in &starts {
        let mut passing: Vec<Member> = Vec::new();
        // Links and special files inside a directory are not what they are as
        // search paths, so those stay where they are as well.
        if matches!(kind, RootKind::Directory | RootKind::File) {
            for upper in &directories {
                let Some(names) = below(upper, path) else {
                    continue;
                };
                nested.push(path.clone());
                if is_walked(upper, &names) {
                    // A file has the depth of the directory it lies in.
                    let levels = names.len() + usize::from(*kind == RootKind::Directory);
                    let depth = u32::try_from(levels).unwrap_or(u32::MAX);
                    let above = starts[*upper].1.iter();
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

/// Whether the walk from `upper` gets to the last of `names`: only through
/// directories that can be listed, never through links.
fn is_walked(upper: &str, names: &[&str]) -> bool {
    let mut path = upper.to_owned();
    for name in names {
        if sys::open_directory(At::WorkingDirectory, &c_path(&path)).is_err() {
            return false;
        }
        if path != "/" {
            path.push('/');
        }
        path.push_str(name);
    }
    true
}

/// What is at a search path, and the path it is reported under.
fn inspect(run: &Run<'_>, path: &str) -> Option<(String, RootKind)> {
    let name = c_path(path);
    let here = At::WorkingDirectory;
    let stat = match sys::stat(here, &name, false) {
        Ok(stat) => stat,
        Err(error) => {
            run.open_failed(path.as_bytes(), &error);
            return None;
        }
    };
    match stat.file_type() {
        FileType::Directory => Some((path.to_owned(), RootKind::Directory)),
        FileType::Link => {
            let target = match sys::stat(here, &name, true) {
                Ok(target) => target,
                Err(error) => {
                    run.link_failed(path.as_bytes(), &error);
                    return None;
                }
            };
            let resolved = resolve(path, &target);
            if target.file_type() == FileType::Directory {
                run.errors.warning(&format!(
                    "{path} is a link to {resolved} and was not followed"
                ));
                return Some((path.to_owned(), RootKind::DirectoryLink(target)));
            }
            special(run, resolved, target)
        }
        _ => special(run, path.to_owned(), stat),
    }
}

/// Something that is neither directory nor link. It must be openable, even
/// when only its metadata matters.
fn special(run: &Run<'_>, path: String, stat: Stat) -> Option<(String, RootKind)> {
    let name = c_path(&path);
    let refused = match stat.file_type() {
        // Opened when its turn comes.
        FileType::Regular => return Some((path, RootKind::File)),
        FileType::Socket => Some(io::Error::from_raw_os_error(libc::ENXIO)),
        _ => sys::may_read(At::WorkingDirectory, &name).err(),
    };
    match refused {
        Some(error) => {
            run.open_failed(path.as_bytes(), &error);
            None
        }
        None => Some((path, RootKind::Special(stat))),
    }
}

/// The path that a link leads to, following only the link itself and those it
/// leads to, as far as that names the same file.
fn resolve(link: &str, target: &Stat) -> String {
    let mut path = link.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = std::fs::read_link(&path) else {
            break;
        };
        let Ok(next) = std::str::from_utf8(next.as_os_str().as_bytes()) else {
            break;
        };
        path = if next.starts_with('/') {
            clean(next)
        } else {
            let (front, _) = path.rsplit_once('/').unwrap_or((".", ""));
            clean(&format!("{front}/{next}"))
        };
    }
    // `..` behind a directory that is itself a link leads elsewhere than the
    // text says; then the system's own answer is used.
    let same = sys::stat(At::WorkingDirectory, &c_path(&path), false)
        .is_ok_and(|stat| (stat.device, stat.inode) == (target.device, target.inode));
    if same {
        return path;
    }
    match std::fs::canonicalize(link) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => link.to_owned(),
    }
}

/// A path for system calls. One with a NUL inside names nothing; the part in
/// front of it might, so it is not cut but replaced.
pub fn c_path(path: &str) -> CString {
    CString::new(path)
        .unwrap_or_else(|_| CString::new(path.replace('\0', "\u{FFFD}")).unwrap_or_default())
}
