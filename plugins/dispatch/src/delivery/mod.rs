//! The thread that empties the buffer: one batch at a time, in order, until
//! somebody has taken it.

mod backoff;
mod occasional;

pub(crate) use occasional::Occasional;

use crate::configuration::Plan;
use crate::shared::Shared;
use crate::sink::{Client, Later, Sink, Verdict};
use crate::spool::{Entry, Fate};
use mig_plugin_sdk::{Service, abi::level};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// After so long without anything to send, connections and authorities are
/// given back.
const REST: Duration = Duration::from_secs(20);
/// After trouble with the disk.
const DISK: Duration = Duration::from_secs(5);

/// What the thread knows.
pub(crate) struct Delivery<'a> {
    plan: &'a Plan,
    shared: &'a Shared,
    service: &'a Service<'a>,
    client: &'a Client,
    sink: Box<dyn Sink + 'a>,
    /// What became of alerts whose batch is not settled yet.
    fates: BTreeMap<u64, Fate>,
    /// Alerts up to this one are sent alone: their batch was refused.
    alone: u64,
    /// Failed attempts in a row with the present batch.
    failures: u64,
    failing: Occasional,
    rejected: Occasional,
    disk: Occasional,
}

impl<'a> Delivery<'a> {
    pub fn new(
        plan: &'a Plan,
        shared: &'a Shared,
        service: &'a Service<'a>,
        client: &'a Client,
    ) -> Self {
        Self {
            plan,
            shared,
            service,
            client,
            sink: crate::sink::of(plan, client),
            fates: BTreeMap::new(),
            alone: 0,
            failures: 0,
            failing: Occasional::default(),
            rejected: Occasional::default(),
            disk: Occasional::default(),
        }
    }

    /// Delivers until the module ends.
    pub fn run(&mut self) {
        while !self.shared.stopping() {
            // Not in the match itself, which would keep the buffer locked.
            let waiting = self.shared.spool().waiting();
            let outcome = match waiting {
                0 => self.idle(),
                _ => self.step(),
            };
            if let Err(error) = outcome {
                self.shared.failed(format!("the buffer: {error}"));
                if self.disk.say(1).is_some() {
                    let line = format!("cannot read or change the buffer: {error}");
                    self.say(level::ERROR, &line);
                }
                self.shared.wait(Some(DISK), |_| false);
            }
            self.shared.report(self.service, false);
        }
    }

    /// Waits for alerts. Whoever has nothing to do is not woken up.
    fn idle(&mut self) -> io::Result<()> {
        self.shared.report(self.service, true);
        let work = |waiting: u64| waiting > 0;
        if self.shared.wait(Some(REST), work) {
            return Ok(());
        }
        self.client.rest();
        self.shared.spool().sync()?;
        crate::sys::give_back();
        self.shared.wait(None, work);
        Ok(())
    }

    /// One attempt with the next batch.
    fn step(&mut self) -> io::Result<()> {
        let (batch, identity) = self.read()?;
        let open: Vec<&Entry> = batch
            .iter()
            .filter(|entry| !self.fates.contains_key(&entry.sequence))
            .collect();
        if open.is_empty() {
            return self.settle(&batch);
        }
        if self.failures > 0 {
            self.shared.spool().retrying(open.len())?;
        }
        let verdicts = self.sink.send(identity, &open);
        if self.shared.stopping()
            && verdicts
                .iter()
                .all(|verdict| matches!(verdict, Verdict::Later(_)))
        {
            return Ok(());
        }
        let later = self.note(&open, verdicts);
        if let Some(later) = later {
            self.failures += 1;
            if self.plan.retry.most == 0 || self.failures <= self.plan.retry.most {
                self.pause(&later, open.len());
                return Ok(());
            }
            self.give_up(&open, &later);
        } else {
            self.recovered();
        }
        self.settle(&batch)
    }

    fn read(&mut self) -> io::Result<(Vec<Entry>, u64)> {
        let mut spool = self.shared.spool();
        let most = match spool.progress().position < self.alone {
            true => 1,
            false => self.sink.most(),
        };
        let batch = spool.read(most, self.sink.bytes())?;
        Ok((batch, spool.identity()))
    }

    /// Keeps what became of each alert; gives back why some have to be sent
    /// again.
    fn note(&mut self, open: &[&Entry], verdicts: Vec<Verdict>) -> Option<Later> {
        let all = open.len();
        let refused = |verdict: &Verdict| matches!(verdict, Verdict::Rejected(_));
        if all > 1 && verdicts.iter().all(refused) {
            // One of them may have spoilt it for the others.
            self.alone = open.last().map_or(0, |entry| entry.sequence);
            return None;
        }
        let mut later = None;
        for (entry, verdict) in open.iter().zip(verdicts) {
            match verdict {
                Verdict::Delivered => {
                    self.fates.insert(entry.sequence, Fate::Delivered);
                }
                Verdict::Rejected(reason) => {
                    self.fates.insert(entry.sequence, Fate::Rejected);
                    self.shared.failed(format!("refused: {reason}"));
                    if let Some(count) = self.rejected.say(1) {
                        let line = format!(
                            "{count} alerts refused for good, the last one of {}: {reason}",
                            entry.source
                        );
                        self.say(level::WARNING, &line);
                    }
                }
                Verdict::Later(reason) => later = Some(reason),
            }
        }
        later
    }

    fn pause(&mut self, later: &Later, count: usize) {
        let retry = self.plan.retry;
        let time = match later.wait {
            Some(wish) => backoff::asked(retry, wish),
            None => backoff::pause(retry, self.failures),
        };
        self.shared.failed(later.reason.clone());
        if self.failing.say(1).is_some() {
            let waiting = self.shared.spool().waiting();
            let line = format!(
                "cannot deliver to {}: {}; {waiting} alerts wait, next attempt with {count} in {time:.1?}",
                self.plan.target.name(),
                later.reason
            );
            self.say(level::WARNING, &line);
        }
        self.shared.report(self.service, true);
        self.shared.wait(Some(time), |_| false);
    }

    fn give_up(&mut self, open: &[&Entry], later: &Later) {
        let mut count = 0;
        for entry in open {
            self.fates.entry(entry.sequence).or_insert_with(|| {
                count += 1;
                Fate::Dropped
            });
        }
        self.shared.failed(later.reason.clone());
        let line = format!(
            "{count} alerts given up after {} attempts (`retrymax`): {}",
            self.failures, later.reason
        );
        self.say(level::WARNING, &line);
        self.failures = 0;
    }

    fn recovered(&mut self) {
        self.shared.succeeded();
        if self.failures > 0 {
            let line = format!(
                "{} answers again after {} failed attempts",
                self.plan.target.name(),
                self.failures
            );
            self.say(level::INFO, &line);
            self.failures = 0;
            self.failing = Occasional::default();
        }
    }

    /// Settles a batch once the fate of all of it is known.
    fn settle(&mut self, batch: &[Entry]) -> io::Result<()> {
        let decided = |entry: &Entry| self.fates.contains_key(&entry.sequence);
        let Some(last) = batch.last().filter(|_| batch.iter().all(decided)) else {
            return Ok(());
        };
        let rest = self.fates.split_off(&(last.sequence + 1));
        let fates = std::mem::replace(&mut self.fates, rest);
        self.shared.spool().settle(&fates)
    }

    fn say(&self, level: u32, line: &str) {
        self.service.session().log(level, line);
    }
}
