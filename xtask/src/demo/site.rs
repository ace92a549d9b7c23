//! The demo's site: one server and one agent, running.

use std::path::{Path, PathBuf};
use std::process::Command;

use mig_acceptance::{PLUGINS, Process, Programs};

use crate::building::{Outcome, target_directory};
use crate::demo::alerts::Alerts;
use crate::demo::interruption;
use crate::demo::prey::Prey;

/// Who asks, and the agent that answers.
const INVESTIGATOR: &str = "demo";
const AGENT: &str = "agent";

/// A running server and agent, and what a client needs to use them.
pub struct Site {
    // Declared in the order in which they must stop.
    agent: Process,
    server: Process,
    prey: Prey,
    alerts: Alerts,
    files: mig_acceptance::Site,
    host: String,
}

impl Site {
    /// Makes the directory and starts both programs, the agent with these modules
    /// that keep running.
    pub fn start(persistent: &[String]) -> Outcome<Self> {
        let programs = Programs::shipped(&target_directory())?;
        println!("\nmaking certificates, keys and configuration");
        let files = mig_acceptance::Site::new(programs, "mig-demo-", &PLUGINS)?.lasting();
        interruption::watch(files.directory());
        println!("they are in {}", files.directory().display());
        let prey = Prey::new(files.directory())?;
        let alerts = Alerts::new(files.directory(), persistent)?;
        println!("creating the investigator");
        let investigator = files.add_investigator(INVESTIGATOR)?;
        files.write("acl.cfg", access_list(&investigator.fingerprint))?;
        let ports = files.ports();
        println!(
            "starting mig-server (relay {}, API {})",
            ports.relay, ports.api
        );
        let server = files.start_server()?;
        interruption::watch_process(server.id());
        let configuration = files
            .agent_configuration(AGENT)?
            .set("agent", "tags", "operator:demo")
            .set("agent", "moduleconfiguration", alerts.directory().display());
        println!(
            "starting mig-agent (status page {})",
            configuration.get("agent", "socket").unwrap_or("none")
        );
        files.write("agent.cfg", configuration)?;
        let mut agent = files.start_agent(AGENT)?;
        interruption::watch_process(agent.id());
        let names = files.wait_until_online(&mut agent, INVESTIGATOR, 1)?;
        Ok(Self {
            host: names.into_iter().next().unwrap_or_default(),
            agent,
            server,
            prey,
            alerts,
            files,
        })
    }

    /// The call of `mig`; the caller adds the words.
    pub fn mig(&self) -> Command {
        self.files.mig()
    }

    /// The client's configuration file.
    pub fn client_configuration(&self) -> PathBuf {
        self.files.path(&format!("{INVESTIGATOR}.migrc"))
    }

    /// Where everything of the site is.
    pub fn directory(&self) -> &Path {
        self.files.directory()
    }

    /// The agent's name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What there is to find.
    pub fn prey(&self) -> &Prey {
        &self.prey
    }

    /// What raises alerts, and what becomes of them.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Where the server's relay listens.
    pub fn relay_port(&self) -> u16 {
        self.files.ports().relay
    }

    /// Names and ids of the running programs.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        vec![
            ("mig-agent", self.agent.id()),
            ("mig-server", self.server.id()),
        ]
    }

    /// The ends of both logs.
    pub fn last_words(&self) -> String {
        format!(
            "agent:\n  {}\nserver:\n  {}",
            self.agent.last_words(),
            self.server.last_words()
        )
    }

    /// Stops both programs and removes the directory.
    pub fn stop(mut self) -> Outcome<()> {
        self.agent.stop()?;
        self.server.stop()?;
        drop(self.prey);
        drop(self.alerts);
        interruption::forget();
        self.files.remove()
    }

    /// Leaves everything running and says how to use it.
    pub fn keep(mut self) {
        interruption::forget();
        self.agent.detach();
        self.server.detach();
        let (agent, server) = (self.agent.id(), self.server.id());
        let client = self.client_configuration();
        let mig = self.files.programs().tool_path("mig");
        let path = self.files.keep();
        let (path, mig, client) = (path.display(), mig.display(), client.display());
        println!(
            "\nleft running; try it from another terminal:\n  \
             {mig} file -c {client} -t allonline -path /etc -name '^host'\n  \
             {mig} file -c {client} help\n\
             logs: {path}/server.log, {path}/agent.log\n\
             to stop: kill {agent} {server}; rm -r {path}"
        );
    }
}

/// The investigator alone may use every module but `example`, which needs two.
fn access_list(fingerprint: &str) -> String {
    let investigator = format!("\"demo\": {{\"fingerprint\": \"{fingerprint}\", \"weight\": 1}}");
    format!(
        "{{\n  \"default\": {{\"minimumweight\": 1, \"investigators\": {{{investigator}}}}},\n  \
         \"example\": {{\"minimumweight\": 2, \"investigators\": {{{investigator}}}}}\n}}\n"
    )
}
