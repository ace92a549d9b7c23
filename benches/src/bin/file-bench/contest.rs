//! One question, two who answer it.

use crate::BenchError;
use crate::data::Data;
use crate::openssl;
use mig_benches::process::Program;
use mig_benches::statistics::{median, ratio};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Most resident memory that the module's processes may have together.
const MEMORY: u64 = 32 << 20;

/// What both must find: lines, sorted.
type Answer = BTreeSet<String>;

/// A question with its peer.
pub struct Contest<'a> {
    name: &'static str,
    /// How long the module may take, compared with the peer.
    target: f64,
    peer: Program,
    peer_answer: fn(&str, &Path) -> Answer,
    /// The module's question, which may depend on the peer's answer.
    question: fn(&Path, &Answer) -> Value,
    /// What of the peer's answer the module shall find.
    expected: fn(&Answer) -> Answer,
    agent: &'a Path,
    root: &'a Path,
}

impl<'a> Contest<'a> {
    /// All contests.
    pub fn all(agent: &'a Path, data: &'a Data) -> Vec<Self> {
        let root = data.root();
        let here = root.display().to_string();
        let contest = |name, target, peer, peer_answer, question, expected| Self {
            name,
            target,
            peer,
            peer_answer,
            question,
            expected,
            agent,
            root,
        };
        let program = |name: &str, arguments: &[&str], remedy| Program {
            name: name.to_owned(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            remedy,
            ..Program::default()
        };
        const NAME: &str = r"7[0-9]7\.dat$";
        const LINE: &str = "^key = needle-[0-9]{6};$";
        vec![
            contest(
                "name search",
                1.0,
                program(
                    "fdfind",
                    &["--unrestricted", NAME, &here],
                    "on Debian it is in the package fd-find",
                ),
                paths as fn(&str, &Path) -> Answer,
                (|root, _| search(root, json!({"names": [NAME]}))) as fn(&Path, &Answer) -> Value,
                Answer::clone as fn(&Answer) -> Answer,
            ),
            contest(
                "content regex",
                1.2,
                program(
                    "rg",
                    &["--files-with-matches", "-uu", LINE, &here],
                    "on Debian it is in the package ripgrep",
                ),
                paths,
                |root, _| search(root, json!({"contents": [LINE]})),
                Answer::clone,
            ),
            contest(
                "SHA-256 of everything",
                0.7,
                openssl::program(root),
                openssl::answer,
                openssl::question,
                openssl::expected,
            ),
        ]
    }

    /// What is asked.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Compares the answers, lets both take turns, prints. True when the
    /// target was met.
    pub fn hold(&self, rounds: usize) -> Result<bool, BenchError> {
        let text = |output: Vec<u8>| String::from_utf8_lossy(&output).into_owned();
        let answer = (self.peer_answer)(&text(self.peer.run()?.output), self.root);
        let expected = (self.expected)(&answer);
        let ours = self.module(&answer);
        let mut times = (Vec::new(), Vec::new());
        // The first round warms up and does not count.
        for round in 0..=rounds {
            let mine = ours.run()?;
            let theirs = self.peer.run()?;
            self.compare(&expected, &found(&text(mine.output)))?;
            let again = (self.peer_answer)(&text(theirs.output), self.root);
            self.compare(&answer, &again)?;
            if round > 0 {
                times.0.push(mine.elapsed);
                times.1.push(theirs.elapsed);
            }
        }
        let (mine, theirs) = (median(&times.0), median(&times.1));
        let memory = ours.peak_memory()?;
        let ratio = ratio(mine, theirs);
        let met = ratio <= self.target && memory <= MEMORY;
        println!(
            "{}: {} found; module {:.1} ms, {} {:.1} ms, ratio {ratio:.2} (target {:.2}); \
             peak memory {:.1} MiB (target {}): {}",
            self.name,
            expected.len(),
            mine.as_secs_f64() * 1e3,
            self.peer.name,
            theirs.as_secs_f64() * 1e3,
            self.target,
            memory as f64 / f64::from(1 << 20),
            MEMORY >> 20,
            if met { "met" } else { "NOT MET" },
        );
        Ok(met)
    }

    fn module(&self, answer: &Answer) -> Program {
        let parameters = (self.question)(self.root, answer);
        let message = json!({"class": "parameters", "parameters": parameters});
        Program {
            name: self.agent.display().to_string(),
            arguments: ["-m", "file", "-p"].map(str::to_owned).to_vec(),
            input: format!("{message}\n").into_bytes(),
            directory: None,
            remedy: "name it with --agent",
        }
    }

    fn compare(&self, wanted: &Answer, given: &Answer) -> Result<(), BenchError> {
        let missing = wanted.difference(given).next();
        let extra = given.difference(wanted).next();
        if missing.is_none() && extra.is_none() {
            return Ok(());
        }
        Err(BenchError::Answers {
            contest: self.name,
            difference: format!(
                "{} wanted, {} given; first missing {missing:?}, first extra {extra:?}",
                wanted.len(),
                given.len()
            ),
        })
    }
}

/// Parameters with one search whose checks must all hold.
pub fn search(root: &Path, mut criteria: Value) -> Value {
    criteria["paths"] = json!([root]);
    criteria["options"] = json!({"matchall": true});
    json!({"searches": {"s1": criteria}})
}

/// The files in lines that the module printed.
fn found(output: &str) -> Answer {
    output
        .lines()
        .filter_map(|line| line.split_once(" [lastmodified:"))
        .map(|(file, _)| file.to_owned())
        .collect()
}

/// The files that a peer printed, one on a line.
fn paths(output: &str, _root: &Path) -> Answer {
    output.lines().map(str::to_owned).collect()
}
