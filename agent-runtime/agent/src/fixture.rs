//! An agent for unit tests: real keys, ACL and journal in a directory of its
//! own, a clock that is set by hand, modules that do as they are told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mig_host::{Cancel, Document, Ending, Job, Outcome, Printed};
use mig_protocol::clock::ManualClock;
use mig_protocol::json::{parse_command, to_go_json};
use mig_protocol::openpgp::{KeyFileSigner, Signer, generate_investigator_key, sign_action};
use mig_protocol::{Action, Command, Id, Operation, Time};
use serde_json::{Value, json};

use crate::agent::{Agent, Parts};
use crate::environment::Surroundings;
use crate::execution::{Report, Runner};
use crate::identity;
use crate::journal::Journal;
use crate::record::Record;
use crate::settings::Settings;
use crate::trust::Trust;

/// Modules of the fixture: `quick` and `once` answer at once, the second may
/// not be repeated; the others end as their names say.
#[derive(Default)]
pub struct FakeRunner {
    /// Names of the modules that were run, in order.
    pub ran: Mutex<Vec<String>>,
    /// Inputs they got.
    pub inputs: Mutex<Vec<Value>>,
    /// Longest time they were given.
    pub walls: Mutex<Vec<Duration>>,
    running: AtomicUsize,
    /// Most that ran at one time.
    pub most: AtomicUsize,
}

const MODULES: [(&str, Ending); 5] = [
    ("quick", Ending::Done),
    ("once", Ending::Done),
    ("broken", Ending::Failed),
    ("slow", Ending::Timeout),
    ("patient", Ending::Cancelled),
];

impl Runner for FakeRunner {
    fn names(&self) -> Vec<String> {
        MODULES.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn repeatable(&self, module: &str) -> Option<bool> {
        MODULES
            .iter()
            .any(|(name, _)| *name == module)
            .then_some(module != "once")
    }

    fn run(&self, job: &Job<'_>, cancel: &Cancel) -> Outcome<Document> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.ran.lock().unwrap().push(job.module.to_owned());
        self.inputs.lock().unwrap().push(job.input.clone());
        self.walls.lock().unwrap().push(job.limits.wall);
        if job.module == "patient" {
            mig_testkit::wait_until("cancel", Duration::from_secs(60), || cancel.is_cancelled());
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        let ending = MODULES
            .iter()
            .find(|(name, _)| *name == job.module)
            .unwrap()
            .1;
        Outcome {
            ending,
            answer: json!({"foundanything": true, "success": true, "elements": job.input,
                           "statistics": null, "errors": null})
            .into(),
            reason: None,
            field: None,
            sandbox: None,
        }
    }

    fn print(&self, _: &str, _: &Report) -> Printed {
        Err("it prints nothing".to_owned())
    }
}

/// An investigator.
pub struct Investigator {
    pub signer: KeyFileSigner,
    pub public: String,
}

impl Investigator {
    pub fn new(name: &str) -> Self {
        let key = generate_investigator_key(name, None, Time::from_unix(1_600_000_000)).unwrap();
        Self {
            signer: KeyFileSigner::from_armored(key.secret.as_bytes(), None).unwrap(),
            public: key.public,
        }
    }
}

/// The agent and what belongs to it.
pub struct Fixture {
    pub directory: tempfile::TempDir,
    pub clock: ManualClock,
    pub runner: Arc<FakeRunner>,
    pub agent: Arc<Agent>,
    pub ana: Investigator,
    pub ben: Investigator,
    settings: Settings,
}

/// When the fixture's clock starts.
pub const NOW: i64 = 1_700_000_000;

impl Fixture {
    /// Ana alone may use everything but `once`, which needs Ben as well.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (ana, ben) = (
            Investigator::new("Ana <ana@example.net>"),
            Investigator::new("Ben <ben@example.net>"),
        );
        let keys = directory.path().join("agentkeys");
        std::fs::create_dir(&keys).unwrap();
        std::fs::write(keys.join("ana"), &ana.public).unwrap();
        std::fs::write(keys.join("ben"), &ben.public).unwrap();
        let entry = |weight: u32, ana: &str, ben: &str| {
            json!({"minimumweight": weight, "investigators": {
                "Ana": {"fingerprint": ana, "weight": 1}, "Ben": {"fingerprint": ben, "weight": 1}}})
        };
        let (a, b) = (
            ana.signer.fingerprint().to_string(),
            ben.signer.fingerprint().to_string(),
        );
        let acl = json!({"default": entry(1, &a, &b), "once": entry(2, &a, &b)});
        std::fs::write(directory.path().join("acl.cfg"), acl.to_string()).unwrap();
        let mut settings = Settings {
            run_directory: directory.path().join("run"),
            keyring: keys,
            acl: directory.path().join("acl.cfg"),
            tags: BTreeMap::from([("operator".to_owned(), "it".to_owned())]),
            ..Settings::default()
        };
        change(&mut settings);
        let clock = ManualClock::new(Time::from_unix(NOW));
        let runner = Arc::new(FakeRunner::default());
        let agent = build(&settings, &clock, &runner);
        Self {
            directory,
            clock,
            runner,
            agent,
            ana,
            ben,
            settings,
        }
    }

    /// The agent ends without warning and starts again.
    pub fn restart(&mut self) {
        self.agent = build(&self.settings, &self.clock, &self.runner);
    }

    /// An unsigned action with one operation per module.
    pub fn action(&self, modules: &[&str]) -> Action {
        let operation = |module: &&str| Operation {
            module: (*module).to_owned(),
            parameters: json!({"asked": module}),
            ..Operation::default()
        };
        Action {
            id: Id(5),
            name: "look".into(),
            target: "status='online'".into(),
            validfrom: Time::from_unix(NOW - 60),
            expireafter: Time::from_unix(NOW + 300),
            operations: Some(modules.iter().map(operation).collect()),
            syntaxversion: 2,
            ..Action::default()
        }
    }

    /// The same, signed by Ana.
    pub fn signed(&self, modules: &[&str]) -> Action {
        self.sign(self.action(modules), &[&self.ana])
    }

    pub fn sign(&self, mut action: Action, signers: &[&Investigator]) -> Action {
        for investigator in signers {
            sign_action(&mut action, &investigator.signer, Time::from_unix(NOW)).unwrap();
        }
        action
    }

    /// The message that carries an action to this agent.
    pub fn message(&self, id: u64, action: Action) -> Vec<u8> {
        let command = Command {
            id: Id(id),
            action,
            agent: self.agent.record(),
            status: "sent".into(),
            ..Command::default()
        };
        to_go_json(&command).unwrap()
    }

    /// The answers that wait to be sent.
    pub fn answers(&self) -> Vec<Command> {
        let journal = self.agent.journal();
        let mut answers = Vec::new();
        let mut after = None;
        while let Some(entry) = journal.next_unsent(after) {
            answers.push(parse_command(&journal.answer(entry).unwrap().unwrap()).unwrap());
            after = Some(entry);
        }
        answers
    }

    /// Takes every waiting answer as sent.
    pub fn send_all(&self) {
        let entries: Vec<_> = {
            let journal = self.agent.journal();
            std::iter::successors(journal.next_unsent(None), |last| {
                journal.next_unsent(Some(*last))
            })
            .collect()
        };
        for entry in entries {
            self.agent.answer_sent(entry);
        }
    }
}

fn build(settings: &Settings, clock: &ManualClock, runner: &Arc<FakeRunner>) -> Arc<Agent> {
    let runner: Arc<dyn Runner> = Arc::clone(runner) as Arc<dyn Runner>;
    let now = Time::from_unix(NOW);
    Arc::new(Agent::new(Parts {
        identity: identity::load_or_create(&settings.run_directory).unwrap(),
        trust: Trust::load(&settings.keyring, &settings.acl, settings.only_verify_key).unwrap(),
        journal: Journal::open(&settings.run_directory, settings.spool, NOW).unwrap(),
        owners_record: Arc::new(Record::open(
            &settings.run_directory,
            settings.record,
            Arc::new(clock.clone()),
        )),
        surroundings: Surroundings::discover(runner.names(), now),
        runner,
        persistent: None,
        clock: Arc::new(clock.clone()),
        settings: settings.clone(),
        checkin: false,
    }))
}
