//! Printing results: many of them through few workers, and without a tree of
//! values in this process.

use mig_plugin_abi::code;
use mig_plugin_payload::encode_serialize;
use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, Finished};
use super::{Answered, document, request, verdict};
use crate::cancel::Cancel;
use crate::job::{Ending, Job, Limits, Operation};
use crate::store::{Entry, ModuleStore};

/// Bytes of results that one worker gets, unless one alone has more.
const BATCH_BYTES: usize = 8 << 20;
/// Results that one worker gets.
const BATCH: usize = 256;

/// The lines of one result, or why there are none.
pub type Printed = Result<Vec<String>, String>;

/// Input of the operation.
#[derive(Serialize)]
struct Input<'a, R> {
    result: &'a R,
    foundonly: bool,
}

impl ModuleStore {
    /// The lines a module makes of each of these results, in their order. One
    /// worker prints many of them, and each result has the limits to itself but
    /// for the wall time, which holds for the worker. A result that the module
    /// cannot print costs no other its lines.
    pub fn print<R: Serialize>(
        &self,
        module: &str,
        results: &[R],
        found_only: bool,
        limits: Limits,
        cancel: &Cancel,
    ) -> Vec<Printed> {
        let job = Job {
            limits,
            ..Job::new(module, Operation::Print, Value::Null)
        };
        let entry = match self.printer(module) {
            Ok(entry) => entry,
            Err(reason) => return results.iter().map(|_| Err(reason.clone())).collect(),
        };
        let mut printed = Vec::with_capacity(results.len());
        let mut left = results.iter().peekable();
        while left.peek().is_some() {
            let mut batch = Vec::new();
            let mut bytes = 0;
            while let Some(result) = left.next_if(|_| batch.len() < BATCH && bytes < BATCH_BYTES) {
                let input = Input {
                    result,
                    foundonly: found_only,
                };
                match encode_serialize(&input) {
                    Ok(input) => {
                        bytes += input.len();
                        batch.push(input);
                    }
                    Err(error) => {
                        // Those before it keep their places.
                        self.print_batch(&job, entry, &mut batch, cancel, &mut printed);
                        printed.push(Err(format!(
                            "result for module `{module}` cannot be sent: {error}"
                        )));
                    }
                }
            }
            self.print_batch(&job, entry, &mut batch, cancel, &mut printed);
        }
        printed
    }

    fn printer(&self, module: &str) -> Result<&Entry, String> {
        let entry = self
            .entry(module)
            .ok_or_else(|| format!("module '{module}' is not available"))?;
        if entry.info.manifest.has_operation(Operation::Print.as_str()) {
            Ok(entry)
        } else {
            Err(format!("module `{module}` has no operation `print`"))
        }
    }

    /// Prints all inputs. When one of them ends a worker, the rest gets another.
    fn print_batch(
        &self,
        job: &Job<'_>,
        entry: &Entry,
        batch: &mut Vec<Vec<u8>>,
        cancel: &Cancel,
        printed: &mut Vec<Printed>,
    ) {
        while !batch.is_empty() {
            let done = self.print_some(job, entry, batch, cancel);
            batch.drain(..done.len().clamp(1, batch.len()));
            printed.extend(done);
        }
    }

    /// Prints with one worker, as far as it gets: at least one.
    fn print_some(
        &self,
        job: &Job<'_>,
        entry: &Entry,
        batch: &[Vec<u8>],
        cancel: &Cancel,
    ) -> Vec<Printed> {
        let name = &entry.info.manifest.name;
        if cancel.is_cancelled() {
            let reason = format!("module `{name}` was cancelled before it started");
            return batch.iter().map(|_| Err(reason.clone())).collect();
        }
        let manifest = &entry.info.manifest;
        let mut ignore = |_| {};
        let mut answer = Answer::new(job, manifest, &mut ignore).with_inputs(batch.len());
        let request = request(job, entry, batch);
        let end = match self.follow(job, entry, &request, batch, cancel, &mut answer) {
            Ok(end) => end,
            Err(reason) => return vec![Err(reason)],
        };
        let mut printed: Vec<Printed> = std::mem::take(&mut answer.earlier)
            .into_iter()
            .map(|finished| lines_of(job, name, finished))
            .collect();
        let last = verdict::judge(job, manifest, answer, &end).map(Answered::into_value);
        printed.push(match last.ending {
            Ending::Done => Ok(texts(last.answer)),
            _ => Err(last.reason.unwrap_or_default()),
        });
        printed
    }
}

/// The lines of an answer that another one followed.
fn lines_of(job: &Job<'_>, name: &str, finished: Finished) -> Printed {
    if finished.full {
        let why = verdict::too_much(job, Operation::Print);
        return Err(format!("module `{name}` {why}"));
    }
    match (finished.code, finished.result, finished.record) {
        (code::OK, Some(result), _) => document::of_helper(Operation::Print, result)
            .map(texts)
            .map_err(|why| format!("module `{name}` {why}")),
        (code::OK, None, _) => Err(format!("module `{name}` ended without a result")),
        (_, _, Some(record)) => Err(record.message),
        (code, _, None) => Err(format!(
            "module `{name}` failed: {}",
            verdict::meaning(code)
        )),
    }
}

/// The lines of a checked answer.
fn texts(mut answer: Value) -> Vec<String> {
    let Some(Value::Array(lines)) = answer.get_mut("lines").map(Value::take) else {
        return Vec::new();
    };
    lines
        .into_iter()
        .filter_map(|line| match line {
            Value::String(text) => Some(text),
            _ => None,
        })
        .collect()
}
