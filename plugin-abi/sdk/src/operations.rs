//! The five one-shot operations, from payload to payload.

use crate::{Defaults, Failure, Files, Module, Options, Session};
use mig_plugin_abi::{code, emit};
use mig_plugin_payload::{FieldError, ResultDocument, Schema, Strictness, decode, encode};
use serde::Deserialize;
use serde_json::{Value, json};

/// The host sends what its own limits allowed; this is a second fence.
const MAX_INPUT: usize = 64 << 20;
/// Complaints that `validate` lists at most.
const MAX_COMPLAINTS: usize = 100;

/// Runs an operation and emits its answer.
pub(crate) fn perform<M: Module>(
    session: &Session<'_>,
    operation: &[u8],
    input: &[u8],
) -> Result<(), Failure> {
    let input = match input {
        [] => Value::Null,
        bytes => decode(bytes, MAX_INPUT)
            .map_err(|error| Failure::new(code::BAD_PARAMETERS, format!("input: {error}")))?,
    };
    let answer = match operation {
        b"run" => run::<M>(session, input)?,
        b"options" => options::<M>(input)?,
        b"print" => print::<M>(input)?,
        b"validate" => validate::<M>(input)?,
        b"describe" => describe::<M>()?,
        other => {
            let name = String::from_utf8_lossy(other);
            let shown: String = name.escape_debug().take(80).collect();
            return Err(Failure::unsupported(format!(
                "the module has no operation `{shown}`"
            )));
        }
    };
    let payload = encode(&answer)
        .map_err(|error| Failure::limit(format!("the answer cannot be sent: {error}")))?;
    session.emit(emit::RESULT, "", &payload)
}

fn run<M: Module>(session: &Session<'_>, input: Value) -> Result<Value, Failure> {
    let parameters = match acceptable::<M>(input, 1) {
        Ok(parameters) => parameters,
        Err(complaints) => return Err(refusal(complaints)),
    };
    Ok(M::run(parameters, session)?.to_value())
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    defaults: String,
    #[serde(default)]
    files: Files,
}

fn options<M: Module>(input: Value) -> Result<Value, Failure> {
    let asked: Words = from_value(input)?;
    let defaults = match asked.defaults.as_str() {
        "" | "mig" => Defaults::Mig,
        "json" => Defaults::Json,
        "console" => Defaults::Console,
        other => {
            return Err(Failure::bad_parameters(
                "defaults",
                format!("`{other}` is not one of mig, json, console"),
            ));
        }
    };
    match M::options_with_files(&asked.words, defaults, &asked.files)? {
        Options::Help(help) => Ok(json!({ "help": help })),
        Options::Files(paths) => Ok(json!({ "files": paths })),
        Options::Parameters(parameters) => {
            if let Some(first) = M::validate(&parameters).into_iter().next() {
                return Err(refusal(vec![first]));
            }
            let parameters = serde_json::to_value(&parameters)
                .map_err(|error| Failure::bad_parameters("", error.to_string()))?;
            Ok(json!({ "parameters": parameters }))
        }
    }
}

#[derive(Deserialize)]
struct Printed {
    #[serde(default)]
    result: ResultDocument,
    #[serde(default)]
    foundonly: bool,
}

fn print<M: Module>(mut input: Value) -> Result<Value, Failure> {
    // The findings are moved and not read once more, which would take as much
    // memory again.
    let [elements, statistics] = ["elements", "statistics"].map(|name| {
        let member = input
            .get_mut("result")
            .and_then(|result| result.get_mut(name));
        member.map(Value::take).unwrap_or_default()
    });
    let mut asked: Printed = from_value(input)?;
    (asked.result.elements, asked.result.statistics) = (elements, statistics);
    let lines = M::print(&asked.result, asked.foundonly)?;
    Ok(json!({ "lines": lines }))
}

fn validate<M: Module>(input: Value) -> Result<Value, Failure> {
    let complaints = match acceptable::<M>(input, MAX_COMPLAINTS) {
        Ok(_) => Vec::new(),
        Err(complaints) => complaints,
    };
    let errors: Vec<Value> = complaints
        .into_iter()
        .map(|complaint| json!({"field": complaint.field, "message": complaint.message}))
        .collect();
    Ok(json!({ "errors": errors }))
}

fn describe<M: Module>() -> Result<Value, Failure> {
    let mut manifest = manifest::<M>().map_err(Failure::unsupported)?;
    M::describe(&mut manifest);
    Ok(manifest)
}

/// The manifest as JSON. Reading all of it into its type would make every
/// plugin a twelfth larger for the sake of one schema.
fn manifest<M: Module>() -> Result<Value, String> {
    let length = M::MANIFEST.iter().rposition(|byte| *byte != 0);
    let text = &M::MANIFEST[..length.map_or(0, |at| at + 1)];
    serde_json::from_slice(text).map_err(|error| format!("the module's manifest: {error}"))
}

/// The schema of the parameters of `run`, when there is one.
fn parameters_schema<M: Module>() -> Result<Option<Schema>, String> {
    let manifest = manifest::<M>()?;
    let schema = manifest.pointer("/operations/run/parameters");
    let schema = schema.filter(|schema| !schema.is_null()).map(Schema::parse);
    schema
        .transpose()
        .map_err(|error| format!("the module's manifest: {error}"))
}

/// Typed parameters, or up to `most` reasons why not.
fn acceptable<M: Module>(mut input: Value, most: usize) -> Result<M::Parameters, Vec<FieldError>> {
    if input.is_null() {
        // No parameters at all: all defaults.
        input = json!({});
    }
    let whole = |message: String| vec![FieldError::new("", message)];
    if let Some(schema) = parameters_schema::<M>().map_err(whole)? {
        schema.normalise(&mut input);
        let complaints = schema.violations(&input, Strictness::Parameters, most);
        if !complaints.is_empty() {
            return Err(complaints);
        }
    }
    let parameters: M::Parameters =
        serde_json::from_value(input).map_err(|error| whole(error.to_string()))?;
    let mut complaints = M::validate(&parameters);
    if complaints.is_empty() {
        Ok(parameters)
    } else {
        complaints.truncate(most);
        Err(complaints)
    }
}

fn refusal(complaints: Vec<FieldError>) -> Failure {
    match complaints.into_iter().next() {
        Some(first) => Failure {
            message: first.to_string(),
            ..Failure::bad_parameters(first.field, "")
        },
        None => Failure::bad_parameters("", "parameters are not acceptable"),
    }
}

fn from_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value)
        .map_err(|error| Failure::new(code::BAD_PARAMETERS, error.to_string()))
}
