//! A tree of a million entries: what each module that searches for files makes
//! of it, in what time and with how much memory.
//!
//! There is no peer: the answers are known, and the time of the `file` module,
//! which only looks at names, says what the walk itself costs.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use mig_benches::process::{Program, RunError};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Walks a large tree with every module that searches for files.
#[derive(Debug, Parser)]
struct Arguments {
    /// The agent to measure; by default the one built beside this program.
    #[arg(long)]
    agent: Option<PathBuf>,
    /// Number of files.
    #[arg(long, default_value_t = 1_000_000)]
    files: u32,
    /// Where to make the tree; by default in memory, if there is /dev/shm.
    #[arg(long)]
    place: Option<PathBuf>,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("cannot make the tree in {path}: {source}")]
    Tree {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{module}: the answer is wrong: {answer}")]
    Answer {
        module: &'static str,
        answer: String,
    },
    #[error(
        "there is no agent at {0}; build it with `cargo build --release -p mig-agent`, or name one with --agent"
    )]
    NoAgent(PathBuf),
}

/// Files in each directory.
const IN_EACH: u32 = 500;
/// Half of a public key's line is enough to be looked at, and refused.
const CANDIDATE: &str = "ssh-rsa this is no key\n";

/// A module, what to ask it, and how to tell that its answer is right.
struct Question {
    module: &'static str,
    parameters: Value,
    is_right: fn(&Value) -> bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tree-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), BenchError> {
    let agent = arguments.agent.clone().unwrap_or_else(|| {
        let own = std::env::current_exe().unwrap_or_default();
        own.with_file_name("mig-agent")
    });
    if !agent.is_file() {
        return Err(BenchError::NoAgent(agent));
    }
    let place = arguments.place.clone().unwrap_or_else(|| {
        let memory = PathBuf::from("/dev/shm");
        if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        }
    });
    let failed = |source| BenchError::Tree {
        path: place.clone(),
        source,
    };
    let tree = tempfile::Builder::new()
        .prefix("mig-tree-")
        .tempdir_in(&place)
        .map_err(failed)?;
    let start = Instant::now();
    grow(&tree, arguments.files).map_err(failed)?;
    println!(
        "{} files in {}, made in {:.1} s",
        arguments.files,
        tree.path().display(),
        start.elapsed().as_secs_f64()
    );
    let configuration = tree.path().join("agent.cfg");
    fs::write(
        &configuration,
        format!(
            "[agent]\nrelay = \"amqps://agent:agent@localhost:5671/\"\nrundirectory = \"{}\"\n",
            tree.path().display()
        ),
    )
    .map_err(failed)?;
    println!("module     seconds   files/s  peak MiB");
    for question in questions(tree.path()) {
        measure(&question, &agent, &configuration, arguments.files)?;
    }
    Ok(())
}

/// Makes the files, with a few of what modules look for among them, and links
/// and FIFOs that lead nowhere.
fn grow(tree: &TempDir, files: u32) -> io::Result<()> {
    for number in 0..files {
        let folder = tree.path().join(format!("d{:04}", number / IN_EACH));
        if number % IN_EACH == 0 {
            fs::create_dir(&folder)?;
            symlink("..", folder.join("up"))?;
            symlink("loop", folder.join("loop"))?;
        }
        if number % 100_000 == 0 {
            fs::write(folder.join("id_rsa.pub"), CANDIDATE)?;
            fs::write(folder.join("needle.conf"), "version = 1.2.3\n")?;
        }
        File::create(folder.join(format!("f{number}")))?;
    }
    Ok(())
}

fn questions(tree: &Path) -> Vec<Question> {
    let root = tree.display().to_string();
    vec![
        Question {
            module: "file",
            parameters: json!({"searches": {"s1": {"paths": [root], "names": ["^needle\\.conf$"],
                "options": {"matchall": true}}}}),
            is_right: |result| result["foundanything"] == true,
        },
        Question {
            module: "sshkey",
            parameters: json!({"paths": [root]}),
            // The lines are no keys after all.
            is_right: |result| result["success"] == true && result["foundanything"] == false,
        },
        Question {
            module: "scribe",
            parameters: json!({"scribedoc": {
                "objects": [{"object": "needle", "filecontent": {"path": root,
                    "file": "^needle\\.conf$", "expression": "version = (\\S+)"}}],
                "tests": [{"test": "old", "object": "needle", "evr": {"operation": "<", "value": "2.0"}}]}}),
            is_right: |result| result["foundanything"] == true,
        },
    ]
}

fn measure(
    question: &Question,
    agent: &Path,
    configuration: &Path,
    files: u32,
) -> Result<(), BenchError> {
    let message = json!({"class": "parameters", "parameters": question.parameters});
    let program = Program {
        name: agent.display().to_string(),
        arguments: vec![
            "-c".to_owned(),
            configuration.display().to_string(),
            "-m".to_owned(),
            question.module.to_owned(),
        ],
        input: message.to_string().into_bytes(),
        remedy: "build it with `cargo build --release -p mig-agent`",
        ..Program::default()
    };
    let finished = program.run()?;
    let answer: Value = serde_json::from_slice(&finished.output).unwrap_or_default();
    if !(question.is_right)(&answer) {
        return Err(BenchError::Answer {
            module: question.module,
            answer: String::from_utf8_lossy(&finished.output)
                .chars()
                .take(400)
                .collect(),
        });
    }
    let peak = program.peak_memory()?;
    let seconds = finished.elapsed.as_secs_f64();
    println!(
        "{:<10} {seconds:>7.2} {:>9.0} {:>9.1}",
        question.module,
        f64::from(files) / seconds,
        peak as f64 / f64::from(1 << 20),
    );
    Ok(())
}
