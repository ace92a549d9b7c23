//! What the host asks of a module and what comes back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::SandboxReport;

/// The operations of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Investigate. The only one that may touch the machine.
    Run,
    /// Turn words of a command line into parameters.
    Options,
    /// Turn a result into lines for people.
    Print,
    /// Check parameters.
    Validate,
    /// The manifest, with examples.
    Describe,
    /// Watch, as a persistent module does: only through
    /// [`ModuleStore::serve`](crate::ModuleStore::serve).
    Serve,
}

impl Operation {
    /// The name that crosses the ABI.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Run => "run",
            Operation::Options => "options",
            Operation::Print => "print",
            Operation::Validate => "validate",
            Operation::Describe => "describe",
            Operation::Serve => "serve",
        }
    }
}

/// Budgets of one operation. The defaults are those an agent has without
/// configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time from the start of the worker to its answer.
    pub wall: Duration,
    /// Processor time, in whole seconds (rounded down, at least one).
    pub cpu: Option<Duration>,
    /// Memory of the worker in bytes.
    pub memory: u64,
    /// Open descriptors of the worker.
    pub descriptors: u64,
    /// Answer in bytes, as encoded by the module, each key and value counting as
    /// eight bytes at least. What is beyond is left out, and the result says
    /// so.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(300),
            cpu: None,
            memory: 256 << 20,
            descriptors: 256,
            output: 16 << 20,
        }
    }
}

/// One operation to run.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// Name of the module.
    pub module: &'a str,
    /// What it shall do.
    pub operation: Operation,
    /// Input of the operation: parameters for `run` and `validate`,
    /// `{"words":[…],"defaults":"mig"}` for `options`, with
    /// `"files":{"path":"text"}` once it has answered `{"files":["path"]}`,
    /// `{"result":{…},"foundonly":bool}` for `print`, null for `describe`;
    /// `serve` is no job.
    pub input: Value,
    /// Its budgets.
    pub limits: Limits,
    /// Extra privacy mode: mask the result of `run` as the manifest declares.
    pub privacy: bool,
}

impl<'a> Job<'a> {
    /// A job with default limits and without privacy mode.
    pub fn new(module: &'a str, operation: Operation, input: Value) -> Self {
        Self {
            module,
            operation,
            input,
            limits: Limits::default(),
            privacy: false,
        }
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The module answered. With a [`Outcome::reason`] the answer is partial.
    Done,
    /// It did not, or not acceptably.
    Failed,
    /// Its wall time ran out.
    Timeout,
    /// The caller cancelled it.
    Cancelled,
}

/// What came of a job. Never an error value: whatever a module does ends in
/// one of these.
#[derive(Debug, Clone)]
pub struct Outcome<A = Value> {
    /// How it ended.
    pub ending: Ending,
    /// For `run` always a whole result object, keys in the order
    /// `foundanything`, `success`, `elements`, `statistics`, `errors`; when the
    /// ending is not [`Ending::Done`] it holds what arrived until then, and
    /// `errors` the reason. For the other operations their answer, or null.
    pub answer: A,
    /// One line: why it is not done, or why it is done only in part.
    pub reason: Option<String>,
    /// The parameter or flag the module complains about, when it names one.
    pub field: Option<String>,
    /// Guards the worker ran under; `None` when it did not get that far.
    pub sandbox: Option<SandboxReport>,
}

impl<A> Outcome<A> {
    /// The same with another form of the answer.
    pub fn map<B>(self, form: impl FnOnce(A) -> B) -> Outcome<B> {
        Outcome {
            ending: self.ending,
            answer: form(self.answer),
            reason: self.reason,
            field: self.field,
            sandbox: self.sandbox,
        }
    }
}

/// What an operation left behind in its worker, which a host does not mind but
/// an author wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Descriptors that are still open.
    pub descriptors: u64,
    /// Threads that still run.
    pub threads: u64,
    /// Numbers of the system calls that were refused because the manifest
    /// declares nothing that needs them; arguments may be the reason.
    pub refused_calls: Vec<i64>,
}

/// What a module says while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Units of the module's choice; a total of 0 is unknown.
    Units {
        /// Units done.
        done: u64,
        /// Units in all, or 0.
        total: u64,
    },
    /// A log line of the module. Not delivered in privacy mode: such lines are
    /// the module's own words.
    Log {
        /// Severity as in syslog: 3 error, 4 warning, 6 information, 7 debug.
        level: u32,
        /// One line, control characters replaced.
        message: String,
    },
    /// The guards of the worker, once, before the module is loaded.
    Sandbox(SandboxReport),
}
