//! A small site for tests: a real relay in this process, a scheduler played by
//! a plain AMQP client, and agents as the real program.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses a part of it"
)]

mod actions;
pub mod api;
pub mod proxy;
mod relay;
mod running;
mod scheduler;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mig_protocol::openpgp::{KeyFileSigner, Signer, generate_investigator_key};
use mig_protocol::{Command, Time};
use mig_relay::RelayHandle;
use serde_json::json;

pub use relay::Authority;
pub use running::Running;
use scheduler::Scheduler;

/// Most time anything in a test may take. Agents pause for up to a minute between
/// attempts, and notice after half a minute that a module hangs.
pub const DEADLINE: Duration = Duration::from_secs(180);

pub struct Site {
    directory: tempfile::TempDir,
    relay: Option<RelayHandle>,
    address: SocketAddr,
    pub tls_port: Option<u16>,
    /// Longest message the relay takes, from its next start.
    pub max_message: Option<u64>,
    /// Accounts that log in with a certificate of their name, from the relay's
    /// next start.
    pub certificate_accounts: Vec<&'static str>,
    /// Environment of agents, beside that of the test.
    pub environment: Vec<(&'static str, String)>,
    scheduler: Option<Scheduler>,
    pub signer: KeyFileSigner,
    answers: HashMap<u64, Vec<Command>>,
    next_name: u32,
    queueloc: Option<String>,
}

impl Site {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = generate_investigator_key(
            "Ana <ana@example.net>",
            None,
            Time::from_unix(1_600_000_000),
        )
        .unwrap();
        let signer = KeyFileSigner::from_armored(key.secret.as_bytes(), None).unwrap();
        std::fs::create_dir(directory.path().join("agentkeys")).unwrap();
        std::fs::write(directory.path().join("agentkeys/ana.asc"), &key.public).unwrap();
        let fingerprint = signer.fingerprint().to_string();
        let ana = |weight: u32| json!({"Ana": {"fingerprint": fingerprint, "weight": weight}});
        let acl = json!({"default": {"minimumweight": 1, "investigators": ana(1)},
                         "forbidden": {"minimumweight": 2, "investigators": ana(1)}});
        std::fs::write(directory.path().join("acl.cfg"), acl.to_string()).unwrap();
        let mut site = Self {
            directory,
            relay: None,
            // Of the relay, which some tests stop and start again: one of the ports that
            // the system gives away could be somebody else's by then.
            address: ([127, 0, 0, 1], mig_testkit::free_port()).into(),
            tls_port: None,
            max_message: None,
            certificate_accounts: Vec::new(),
            environment: Vec::new(),
            scheduler: None,
            signer,
            answers: HashMap::new(),
            next_name: 0,
            queueloc: None,
        };
        site.start_relay().await;
        site.connect_scheduler().await;
        site.configure("");
        site
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn run_directory(&self) -> PathBuf {
        self.path("run")
    }

    /// Where configuration files of persistent modules are.
    pub fn modules_directory(&self) -> PathBuf {
        self.path("modules")
    }

    /// Writes the configuration file of a persistent module.
    pub fn configure_module(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.modules_directory()).unwrap();
        let file = self.modules_directory().join(format!("{name}.cfg"));
        std::fs::write(file, text).unwrap();
    }

    /// Writes the configuration; `more` goes to the end of `[agent]`, and may
    /// open further sections.
    pub fn configure(&self, more: &str) {
        self.configure_for(&format!("amqp://agent:a@{}/mig", self.address), more);
    }

    /// As [`Site::configure`], with another way to the relay.
    pub fn configure_for(&self, relay: &str, more: &str) {
        let text = format!(
            "[agent]\nrelay = \"{relay}\"\nsocket = \"\"\nheartbeatfreq = 300s\n\
             rundirectory = \"{}\"\nmoduleconfiguration = \"{}\"\nkeyring = \"{}\"\nacl = \"{}\"\ndiscoverpublicip = off\n\
             discoverawsmeta = off\ninstallservice = off\ntags = operator:it\n{more}\n\
             [logging]\nlevel = debug\n",
            self.run_directory().display(),
            self.modules_directory().display(),
            self.path("agentkeys").display(),
            self.path("acl.cfg").display(),
        );
        std::fs::write(self.configuration(), text).unwrap();
    }

    pub fn configuration(&self) -> PathBuf {
        self.path("mig-agent.cfg")
    }
}

/// Waits, without blocking the runtime that the relay lives on.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lines in a file; 0 when it is not there.
pub fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}
