//! The operations of the module.

use crate::order;
use crate::parameters::{self, Parameters};
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{
    Defaults, Failure, FieldError, Module, Options, ResultDocument, Session, abi::code,
};
use serde_json::Value;

/// What `mig agentdestroy help` prints.
const HELP: &str = "\
This module has no options: it is for signed actions. Their parameters are the
pid of the agent to end, and the version that it must have, to the letter.

ex: mig -i conf/actions/agentdestroy.json
";

/// The `agentdestroy` module.
pub struct AgentdestroyModule;

impl Module for AgentdestroyModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let pid = i32::try_from(parameters.pid)
            .map_err(|_| Failure::bad_parameters("pid", "pid is out of range"))?;
        let cancelled = || session.cancelled();
        let done = order::carry_out(pid, &parameters.version, &cancelled).map_err(failure)?;
        Ok(ResultDocument {
            // Nothing was searched for, so nothing was found.
            foundanything: false,
            success: true,
            elements: Value::from(done.sentence),
            statistics: Value::Null,
            errors: done.remark.map(|remark| vec![remark]),
        })
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        parameters::validate(parameters)
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        if Words::ask_for_help(words) {
            return Ok(Options::Help(HELP.to_owned()));
        }
        Err(Failure::unsupported(
            "agentdestroy has no command line: it is for signed actions with the parameters pid and version",
        ))
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        // A run that failed has no sentence.
        if let Value::String(sentence) = &result.elements {
            lines.push(sentence.clone());
        }
        if !found_only {
            let errors = result.errors.iter().flatten();
            lines.extend(errors.map(|error| format!("[error] {error}")));
            let outcome = if result.success {
                "succeeded"
            } else {
                "failed"
            };
            lines.push(format!("agentdestroy module has {outcome}"));
        }
        Ok(lines)
    }
}

fn failure(error: order::Error) -> Failure {
    use order::Error;
    let code = match &error {
        Error::Refused { reason, .. } if reason.is_lack_of_rights() => code::PERMISSION,
        Error::Refused { reason, .. } if reason.is_lack_of_kernel() => code::UNSUPPORTED,
        Error::Refused { .. } => code::BAD_PARAMETERS,
        Error::Cancelled => return Failure::cancelled(),
        Error::StillThere { .. } => code::LIMIT,
        Error::System { .. } => code::IO,
    };
    let field = (code == code::BAD_PARAMETERS).then(|| "pid".to_owned());
    Failure {
        field,
        ..Failure::new(code, error.to_string())
    }
}
