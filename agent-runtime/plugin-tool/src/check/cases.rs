//! The promises, in the order they are tried.

use super::calls::name_of;
use super::invent::Inventor;
use super::{Promise, Subject, Tried, Verdict};
use mig_host::{Diagnosis, Ending, Operation, Outcome};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a module may take to notice a cancel.
const CANCEL: Duration = Duration::from_millis(100);
/// How long it is left alone before, so that it has begun also on a busy machine.
const HEAD_START: Duration = Duration::from_millis(300);
/// How often it is tried: a busy machine is not the module's fault.
const CANCELS: usize = 3;
/// Output of a run that hardly may say anything, in bytes.
const LITTLE: u64 = 64;
/// Inventions per operation.
const INVENTIONS: usize = 40;
/// Longest quotation of an input, in characters.
const QUOTED: usize = 200;

/// What every module promises.
pub const ALL: [Promise; 5] = [
    ("describe answers the manifest", describe),
    ("options gives help", help),
    ("options refuses an unknown option", unknown_option),
    ("validate lists complaints", validate),
    ("validate refuses parameters of a wrong type", wrong_types),
];

/// What those promise that run once.
pub const ONE_SHOT: [Promise; 6] = [
    ("run ends with a result that fits its schema", results),
    ("print makes lines of a result", print),
    (
        "a run closes what it opened and ends its threads",
        leftovers,
    ),
    ("a run makes no system call beyond its capabilities", calls),
    ("a run stops when its output is full", full),
    ("a cancelled run ends within 100 ms", cancel),
];

/// What takes longest.
pub const LAST: [Promise; 1] = [("invented input never crashes an operation", inventions)];

pub fn declared(subject: &Subject, operation: Operation) -> Result<(), Verdict> {
    if subject.manifest.has_operation(operation.as_str()) {
        Ok(())
    } else {
        Err(Verdict::Skipped("not declared".to_owned()))
    }
}

/// The answer, or a verdict when there is none.
pub fn answer(outcome: Outcome) -> Result<Value, Verdict> {
    match outcome.ending {
        Ending::Done => Ok(outcome.answer),
        _ => Err(Verdict::Broken(outcome.reason.unwrap_or_default())),
    }
}

pub fn quoted(value: &Value) -> String {
    value.to_string().chars().take(QUOTED).collect()
}

/// `?` for verdicts.
pub fn settled(attempt: impl FnOnce() -> Result<Verdict, Verdict>) -> Verdict {
    attempt().unwrap_or_else(|verdict| verdict)
}

fn describe(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Describe)?;
        let manifest = answer(subject.call(Operation::Describe, Value::Null))?;
        Ok(if manifest["name"] == subject.manifest.name.as_str() {
            Verdict::Kept(String::new())
        } else {
            Verdict::Broken(format!("it answers {}", quoted(&manifest)))
        })
    })
}

fn options_of(subject: &Subject, words: &[&str]) -> Outcome {
    let input = json!({"words": words, "defaults": "mig"});
    subject.call(Operation::Options, input)
}

fn help(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Options)?;
        let first = answer(options_of(subject, &["help"]))?;
        let again = answer(options_of(subject, &["help"]))?;
        Ok(match first["help"].as_str() {
            Some(text) if text.trim().is_empty() => Verdict::Broken("the help is empty".to_owned()),
            Some(_) if first != again => {
                Verdict::Broken("it answers the same words in two ways".to_owned())
            }
            Some(_) => Verdict::Kept(String::new()),
            None => Verdict::Broken(format!("it answers {}", quoted(&first))),
        })
    })
}

fn unknown_option(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Options)?;
        let outcome = options_of(subject, &["-no-such-option-"]);
        if let Some(fault) = subject.fault(&outcome) {
            return Err(Verdict::Broken(fault));
        }
        Ok(match outcome.ending {
            Ending::Done => Verdict::Broken(format!("it answers {}", quoted(&outcome.answer))),
            _ => Verdict::Kept(outcome.reason.unwrap_or_default()),
        })
    })
}

fn validate(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Validate)?;
        let good = subject.parameters.first().cloned().unwrap_or_default();
        for (input, fine) in [(good, true), (json!("not an object"), false)] {
            let answer = answer(subject.call(Operation::Validate, input.clone()))?;
            let errors = answer["errors"].as_array();
            let shaped = errors.is_some_and(|errors| {
                let texts = ["field", "message"];
                errors
                    .iter()
                    .all(|error| texts.iter().all(|text| error[text].is_string()))
            });
            if !shaped || errors.is_some_and(Vec::is_empty) != fine {
                let answer = quoted(&answer);
                return Err(Verdict::Broken(format!(
                    "{} gives {answer}",
                    quoted(&input)
                )));
            }
        }
        Ok(Verdict::Kept(String::new()))
    })
}

/// Tried with `validate`: wrong parameters of a run do not get past the host.
fn wrong_types(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Validate)?;
        let Some(schema) = subject.manifest.parameters() else {
            return Err(Verdict::Skipped("no parameters declared".to_owned()));
        };
        let mut tried = 0;
        for (name, member) in schema.properties() {
            let types = member.type_names();
            let wrong = match types.contains(&"string") {
                _ if types.is_empty() => continue,
                true => json!(17),
                false => json!("seventeen"),
            };
            let input = json!({ name: wrong });
            let outcome = subject.call(Operation::Validate, input.clone());
            if let Some(fault) = subject.fault(&outcome) {
                return Err(Verdict::Broken(format!("{}: {fault}", quoted(&input))));
            }
            if outcome.answer["errors"]
                .as_array()
                .is_some_and(Vec::is_empty)
            {
                return Err(Verdict::Broken(format!("it accepts {}", quoted(&input))));
            }
            tried += 1;
        }
        Ok(Verdict::Kept(format!("{tried} tried")))
    })
}

fn results(subject: &Subject) -> Verdict {
    settled(|| {
        for input in &subject.parameters {
            // The host has compared it with the schema already.
            answer(subject.call(Operation::Run, input.clone())).map_err(
                |verdict| match verdict {
                    Verdict::Broken(reason) => {
                        Verdict::Broken(format!("{}: {reason}", quoted(input)))
                    }
                    other => other,
                },
            )?;
        }
        Ok(Verdict::Kept(format!("{} runs", subject.parameters.len())))
    })
}

fn print(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Print)?;
        let mut lines = 0;
        for input in &subject.parameters {
            let result = answer(subject.call(Operation::Run, input.clone()))?;
            lines += lines_of(subject, &result)?;
        }
        Ok(Verdict::Kept(format!("{lines} lines")))
    })
}

/// How many lines the printer makes of a result.
pub fn lines_of(subject: &Subject, result: &Value) -> Result<usize, Verdict> {
    let mut lines = 0;
    for found_only in [true, false] {
        let input = json!({"result": result, "foundonly": found_only});
        let answer = answer(subject.call(Operation::Print, input))?;
        let list = answer["lines"].as_array();
        if !list.is_some_and(|lines| lines.iter().all(Value::is_string)) {
            return Err(Verdict::Broken(format!("it answers {}", quoted(&answer))));
        }
        lines += list.map_or(0, Vec::len);
    }
    Ok(lines)
}

/// What the runs with the known parameters left behind.
fn diagnoses(subject: &Subject) -> Result<Vec<(&Value, Diagnosis)>, Verdict> {
    let tried = subject.parameters.iter().map(|input| {
        let (outcome, diagnosis) = subject.diagnose(input.clone());
        match (subject.fault(&outcome), diagnosis) {
            (Some(fault), _) => Err(Verdict::Broken(format!("{}: {fault}", quoted(input)))),
            (None, Some(diagnosis)) => Ok((input, diagnosis)),
            (None, None) => Err(Verdict::Skipped("the worker said nothing".to_owned())),
        }
    });
    tried.collect()
}

fn leftovers(subject: &Subject) -> Verdict {
    settled(|| {
        let diagnoses = diagnoses(subject)?;
        for (input, found) in &diagnoses {
            if found.descriptors > 0 || found.threads > 0 {
                return Err(Verdict::Broken(format!(
                    "{}: {} descriptors stay open and {} threads run on",
                    quoted(input),
                    found.descriptors,
                    found.threads
                )));
            }
        }
        Ok(Verdict::Kept(format!("{} runs", diagnoses.len())))
    })
}

fn calls(subject: &Subject) -> Verdict {
    settled(|| {
        let diagnoses = diagnoses(subject)?;
        for (input, found) in &diagnoses {
            if !found.refused_calls.is_empty() {
                let names: Vec<_> = found
                    .refused_calls
                    .iter()
                    .map(|call| name_of(*call))
                    .collect();
                return Err(Verdict::Broken(format!(
                    "{}: refused: {}; declare what needs them or leave them out",
                    quoted(input),
                    names.join(", ")
                )));
            }
        }
        Ok(Verdict::Kept(format!("{} runs", diagnoses.len())))
    })
}

/// With hardly any room for output a run ends soon and in good order.
fn full(subject: &Subject) -> Verdict {
    settled(|| {
        for input in &subject.parameters {
            let outcome = subject.run_with_output(input.clone(), LITTLE);
            if let Some(fault) = subject.fault(&outcome) {
                return Err(Verdict::Broken(format!("{}: {fault}", quoted(input))));
            }
        }
        Ok(Verdict::Kept(format!("{} runs", subject.parameters.len())))
    })
}

fn cancel(subject: &Subject) -> Verdict {
    settled(|| {
        let input = subject.parameters.first().cloned().unwrap_or_default();
        let in_time = |tried: &Tried| tried.cancelled_for.is_some_and(|time| time <= CANCEL);
        let mut tried = subject.cancelled(input.clone(), HEAD_START);
        for _ in 1..CANCELS {
            if tried.outcome.ending != Ending::Cancelled || in_time(&tried) {
                break;
            }
            tried = subject.cancelled(input.clone(), HEAD_START);
        }
        Ok(match (tried.outcome.ending, tried.cancelled_for) {
            (Ending::Cancelled, Some(time)) if time > CANCEL => {
                Verdict::Broken(format!("it took {} ms", time.as_millis()))
            }
            (Ending::Cancelled, Some(time)) => Verdict::Kept(format!("{} ms", time.as_millis())),
            (Ending::Done, _) => Verdict::Kept("it was done before".to_owned()),
            (_, _) => match subject.fault(&tried.outcome) {
                Some(fault) => Verdict::Broken(fault),
                None => Verdict::Kept("it had failed before".to_owned()),
            },
        })
    })
}

fn inventions(subject: &Subject) -> Verdict {
    settled(|| {
        let mut inventor = Inventor::new(subject.manifest.parameters());
        let mut tried = 0;
        for operation in [Operation::Options, Operation::Validate, Operation::Print] {
            if !subject.manifest.has_operation(operation.as_str()) {
                continue;
            }
            for _ in 0..INVENTIONS {
                let input = match operation {
                    Operation::Options => json!({"words": inventor.words(), "defaults": "mig"}),
                    Operation::Print => json!({"result": {
                        "foundanything": true, "success": true, "elements": inventor.value(0),
                        "statistics": inventor.value(0), "errors": ["\u{1b}[2J"]}, "foundonly": false}),
                    _ => inventor.value(0),
                };
                let outcome = subject.call(operation, input.clone());
                if let Some(fault) = subject.fault(&outcome) {
                    let name = operation.as_str();
                    return Err(Verdict::Broken(format!(
                        "{name} {}: {fault}",
                        quoted(&input)
                    )));
                }
                tried += 1;
            }
        }
        Ok(Verdict::Kept(format!("{tried} tried")))
    })
}
