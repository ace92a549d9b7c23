//! The demo's site: keys, plugins, a server and an agent in one directory.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::building::{Outcome, target_directory};
use crate::demo::configuration::Ports;
use crate::demo::processes::Process;
use crate::demo::{certificates, configuration};

/// How long a program may take to be ready.
const READY: Duration = Duration::from_secs(20);

/// A running server and agent, and what a client needs to use them.
pub struct Site {
    // Declared in the order in which they must stop.
    agent: Process,
    server: Process,
    directory: TempDir,
    host: String,
}

impl Site {
    /// Makes the directory and starts both programs.
    pub fn start() -> Outcome<Self> {
        let directory = tempfile::Builder::new()
            .prefix("mig-demo-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| format!("cannot make a temporary directory: {error}"))?;
        let path = directory.path();
        println!(
            "\nmaking certificates, keys and configuration in {}",
            path.display()
        );
        certificates::write(path)?;
        for folder in ["agent", "agentkeys", "modules", "pluginkeys"] {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(path.join(folder))
                .map_err(|error| format!("{}: {error}", path.join(folder).display()))?;
        }
        make_keys(path)?;
        install_plugins(path)?;
        let ports = Ports {
            relay: mig_testkit::free_port(),
            api: mig_testkit::free_port(),
            status: mig_testkit::free_port(),
        };
        let password = random_password()?;
        configuration::write(path, ports, &password)?;
        println!("creating the investigator");
        let created = tool(
            release("mig-server")
                .arg("-c")
                .arg(path.join("server.cfg"))
                .args([
                    "investigator",
                    "create",
                    "--name",
                    "demo",
                    "--admin",
                    "--pubkey",
                ])
                .arg(path.join("investigator.pub")),
        )?;
        let fingerprint = created
            .split_whitespace()
            .find(|word| word.len() == 40)
            .ok_or_else(|| format!("mig-server did not print a fingerprint: {created}"))?;
        configuration::write_access_list(path, fingerprint)?;

        println!(
            "starting mig-server (relay {}, API {})",
            ports.relay, ports.api
        );
        let mut server = Process::start(
            "mig-server",
            release("mig-server").arg("-c").arg(path.join("server.cfg")),
            &path.join("server.log"),
        )?;
        server.wait_until("listening", READY, || {
            [ports.relay, ports.api]
                .iter()
                .all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        })?;
        println!("starting mig-agent (status page {})", ports.status);
        let mut agent = Process::start(
            "mig-agent",
            Command::new(target_directory().join("agent/mig-agent"))
                .arg("-f")
                .arg("-c")
                .arg(path.join("agent.cfg")),
            &path.join("agent.log"),
        )?;
        let host = wait_until_online(path, &mut agent)?;
        Ok(Self {
            agent,
            server,
            directory,
            host,
        })
    }

    /// The call of `mig`; the caller adds the words.
    pub fn mig(&self) -> Command {
        let mut command = release("mig");
        command.env_remove("MIG_PLUGIN_PATH").stdin(Stdio::null());
        command
    }

    /// The client's configuration file.
    pub fn client_configuration(&self) -> PathBuf {
        self.directory.path().join("migrc")
    }

    /// Where everything of the site is.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The agent's name.
    pub fn host(&self) -> &str {
        &self.host
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
        let path = self.directory.path().to_path_buf();
        self.directory
            .close()
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Leaves everything running and says how to use it.
    pub fn keep(mut self) {
        self.agent.detach();
        self.server.detach();
        let (agent, server) = (self.agent.id(), self.server.id());
        let path = self.directory.keep();
        let (path, mig) = (path.display(), target_directory().join("release/mig"));
        let mig = mig.display();
        println!(
            "\nleft running; try it from another terminal:\n  \
             {mig} file -c {path}/migrc -t allonline -path /etc -name '^host'\n  \
             {mig} file -c {path}/migrc help\n\
             logs: {path}/server.log, {path}/agent.log\n\
             to stop: kill {agent} {server}; rm -r {path}"
        );
    }
}

/// Keys of the investigator and of the plugins' publisher.
fn make_keys(path: &Path) -> Outcome<()> {
    for (prefix, user) in [
        ("investigator", "Demo Investigator <demo@localhost>"),
        ("publisher", "Demo Publisher"),
    ] {
        tool(
            release("mig-plugin")
                .arg("keygen")
                .arg(path.join(prefix))
                .args(["--user-id", user]),
        )?;
    }
    copy(
        &path.join("investigator.pub"),
        &path.join("agentkeys/investigator.pub"),
    )?;
    copy(
        &path.join("publisher.pub"),
        &path.join("pluginkeys/publisher.pub"),
    )
}

/// Copies the plugins and signs them.
fn install_plugins(path: &Path) -> Outcome<()> {
    for module in ["file", "example"] {
        let installed = path.join("modules").join(format!("{module}.so"));
        copy(
            &target_directory().join(format!("release/lib{module}.so")),
            &installed,
        )?;
        tool(
            release("mig-plugin")
                .arg("sign")
                .arg(&installed)
                .arg("--key")
                .arg(path.join("publisher.key")),
        )?;
    }
    Ok(())
}

/// Waits until a question finds the agent; returns its name.
fn wait_until_online(path: &Path, agent: &mut Process) -> Outcome<String> {
    let mut name = None;
    agent.wait_until("being online", READY, || {
        let answer = release("mig-agent-search")
            .arg("-c")
            .arg(path.join("migrc"))
            .args(["-t", "allonline"])
            .stdin(Stdio::null())
            .output();
        name = answer
            .ok()
            .filter(|answer| answer.status.success())
            .and_then(|answer| {
                let text = String::from_utf8_lossy(&answer.stdout).into_owned();
                text.lines().nth(1)?.split(';').next().map(str::to_owned)
            });
        name.is_some()
    })?;
    name.ok_or_else(|| "the agent has no name".into())
}

/// A program of the release profile.
fn release(name: &str) -> Command {
    Command::new(target_directory().join("release").join(name))
}

/// Runs a tool that must succeed; returns what it prints.
fn tool(command: &mut Command) -> Outcome<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(0o600)))
        .map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

fn random_password() -> Outcome<String> {
    let mut random = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, text: &str) -> Outcome<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("{}: {error}", path.display()))
}
