//! Running a program: how long it took and how much memory it needed.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two looks at the memory of a process tree.
const SAMPLE: Duration = Duration::from_millis(2);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did not start.
    #[error("cannot start {program}: {source}; {remedy}")]
    Start {
        /// The program.
        program: String,
        /// What to do about it.
        remedy: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("{program} failed: {message}")]
    Failed {
        /// The program.
        program: String,
        /// What it said.
        message: String,
    },
    /// Its pipes broke.
    #[error("lost contact with {program}: {source}")]
    Pipe {
        /// The program.
        program: String,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

/// What a program did.
#[derive(Debug)]
pub struct Finished {
    /// Everything it wrote to its standard output.
    pub output: Vec<u8>,
    /// From before it was started until it had ended.
    pub elapsed: Duration,
}

/// A program with its arguments and input.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Path or name.
    pub name: String,
    /// Arguments.
    pub arguments: Vec<String>,
    /// What it reads from standard input.
    pub input: Vec<u8>,
    /// Where it runs, if not here.
    pub directory: Option<std::path::PathBuf>,
    /// What to do when it is missing.
    pub remedy: &'static str,
}

impl Program {
    /// Runs to the end.
    ///
    /// # Errors
    /// When it cannot be started, or fails.
    pub fn run(&self) -> Result<Finished, RunError> {
        self.run_watched(|_| ())
    }

    /// Runs to the end and returns the largest sum of resident memory that the
    /// program and its descendants had at one time, in bytes. Looking costs
    /// time, so this is no run to measure time with.
    ///
    /// # Errors
    /// When it cannot be started, or fails.
    pub fn peak_memory(&self) -> Result<u64, RunError> {
        let mut peak = 0;
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mut sampler = None;
            let outcome = self.run_watched(|pid| {
                let stop = &stop;
                sampler = Some(scope.spawn(move || {
                    let mut peak = 0;
                    while !stop.load(Ordering::Relaxed) {
                        peak = peak.max(resident(pid));
                        std::thread::sleep(SAMPLE);
                    }
                    peak
                }));
            });
            stop.store(true, Ordering::Relaxed);
            if let Some(sampler) = sampler {
                peak = sampler.join().unwrap_or(0);
            }
            outcome.map(|_| peak)
        })
    }

    fn run_watched(&self, watch: impl FnOnce(u32)) -> Result<Finished, RunError> {
        let mut command = Command::new(&self.name);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let started = Instant::now();
        let mut child = command.spawn().map_err(|source| RunError::Start {
            program: self.name.clone(),
            remedy: self.remedy,
            source,
        })?;
        watch(child.id());
        let pipe = |source| RunError::Pipe {
            program: self.name.clone(),
            source,
        };
        let (output, message) = converse(&mut child, &self.input).map_err(pipe)?;
        let status = child.wait().map_err(pipe)?;
        let elapsed = started.elapsed();
        // Searchers say 1 when nothing was found, which is an answer.
        if !status.success() && status.code() != Some(1) {
            return Err(RunError::Failed {
                program: self.name.clone(),
                message: format!("{status}: {}", message.lines().next().unwrap_or_default()),
            });
        }
        Ok(Finished { output, elapsed })
    }
}

/// Feeds and drains a child at the same time.
fn converse(child: &mut Child, input: &[u8]) -> io::Result<(Vec<u8>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let feeder = scope.spawn(move || match stdin {
            // A program that does not read its input is not wrong.
            Some(mut stdin) => match stdin.write_all(input) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                _ => Ok(()),
            },
            None => Ok(()),
        });
        let listener = scope.spawn(move || {
            let mut message = String::new();
            if let Some(mut stderr) = stderr {
                stderr.read_to_string(&mut message)?;
            }
            Ok::<_, io::Error>(message)
        });
        let mut output = Vec::new();
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut output)?;
        }
        let panicked = |_| io::Error::other("a reading thread panicked");
        feeder.join().map_err(panicked)??;
        let message = listener.join().map_err(panicked)??;
        Ok((output, message))
    })
}

/// Resident memory of a process and its descendants, in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kilobytes| kilobytes.parse().ok())
        .unwrap_or(0);
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let children: u64 = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|children| {
            children
                .split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<u32>>()
        })
        .map(resident)
        .sum();
    own * 1024 + children
}
