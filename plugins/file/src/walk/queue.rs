//! What is still to do, shared by the threads. It stays small: directories are
//! walked depth first, files are only shared when a thread has nothing to do.

use super::directory::{Batch, Directories, Directory};
use super::roots::Root;
use crate::sys::Stat;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Large files that wait with their descriptors open, at most.
const MAX_LARGE: usize = 16;

/// A large file, opened, waiting to be read.
#[derive(Debug)]
pub struct Large {
    /// Where it was found.
    pub directory: Arc<Directory>,
    /// Its name there.
    pub name: CString,
    /// The open file.
    pub file: OwnedFd,
    /// What it was when it was opened.
    pub stat: Stat,
    /// It was found through a link.
    pub follow: bool,
}

/// A piece of work.
#[derive(Debug)]
pub enum Job {
    /// Read a large file.
    Large(Large),
    /// Look at files of a directory.
    Batch(Batch),
    /// Start at a path of a search.
    Root(Root),
    /// Walk a directory: its siblings' list, which knows the parent, and name.
    Directory(Arc<Directories>, CString),
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Threads that wait for work.
    hungry: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    large: Vec<Large>,
    batches: Vec<Batch>,
    roots: Vec<Root>,
    /// Lists of names that still have to be walked, deepest last, with the
    /// number of bytes of each list that are left.
    directories: Vec<(Arc<Directories>, usize)>,
    working: usize,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that can panic.
        self.state.lock().unwrap_or_else(|error| error.into_inner())
    }

    /// Whether a thread waits for work.
    pub fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed) > 0
    }

    /// Puts the roots in; they are taken in their order.
    pub fn push_roots(&self, mut roots: Vec<Root>) {
        roots.reverse();
        self.lock().roots = roots;
    }

    /// Puts directories in.
    pub fn push_directories(&self, directories: Directories) {
        let left = directories.names.len();
        if left > 0 {
            self.lock().directories.push((Arc::new(directories), left));
            self.wake();
        }
    }

    /// Puts files in for another thread.
    pub fn push_batch(&self, batch: Batch) {
        self.lock().batches.push(batch);
        self.wake();
    }

    /// Puts a large file in, or hands it back when too many wait already.
    pub fn push_large(&self, large: Large) -> Result<(), Large> {
        let mut state = self.lock();
        if state.large.len() >= MAX_LARGE {
            return Err(large);
        }
        // The largest is taken first: it would hold up the end.
        let place = state
            .large
            .partition_point(|other| other.stat.size <= large.stat.size);
        state.large.insert(place, large);
        drop(state);
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        if self.is_hungry() {
            self.changed.notify_one();
        }
    }

    /// The next piece of work, or `None` when all is done. The caller says
    /// with [`done`](Self::done) when it has finished it.
    pub fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.next() {
                state.working += 1;
                return Some(job);
            }
            if state.working == 0 {
                self.changed.notify_all();
                return None;
            }
            self.hungry.fetch_add(1, Ordering::Relaxed);
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(|error| error.into_inner());
            self.hungry.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A piece of work is finished.
    pub fn done(&self) {
        let mut state = self.lock();
        state.working -= 1;
        if state.working == 0 && state.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Throws away what is still to do.
    pub fn clear(&self) {
        let mut state = self.lock();
        let working = state.working;
        *state = State {
            working,
            ..State::default()
        };
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.large.is_empty()
            && self.batches.is_empty()
            && self.roots.is_empty()
            && self.directories.is_empty()
    }

    fn next(&mut self) -> Option<Job> {
        if let Some(large) = self.large.pop() {
            return Some(Job::Large(large));
        }
        if let Some(batch) = self.batches.pop() {
            return Some(Job::Batch(batch));
        }
        if let Some((directories, left)) = self.directories.last_mut() {
            let (name, rest) = directories.last_name(*left);
            let job = Job::Directory(Arc::clone(directories), name);
            *left = rest;
            if rest == 0 {
                self.directories.pop();
            }
            return Some(job);
        }
        self.roots.pop().map(Job::Root)
    }
}
