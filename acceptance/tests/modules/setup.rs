//! Running one module: `mig-agent -m MODULE`, `mig MODULE -t local`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mig_acceptance::{Configuration, Programs};
use mig_host::{ModuleStore, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An agent's configuration in a directory of its own, to run modules with.
pub struct Machine {
    directory: TempDir,
    programs: PathBuf,
}

/// What a program that ended had to say.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Machine {
    /// An agent with the modules that are compiled in.
    pub fn new() -> Self {
        Self::with(Configuration::default().set("agent", "extraprivacymode", "off"))
    }

    /// The same in extra privacy mode.
    pub fn private() -> Self {
        Self::with(Configuration::default().set("agent", "extraprivacymode", "on"))
    }

    /// With this configuration; relay and keys are never used.
    pub fn with(configuration: Configuration) -> Self {
        let test = std::env::current_exe().expect("own program");
        let programs = test
            .ancestors()
            .nth(2)
            .expect("cargo's directory")
            .to_owned();
        for program in ["mig-agent", "mig"] {
            assert!(
                programs.join(program).is_file(),
                "{program} was not built; run: cargo build --workspace"
            );
        }
        let directory = TempDir::with_prefix("mig-modules-").expect("a directory");
        let configuration = configuration
            .set("agent", "relay", "amqps://agent:agent@localhost:5671/")
            .set("agent", "rundirectory", directory.path().display());
        std::fs::write(
            directory.path().join("agent.cfg"),
            configuration.to_string(),
        )
        .expect("a configuration");
        Self {
            directory,
            programs,
        }
    }

    /// A directory for whatever the test needs; it goes with this value.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A call of the agent that runs this module with what comes on stdin.
    pub fn agent(&self, module: &str) -> Command {
        let mut call = self.program("mig-agent");
        call.arg("-c")
            .arg(self.directory.path().join("agent.cfg"))
            .args(["-m", module]);
        call
    }

    /// A call of a program.
    pub fn program(&self, name: &str) -> Command {
        let mut call = Command::new(self.programs.join(name));
        call.env_remove("MIG_PLUGIN_PATH")
            .env("HOME", self.directory.path())
            .stdin(Stdio::null());
        call
    }

    /// Runs a module in the agent's worker; its whole result document.
    #[track_caller]
    pub fn run(&self, module: &str, parameters: &Value) -> Value {
        let message = json!({"class": "parameters", "parameters": parameters}).to_string();
        let said = fed(&mut self.agent(module), &message);
        assert_eq!(said.code, 0, "{said:?}");
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    }

    /// The lines that `mig-agent -m MODULE -p` prints.
    #[track_caller]
    pub fn printed(&self, module: &str, parameters: &Value) -> Vec<String> {
        let message = json!({"class": "parameters", "parameters": parameters}).to_string();
        let said = fed(self.agent(module).arg("-p"), &message);
        assert_eq!(said.code, 0, "{said:?}");
        said.stdout.lines().map(str::to_owned).collect()
    }

    /// `mig MODULE -t local WORDS`, or `mig MODULE help`.
    pub fn mig(&self, module: &str, words: &[&str]) -> Said {
        let mut call = self.program("mig");
        call.arg(module);
        if words != ["help"] {
            call.args(["-t", "local"]);
        }
        fed(call.args(words), "")
    }
}

/// Plugin files as they were built, used through the agent's program: nothing
/// of them runs in this one. The directory goes when it is dropped.
pub fn plugin_files(modules: &[&str]) -> (ModuleStore, TempDir) {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    let directory = TempDir::with_prefix("mig-plugins-").expect("a directory");
    for module in modules {
        let file = directory.path().join(format!("{module}.so"));
        std::fs::copy(programs.plugin(module), &file).expect("a plugin file");
    }
    let options = StoreOptions {
        directories: vec![directory.path().to_owned()],
        allow_unsigned: true,
        ..StoreOptions::default()
    };
    let agent = programs.agent();
    let store = ModuleStore::open(&[], &options)
        .with_worker_program(Path::new(agent.get_program()).to_owned());
    assert!(store.refused().is_empty(), "{:?}", store.refused());
    (store, directory)
}

/// Runs a program with something to read.
pub fn fed(command: &mut Command, input: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let mut pipe = child.stdin.take().expect("a pipe");
    // A program that does not want to read it may be gone.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    let output = child.wait_with_output().expect("its output");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn every_module_of_the_default_pack_answers_for_its_help() {
    let machine = Machine::new();
    // Those that have a command line.
    for module in [
        "file",
        "fswatch",
        "netstat",
        "ping",
        "pkg",
        "scribe",
        "sshkey",
        "timedrift",
    ] {
        let said = machine.mig(module, &["help"]);
        assert_eq!(said.code, 0, "{module}: {said:?}");
        assert!(said.stdout.contains("ex: "), "{module}: {said:?}");
    }
}
