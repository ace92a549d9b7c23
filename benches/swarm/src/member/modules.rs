//! The modules of a simulated agent: they answer at once, and say who answers.

use mig_agent::execution::{Report, Runner};
use mig_host::{Cancel, Document, Ending, Job, Outcome, Printed};
use serde_json::{Value, json};

/// Answers with whose answer it is.
const TELLING: &str = "swarm";
/// Answers as the module `file` does when it finds nothing, so that the
/// ordinary client can ask a swarm.
const FILE: &str = "file";

/// The modules of one agent.
pub(super) struct Simulated {
    queueloc: String,
}

impl Simulated {
    /// Those of the agent with this identity.
    pub fn new(queueloc: String) -> Self {
        Self { queueloc }
    }

    /// Names of the modules there are.
    pub fn modules() -> Vec<String> {
        [FILE, TELLING].map(str::to_owned).to_vec()
    }
}

impl Runner for Simulated {
    fn names(&self) -> Vec<String> {
        Self::modules()
    }

    fn repeatable(&self, module: &str) -> Option<bool> {
        [FILE, TELLING].contains(&module).then_some(true)
    }

    fn run(&self, job: &Job<'_>, _: &Cancel) -> Outcome<Document> {
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
