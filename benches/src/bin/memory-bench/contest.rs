//! One question, and all who answer it.

use crate::BenchError;
use crate::holder::Holder;
use crate::place::Place;
use mig_benches::process::{Program, RunError};
use mig_benches::statistics::median;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The name of the program that holds the memory.
pub const HOLDER: &str = "memory-holder";
/// What it holds at the end of its memory: this, and then [`NUMBER`] in decimal
/// digits. In no program do they stand together, or they would be found there,
/// long before the end.
pub const NEEDLE: &[u8] = b"Needle-In-Memory-";
/// See [`NEEDLE`].
pub const NUMBER: u32 = 4711;

/// A question.
pub struct Question {
    name: &'static str,
    /// For the module; `@` stands for the number.
    pattern: &'static str,
    /// For yara, likewise.
    rule: &'static str,
}

impl Question {
    fn pattern(&self) -> String {
        self.pattern.replace('@', &NUMBER.to_string())
    }

    /// What yara reads from the file `NAME.yar`.
    pub fn rule(&self) -> String {
        self.rule.replace('@', &NUMBER.to_string())
    }
}

/// A fixed sequence of bytes.
pub const BYTES: Question = Question {
    name: "bytes",
    pattern: "Needle-In-Memory-@",
    rule: "rule found { strings: $a = \"Needle-In-Memory-@\" condition: $a }\n",
};

/// A regular expression without regard to case.
pub const REGEX: Question = Question {
    name: "regex",
    pattern: "(?i)needle-in-[a-z]+-[0-9]{4}",
    rule: "rule found { strings: $a = /needle-in-[a-z]+-[0-9]{4}/ nocase condition: $a }\n",
};

/// Medians, and the largest resident memory in bytes.
pub struct Measured {
    /// The module.
    pub module: Duration,
    /// Reading without looking.
    pub bare: Duration,
    /// yara, with its memory, if it is installed.
    pub yara: Option<(Duration, u64)>,
    /// Memory of the module's processes.
    pub memory: u64,
}

/// Compares the answers and lets all take turns.
pub fn hold(
    question: &Question,
    agent: &Path,
    place: &Place,
    holder: &Holder,
    rounds: usize,
) -> Result<Measured, BenchError> {
    let module = module(question, agent, place);
    let bare = bare(holder);
    let yara = yara(question, place, holder);
    let pid = holder.pid();
    let (mut ours, mut reads, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut with_yara = true;
    // The first round warms up and does not count.
    for round in 0..=rounds {
        let read = bare.run()?.elapsed;
        let mine = module.run()?;
        let holds = found(&mine.output, holder);
        check(question, "the module", pid, holds, &mine.output)?;
        if round > 0 {
            ours.push(mine.elapsed);
            reads.push(read);
        }
        // It takes many times as long, so once is enough after the first.
        if with_yara && round < 2 {
            match yara.run() {
                Ok(finished) => {
                    let holds = finished.output == format!("found {pid}\n").as_bytes();
                    check(question, "yara", pid, holds, &finished.output)?;
                    theirs.push(finished.elapsed);
                }
                Err(RunError::Start { .. }) => with_yara = false,
                Err(error) => return Err(error.into()),
            }
        }
    }
    let yara = match with_yara {
        true => Some((median(&theirs), yara.peak_memory()?)),
        false => None,
    };
    Ok(Measured {
        module: median(&ours),
        bare: median(&reads),
        yara,
        memory: module.peak_memory()?,
    })
}

fn check(
    question: &Question,
    who: &str,
    pid: u32,
    holds: bool,
    output: &[u8],
) -> Result<(), BenchError> {
    if holds {
        return Ok(());
    }
    Err(BenchError::Answer {
        contest: question.name,
        who: who.to_owned(),
        pid,
        answer: String::from_utf8_lossy(output).into_owned(),
    })
}

/// Whether the module found the process, and read all of it for that.
fn found(output: &[u8], holder: &Holder) -> bool {
    let result: Value = serde_json::from_slice(output).unwrap_or_default();
    let entries = result["elements"]["s1"].as_array();
    let pids: Vec<&Value> = entries
        .into_iter()
        .flatten()
        .map(|entry| &entry["process"]["pid"])
        .collect();
    let read = result["statistics"]["memoryread"].as_u64().unwrap_or(0);
    pids == [&json!(holder.pid())] && read >= holder.memory().1 as u64
}

fn module(question: &Question, agent: &Path, place: &Place) -> Program {
    let search: Value = json!({"names": [format!("/{HOLDER}$")], "contents": [question.pattern()],
        "options": {"matchall": true}});
    let message = json!({"class": "parameters", "parameters": {"searches": {"s1": search}}});
    let configuration = place.path("agent.cfg").display().to_string();
    Program {
        name: agent.display().to_string(),
        arguments: ["-c", &configuration, "-m", "memory"]
            .map(str::to_owned)
            .to_vec(),
        input: format!("{message}\n").into_bytes(),
        remedy: "name it with --agent",
        ..Program::default()
    }
}

fn bare(holder: &Holder) -> Program {
    let own = std::env::current_exe().unwrap_or_default();
    let (address, size) = holder.memory();
    Program {
        name: own.display().to_string(),
        arguments: vec![
            "bare".to_owned(),
            holder.pid().to_string(),
            address.to_string(),
            size.to_string(),
        ],
        remedy: "it is this program",
        ..Program::default()
    }
}

fn yara(question: &Question, place: &Place, holder: &Holder) -> Program {
    let rule = place.path(&format!("{}.yar", question.name));
    Program {
        name: "yara".to_owned(),
        arguments: vec![rule.display().to_string(), holder.pid().to_string()],
        remedy: "on Debian it is in the package yara",
        ..Program::default()
    }
}
