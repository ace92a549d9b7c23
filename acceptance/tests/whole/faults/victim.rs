//! What is killed, and where in the life of actions that hit.

use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use mig_testkit::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt;
use rand::rngs::StdRng;

use super::batch::{Batch, Launched, until};
use crate::setup::database::Database;
use crate::setup::{AGENT, PATIENCE, Whole};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Server,
    Agent,
    Worker,
    Both,
}

/// When the kill comes.
pub enum Moment {
    /// Some time after the start.
    Time(Duration),
    /// Some time after the command of this action was made.
    Command(String, Duration),
}

impl Moment {
    /// Early and late in the life of a batch's actions.
    pub fn choose(batch: &Batch, random: &mut StdRng) -> Self {
        if random.random_bool(0.5) {
            return Self::Time(batch.duration().mul_f64(random.random_range(0.0..1.0)));
        }
        let wish = &batch.wishes[random.random_range(0..batch.wishes.len())];
        let after = Duration::from_millis(random.random_range(0..200));
        Self::Command(wish.name.clone(), after)
    }

    /// Lets it come.
    fn come(&self, database: &Database) {
        let after = match self {
            Self::Time(after) => *after,
            Self::Command(name, after) => {
                wait_until("the command", PATIENCE, || {
                    database
                        .commands()
                        .iter()
                        .any(|command| command.name == *name)
                });
                *after
            }
        };
        until(Instant::now() + after);
    }
}

impl Victim {
    pub const ALL: [Self; 4] = [Self::Server, Self::Agent, Self::Worker, Self::Both];

    /// Kills it at the moment, starts again what does not start by itself, and
    /// counts what was hit.
    pub fn strike(
        self,
        whole: &mut Whole,
        batch: &Batch,
        launched: &Launched,
        moment: &Moment,
        random: &mut StdRng,
    ) -> Points {
        moment.come(&Database::of(whole.site.directory()));
        if self == Self::Worker {
            return kill_workers(whole, batch, launched, random);
        }
        let (server, agent) = match self {
            Self::Server => (true, false),
            Self::Agent => (false, true),
            Self::Worker | Self::Both => (true, true),
        };
        let agent_first = random.random_bool(0.5);
        if agent && agent_first {
            whole.agent.kill().unwrap();
        }
        if server {
            whole.server.kill().unwrap();
        }
        if agent && !agent_first {
            whole.agent.kill().unwrap();
        }
        let points = Points::of(batch, launched, &Database::of(whole.site.directory()));
        // Either may be back first.
        if agent && agent_first {
            whole.agent = whole.site.start_agent(AGENT).unwrap();
        }
        if server {
            whole.server = whole.site.start_server().unwrap();
        }
        if agent && !agent_first {
            whole.agent = whole.site.start_agent(AGENT).unwrap();
        }
        points
    }
}

/// Waits for the next workers and kills each with a chance of three in four; none
/// when every module has ended already.
fn kill_workers(
    whole: &mut Whole,
    batch: &Batch,
    launched: &Launched,
    random: &mut StdRng,
) -> Points {
    let agent = whole.agent.id();
    let database = Database::of(whole.site.directory());
    let mut found = Vec::new();
    let appeared = whole.agent.wait_until("a worker", PATIENCE, || {
        found = children(agent);
        !found.is_empty() || is_over(batch, launched, &database)
    });
    appeared.unwrap();
    let mut points = Points::default();
    for worker in found {
        if random.random_bool(0.75) && kill(worker, Signal::SIGKILL).is_ok() {
            points.workers += 1;
        }
    }
    points
}

/// Whether all posts have begun and all commands are over.
fn is_over(batch: &Batch, launched: &Launched, database: &Database) -> bool {
    let actions = database.actions();
    batch.wishes.iter().all(|wish| {
        launched.has_begun(&wish.name)
            && actions
                .iter()
                .any(|action| action.name == wish.name && action.is_over())
    })
}

/// The children of a process.
fn children(parent: u32) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent))
        .map(Pid::from_raw)
        .collect()
}

/// The parent of a process, unless that has ended.
fn parent_of(pid: i32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; state and parent follow.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let alive = fields.next()? != "Z";
    fields.next()?.parse().ok().filter(|_| alive)
}

/// How many actions were hit, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Points {
    /// Post begun, not stored yet.
    posting: usize,
    /// Stored, without commands yet.
    pending: usize,
    /// The command is in the outbox.
    outbox: usize,
    /// The command is on its way, with the agent, or its answer on its way.
    sent: usize,
    /// Workers killed.
    pub workers: usize,
}

impl Points {
    /// What there was in the database when the kill hit.
    fn of(batch: &Batch, launched: &Launched, database: &Database) -> Self {
        let mut points = Self::default();
        let (actions, commands) = (database.actions(), database.commands());
        let outbox = database.outbox();
        for wish in &batch.wishes {
            if !launched.has_begun(&wish.name) {
                continue;
            }
            let command = commands.iter().find(|command| command.name == wish.name);
            match command {
                Some(command) if command.is_over() => {}
                Some(command) if outbox.contains(&command.id) => points.outbox += 1,
                Some(_) => points.sent += 1,
                None if actions.iter().any(|action| action.name == wish.name) => {
                    points.pending += 1;
                }
                None => points.posting += 1,
            }
        }
        points
    }

    /// All together.
    pub fn total(self) -> usize {
        self.posting + self.pending + self.outbox + self.sent + self.workers
    }
}

impl AddAssign for Points {
    fn add_assign(&mut self, more: Self) {
        self.posting += more.posting;
        self.pending += more.pending;
        self.outbox += more.outbox;
        self.sent += more.sent;
        self.workers += more.workers;
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} points ({} posting, {} pending, {} in the outbox, {} sent, {} workers)",
            self.total(),
            self.posting,
            self.pending,
            self.outbox,
            self.sent,
            self.workers
        )
    }
}
