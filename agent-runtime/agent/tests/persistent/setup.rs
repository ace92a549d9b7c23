//! The agent with modules for tests, its status page, and what modules kept.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use mig_protocol::Command;
use serde_json::Value;

use crate::site::{Running, Site, until};

/// A site whose agent has the test modules and a status page, not started.
pub struct Setup {
    pub site: Site,
    port: u16,
}

impl Setup {
    pub async fn new(more: &str) -> Self {
        let site = Site::new().await;
        let port = mig_testkit::free_port();
        site.configure(&format!("socket = 127.0.0.1:{port}\n{more}"));
        Self { site, port }
    }

    /// With `watcher` enabled, and running.
    pub async fn watching(more: &str) -> (Self, Running) {
        let mut setup = Self::new(more).await;
        setup.site.configure_module("watcher", "");
        let agent = setup.site.agent_with_test_modules();
        setup.site.heartbeat().await;
        setup
            .page_with("watcher", "<td>state</td><td>running</td>")
            .await;
        (setup, agent)
    }

    pub fn page(&self) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        let mut answer = String::new();
        let asked = write!(
            stream,
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let _ = asked.and_then(|()| stream.read_to_string(&mut answer));
        answer
    }

    /// What the page says of a module.
    pub fn part(&self, module: &str) -> String {
        let page = self.page();
        let part = page.split(&format!("<h3>{module}</h3>")).nth(1);
        part.and_then(|rest| rest.split("</table>").next())
            .unwrap_or_default()
            .to_owned()
    }

    pub async fn page_with(&self, module: &str, text: &str) -> String {
        let mut part = String::new();
        until(&format!("`{text}` on the status page"), || {
            part = self.part(module);
            part.contains(text)
        })
        .await;
        part
    }

    /// A row of the page.
    pub fn row(&self, module: &str, name: &str) -> Option<String> {
        let part = self.part(module);
        let behind = part.split(&format!("<td>{name}</td><td>")).nth(1)?;
        Some(behind.split("</td>").next()?.to_owned())
    }

    pub fn pid(&self, module: &str) -> i32 {
        self.row(module, "pid").unwrap().parse().unwrap()
    }

    pub async fn ask(&mut self, id: u64, module: &str, parameters: Value) -> Command {
        let action = self.site.signed(module, parameters);
        self.site.send(id, action).await;
        self.site.answer(id).await
    }

    pub fn state_of(&self, module: &str) -> PathBuf {
        self.site.run_directory().join("modules").join(module)
    }
}

pub fn kept(setup: &Setup) -> Vec<String> {
    std::fs::read_to_string(setup.state_of("keeper").join("kept"))
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Has the keeper note alerts without storing them, from its start.
pub fn hold(setup: &Setup) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt;
    let directory = setup.state_of("keeper");
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .unwrap();
    let hold = directory.join("hold");
    std::fs::write(&hold, "").unwrap();
    hold
}

pub fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

pub fn errors(answer: &Command) -> String {
    answer.results()[0].errors().join("; ")
}
