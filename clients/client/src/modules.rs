//! What a client asks of modules: parameters from words, lines from results.

use std::time::Duration;

use mig_host::{
    Cancel, Document, Ending, Job, Limits, ModuleStore, Operation, Outcome, StaticModule,
    StoreOptions,
};
use mig_modules::BUILT_IN;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::ClientError;
use crate::option_files::OptionFiles;

/// Budgets of a command line: it may name files as large as
/// [`crate::option_files`] reads them, which become parameters at a multiple of
/// their size while they are read.
const OPTIONS: Limits = Limits {
    wall: Duration::from_secs(60),
    cpu: None,
    memory: 2 << 30,
    descriptors: 64,
    output: 128 << 20,
};

/// Budgets of a printer: a result of the size that agents send takes some ten
/// times as much as values, and prints as somewhat more than it is.
const PRINT: Limits = Limits {
    wall: Duration::from_secs(300),
    cpu: None,
    memory: 2 << 30,
    descriptors: 64,
    output: 128 << 20,
};

/// What a module makes of command-line words.
#[derive(Debug, PartialEq)]
pub enum Options {
    /// Parameters of an operation.
    Parameters(Value),
    /// The person asked for help.
    Help(String),
}

/// The modules a client can use.
pub struct Modules {
    store: ModuleStore,
}

impl Modules {
    /// Finds the compiled-in modules and the installed plugins.
    pub fn open(options: &StoreOptions) -> Self {
        Self::of(BUILT_IN, options)
    }

    /// As [`Modules::open`], for a program with other modules compiled in.
    pub fn of(linked: &'static [StaticModule], options: &StoreOptions) -> Self {
        Self {
            store: ModuleStore::open(linked, options),
        }
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.store
            .modules()
            .map(|module| module.manifest.name.clone())
            .collect()
    }

    /// Plugins that were found and not accepted, a line each.
    pub fn refused(&self) -> Vec<String> {
        self.store
            .refused()
            .iter()
            .map(|refusal| format!("{}: {}", refusal.path.display(), refusal.reason))
            .collect()
    }

    /// Turns words into parameters. Reads the files that the words name and the
    /// module asks for.
    ///
    /// # Errors
    /// The module's own, which names the flag, that there is no such module, or
    /// that a file cannot be read.
    pub fn options(&self, module: &str, words: &[String]) -> Result<Options, ClientError> {
        let mut files = OptionFiles::new(words);
        loop {
            let mut input = json!({"words": words, "defaults": "mig"});
            if !files.is_empty() {
                input["files"] = files.to_value();
            }
            let mut answer = self.call(module, Operation::Options, input, OPTIONS)?;
            if let Value::Array(asked) = answer["files"].take() {
                let paths = asked.iter().filter_map(Value::as_str);
                files
                    .read(paths)
                    .map_err(|why| ClientError::Module(format!("module `{module}`: {why}")))?;
                continue;
            }
            return match (answer["help"].take(), answer["parameters"].take()) {
                (Value::String(help), _) => Ok(Options::Help(help)),
                (_, Value::Null) => Err(ClientError::Module(format!(
                    "module `{module}` gives neither parameters nor help for these options"
                ))),
                (_, parameters) => Ok(Options::Parameters(parameters)),
            };
        }
    }

    /// The lines a module prints for each of several results, or why it prints
    /// none.
    ///
    /// # Errors
    /// When there is no such module.
    pub fn print<R: Serialize>(
        &self,
        module: &str,
        results: &[R],
        found_only: bool,
    ) -> Result<Vec<Result<Vec<String>, ClientError>>, ClientError> {
        if self.store.get(module).is_none() {
            return Err(self.unknown(module));
        }
        let printed = self
            .store
            .print(module, results, found_only, PRINT, &Cancel::new());
        Ok(printed
            .into_iter()
            .map(|lines| lines.map_err(ClientError::Module))
            .collect())
    }

    /// Runs a module on this machine, without any server.
    ///
    /// # Errors
    /// When there is no such module or its run does not end well.
    pub fn run(&self, module: &str, parameters: Value) -> Result<Document, ClientError> {
        let job = self.job(module, Operation::Run, parameters, Limits::default())?;
        let outcome = self
            .store
            .run_to_document(&job, &Cancel::new(), &mut |_| {});
        ended_well(module, outcome)
    }

    fn call(
        &self,
        module: &str,
        operation: Operation,
        input: Value,
        limits: Limits,
    ) -> Result<Value, ClientError> {
        let job = self.job(module, operation, input, limits)?;
        ended_well(module, self.store.run(&job, &Cancel::new(), &mut |_| {}))
    }

    fn job<'a>(
        &self,
        module: &'a str,
        operation: Operation,
        input: Value,
        limits: Limits,
    ) -> Result<Job<'a>, ClientError> {
        if self.store.get(module).is_none() {
            return Err(self.unknown(module));
        }
        Ok(Job {
            limits,
            ..Job::new(module, operation, input)
        })
    }

    fn unknown(&self, module: &str) -> ClientError {
        let refused = self.store.refused().iter().find(|refusal| {
            refusal
                .path
                .file_stem()
                .is_some_and(|stem| stem.to_string_lossy() == module)
        });
        ClientError::Module(match refused {
            Some(refusal) => {
                format!(
                    "module `{module}` was refused: {}: {}",
                    refusal.path.display(),
                    refusal.reason
                )
            }
            None => format!(
                "unknown module `{module}`; there are: {}",
                self.names().join(", ")
            ),
        })
    }
}

fn ended_well<A>(module: &str, outcome: Outcome<A>) -> Result<A, ClientError> {
    match outcome.ending {
        Ending::Done => Ok(outcome.answer),
        _ => Err(ClientError::Module(outcome.reason.unwrap_or_else(|| {
            format!("module `{module}` did not end well")
        }))),
    }
}
