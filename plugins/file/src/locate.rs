//! The walk as other modules use it: where are the files?

use crate::checks::Plan;
use crate::parameters::{self, Parameters};
use crate::results::{self, ErrorLog};
use crate::walk::{self, paths::clean};
use mig_plugin_sdk::{Failure, Session};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Finds the files that the searches describe: label to paths, in the order of
/// a walk that takes names in bytewise order and the files of a directory
/// before what lies in its subdirectories. Every label is there, with no paths
/// if nothing was found.
///
/// One walk serves all searches, with the options of the module (`maxdepth`,
/// `matchlimit` for each label, …) and its rules: links to files are followed
/// and reported under their own name, and nothing is found twice under one
/// path. What cannot be walked is left out without a word. Because the caller
/// is going to read what is found, file systems that the kernel makes up
/// (`/proc`) are entered only by searches that start in them.
///
/// # Errors
/// When a search is not acceptable (the field says which) or the host asks for
/// the end.
pub fn locate(
    parameters: &Parameters,
    session: &Session<'_>,
) -> Result<BTreeMap<String, Vec<PathBuf>>, Failure> {
    locate_from(parameters, &BTreeMap::new(), session)
}

/// [`locate`] with start paths that need not be text: those of `starts` replace
/// the paths of the search with the same label, which must name some all the
/// same.
///
/// # Errors
/// As [`locate`].
pub fn locate_from(
    parameters: &Parameters,
    starts: &BTreeMap<String, PathBuf>,
    session: &Session<'_>,
) -> Result<BTreeMap<String, Vec<PathBuf>>, Failure> {
    session.check()?;
    if let Some(complaint) = parameters::validate(parameters).into_iter().next() {
        let message = complaint.to_string();
        return Err(Failure::bad_parameters(complaint.field, message));
    }
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let now = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX);
    let mut plan = Plan::new(parameters, now)
        .map_err(|(field, error)| Failure::bad_parameters(field, error.to_string()))?;
    for search in &mut plan.searches {
        search.enters_pseudo = false;
        if let Some(start) = starts.get(&search.label) {
            search.roots = vec![clean(start.as_os_str().as_bytes())];
        }
    }
    let cancelled = || session.cancelled();
    let progress = |files| session.progress(files, 0);
    // Errors of the walk are dropped; a log that keeps none is the cheapest.
    let (finds, _) = walk::run(&plan, &ErrorLog::new(0), &cancelled, &progress);
    session.check()?;
    let searches = plan.searches.iter().enumerate();
    let located = searches.map(|(number, search)| {
        let mut paths = results::paths(&finds, number);
        paths.sort_by(|a, b| in_walk_order(a, b));
        let paths = paths.into_iter().map(OsString::from_vec).map(PathBuf::from);
        (search.label.clone(), paths.collect())
    });
    Ok(located.collect())
}

/// Files of a directory come before its subdirectories, names in the order of
/// their bytes.
fn in_walk_order(a: &[u8], b: &[u8]) -> Ordering {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    // From the start of the name in which they differ.
    let start = memchr::memrchr(b'/', &a[..same]).map_or(0, |at| at + 1);
    let lies_deeper = |path: &[u8]| path[start..].contains(&b'/');
    let name = |path: &'_ [u8]| {
        let rest = &path[start..];
        let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
        rest[..end].to_vec()
    };
    lies_deeper(a)
        .cmp(&lies_deeper(b))
        .then_with(|| name(a).cmp(&name(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_before_what_lies_deeper() {
        let mut paths = [
            "/t/z", "/t/a/x", "/t/a", "/t/a-b/c", "/t/a/b/c", "/t/a/b/a", "/t/b", "/s/x/y/z",
        ];
        paths.sort_by(|a, b| in_walk_order(a.as_bytes(), b.as_bytes()));
        let wanted = [
            "/s/x/y/z", "/t/a", "/t/b", "/t/z", "/t/a/x", "/t/a/b/a", "/t/a/b/c", "/t/a-b/c",
        ];
        assert_eq!(paths, wanted);
    }
}
