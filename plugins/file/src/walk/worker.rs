//! One thread of the walk.

use super::Run;
use super::directory::{Batch, Directories, Directory};
use super::evaluate::Evaluator;
use super::queue::{Job, Large};
use super::roots::{Nested, Root, RootKind, c_path};
use super::scope::Scope;
use super::target::{Target, Unreadable};
use crate::results::Finds;
use crate::sys::{self, At, FileType};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Bytes of directory entries read at a time.
const ENTRIES: usize = 64 << 10;
/// Files between two looks at whether another thread has nothing to do.
const SHARE_EVERY: usize = 16;

/// A thread.
pub struct Worker<'r> {
    run: &'r Run<'r>,
    evaluator: Evaluator<'r>,
    buffer: Vec<u8>,
    nested: Arc<Nested>,
}

impl<'r> Worker<'r> {
    /// Prepares a thread.
    pub fn new(run: &'r Run<'r>) -> Self {
        Self {
            run,
            evaluator: Evaluator::new(run),
            buffer: vec![0; ENTRIES],
            nested: Arc::default(),
        }
    }

    /// Works until nothing is left.
    pub fn work(mut self) -> Finds {
        while let Some(job) = self.run.queue.take() {
            let _done = Done(self.run);
            if self.run.is_cancelled() {
                self.run.queue.clear();
                continue;
            }
            match job {
                Job::Large(large) => self.large(large),
                Job::Batch(batch) => self.batch(&batch),
                Job::Root(root) => self.root(root),
                Job::Directory(siblings, name) => self.directory(&siblings, &name),
            }
        }
        self.evaluator.into_finds()
    }

    fn large(&mut self, large: Large) {
        let mut target = Target::new(&large.directory, &large.name);
        target.follow = large.follow;
        target.stat = Some(large.stat);
        target.file = Some(large.file);
        target.counted = true;
        self.evaluator.evaluate(&mut target);
    }

    fn batch(&mut self, batch: &Batch) {
        self.look_at(&batch.directory, batch.files());
    }

    /// Looks at files, and leaves the rest of them to a thread that has nothing
    /// to do.
    fn look_at<'n>(
        &mut self,
        directory: &Arc<Directory>,
        mut files: impl Iterator<Item = (FileType, &'n CStr)>,
    ) {
        let run = self.run;
        let mut seen = 0_usize;
        while let Some((file_type, name)) = files.next() {
            self.evaluator.file(directory, file_type, name);
            seen += 1;
            if !seen.is_multiple_of(SHARE_EVERY) {
                continue;
            }
            if run.is_cancelled() {
                return;
            }
            if run.reads && run.queue.is_hungry() {
                let rest: Vec<_> = files.collect();
                // Half for the other thread, half as work that this one takes
                // up again and that can be divided further.
                let (mine, theirs) = rest.split_at(rest.len() / 2);
                for part in [theirs, mine] {
                    if !part.is_empty() {
                        let part = part.iter().copied();
                        run.queue
                            .push_batch(Batch::new(Arc::clone(directory), part));
                    }
                }
                return;
            }
        }
    }

    fn root(&mut self, root: Root) {
        self.nested = Arc::clone(&root.nested);
        let (front, name) = super::paths::split(&root.path);
        let place = |scope| Arc::new(Directory::around(front, scope));
        let base = CString::new(name).unwrap_or_default();
        match root.kind {
            RootKind::Directory => {
                if !root.scope.is_open(self.run.plan) {
                    return;
                }
                let path = c_path(&root.path);
                match sys::open_directory(At::WorkingDirectory, &path) {
                    Ok(fd) => self.list(&root.path, root.scope, None, fd),
                    Err(error) => self.run.open_failed(&root.path, &error),
                }
            }
            RootKind::File => {
                let place = place(root.scope);
                let mut target = Target::new(&place, &base);
                match target.open() {
                    Ok(()) => self.evaluator.evaluate(&mut target),
                    Err(error) => {
                        self.run.open_failed(&root.path, &error);
                        // Found inside a directory it need not be openable.
                        if let Some(scope) = root.passing {
                            let place = Arc::new(Directory::around(front, scope));
                            self.evaluator.evaluate(&mut Target::new(&place, &base));
                        }
                    }
                }
            }
            RootKind::DirectoryLink(stat) | RootKind::Special(stat) => {
                let place = place(root.scope);
                let mut target = Target::new(&place, &base);
                target.stat = Some(stat);
                target.unreadable = Some(match root.kind {
                    RootKind::DirectoryLink(_) => Unreadable::Directory,
                    _ => Unreadable::Special,
                });
                self.evaluator.evaluate(&mut target);
            }
        }
    }

    fn directory(&mut self, siblings: &Directories, name: &CStr) {
        if !siblings.scope.is_open(self.run.plan) {
            return;
        }
        let mut path = siblings.prefix.clone();
        path.extend_from_slice(name.to_bytes());
        let opened = match siblings.at() {
            Some(at) => sys::open_directory(at, name),
            None => CString::new(path.as_slice())
                .map_err(std::io::Error::from)
                .and_then(|path| sys::open_directory(At::WorkingDirectory, &path)),
        };
        match opened {
            Ok(fd) => {
                let device = Some(siblings.device);
                self.list(&path, Arc::clone(&siblings.scope), device, fd);
            }
            Err(error) => {
                path.push(b'/');
                self.run.open_failed(&path, &error);
            }
        }
    }

    /// Walks an open directory; `device` is that of its parent.
    fn list(&mut self, path: &[u8], scope: Arc<Scope>, device: Option<u64>, fd: OwnedFd) {
        let Some((scope, device)) = self.enter(scope, device, &fd) else {
            return;
        };
        let mut directory = Directory::open(path, scope, device, false, fd);
        directory.holds_roots = self.nested.lies_in(&directory.prefix);
        let directory = Arc::new(directory);
        let deeper = directory.scope.child(self.run.plan);
        let mut buffer = std::mem::take(&mut self.buffer);
        while !self.run.is_cancelled() && directory.scope.is_open(self.run.plan) {
            let Some(At::Directory(fd)) = directory.at() else {
                break;
            };
            let filled = match sys::read_directory(fd, &mut buffer) {
                Ok(0) => break,
                Ok(filled) => &buffer[..filled],
                Err(error) => {
                    self.run.error("read", &directory.prefix, &error);
                    break;
                }
            };
            if let Some(deeper) = &deeper {
                self.remember_directories(&directory, deeper, filled);
            }
            self.files(&directory, filled);
        }
        self.buffer = buffer;
    }

    /// The scope for a directory, which depends on the file system: what the
    /// kernel makes up (`/proc`) is not read unless a search path lies in it.
    fn enter(
        &self,
        scope: Arc<Scope>,
        parent: Option<u64>,
        fd: &OwnedFd,
    ) -> Option<(Arc<Scope>, u64)> {
        if self.run.enters_pseudo {
            return Some((scope, 0));
        }
        let device = sys::stat_open(fd.as_fd()).map_or(0, |stat| stat.device);
        if parent.is_none_or(|parent| parent == device)
            || !sys::is_pseudo_file_system(fd.as_fd()).unwrap_or(false)
        {
            return Some((scope, device));
        }
        Some((scope.entering_pseudo(self.run.plan)?, device))
    }

    fn remember_directories(&self, directory: &Arc<Directory>, scope: &Arc<Scope>, filled: &[u8]) {
        let mut names = Vec::new();
        for (file_type, name) in sys::entries(filled) {
            let is_directory = match file_type {
                FileType::Directory => true,
                // Some file systems do not tell; the error comes up again when
                // the name is looked at as a file.
                FileType::Unknown => Target::new(directory, name)
                    .stat()
                    .is_ok_and(|stat| stat.file_type() == FileType::Directory),
                _ => false,
            };
            if is_directory && !self.is_root(directory, name) {
                names.extend_from_slice(name.to_bytes_with_nul());
            }
        }
        let directories = Directories::inside(directory, Arc::clone(scope), names);
        self.run.queue.push_directories(directories);
    }

    /// Whether a name is a search path of its own, see [`super::roots`].
    fn is_root(&self, directory: &Directory, name: &CStr) -> bool {
        directory.holds_roots && self.nested.contains(&directory.path_of(name.to_bytes()))
    }

    fn files(&mut self, directory: &Arc<Directory>, filled: &[u8]) {
        let nested = Arc::clone(&self.nested);
        let files = sys::entries(filled).filter(|(file_type, name)| match file_type {
            // A link is something else than what it leads to.
            FileType::Link => true,
            FileType::Regular | FileType::Unknown => {
                !(directory.holds_roots && nested.contains(&directory.path_of(name.to_bytes())))
            }
            _ => false,
        });
        self.look_at(directory, files);
    }
}

/// Tells the queue that a piece of work is finished, also when the thread
/// panics: the others must not wait for it for ever.
struct Done<'r>(&'r Run<'r>);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.queue.done();
    }
}
