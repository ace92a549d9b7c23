//! Starting the program and talking to it as its neighbours do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use mig_protocol::openpgp::{GeneratedKey, KeyFileSigner, generate_investigator_key};
use mig_protocol::token::create_token;
use mig_protocol::{Id, Time};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

pub const DEADLINE: Duration = Duration::from_secs(60);
pub const AGENT_PASSWORD: &str = "a secret: with colon";

/// A directory with a configuration, and the keys of an investigator.
pub struct Site {
    pub directory: tempfile::TempDir,
    pub key: GeneratedKey,
}

/// A running server.
pub struct Server {
    child: Child,
    pub api: SocketAddr,
    pub relay: SocketAddr,
}

impl Site {
    pub fn new() -> Site {
        let directory = tempfile::tempdir().expect("temporary directory");
        let created = Time::now() - Duration::from_secs(60);
        let key = generate_investigator_key("Ada <ada@example.org>", None, created).expect("a key");
        let site = Site { directory, key };
        fs::write(site.path("ada.asc"), &site.key.public).expect("write key");
        site.configure("");
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the configuration; `more` may open further sections.
    pub fn configure(&self, more: &str) {
        self.write_configuration(&format!(
            "[server]\nport = 0\n[relay]\nlistenplain = 127.0.0.1:0\nagentpassword = \"{AGENT_PASSWORD}\"\n\
             [database]\npath = \"{}\"\n[logging]\nlevel = debug\nmode = file\nfile = \"{}\"\n{more}",
            self.path("mig.db").display(),
            self.path("server.log").display(),
        ));
    }

    pub fn write_configuration(&self, text: &str) {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path("server.cfg"))
            .expect("configuration file");
        file.write_all(text.as_bytes())
            .expect("write configuration");
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mig-server"));
        command.arg("-c").arg(self.path("server.cfg"));
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command()
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    }

    pub fn create_investigator(&self) {
        let key = self.path("ada.asc");
        let output = self.run(&[
            "investigator",
            "create",
            "--name",
            "Ada",
            "--admin",
            "--pubkey",
            key.to_str().expect("UTF-8"),
        ]);
        assert!(output.status.success(), "{output:?}");
    }

    pub fn start(&self) -> Server {
        self.start_by(self.command())
    }

    /// Starts the program where a shell lets it open `files` files: with `-S`
    /// unless it asks for more, with `-H` whatever it asks for.
    pub fn start_limited(&self, kind: &str, files: u64) -> Server {
        let program = self.command();
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!(
                "ulimit -S -n {files} && ulimit {kind} -n {files} && exec \"$0\" \"$@\""
            ))
            .arg(program.get_program())
            .args(program.get_args());
        self.start_by(shell)
    }

    fn start_by(&self, mut command: Command) -> Server {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = mig_testkit::spawn(&mut command).expect("the program starts");
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["mig-server", "is", "ready:", "API", api, "relay", relay] = words[..] else {
            panic!("not ready: {line:?}; log: {}", self.log());
        };
        let api = api
            .strip_prefix("http://")
            .and_then(|rest| rest.split('/').next())
            .expect("a URL");
        Server {
            api: api.parse().expect("an address"),
            relay: relay.parse().expect("an address"),
            child,
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    pub fn token(&self) -> String {
        let signer = self.signer();
        create_token(&signer, Time::now(), Id(1)).expect("a token")
    }

    pub fn signer(&self) -> KeyFileSigner {
        KeyFileSigner::from_armored(self.key.secret.as_bytes(), None).expect("a signer")
    }
}

impl Server {
    /// Sends a request and returns status and JSON.
    pub fn request(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.api).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        write!(
            stream,
            "{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-PGPAUTHORIZATION: {token}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (
            status.expect("a status"),
            serde_json::from_str(body).unwrap_or(Value::Null),
        )
    }

    /// How many files the kernel lets it open.
    pub fn open_files(&self) -> u64 {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.child.id()));
        let limits = limits.expect("it runs");
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let word = line.and_then(|line| line.split_whitespace().nth(3));
        word.and_then(|word| word.parse().ok()).expect("a number")
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    /// Stops with SIGTERM and expects a clean end.
    pub fn stop(mut self) {
        kill(self.pid(), Signal::SIGTERM).expect("a signal");
        mig_testkit::wait_until("the end", DEADLINE, || {
            self.child.try_wait().expect("a state").is_some()
        });
        let status = self.child.wait().expect("an end");
        assert!(status.success(), "{status:?}");
    }

    pub fn kill(mut self) {
        self.child.kill().expect("a signal");
        self.child.wait().expect("an end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended in the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one line a failed start prints.
pub fn fatal(output: &Output) -> String {
    let error = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(output.status.code(), Some(9), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
        .trim()
        .strip_prefix("FATAL: ")
        .unwrap_or_else(|| panic!("{error}"))
        .to_owned()
}
