//! Running the operations of a command and putting their results together.

mod operation;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mig_host::{
    Attendant, Cancel, Document, Job, Limits, Mailbox, ModuleStore, Outcome, Printed, ServiceJob,
};
use mig_plugin_payload::Manifest;
use mig_protocol::{Command, CommandStatus, ModuleResult};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::agent::Agent;
use crate::answer;
use crate::intake::Task;
use crate::record::keep::{Brief, Ending};

/// What runs modules. The real one is the module store with its workers.
pub trait Runner: Send + Sync + 'static {
    /// Names of the modules there are.
    fn names(&self) -> Vec<String>;
    /// Whether a module may be run again after an interruption; none when there
    /// is no such module.
    fn repeatable(&self, module: &str) -> Option<bool>;
    /// Runs the operation `run` of a module to its end.
    fn run(&self, job: &Job<'_>, cancel: &Cancel) -> Outcome<Document>;
    /// The lines a module makes of a result, or why it makes none.
    fn print(&self, module: &str, result: &Report) -> Printed;
    /// Manifests of the modules that run for as long as the agent does.
    fn persistent(&self) -> Vec<&Manifest> {
        Vec::new()
    }
    /// Keeps such a module running until `cancel`, on the calling thread.
    fn serve(
        &self,
        job: &ServiceJob<'_>,
        mailbox: &Mailbox,
        cancel: &Cancel,
        attendant: &mut dyn Attendant,
    ) {
        let _ = (job, mailbox, cancel, attendant);
    }
}

impl Runner for ModuleStore {
    fn names(&self) -> Vec<String> {
        self.modules()
            .map(|module| module.manifest.name.clone())
            .collect()
    }

    fn repeatable(&self, module: &str) -> Option<bool> {
        self.get(module).map(|module| module.manifest.repeatable)
    }

    fn run(&self, job: &Job<'_>, cancel: &Cancel) -> Outcome<Document> {
        self.run_to_document(job, cancel, &mut |_| {})
    }

    fn print(&self, module: &str, result: &Report) -> Printed {
        let results = std::slice::from_ref(result);
        ModuleStore::print(self, module, results, false, PRINT, &Cancel::new())
            .pop()
            .unwrap_or(Ok(Vec::new()))
    }

    fn persistent(&self) -> Vec<&Manifest> {
        self.modules()
            .map(|module| &module.manifest)
            .filter(|manifest| manifest.persistent)
            .collect()
    }

    fn serve(
        &self,
        job: &ServiceJob<'_>,
        mailbox: &Mailbox,
        cancel: &Cancel,
        attendant: &mut dyn Attendant,
    ) {
        ModuleStore::serve(self, job, mailbox, cancel, attendant);
    }
}

/// Budgets of a printer, which runs only when somebody asks for it on the
/// machine itself.
const PRINT: Limits = Limits {
    wall: Duration::from_secs(300),
    cpu: None,
    memory: 2 << 30,
    descriptors: 64,
    output: 128 << 20,
};

/// What there is to say about one operation. It is written like a
/// [`ModuleResult`], with the findings of a document still the bytes the module
/// sent until then: as values they take ten times the memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// The module ran.
    Document(Document),
    /// It did not, or its result was dropped.
    Result(ModuleResult),
}

impl From<Document> for Report {
    fn from(document: Document) -> Self {
        Report::Document(document)
    }
}

impl From<ModuleResult> for Report {
    fn from(result: ModuleResult) -> Self {
        Report::Result(result)
    }
}

/// Why nothing runs that nobody has.
pub(crate) fn unavailable(module: &str) -> String {
    format!("module '{module}' is not available")
}

/// How one operation ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ended {
    pub status: CommandStatus,
    pub result: Report,
}

impl Agent {
    /// Runs a command and stores its answer. Its operations run side by side,
    /// as far as the limit on operations allows; the results stand in the order
    /// of the operations. `permit` is the command's place among the accepted
    /// ones.
    pub async fn execute(self: Arc<Self>, task: Task, permit: Option<OwnedSemaphorePermit>) {
        let activity = self.activity();
        let Task {
            entry,
            command,
            started,
        } = task;
        let command = Arc::new(command);
        let mut running = Vec::new();
        for index in 0..command.action.operations().len() {
            let Some(place) = self.operation_permit().await else {
                break;
            };
            let (agent, command) = (Arc::clone(&self), Arc::clone(&command));
            let interrupted = u32::try_from(index).is_ok_and(|index| started.contains(&index));
            running.push(tokio::task::spawn_blocking(move || {
                let begun = Instant::now();
                let ended = operation::run(&agent, entry, &command, index, interrupted);
                drop(place);
                (ended, begun.elapsed())
            }));
        }
        let mut endings = Vec::with_capacity(running.len());
        for operation in running {
            endings.push(operation.await.unwrap_or_else(|error| {
                let ended = Ended {
                    status: CommandStatus::Failed,
                    result: ModuleResult::from_error(format!(
                        "the agent failed to run the module: {error}"
                    ))
                    .into(),
                };
                (ended, Duration::ZERO)
            }));
        }
        let agent = Arc::clone(&self);
        // A lost join handle would lose the answer; what it does does not panic.
        let _ = tokio::task::spawn_blocking(move || {
            let command = Arc::unwrap_or_clone(command);
            agent.finish(entry, command, endings);
        })
        .await;
        self.answers_waiting();
        drop(permit);
        drop(activity);
    }

    fn finish(
        &self,
        entry: crate::journal::EntryId,
        command: Command,
        endings: Vec<(Ended, Duration)>,
    ) {
        let status = overall(&endings);
        let (id, action) = (command.id, command.action.id);
        let brief = Brief::of(&command);
        let (endings, results) = endings
            .into_iter()
            .map(|(ended, took)| ((ended.status, took), ended.result))
            .unzip::<_, _, Vec<_>, Vec<_>>();
        let (answer, results) = answer::complete(command, status.clone(), results, &self.record());
        // What leaves the machine is on record before it can leave.
        let ending = Ending {
            command: &brief,
            endings: &endings,
            results: &results,
            masked: self.settings().privacy,
            status: &status,
            answer: &answer,
        };
        self.owners_record().operations(&ending.entries(), true);
        drop(results);
        self.store(entry, answer);
        // Only now: whoever reads it may rely on the result, whatever happens next.
        tracing::info!(command = %id, action = %action, "ended with status {status}");
    }
}

/// The first outcome that is no success decides.
fn overall(endings: &[(Ended, Duration)]) -> CommandStatus {
    endings
        .iter()
        .map(|(ended, _)| &ended.status)
        .find(|status| **status != CommandStatus::Success)
        .cloned()
        .unwrap_or(CommandStatus::Success)
}
