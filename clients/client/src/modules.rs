//! What a client asks of modules: parameters from words, lines from results.

use std::time::Duration;

use mig_host::{Cancel, Ending, Job, Limits, ModuleStore, Operation, StaticModule, StoreOptions};
use mig_modules::BUILT_IN;
use mig_protocol::ModuleResult;
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

    /// The lines a module prints for a result.
    ///
    /// # Errors
    /// When there is no such module or it cannot print.
    pub fn print(
        &self,
        module: &str,
        result: &ModuleResult,
        found_only: bool,
    ) -> Result<Vec<String>, ClientError> {
        let answer = self.call(
            module,
            Operation::Print,
            json!({"result": result, "foundonly": found_only}),
            Limits::default(),
        )?;
        let lines = answer["lines"].as_array().ok_or_else(|| {
            ClientError::Module(format!(
                "module `{module}` prints something that is not lines"
            ))
        })?;
        Ok(lines
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
    }

    /// Runs a module on this machine, without any server.
    ///
    /// # Errors
    /// When there is no such module or its run does not end well.
    pub fn run(&self, module: &str, parameters: Value) -> Result<ModuleResult, ClientError> {
        let answer = self.call(module, Operation::Run, parameters, Limits::default())?;
        serde_json::from_value(answer)
            .map_err(|error| ClientError::Module(format!("module `{module}`: {error}")))
    }

    fn call(
        &self,
        module: &str,
        operation: Operation,
        input: Value,
        limits: Limits,
    ) -> Result<Value, ClientError> {
        if self.store.get(module).is_none() {
            return Err(self.unknown(module));
        }
        let job = Job {
            module,
            operation,
            input,
            limits,
            privacy: false,
        };
        let outcome = self.store.run(&job, &Cancel::new(), &mut |_| {});
        match outcome.ending {
            Ending::Done => Ok(outcome.answer),
            _ => Err(ClientError::Module(outcome.reason.unwrap_or_else(|| {
                format!("module `{module}` did not end well")
            }))),
        }
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
