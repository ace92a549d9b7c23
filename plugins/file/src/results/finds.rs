//! Hits, kept small: a run may have hundreds of thousands.

use crate::sys::Stat;

/// The hits of one thread, by search.
#[derive(Debug)]
pub struct Finds {
    searches: Vec<OfSearch>,
}

#[derive(Debug, Default)]
struct OfSearch {
    /// All paths, one behind the other.
    paths: Vec<u8>,
    files: Vec<File>,
    /// Check and file.
    hits: Vec<(u32, u32)>,
    /// SHA-256 values, where the search returns them.
    sums: Vec<[u8; 32]>,
}

#[derive(Debug)]
struct File {
    path_end: usize,
    size: u64,
    seconds: i64,
    nanoseconds: u32,
    mode: u32,
    /// Number of its SHA-256, from 1.
    sum: u32,
}

/// One hit, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Find<'f> {
    /// Path as it was walked.
    pub path: &'f [u8],
    /// Size in bytes.
    pub size: u64,
    /// Modification time, seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// `st_mode`.
    pub mode: u32,
    /// Checksum, if the search returns it.
    pub sha256: Option<&'f [u8; 32]>,
}

/// A hit by number, to sort.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub check: u32,
    pub thread: u32,
    pub file: u32,
}

impl Finds {
    /// Nothing found yet in so many searches.
    pub fn new(searches: usize) -> Self {
        Self {
            searches: (0..searches).map(|_| OfSearch::default()).collect(),
        }
    }

    /// Notes a file and the checks that hold for it. With `matchall` that is
    /// check 0 for all.
    pub fn add(
        &mut self,
        search: usize,
        path: [&[u8]; 2],
        stat: &Stat,
        sha256: Option<[u8; 32]>,
        checks: impl IntoIterator<Item = usize>,
    ) {
        let found = &mut self.searches[search];
        // Four thousand million hits would have filled the memory long before.
        let file = u32::try_from(found.files.len()).unwrap_or(u32::MAX);
        path.iter()
            .for_each(|part| found.paths.extend_from_slice(part));
        if let Some(sum) = sha256 {
            found.sums.push(sum);
        }
        found.files.push(File {
            path_end: found.paths.len(),
            size: stat.size,
            seconds: stat.seconds,
            nanoseconds: stat.nanoseconds,
            mode: stat.mode,
            sum: match sha256 {
                Some(_) => u32::try_from(found.sums.len()).unwrap_or(0),
                None => 0,
            },
        });
        for check in checks {
            found
                .hits
                .push((u32::try_from(check).unwrap_or(u32::MAX), file));
        }
    }

    fn find(&self, search: usize, file: u32) -> Find<'_> {
        let found = &self.searches[search];
        let index = file as usize;
        let start = match index {
            0 => 0,
            index => found.files[index - 1].path_end,
        };
        let file = &found.files[index];
        Find {
            path: &found.paths[start..file.path_end],
            size: file.size,
            mtime: (file.seconds, file.nanoseconds),
            mode: file.mode,
            sha256: (file.sum as usize)
                .checked_sub(1)
                .map(|number| &found.sums[number]),
        }
    }
}

/// The hits of all threads for a search, sorted by check and path, each once.
pub(super) fn sorted(threads: &[Finds], search: usize) -> Vec<Place> {
    let total = threads
        .iter()
        .map(|finds| finds.searches[search].hits.len())
        .sum();
    let mut places = Vec::with_capacity(total);
    for (thread, finds) in threads.iter().enumerate() {
        let thread = u32::try_from(thread).unwrap_or(u32::MAX);
        places.extend(
            finds.searches[search]
                .hits
                .iter()
                .map(|&(check, file)| Place {
                    check,
                    thread,
                    file,
                }),
        );
    }
    let key = |place: &Place| (place.check, at(threads, search, *place).path);
    places.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    places.dedup_by(|a, b| key(a) == key(b));
    places
}

/// The hit at a place.
pub(super) fn at(threads: &[Finds], search: usize, place: Place) -> Find<'_> {
    threads[place.thread as usize].find(search, place.file)
}

/// The paths of all threads for a search, each once, sorted bytewise.
pub fn paths(threads: &[Finds], search: usize) -> Vec<Vec<u8>> {
    let places = sorted(threads, search);
    let mut paths: Vec<Vec<u8>> = places
        .into_iter()
        .map(|place| at(threads, search, place).path.to_vec())
        .collect();
    // With checks that report alone, a file may be there for several of them.
    paths.sort_unstable();
    paths.dedup();
    paths
}
