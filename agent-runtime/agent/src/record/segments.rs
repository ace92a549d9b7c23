//! The files of one part of the record: `PART-NUMBER.jsonl`, where NUMBER is
//! that of the first line in the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::line::{Line, MAX_LINE, NOTHING, Sum, sum};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Number of its first line.
    pub first: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Makes the directory, for its owner alone. One that exists keeps its mode: who
/// opens it to a group means it.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

pub(super) fn path(directory: &Path, part: &str, first: u64) -> PathBuf {
    directory.join(format!("{part}-{first:012}.jsonl"))
}

/// The files of a part, oldest first.
pub(super) fn list(directory: &Path, part: &str) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let first = name
            .to_str()
            .and_then(|name| name.strip_prefix(part)?.strip_prefix('-'))
            .and_then(|name| name.strip_suffix(".jsonl"))
            .and_then(|number| number.parse().ok());
        if let Some(first) = first
            && let Ok(meta) = entry.metadata()
            && meta.is_file()
        {
            segments.push(Segment {
                first,
                bytes: meta.len(),
            });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// Opens a file for appending; a new one can be read by whom the directory is
/// open to.
pub(super) fn open(directory: &Path, part: &str, first: u64) -> io::Result<File> {
    let group = fs::metadata(directory)?.mode() & 0o040;
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600 | group)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path(directory, part, first))
}

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// Bytes up to the last line feed.
    pub whole: u64,
    /// Number of the line after the last one.
    pub next: u64,
    /// Sum of the last line.
    pub head: Sum,
}

/// Looks at the end of a file whose first line has the number `first`. The sum
/// is none when the file has no whole line.
pub(super) fn ending(file: &mut File, first: u64) -> io::Result<(Ending, bool)> {
    let size = file.metadata()?.len();
    // The last whole line and a torn one behind it.
    let from = size.saturating_sub(2 * MAX_LINE as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    Read::by_ref(file)
        .take(size - from)
        .read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else {
        let ending = Ending {
            whole: 0,
            next: first,
            head: NOTHING,
        };
        return Ok((ending, false));
    };
    let begin = tail[..end]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let last = &tail[begin..end];
    let next = match Line::read(last) {
        Ok(line) => line.n.saturating_add(1),
        // Somebody changed it; the lines are counted instead.
        Err(_) => first.saturating_add(count_lines(file)?),
    };
    let ending = Ending {
        whole: from + end as u64 + 1,
        next,
        head: sum(last),
    };
    Ok((ending, true))
}

fn count_lines(file: &mut File) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut lines = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}
