//! Modules run from the command line: `-m MODULE` on standard input and output,
//! and `-i FILE`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use mig_host::{Cancel, Document, Ending, Job, Limits, Operation as ModuleOperation, Outcome};
use mig_protocol::action::{DEFAULT_EXPANDED, expand_parameters};
use mig_protocol::json::{ReadError, parse_action, to_go_json, to_go_json_pretty};
use mig_protocol::{Action, ModuleResult, Operation};
use serde_json::{Value, json};
use thiserror::Error;

use crate::execution::{Report, Runner};
use crate::persistent;
use crate::settings::Settings;

/// Longest message or action file that is read.
const MAX_INPUT: u64 = 64 << 20;

/// Why nothing was run.
#[derive(Debug, Error)]
pub enum LocalError {
    /// The action file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The action file holds no action.
    #[error("{}: {source}", path.display())]
    Action {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ReadError,
    },
    /// Nobody reads what is written.
    #[error("cannot write the result: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs one module on the message that `input` holds and writes its result to
/// `output`. True when the module ended normally; what it has to say about its
/// own errors is in the result.
///
/// # Errors
/// The result cannot be written.
pub fn module(
    runner: &dyn Runner,
    settings: &Settings,
    name: &str,
    print: bool,
    input: impl Read,
    output: &mut impl Write,
) -> Result<bool, LocalError> {
    if runner.repeatable(name).is_none() {
        let answer = json!({"errors": [format!("module '{name}' is not available")]});
        output.write_all(&to_go_json(&answer).unwrap_or_default())?;
        return Ok(true);
    }
    let (well, result) = match message(input) {
        Ok(_) if persistent::manifest_of(runner, name).is_some() => (true, in_the_agent(name)),
        Ok(parameters) => {
            let outcome = run(runner, settings, name, parameters);
            (outcome.ending == Ending::Done, outcome.answer.into())
        }
        Err(reason) => (true, ModuleResult::from_error(reason).into()),
    };
    if print {
        write_lines(runner, name, &result, output)?;
    } else {
        // A module's own output has its own order of keys; only what is stored
        // is sorted.
        let text = match &result {
            Report::Document(document) => to_go_json(&document.in_order()),
            Report::Result(result) => to_go_json(result),
        };
        output.write_all(&text.unwrap_or_default())?;
    }
    output.flush()?;
    Ok(well)
}

/// Runs the operations of an action file, one after the other, and writes their
/// results. Neither signatures nor dates are looked at: whoever can run this
/// can do what the modules do. True when all modules ended normally.
///
/// # Errors
/// The file cannot be read or the results cannot be written.
pub fn action(
    runner: &dyn Runner,
    settings: &Settings,
    path: &Path,
    print: bool,
    output: &mut impl Write,
) -> Result<bool, LocalError> {
    let action = read_action(path)?;
    let mut well = true;
    let mut results = Vec::new();
    for operation in action.operations() {
        let (ended, result) = one_of_action(runner, settings, operation);
        well &= ended;
        if print {
            write_lines(runner, &operation.module, &result, output)?;
        } else {
            results.push(result);
        }
    }
    if !print {
        output.write_all(&to_go_json_pretty(&results).unwrap_or_default())?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(well)
}

/// Reads an action file.
///
/// # Errors
/// It cannot be read, or holds no action.
pub(crate) fn read_action(path: &Path) -> Result<Action, LocalError> {
    let text = std::fs::read(path).map_err(|source| LocalError::File {
        path: path.to_owned(),
        source,
    })?;
    parse_action(&text).map_err(|source| LocalError::Action {
        path: path.to_owned(),
        source,
    })
}

fn one_of_action(
    runner: &dyn Runner,
    settings: &Settings,
    operation: &Operation,
) -> (bool, Report) {
    let module = operation.module.as_str();
    if runner.repeatable(module).is_none() {
        return (
            false,
            ModuleResult::from_error(format!("module '{module}' is not available")).into(),
        );
    }
    if persistent::manifest_of(runner, module).is_some() {
        return (false, in_the_agent(module));
    }
    match expand_parameters(operation, DEFAULT_EXPANDED) {
        Ok(parameters) => {
            let outcome = run(runner, settings, module, parameters);
            (outcome.ending == Ending::Done, outcome.answer.into())
        }
        Err(error) => (false, ModuleResult::from_error(error.to_string()).into()),
    }
}

/// A persistent module has nothing to say before it has watched.
fn in_the_agent(module: &str) -> Report {
    ModuleResult::from_error(format!(
        "module '{module}' is persistent: it answers in the running agent only; \
         send an action there, or run it here with mig-agent -P {module}"
    ))
    .into()
}

fn run(runner: &dyn Runner, settings: &Settings, module: &str, input: Value) -> Outcome<Document> {
    let job = Job {
        module,
        operation: ModuleOperation::Run,
        input,
        limits: Limits {
            wall: settings.module_timeout,
            ..settings.limits
        },
        privacy: settings.privacy,
    };
    runner.run(&job, &Cancel::new())
}

/// The lines the module itself makes of its result; the JSON if it makes none.
fn write_lines(
    runner: &dyn Runner,
    module: &str,
    result: &Report,
    output: &mut impl Write,
) -> Result<(), LocalError> {
    match runner.print(module, result) {
        Ok(lines) => {
            for line in lines {
                writeln!(output, "{}", for_terminal(&line))?;
            }
        }
        Err(_) => {
            output.write_all(&to_go_json_pretty(result).unwrap_or_default())?;
            output.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// Names of files and packages may hold anything, escape sequences included.
fn for_terminal(line: &str) -> String {
    line.chars()
        .map(|character| {
            if character.is_control() && character != '\t' {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// The parameters of the first message on `input`.
fn message(input: impl Read) -> Result<Value, String> {
    let mut values =
        serde_json::Deserializer::from_reader(input.take(MAX_INPUT)).into_iter::<Value>();
    let message = match values.next() {
        None => return Err("no message on standard input".into()),
        Some(Err(error)) => {
            return Err(format!(
                "the message on standard input is not JSON: {error}"
            ));
        }
        Some(Ok(Value::Object(message))) => message,
        Some(Ok(_)) => return Err("the message on standard input is not an object".into()),
    };
    let member = |name: &str| {
        message
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    match member("class").and_then(Value::as_str) {
        Some("parameters") => Ok(member("parameters").cloned().unwrap_or_default()),
        Some(class) => Err(format!(
            "a message of class `{}` is not understood; send `parameters`",
            class.escape_debug()
        )),
        None => Err("the message on standard input has no class; send `parameters`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_object_of_class_parameters() {
        for (input, outcome) in [
            (
                r#"{"class":"parameters","parameters":{"a":1}}"#,
                Ok(json!({"a": 1})),
            ),
            (
                "{\"CLASS\":\"parameters\",\n\"parameters\":{\"a\":1}}\n{\"next\":1}",
                Ok(json!({"a": 1})),
            ),
            (r#"{"class":"parameters"}"#, Ok(Value::Null)),
            (r#"{"class":"stop"}"#, Err("class `stop`")),
            (r#"{}"#, Err("has no class")),
            ("[]", Err("not an object")),
            ("", Err("no message")),
            ("{\"class\"", Err("not JSON")),
        ] {
            match (message(input.as_bytes()), outcome) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{input}"),
                (Err(got), Err(expected)) => assert!(got.contains(expected), "{input}: {got}"),
                (got, expected) => panic!("{input}: {got:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_hostile_name_does_not_reach_the_terminal() {
        assert_eq!(
            for_terminal("/tmp/\u{1b}[31mred\n\tx\u{9b}"),
            "/tmp/\u{fffd}[31mred\u{fffd}\tx\u{fffd}"
        );
    }
}
