//! A site in one directory.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mig_testkit::free_port;
use tempfile::TempDir;

use crate::{Configuration, Outcome, Process, Programs, certificates};

/// How long a program may take to be ready: longer than an agent waits between two
/// attempts to reach the relay.
const READY: Duration = Duration::from_secs(120);
/// The key that signs plugins.
const PUBLISHER: &str = "publisher";

/// Loopback ports of the server.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The relay, AMQP over TLS.
    pub relay: u16,
    /// The API, HTTPS.
    pub api: u16,
}

/// Somebody who may ask.
#[derive(Clone, Debug)]
pub struct Investigator {
    /// Fingerprint of the key.
    pub fingerprint: String,
    /// For calls of the API without a signature.
    pub api_key: String,
}

/// The files of a site. Removed when dropped.
pub struct Site {
    directory: TempDir,
    programs: Programs,
    ports: Ports,
    password: String,
    lasting: bool,
}

impl Site {
    /// Makes certificates, the publisher's key, the named modules as signed
    /// plugins, and the server's configuration, with nobody who may ask yet.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn new(programs: Programs, prefix: &str, modules: &[&str]) -> Outcome<Self> {
        Self::reachable_at(programs, prefix, modules, &[])
    }

    /// The same, with a server whose certificate is also for these addresses.
    ///
    /// # Errors
    /// As [`Site::new`].
    pub fn reachable_at(
        programs: Programs,
        prefix: &str,
        modules: &[&str],
        addresses: &[&str],
    ) -> Outcome<Self> {
        let directory = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| format!("cannot make a temporary directory: {error}"))?;
        let site = Self {
            directory,
            programs,
            ports: Ports {
                relay: free_port(),
                api: free_port(),
            },
            password: random_password()?,
            lasting: false,
        };
        certificates::write(site.directory(), addresses)?;
        for folder in ["agentkeys", "modules", "pluginkeys"] {
            make_private_directory(&site.path(folder))?;
        }
        site.make_key(PUBLISHER, "Publisher of a throw-away site")?;
        copy(
            &site.path("publisher.pub"),
            &site.path("pluginkeys/publisher.pub"),
        )?;
        for module in modules {
            site.add_plugin(module, &site.programs.plugin(module))?;
        }
        site.write("server.cfg", site.server_configuration())?;
        Ok(site)
    }

    /// The same, but server and agents may be left running.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// Where everything of the site is.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file or directory of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// The programs it runs.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Ports of the server.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// What `server.cfg` holds unless it is written anew.
    pub fn server_configuration(&self) -> Configuration {
        let at = |name: &str| self.path(name).display().to_string();
        let Ports { relay, api } = self.ports;
        Configuration::default()
            .set("server", "ip", "127.0.0.1")
            .set("server", "port", api)
            .set("server", "host", format!("https://localhost:{api}"))
            .set("server", "cert", at("server.crt"))
            .set("server", "key", at("server.key"))
            .set("relay", "listen", format!("127.0.0.1:{relay}"))
            .set("relay", "cert", at("server.crt"))
            .set("relay", "key", at("server.key"))
            .set("relay", "ca", at("ca.crt"))
            .set("relay", "agentpassword", &self.password)
            .set("database", "path", at("mig.db"))
            .set("logging", "mode", "stdout")
            .set("logging", "level", "info")
    }

    /// A configuration for the agent whose files are named after `label`.
    ///
    /// # Errors
    /// When there is no port for its status page.
    pub fn agent_configuration(&self, label: &str) -> Outcome<Configuration> {
        let at = |name: &str| self.path(name).display().to_string();
        let Ports { relay, api } = self.ports;
        let password = &self.password;
        Ok(Configuration::default()
            .set(
                "agent",
                "relay",
                format!("amqps://agent:{password}@localhost:{relay}/mig"),
            )
            .set("agent", "api", format!("https://localhost:{api}/api/v1/"))
            .set("agent", "socket", format!("127.0.0.1:{}", free_port()))
            .set("agent", "rundirectory", at(label))
            .set("agent", "keyring", at("agentkeys"))
            .set("agent", "acl", at("acl.cfg"))
            .set("agent", "isimmortal", "off")
            .set("agent", "installservice", "off")
            .set("agent", "discoverpublicip", "off")
            .set("agent", "discoverawsmeta", "off")
            .set("agent", "tags", format!("label:{label}"))
            .set("certs", "ca", at("ca.crt"))
            .set("certs", "cert", at("agent.crt"))
            .set("certs", "key", at("agent.key"))
            .set("modules", "path", at("modules"))
            .set("modules", "keyring", at("pluginkeys"))
            .set("logging", "mode", "stdout")
            .set("logging", "level", "info"))
    }

    /// A client's configuration for an investigator of this site.
    pub fn client_configuration(&self, investigator: &str) -> Configuration {
        let at = |name: &str| self.path(name).display().to_string();
        let api = self.ports.api;
        Configuration::default()
            .set("api", "url", format!("https://localhost:{api}/api/v1/"))
            .set("api", "cacert", at("ca.crt"))
            .set("gpg", "keyfile", at(&format!("{investigator}.key")))
            .set("targets", "macro", "allonline:status='online'")
            .set("modules", "path", at("modules"))
            .set("modules", "keyring", at("pluginkeys"))
    }

    /// Writes a file of the site, which only its owner may read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: impl Display) -> Outcome<PathBuf> {
        let path = self.path(name);
        write_private(&path, &text.to_string())?;
        Ok(path)
    }

    /// Makes the key pair `NAME.key` and `NAME.pub`.
    ///
    /// # Errors
    /// When `mig-plugin` cannot.
    pub fn make_key(&self, name: &str, user: &str) -> Outcome<()> {
        let mut call = self.programs.tool("mig-plugin");
        call.arg("keygen")
            .arg(self.path(name))
            .args(["--user-id", user]);
        output_of(&mut call).map(|_| ())
    }

    /// Makes somebody who may ask: a key pair, known to server and agents, and a
    /// client's configuration `NAME.migrc`. Agents obey by the access list only.
    ///
    /// # Errors
    /// When a file cannot be made or the server's tool refuses.
    pub fn add_investigator(&self, name: &str) -> Outcome<Investigator> {
        self.make_key(name, &format!("{name} <{name}@localhost>"))?;
        let public = self.path(&format!("{name}.pub"));
        copy(&public, &self.path(&format!("agentkeys/{name}.pub")))?;
        self.write(&format!("{name}.migrc"), self.client_configuration(name))?;
        self.register(name, &public)
    }

    /// Makes a public key known to the server.
    ///
    /// # Errors
    /// When the server's tool refuses.
    pub fn register(&self, name: &str, public: &Path) -> Outcome<Investigator> {
        let mut call = self.programs.tool("mig-server");
        call.arg("-c").arg(self.path("server.cfg"));
        call.args([
            "investigator",
            "create",
            "--admin",
            "--apikey",
            "--name",
            name,
        ]);
        let said = output_of(call.arg("--pubkey").arg(public))?;
        let word_of = |length: usize| {
            let mut words = said.split_whitespace();
            words.find(|word| word.len() == length).map(str::to_owned)
        };
        let key = said.lines().find_map(|line| line.split("once: ").nth(1));
        match (word_of(40), key) {
            (Some(fingerprint), Some(key)) => Ok(Investigator {
                fingerprint,
                api_key: key.trim().to_owned(),
            }),
            _ => Err(format!(
                "mig-server did not print a fingerprint and an API key: {said}"
            )),
        }
    }

    /// Copies a plugin to where agents and clients look, as `MODULE.so`, and
    /// signs it.
    ///
    /// # Errors
    /// When it cannot be copied or signed.
    pub fn add_plugin(&self, module: &str, file: &Path) -> Outcome<PathBuf> {
        let installed = self.path(&format!("modules/{module}.so"));
        copy(file, &installed)?;
        self.sign_plugin(&installed)?;
        Ok(installed)
    }

    /// Signs a plugin file with the publisher's key.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sign_plugin(&self, file: &Path) -> Outcome<()> {
        let mut call = self.programs.tool("mig-plugin");
        call.arg("sign")
            .arg(file)
            .arg("--key")
            .arg(self.path("publisher.key"));
        output_of(&mut call).map(|_| ())
    }

    /// Starts the server with `server.cfg` and waits until it listens.
    ///
    /// # Errors
    /// With the end of its log when it does not start.
    pub fn start_server(&self) -> Outcome<Process> {
        let mut call = self.programs.tool("mig-server");
        call.arg("-c").arg(self.path("server.cfg"));
        let mut server = self.run("mig-server", &mut call, "server.log")?;
        let ports = [self.ports.relay, self.ports.api];
        server.wait_until("listening", READY, || {
            ports
                .iter()
                .all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        })?;
        Ok(server)
    }

    /// Starts the agent whose configuration is `LABEL.cfg`. Its run directory,
    /// which lies in the site, is made if need be.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&self, label: &str) -> Outcome<Process> {
        let run = self.path(label);
        if !run.exists() {
            make_private_directory(&run)?;
        }
        let mut call = self.programs.agent();
        call.arg("-f")
            .arg("-c")
            .arg(self.path(&format!("{label}.cfg")));
        self.run("mig-agent", &mut call, &format!("{label}.log"))
    }

    fn run(&self, name: &str, call: &mut Command, log: &str) -> Outcome<Process> {
        let log = self.path(log);
        if self.lasting {
            Process::start_lasting(name, call, &log)
        } else {
            Process::start(name, call, &log)
        }
    }

    /// Waits until a question of an investigator finds as many agents as there
    /// should be; returns their names.
    ///
    /// # Errors
    /// When `agent` ends, or it takes too long.
    pub fn wait_until_online(
        &self,
        agent: &mut Process,
        investigator: &str,
        count: usize,
    ) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        agent.wait_until("being online", READY, || {
            let mut call = self.programs.tool("mig-agent-search");
            call.arg("-c")
                .arg(self.path(&format!("{investigator}.migrc")));
            if let Ok(text) = output_of(call.args(["-t", "allonline"])) {
                let rows = text
                    .lines()
                    .skip(1)
                    .filter_map(|line| line.split(';').next());
                names = rows.map(str::to_owned).collect();
            }
            names.len() >= count
        })?;
        Ok(names)
    }

    /// A call of `mig`; the caller adds the words.
    pub fn mig(&self) -> Command {
        self.programs.tool("mig")
    }

    /// Leaves the files where they are, and says where.
    pub fn keep(self) -> PathBuf {
        self.directory.keep()
    }

    /// Removes the files.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn remove(self) -> Outcome<()> {
        let path = self.directory().display().to_string();
        self.directory
            .close()
            .map_err(|error| format!("{path}: {error}"))
    }
}

/// Runs a tool that must succeed; returns what it prints.
fn output_of(command: &mut Command) -> Outcome<String> {
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

fn make_private_directory(path: &Path) -> Outcome<()> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(|error| format!("{}: {error}", path.display()))
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
pub(crate) fn write_private(path: &Path, text: &str) -> Outcome<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("{}: {error}", path.display()))
}
