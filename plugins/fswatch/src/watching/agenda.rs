//! Files that something is due for, each at most once.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// A directory's number and a name in it.
pub type Key = (u32, Box<OsStr>);

/// What is due when.
#[derive(Debug, Default)]
pub struct Agenda {
    due: BTreeMap<(Instant, u64), Key>,
    waiting: HashSet<Key>,
    added: u64,
}

impl Agenda {
    /// Adds a file; one that is there already keeps its time.
    pub fn add(&mut self, key: Key, at: Instant) {
        if self.waiting.insert(key.clone()) {
            self.added += 1;
            self.due.insert((at, self.added), key);
        }
    }

    /// A file whose time has come.
    pub fn take(&mut self, now: Instant) -> Option<Key> {
        let first = self.due.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let key = first.remove();
        self.waiting.remove(&key);
        Some(key)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.due.len()
    }
}

/// A random time of at most `longest`: machines that all get the same update
/// shall not all read it at the same moment.
pub fn jitter(longest: Duration) -> Duration {
    // The standard library's keys are random; nothing here needs to be secret.
    let random = RandomState::new().hash_one(0_u8) >> 32;
    longest.mul_f64(random as f64 / f64::from(u32::MAX))
}
