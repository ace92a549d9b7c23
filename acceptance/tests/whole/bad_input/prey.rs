//! An agent at the mercy of a hostile server, and how it takes that.

use mig_acceptance::{Process, Site};
use mig_protocol::{Action, Agent, Command, Id};
use serde_json::json;

use super::old_key;
use crate::setup::asking::{action, sign};
use crate::setup::hostile::HostileServer;
use crate::setup::{AGENT, files, marks};

/// An agent at the mercy of a hostile server. Ada and Bob weigh one each.
pub struct Prey {
    pub agent: Process,
    pub server: HostileServer,
    pub site: Site,
    pub record: Agent,
    answered: Vec<Id>,
}

impl Prey {
    /// An agent that has said that it is there.
    pub fn new() -> Self {
        let (site, _) = files();
        marks::install(&site);
        site.make_key("mallory", "Mallory").unwrap();
        for name in ["expired.pub", "revoked.pub"] {
            let key = std::fs::read_to_string(old_key(name)).unwrap();
            site.write(&format!("agentkeys/{name}"), key).unwrap();
        }
        let mut server = HostileServer::start(site.directory());
        let configuration = site.agent_configuration(AGENT).unwrap();
        site.write(
            "agent.cfg",
            configuration.set("agent", "relay", server.url()),
        )
        .unwrap();
        let agent = site.start_agent(AGENT).unwrap();
        let record = server.next_heartbeat();
        Self {
            agent,
            server,
            site,
            record,
            answered: Vec::new(),
        }
    }

    /// An action that leaves a mark, and so shows that it ran.
    pub fn unsigned(&self, name: &str) -> Action {
        let parameters = json!({"file": marks::file(&self.site), "line": name});
        action(name, marks::LINGER, parameters)
    }

    /// The same, signed by Ada.
    pub fn signed(&self, name: &str) -> Action {
        sign(&self.site, "ada", self.unsigned(name))
    }

    /// A command for the agent.
    pub fn command(&mut self, action: &Action) -> Command {
        self.server.command(&self.record.clone(), action)
    }

    /// Sends a command and takes its answer. An agent that was killed may repeat
    /// earlier ones before.
    pub fn answer_to(&mut self, command: &Command) -> Command {
        self.server.order(&self.record, command);
        let answer = loop {
            let answer = self.server.next_answer();
            if answer.id == command.id {
                break answer;
            }
            assert!(self.answered.contains(&answer.id), "{answer:?}");
        };
        self.answered.push(answer.id);
        assert_eq!(answer.agent.queueloc, self.record.queueloc);
        answer
    }

    /// Sends a command that must be refused; the reason, which is on one line.
    pub fn reason_for(&mut self, command: &Command) -> String {
        let answer = self.answer_to(command);
        assert_eq!(answer.status, "failed", "{answer:?}");
        let errors: Vec<&String> = answer
            .results()
            .iter()
            .flat_map(|result| result.errors())
            .collect();
        assert!(!errors.is_empty(), "{answer:?}");
        assert!(
            errors
                .iter()
                .all(|error| *error == errors[0] && !error.contains('\n')),
            "{errors:?}"
        );
        errors[0].clone()
    }

    /// Checks that the agent is the process it was and does what it should.
    pub fn assert_lives(&mut self) {
        let good = self.signed("good at last");
        let command = self.command(&good);
        let answer = self.answer_to(&command);
        assert_eq!(answer.status, "success", "{answer:?}");
        assert_eq!(marks::count(&self.site, "good at last"), 1);
        assert!(self.agent.is_running(), "{}", self.agent.last_words());
    }

    /// Checks that no run left a mark but the one that may.
    pub fn assert_untouched(&self) {
        let marks = std::fs::read_to_string(marks::file(&self.site)).unwrap_or_default();
        assert_eq!(marks, "", "something ran");
    }
}
