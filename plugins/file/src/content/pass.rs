//! Reading one file, once.

use super::channel::{Channel, Interest, Matchers};
use super::inflate::{Damage, Inflater, MAGIC};
use crate::checks::{Algorithm, Digest, Plan, Test};
use crate::sys;
use std::io;
use std::os::fd::BorrowedFd;

/// Why a file could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The operating system failed.
    #[error("{}", sys::reason(.0))]
    Read(#[from] io::Error),
    /// The gzip file is damaged.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The run is to end.
    #[error("cancelled")]
    Cancelled,
}

/// What is read.
#[derive(Clone, Copy)]
pub enum Subject<'fd> {
    /// An open regular file and its size when it was opened. A file of known
    /// size is read up to that size, so one that grows comes to an end.
    File(BorrowedFd<'fd>, u64),
    /// Something without lines, such as a link to a directory.
    Nothing,
}

/// What came out for one search.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Content checks and checksum checks that hold, by number of the check.
    pub holding: Vec<usize>,
    /// Every check of these kinds holds.
    pub all: bool,
    /// SHA-256, if the search returns it.
    pub sha256: Option<[u8; 32]>,
}

/// The inside of a gzip file that somebody wants.
enum Inside {
    None,
    Open(Box<Inflater>),
    Damaged(Damage),
}

/// Reads files for one thread.
pub struct Pass<'p> {
    plan: &'p Plan,
    matchers: Matchers<'p>,
    plain: Channel<'p>,
    inflated: Channel<'p>,
    cancelled: &'p (dyn Fn() -> bool + Sync),
}

impl<'p> Pass<'p> {
    /// Prepares a thread.
    pub fn new(plan: &'p Plan, cancelled: &'p (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            plan,
            matchers: Matchers::new(plan),
            plain: Channel::new(plan),
            inflated: Channel::new(plan),
            cancelled,
        }
    }

    /// Reads a subject for `searches`. The outcome of each, in this order, goes
    /// to `report`, also after an error: what was decided before it counts,
    /// what was not does not hold.
    ///
    /// # Errors
    /// When the file could not be read to its end and something depended on it.
    pub fn run(
        &mut self,
        subject: Subject<'_>,
        searches: &[usize],
        mut report: impl FnMut(usize, Verdicts),
    ) -> Result<(), PassError> {
        self.plain.start();
        self.inflated.start();
        let outcome = match subject {
            Subject::File(fd, size) => self.read(fd, size, searches),
            Subject::Nothing => {
                self.assign(searches, false);
                self.plain.search(&mut self.matchers, 0, true);
                self.plain.end_of_lines();
                Ok(())
            }
        };
        // Only what was seen to its end has a checksum.
        let file = matches!(subject, Subject::File(..));
        let undamaged = file && matches!(outcome, Ok(()) | Err(PassError::Damage(_)));
        let plain = undamaged.then(|| self.plain.digests.finish());
        let inflated = (file && outcome.is_ok()).then(|| self.inflated.digests.finish());
        for &search in searches {
            let inside = self.inflated.interests.iter().any(|i| i.search == search);
            let (channel, digests) = match inside {
                true => (&self.inflated, &inflated),
                false => (&self.plain, &plain),
            };
            report(search, self.verdicts(search, channel, digests.as_deref()));
        }
        outcome
    }

    fn assign(&mut self, searches: &[usize], gzip: bool) {
        for &search in searches {
            let interest = Interest {
                search,
                alive: true,
            };
            if gzip && self.plan.searches[search].decompress {
                self.inflated.interests.push(interest);
            } else {
                self.plain.interests.push(interest);
            }
        }
        self.plain.begin();
        self.inflated.begin();
    }

    fn read(&mut self, fd: BorrowedFd<'_>, size: u64, searches: &[usize]) -> Result<(), PassError> {
        let mut inside = Inside::None;
        let mut total = 0;
        loop {
            let room = self.plain.room();
            // A file of size 0 may have content all the same (/proc).
            let left = match size {
                0 => u64::MAX,
                size => size - total,
            };
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
            let count = sys::read(fd, &mut room[..most])?;
            let first = total == 0;
            total += count as u64;
            let last = count == 0 || total == size;
            if first {
                let gzip = self.plain.fresh(count).starts_with(&MAGIC);
                self.assign(searches, gzip);
                if !self.inflated.interests.is_empty() {
                    inside = Inside::Open(Box::new(Inflater::new()));
                }
            }
            if let Inside::Open(inflater) = &mut inside
                && let Err(damage) = inflate(
                    inflater,
                    &self.plain,
                    &mut self.inflated,
                    &mut self.matchers,
                    count,
                )
            {
                // The searches that want the file as it is go on.
                inside = Inside::Damaged(damage);
            }
            // When everything is in the buffer, the cheaper question comes
            // first: a file without a matching line needs no checksum.
            let whole = first && last;
            if !whole {
                self.plain.hash(count);
            }
            self.plain.search(&mut self.matchers, count, last);
            if last {
                self.plain.end_of_lines();
                if whole {
                    self.plain.hash_front(count);
                }
                return self.end_of_inside(inside);
            }
            let inside_done = !matches!(inside, Inside::Open(_)) || self.inflated.is_done();
            if self.plain.is_done() && inside_done {
                return match inside {
                    Inside::Damaged(damage) => Err(damage.into()),
                    _ => Ok(()),
                };
            }
            if (self.cancelled)() {
                return Err(PassError::Cancelled);
            }
        }
    }

    fn end_of_inside(&mut self, inside: Inside) -> Result<(), PassError> {
        match inside {
            Inside::None => Ok(()),
            Inside::Damaged(damage) => Err(damage.into()),
            Inside::Open(_) if self.inflated.is_done() => Ok(()),
            Inside::Open(inflater) => {
                inflater.finish()?;
                self.inflated.search(&mut self.matchers, 0, true);
                self.inflated.end_of_lines();
                Ok(())
            }
        }
    }

    fn verdicts(
        &self,
        search: usize,
        channel: &Channel<'_>,
        digests: Option<&[(Algorithm, Digest)]>,
    ) -> Verdicts {
        let plan = &self.plan.searches[search];
        let digest = |wanted: Algorithm| {
            digests?
                .iter()
                .find(|(algorithm, _)| *algorithm == wanted)
                .map(|(_, digest)| digest)
        };
        let mut verdicts = Verdicts::default();
        for &number in &plan.reading_checks {
            let check = &plan.checks[number];
            let holds = match &check.test {
                Test::Lines(line, content) => content.verdict(channel.lines(*line)) == Some(true),
                Test::Digest(algorithm, value) => {
                    digest(*algorithm).is_some_and(|digest| digest != value)
                }
                _ => false,
            };
            if holds {
                verdicts.holding.push(number);
            }
        }
        // However many checksums there are, each digest is one look-up.
        for (algorithm, value) in digests.into_iter().flatten() {
            for (known, numbers) in &plan.by_digest {
                if known == algorithm
                    && let Some(numbers) = numbers.get(value)
                {
                    verdicts.holding.extend(numbers);
                }
            }
        }
        verdicts.all = verdicts.holding.len() == plan.reading_count;
        if plan.returns_sha256
            && let Some(value) = digest(Algorithm::Sha256)
        {
            verdicts.sha256 = value.as_ref().try_into().ok();
        }
        verdicts
    }
}

/// Inflates the bytes just read and hands them on.
fn inflate<'p>(
    inflater: &mut Inflater,
    from: &Channel<'p>,
    into: &mut Channel<'p>,
    matchers: &mut Matchers<'p>,
    count: usize,
) -> Result<(), Damage> {
    let mut input = from.fresh(count);
    while !into.is_done() {
        let step = inflater.step(input, into.room())?;
        input = &input[step.read..];
        if step.written > 0 {
            into.hash(step.written);
            into.search(matchers, step.written, false);
        } else if input.is_empty() {
            break;
        }
    }
    Ok(())
}
