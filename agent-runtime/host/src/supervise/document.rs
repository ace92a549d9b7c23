//! The answer of a job: assembled, measured by the manifest, masked.

use mig_plugin_payload::{Document, ResultDocument};
use serde_json::{Map, Value};

use super::answer::Answer;
use crate::job::{Ending, Job, Operation};
use crate::text::harmless;

/// Why an answer is not acceptable (behind "module `x`"), and what to answer
/// instead.
pub(super) type Unacceptable = (String, Document);

/// The result object of `run`, complete or not.
pub(super) fn of_run(
    job: &Job<'_>,
    answer: &mut Answer<'_>,
    ending: Ending,
    reason: Option<&str>,
) -> Result<Document, Unacceptable> {
    let has_result = answer.result.is_some();
    let has_elements = answer.has_elements();
    let mut document = answer.take_document();
    if let Err(violation) = answer.schema().validate_document(&document, job.privacy) {
        let why = if job.privacy {
            // The message may quote what must not leave the machine.
            "sent a result that does not fit its own schema".to_owned()
        } else {
            format!("sent a result that does not fit its own schema: {violation}")
        };
        return Err((why, ResultDocument::default().to_value().into()));
    }
    if job.privacy {
        document = answer.schema().mask_document(document);
    }
    if !has_result {
        document.set("foundanything", Value::Bool(has_elements));
    }
    if ending != Ending::Done {
        document.set("success", Value::Bool(false));
    }
    Ok(with_reason(document, reason))
}

/// Adds the host's own reason to the errors of a result, once.
pub(super) fn with_reason(mut document: Document, reason: Option<&str>) -> Document {
    if let Some(reason) = reason
        && !document.errors().any(|error| error == reason)
    {
        let mut errors = match document.get("errors") {
            Some(Value::Array(errors)) => errors.clone(),
            _ => Vec::new(),
        };
        errors.push(Value::from(reason));
        document.set("errors", Value::Array(errors));
    }
    document
}

/// The answer of an operation other than `run`, in the shape it must have.
pub(super) fn of_helper(operation: Operation, answer: Value) -> Result<Value, String> {
    let wrong = || {
        format!(
            "sent an answer to `{}` that does not have its shape",
            operation.as_str()
        )
    };
    let Value::Object(fields) = answer else {
        return Err(wrong());
    };
    match operation {
        Operation::Print => lines(fields).ok_or_else(wrong),
        Operation::Options
            if fields.get("parameters").is_some_and(Value::is_object)
                || fields.get("help").is_some_and(Value::is_string)
                || fields.get("files").is_some_and(are_paths) =>
        {
            Ok(Value::Object(fields))
        }
        Operation::Validate if fields.get("errors").is_some_and(are_field_errors) => {
            Ok(Value::Object(fields))
        }
        Operation::Describe if fields.get("name").is_some_and(Value::is_string) => {
            Ok(Value::Object(fields))
        }
        _ => Err(wrong()),
    }
}

/// Lines for a terminal: names in them come from hostile machines.
fn lines(mut fields: Map<String, Value>) -> Option<Value> {
    let Value::Array(lines) = fields.get_mut("lines")? else {
        return None;
    };
    for line in lines {
        let Value::String(text) = line else {
            return None;
        };
        *line = Value::String(harmless(text));
    }
    Some(Value::Object(fields))
}

fn are_paths(files: &Value) -> bool {
    files
        .as_array()
        .is_some_and(|files| !files.is_empty() && files.iter().all(Value::is_string))
}

fn are_field_errors(errors: &Value) -> bool {
    errors.as_array().is_some_and(|errors| {
        errors.iter().all(|error| {
            error.get("message").is_some_and(Value::is_string)
                && error.get("field").is_none_or(Value::is_string)
        })
    })
}
