//! What happened, written as it happens: a line for each event, of which not
//! even SIGKILL loses one that was written. Reading it gives the ledger of a
//! swarm of another process, also of one that was killed and started again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::ledger::{AgentLedger, Counts, Ledger};
use crate::member::{known, skew_of};
use crate::scenario::Mix;
use crate::seen::Event;

/// Begins a life of the process.
const LIFE: &str = "life";
/// Says of an agent that the network failed for all and cut its connection.
const OUTAGE: &str = "outage";

/// Writes a diary.
#[derive(Debug)]
pub(crate) struct Pen {
    path: PathBuf,
    file: File,
}

impl Pen {
    /// Opens a diary, which may have been used before, and notes that a life
    /// begins.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let pen = Self {
            path: path.to_owned(),
            file,
        };
        // First an end to a line that a kill may have cut.
        (&pen.file).write_all(format!("\n{LIFE}\n").as_bytes())?;
        Ok(pen)
    }

    /// Writes one event.
    pub fn note(&self, agent: usize, event: Event, id: u64) {
        self.write(&format!("{} {agent} {id}\n", event.word()));
    }

    /// Writes that an outage cut the connection of an agent.
    pub fn note_outage(&self, agent: usize) {
        self.write(&format!("{OUTAGE} {agent}\n"));
    }

    fn write(&self, line: &str) {
        // In one piece: all agents write to the same file.
        if let Err(error) = (&self.file).write_all(line.as_bytes()) {
            // Whoever holds this against a database would be misled.
            eprintln!("mig-swarm: {}: {error}", self.path.display());
            std::process::exit(1);
        }
    }
}

/// The diary of a swarm in another process, read as it grows.
#[derive(Debug)]
pub struct Diary {
    path: PathBuf,
    at: u64,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
    lives: u32,
    ledger: Ledger,
}

impl Diary {
    /// The diary at `path` of a swarm that was started with so many agents, this
    /// seed and this mix. The file need not be there yet.
    pub fn new(path: &Path, agents: usize, seed: u64, mix: &Mix) -> Self {
        let kinds = mix.assign(agents, seed).into_iter();
        let names = known(seed, agents).into_iter();
        let agents = names.zip(kinds).enumerate();
        let agents = agents.map(|(number, ((name, queueloc), scenario))| AgentLedger {
            number,
            name,
            queueloc,
            scenario,
            skew: skew_of(scenario, seed, number),
            counts: Counts::default(),
            commands: Default::default(),
            lies: Default::default(),
        });
        Self {
            path: path.to_owned(),
            at: 0,
            rest: Vec::new(),
            lives: 0,
            ledger: Ledger {
                agents: agents.collect(),
            },
        }
    }

    /// What has happened until now. Of the counts there are those of deliveries,
    /// runs, refusals, confirmations and outages.
    ///
    /// # Errors
    /// The file cannot be read, or is no diary of this swarm.
    pub fn read(&mut self) -> io::Result<&Ledger> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(&self.ledger),
            file => file?,
        };
        file.seek(SeekFrom::Start(self.at))?;
        self.at += file.read_to_end(&mut self.rest)? as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(&self.ledger);
        };
        let rest = self.rest.split_off(end + 1);
        let lines = std::mem::replace(&mut self.rest, rest);
        let lines = String::from_utf8_lossy(&lines).into_owned();
        let mut lines = lines.lines().peekable();
        while let Some(line) = lines.next() {
            // What a kill cut may still look like an event, of another command.
            let cut = lines.peek() == Some(&LIFE);
            if !cut && !self.take(line) {
                let reason = format!("{}: `{line}` is no event", self.path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
        }
        Ok(&self.ledger)
    }

    /// How often the process was started.
    pub fn lives(&self) -> u32 {
        self.lives
    }

    /// Takes a line; false when it is none.
    fn take(&mut self, line: &str) -> bool {
        if line == LIFE {
            self.lives += 1;
            let agents = self.ledger.agents.iter_mut();
            agents
                .flat_map(|agent| agent.commands.values_mut())
                .for_each(|seen| seen.begin_life());
            return true;
        }
        let mut words = line.split(' ');
        let (word, agent, id) = (words.next(), words.next(), words.next());
        let agent = agent.and_then(|word| word.parse::<usize>().ok());
        let agent = agent.and_then(|number| self.ledger.agents.get_mut(number));
        if word == Some(OUTAGE) {
            let noted = agent.map(|agent| agent.counts.note_outage());
            return noted.is_some();
        }
        let event = word.and_then(Event::of);
        let id = id.and_then(|word| word.parse::<u64>().ok());
        match (event, agent, id) {
            (None, ..) => line.is_empty(),
            (Some(event), Some(agent), Some(id)) => {
                agent.note(event, id);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diary_is_read_as_it_grows_and_across_kills() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("diary");
        let mix: Mix = "steady=1,slow=1".parse().unwrap();
        let mut diary = Diary::new(&path, 4, 7, &mix);
        assert!(diary.read().unwrap().agents[1].commands.is_empty());

        let pen = Pen::open(&path).unwrap();
        pen.note(1, Event::Received, 90);
        pen.note(1, Event::ExecutedOnce, 90);
        (&pen.file).write_all(b"recei").unwrap();
        let seen = diary.read().unwrap().agents[1].commands[&90].clone();
        assert_eq!((seen.received, seen.executed, seen.once), (1, 1, true));
        assert_eq!((seen.interruptions, seen.excess()), (0, None));

        // Killed in the middle of a line.
        let pen = Pen::open(&path).unwrap();
        pen.note(1, Event::ExecutedOnce, 90);
        pen.note(2, Event::Confirmed, 91);
        let ledger = diary.read().unwrap();
        assert_eq!(ledger.agents[2].commands[&91].confirmed, 1);
        let seen = &ledger.agents[1].commands[&90];
        assert_eq!((seen.received, seen.executed_in_a_life), (1, 1));
        assert_eq!(seen.interruptions, 1);
        assert_eq!(seen.excess(), Some("it ran twice and must not"));
        assert_eq!(diary.lives(), 2);
        assert_eq!(diary.ledger.totals().executed, 2);

        (&pen.file).write_all(b"received 4 1\n").unwrap();
        let error = diary.read().unwrap_err().to_string();
        assert!(error.contains("`received 4 1` is no event"), "{error}");
    }

    #[test]
    fn a_line_that_a_kill_cut_counts_for_nothing_though_it_looks_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("diary");
        let mix: Mix = "steady=1".parse().unwrap();
        let mut diary = Diary::new(&path, 4, 7, &mix);
        let pen = Pen::open(&path).unwrap();
        pen.note(3, Event::Received, 17);
        (&pen.file).write_all(b"received 3 90").unwrap();
        let known = |ledger: &Ledger| {
            ledger.agents[3]
                .commands
                .keys()
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(known(diary.read().unwrap()), [17]);
        let pen = Pen::open(&path).unwrap();
        pen.note(3, Event::Received, 9017);
        // This one was whole when its process was killed.
        Pen::open(&path).unwrap();
        assert_eq!(known(diary.read().unwrap()), [17, 9017]);
        assert_eq!(diary.lives(), 3);
        // The same for who reads all of it at once.
        let mut diary = Diary::new(&path, 4, 7, &mix);
        assert_eq!(known(diary.read().unwrap()), [17, 9017]);
    }

    #[test]
    fn an_outage_is_noted_for_each_agent_that_it_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("diary");
        let mix: Mix = "flap=1".parse().unwrap();
        let mut diary = Diary::new(&path, 3, 7, &mix);
        let pen = Pen::open(&path).unwrap();
        pen.note_outage(2);
        pen.note(1, Event::Received, 90);
        Pen::open(&path).unwrap().note_outage(2);
        let counts = |ledger: &Ledger| {
            let agents = ledger.agents.iter();
            agents
                .map(|agent| (agent.counts.outages, agent.counts.cut))
                .collect::<Vec<_>>()
        };
        assert_eq!(counts(diary.read().unwrap()), [(0, 0), (0, 0), (2, 2)]);
        pen.note_outage(3);
        let error = diary.read().unwrap_err().to_string();
        assert!(error.contains("`outage 3` is no event"), "{error}");
    }

    #[test]
    fn what_an_agent_may_not_do_is_seen() {
        let after = |events: &[Option<Event>]| {
            let mut seen = crate::ledger::Seen::default();
            for event in events {
                match event {
                    Some(event) => seen.note(*event),
                    None => seen.begin_life(),
                }
            }
            seen.excess()
        };
        use Event::{Answered, Executed, Received};
        assert_eq!(after(&[Some(Received), Some(Executed)]), None);
        assert_eq!(after(&[Some(Executed), None, Some(Executed)]), None);
        let twice = after(&[Some(Executed), Some(Executed)]);
        assert!(twice.is_some_and(|what| what.contains("without an interruption")));
        let again = after(&[Some(Executed), Some(Answered), None, Some(Executed)]);
        assert!(again.is_some_and(|what| what.contains("in the journal")));
    }
}
