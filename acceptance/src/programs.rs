//! Where the programs of a site are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;

/// What a site runs, beside the agent.
const TOOLS: [&str; 4] = ["mig-server", "mig", "mig-agent-search", "mig-plugin"];
/// The modules, each of which is built as a plugin file too.
pub const PLUGINS: [&str; 14] = [
    "agentdestroy",
    "audit",
    "dispatch",
    "example",
    "examplepersist",
    "file",
    "fswatch",
    "memory",
    "netstat",
    "ping",
    "pkg",
    "scribe",
    "sshkey",
    "timedrift",
];

/// The programs a site runs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Directory of server, tools and plugins.
    tools: PathBuf,
    /// The agent.
    agent: PathBuf,
}

impl Programs {
    /// In the profiles that are shipped, below cargo's target directory.
    ///
    /// # Errors
    /// When one of them was not built.
    pub fn shipped(target: &Path) -> Outcome<Self> {
        Self {
            tools: target.join("release"),
            agent: target.join("agent/mig-agent"),
        }
        .checked("cargo xtask build")
    }

    /// Those that were built together with the running test.
    ///
    /// # Errors
    /// When one of them was not.
    pub fn beside_test() -> Outcome<Self> {
        let test = std::env::current_exe().map_err(|error| format!("no own program: {error}"))?;
        // Tests are in `deps` below the programs.
        let directory = test.parent().and_then(Path::parent).ok_or_else(|| {
            format!(
                "{} is not in cargo's target directory; run it through cargo",
                test.display()
            )
        })?;
        Self {
            tools: directory.to_owned(),
            agent: directory.join("mig-agent"),
        }
        .checked("cargo build --workspace")
    }

    fn checked(self, remedy: &str) -> Outcome<Self> {
        let tools = TOOLS.iter().map(|name| self.tools.join(name));
        let plugins = PLUGINS.iter().map(|module| self.plugin(module));
        let needed = tools.chain(plugins).chain([self.agent.clone()]);
        for path in needed {
            if !path.is_file() {
                return Err(format!("{} is missing; run: {remedy}", path.display()));
            }
        }
        Ok(self)
    }

    /// A call of a program that is not the agent.
    pub fn tool(&self, name: &str) -> Command {
        command(&self.tool_path(name))
    }

    /// The file of a program that is not the agent.
    pub fn tool_path(&self, name: &str) -> PathBuf {
        self.tools.join(name)
    }

    /// A call of the agent.
    pub fn agent(&self) -> Command {
        command(&self.agent)
    }

    /// The same with another agent: one that has no modules built in, and was
    /// built together with the running test.
    ///
    /// # Errors
    /// When it was not built.
    pub fn with_agent_without_modules(mut self) -> Outcome<Self> {
        self.agent = self.tools.join("examples/agent_without_modules");
        self.checked("cargo build -p mig-acceptance --examples")
    }

    /// The plugin file of a module.
    pub fn plugin(&self, module: &str) -> PathBuf {
        self.tools.join(format!("lib{module}.so"))
    }
}

/// A call that takes nothing from whoever runs it but what it needs.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_remove("MIG_PLUGIN_PATH")
        .env_remove("MIGPGPPASSPHRASE")
        .stdin(Stdio::null());
    // A site on this machine is not reached through one.
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}
