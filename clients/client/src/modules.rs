//! What a client asks of modules: parameters from words, lines from results.

use mig_host::{Cancel, Ending, Job, Limits, ModuleStore, Operation, StoreOptions};
use mig_modules::BUILT_IN;
use mig_protocol::ModuleResult;
use serde_json::{Value, json};

use crate::error::ClientError;

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
        Self {
            store: ModuleStore::open(BUILT_IN, options),
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

    /// Turns words into parameters.
    ///
    /// # Errors
    /// The module's own, which names the flag, or that there is no such module.
    pub fn options(&self, module: &str, words: &[String]) -> Result<Options, ClientError> {
        let mut answer = self.call(
            module,
            Operation::Options,
            json!({"words": words, "defaults": "mig"}),
        )?;
        match (answer["help"].take(), answer["parameters"].take()) {
            (Value::String(help), _) => Ok(Options::Help(help)),
            (_, Value::Null) => Err(ClientError::Module(format!(
                "module `{module}` gives neither parameters nor help for these options"
            ))),
            (_, parameters) => Ok(Options::Parameters(parameters)),
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
        let answer = self.call(module, Operation::Run, parameters)?;
        serde_json::from_value(answer)
            .map_err(|error| ClientError::Module(format!("module `{module}`: {error}")))
    }

    fn call(&self, module: &str, operation: Operation, input: Value) -> Result<Value, ClientError> {
        if self.store.get(module).is_none() {
            return Err(self.unknown(module));
        }
        let job = Job {
            module,
            operation,
            input,
            limits: Limits::default(),
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
