//! `mig-agent history`: the record for people and for programs.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mig_protocol::Time;
use thiserror::Error;

use super::entry::Entry;
use super::line::Line;
use super::reader::{Part, Read, Verdict};
use super::{DIRECTORY, PARTS, show};

/// Which entries are wanted, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Not before this.
    pub since: Option<Time>,
    /// So many at most, the newest; 0 for all.
    pub last: usize,
    /// Only what is about this module.
    pub module: Option<String>,
    /// Only refusals.
    pub refused: bool,
    /// Only alerts.
    pub alerts: bool,
    /// Whole texts.
    pub full: bool,
    /// The lines as they are.
    pub json: bool,
}

/// Why the record cannot be shown.
#[derive(Debug, Error)]
pub enum TellError {
    /// It is not for this user.
    #[error(
        "cannot read the owner's record in {}: {source}; run this as the user mig-agent runs as",
        path.display()
    )]
    Read {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is none.
    #[error("there is no owner's record in {}: no agent has run with this configuration", .0.display())]
    None(PathBuf),
    /// Nobody reads what is written.
    #[error("cannot write the history: {0}")]
    Output(io::Error),
}

/// Writes what is wanted of the record in `run_directory` to `output`, the
/// newest last, and what there is to say about its chain to `remarks`. True when
/// the chain holds.
///
/// # Errors
/// The record cannot be read, or nothing written.
pub fn history(
    run_directory: &Path,
    wanted: &Wanted,
    output: &mut impl Write,
    remarks: &mut impl Write,
) -> Result<bool, TellError> {
    let directory = run_directory.join(DIRECTORY);
    let failed = |source| TellError::Read {
        path: directory.clone(),
        source,
    };
    match std::fs::metadata(&directory) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(TellError::None(directory));
        }
        Err(error) => return Err(failed(error)),
    }
    let mut merged = Merged::open(&directory).map_err(failed)?;
    let mut kept = VecDeque::new();
    let mut earlier = 0_u64;
    while let Some(read) = merged.next().map_err(failed)? {
        if !fits(wanted, &read.line) {
            continue;
        }
        if wanted.last == 0 {
            print(wanted, &read, output).map_err(TellError::Output)?;
            continue;
        }
        if kept.len() == wanted.last {
            kept.pop_front();
            earlier += 1;
        }
        kept.push_back(read);
    }
    for read in &kept {
        print(wanted, read, output).map_err(TellError::Output)?;
    }
    output.flush().map_err(TellError::Output)?;
    let verdicts = merged.verdicts();
    if earlier > 0 {
        let shown = kept.len();
        writeln!(
            remarks,
            "the last {shown} entries; {earlier} earlier ones with -last 0"
        )
        .map_err(TellError::Output)?;
    }
    for verdict in &verdicts {
        write!(remarks, "{}", show::verdict(verdict)).map_err(TellError::Output)?;
    }
    Ok(verdicts.iter().all(Verdict::is_intact))
}

fn print(wanted: &Wanted, read: &Read, output: &mut impl Write) -> io::Result<()> {
    if wanted.json {
        writeln!(output, "{}", show::escaped(&read.raw))
    } else {
        output.write_all(show::block(&read.line, wanted.full).as_bytes())
    }
}

fn fits(wanted: &Wanted, line: &Line) -> bool {
    if let Some(since) = wanted.since
        && Time::parse(&line.time).is_ok_and(|time| time < since)
    {
        return false;
    }
    let refused = matches!(line.entry, Entry::Refused(_));
    let alert = matches!(line.entry, Entry::Alert { .. } | Entry::Dropped { .. });
    if (wanted.refused || wanted.alerts) && !(wanted.refused && refused || wanted.alerts && alert) {
        return false;
    }
    match &wanted.module {
        Some(module) => is_about(&line.entry, module),
        None => true,
    }
}

fn is_about(entry: &Entry, wanted: &str) -> bool {
    let same = |module: &String| module.eq_ignore_ascii_case(wanted);
    match entry {
        Entry::Accepted(accepted) => same(&accepted.module),
        Entry::Ended(ended) => same(&ended.module),
        Entry::Refused(refused) => refused
            .claimed
            .as_ref()
            .is_some_and(|claimed| claimed.modules.iter().any(same)),
        Entry::Alert { module, .. } | Entry::Dropped { module, .. } => same(module),
        _ => false,
    }
}

/// The parts side by side, in the order of time. Each keeps its own order, even
/// where a clock was set back.
struct Merged(Vec<(Part, Option<Ahead>)>);

/// The next line of a part, and its time if that is one.
type Ahead = (Option<Time>, Read);

impl Merged {
    fn open(directory: &Path) -> io::Result<Self> {
        let mut parts = Vec::new();
        for (name, _) in PARTS {
            let mut part = Part::open(directory, name)?;
            let first = Self::ahead(&mut part)?;
            parts.push((part, first));
        }
        Ok(Self(parts))
    }

    fn ahead(part: &mut Part) -> io::Result<Option<Ahead>> {
        Ok(part
            .read()?
            .map(|read| (Time::parse(&read.line.time).ok(), read)))
    }

    fn next(&mut self) -> io::Result<Option<Read>> {
        let oldest = self
            .0
            .iter_mut()
            .filter(|(_, ahead)| ahead.is_some())
            .min_by_key(|(_, ahead)| ahead.as_ref().map(|(time, _)| *time));
        let Some((part, ahead)) = oldest else {
            return Ok(None);
        };
        let next = Self::ahead(part)?;
        Ok(std::mem::replace(ahead, next).map(|(_, read)| read))
    }

    fn verdicts(self) -> Vec<Verdict> {
        self.0.into_iter().map(|(part, _)| part.verdict()).collect()
    }
}
