//! The modules of a simulated agent: they answer at once, unless the agent is
//! slow, and say who answers. Each run is noted before it begins, as a module of
//! a real agent would leave its mark on the machine.

use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use mig_agent::execution::{Report, Runner};
use mig_host::{Cancel, Document, Ending, Job, Outcome, Printed};
use mig_protocol::Command;
use mig_protocol::action::{DEFAULT_EXPANDED, expand_parameters};
use serde_json::{Value, json};

use super::Member;
use crate::seen::Event;

/// Answers with whose answer it is.
const TELLING: &str = "swarm";
/// The same, in a module that is not run again after an interruption.
pub const ONCE: &str = "once";
/// Answers as the module `file` does when it finds nothing, so that the
/// ordinary client can ask a swarm.
const FILE: &str = "file";

/// The modules of one agent.
pub(super) struct Simulated {
    queueloc: String,
    member: Weak<Member>,
    /// Whose operation is about to run: a module is not told.
    expected: Mutex<Vec<Expected>>,
}

/// A command that is about to run, by its first operation.
struct Expected {
    id: u64,
    module: String,
    input: Value,
}

impl Simulated {
    /// Those of the agent with this identity.
    pub fn new(queueloc: String, member: Weak<Member>) -> Self {
        Self {
            queueloc,
            member,
            expected: Mutex::default(),
        }
    }

    /// A command is about to run.
    pub fn expect(&self, command: &Command) {
        let Some(operation) = command.action.operations().first() else {
            return;
        };
        let Ok(input) = expand_parameters(operation, DEFAULT_EXPANDED) else {
            return;
        };
        let expected = Expected {
            id: command.id.0,
            module: operation.module.clone(),
            input,
        };
        self.expected().push(expected);
    }

    /// A command that was expected has ended, whether it ran or not.
    pub fn ended(&self, id: u64) {
        self.expected().retain(|expected| expected.id != id);
    }

    fn expected(&self) -> std::sync::MutexGuard<'_, Vec<Expected>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the run begins, and takes the time that the agent takes.
    fn begin(&self, job: &Job<'_>) {
        let found = {
            let mut expected = self.expected();
            let mut places = expected.iter();
            let place = places
                .position(|expected| expected.module == job.module && expected.input == job.input);
            place.map(|place| expected.remove(place).id)
        };
        let Some(member) = self.member.upgrade() else {
            return;
        };
        if let Some(id) = found {
            let once = job.module == ONCE;
            let event = if once {
                Event::ExecutedOnce
            } else {
                Event::Executed
            };
            member.note(event, id);
        }
        let pause = member.slowness(found.unwrap_or(0));
        if pause > Duration::ZERO {
            std::thread::sleep(pause);
        }
    }

    /// Names of the modules there are.
    pub fn modules() -> Vec<String> {
        [FILE, TELLING, ONCE].map(str::to_owned).to_vec()
    }
}

impl Runner for Simulated {
    fn names(&self) -> Vec<String> {
        Self::modules()
    }

    fn repeatable(&self, module: &str) -> Option<bool> {
        match module {
            FILE | TELLING => Some(true),
            ONCE => Some(false),
            _ => None,
        }
    }

    fn run(&self, job: &Job<'_>, _: &Cancel) -> Outcome<Document> {
        self.begin(job);
        let (found, elements) = if job.module == FILE {
            let searches = job.input["searches"].as_object().into_iter().flatten();
            let nothing = searches.map(|(label, _)| (label.clone(), json!([])));
            (false, Value::Object(nothing.collect()))
        } else {
            (true, json!({"agent": self.queueloc, "asked": job.input}))
        };
        Outcome {
            ending: Ending::Done,
            answer: json!({"foundanything": found, "success": true, "elements": elements,
                           "statistics": null, "errors": null})
            .into(),
            reason: None,
            field: None,
            sandbox: None,
        }
    }

    fn print(&self, _: &str, _: &Report) -> Printed {
        Err("a simulated module prints nothing".to_owned())
    }
}
