//! What an investigator asks, and the commands that come of it.

use std::time::Duration;

use mig_protocol::openpgp::sign_action;
use mig_protocol::{Action, Agent, Command, Id, Operation, Time};
use serde_json::Value;

use super::Site;

impl Site {
    /// An action with one operation, valid for an hour, not signed.
    pub fn action(&mut self, module: &str, parameters: Value) -> Action {
        self.next_name += 1;
        let now = Time::now();
        Action {
            id: Id(1000 + u64::from(self.next_name)),
            name: format!("action {}", self.next_name),
            target: "status='online'".into(),
            validfrom: now - Duration::from_secs(60),
            expireafter: now + Duration::from_secs(3600),
            operations: Some(vec![Operation {
                module: module.into(),
                parameters,
                ..Operation::default()
            }]),
            syntaxversion: 2,
            ..Action::default()
        }
    }

    pub fn sign(&self, mut action: Action) -> Action {
        sign_action(&mut action, &self.signer, Time::now()).unwrap();
        action
    }

    pub fn signed(&mut self, module: &str, parameters: Value) -> Action {
        let action = self.action(module, parameters);
        self.sign(action)
    }

    pub fn command(&self, id: u64, action: Action) -> Command {
        Command {
            id: Id(id),
            action,
            agent: Agent {
                name: "known name".into(),
                queueloc: self.queueloc.clone().unwrap(),
                pid: 42,
                ..Agent::default()
            },
            status: "sent".into(),
            ..Command::default()
        }
    }
}
