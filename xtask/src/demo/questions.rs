//! What the demo asks, and what the answers must look like.

use std::path::Path;
use std::process::Command;

use crate::building::Outcome;
use crate::demo::Site;
use crate::demo::expectation::{Expected, investigate};
use crate::demo::prey::{NEEDLE, Prey};

/// One investigation.
struct Question<'a> {
    asked: &'a str,
    words: Vec<String>,
    expected: Expected<'a>,
}

impl<'a> Question<'a> {
    /// All agents are asked, and a line of the answer has all these parts.
    fn found(asked: &'a str, module: &str, options: &[&str], stdout: &'a [&'a str]) -> Self {
        Self::new(
            asked,
            module,
            options,
            Expected {
                exit: 0,
                stdout,
                stderr: &["1 agent has found results"],
            },
        )
    }

    fn new(asked: &'a str, module: &str, options: &[&str], expected: Expected<'a>) -> Self {
        let mut words = vec![module, "-t", "allonline"];
        words.extend(options);
        Self {
            asked,
            words: words.into_iter().map(str::to_owned).collect(),
            expected,
        }
    }

    fn ask(&self, site: &Site) -> Outcome<()> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        investigate(site, self.asked, &words, &self.expected)
    }
}

/// The question that is asked first, and by the measurements.
pub fn first(site: &Site) -> Outcome<()> {
    let options = ["-path", "/etc", "-name", "^passwd$", "-content", "^root"];
    let stdout = [
        "/etc/passwd [lastmodified:",
        "mode:-rw-r--r--, size:",
        "in search 's1'",
    ];
    let expected = Expected {
        exit: 0,
        stdout: &stdout,
        stderr: &[
            "1 agents will be targeted",
            "Following action ID",
            "1 / 1",
            "1 sent, 1 done, 1 succeeded",
            "1 agent has found results",
        ],
    };
    let asked = "which agents have root in their password file?";
    Question::new(asked, "file", &options, expected).ask(site)
}

/// A question for each module, one that finds nothing, and one that the agent
/// refuses.
pub fn others(site: &Site) -> Outcome<()> {
    files(site)?;
    network(site)?;
    software(site)?;
    processes(site)?;
    running(site)?;
    alerts(site)?;
    Question::found(
        "what time is it there?",
        "timedrift",
        &[],
        &["local time is 20"],
    )
    .ask(site)?;
    Question::new(
        "what does an agent say to an operation that its access list does not allow?",
        "example",
        &["-gethostname"],
        Expected {
            exit: 2,
            stdout: &[],
            stderr: &["1 failed", "example", "weight"],
        },
    )
    .ask(site)
}

fn files(site: &Site) -> Outcome<()> {
    let hash = sha256("/etc/passwd")?;
    Question::found(
        "which agents have exactly this file?",
        "file",
        &["-path", "/etc", "-sha2", &hash],
        &["/etc/passwd [lastmodified:"],
    )
    .ask(site)?;
    Question::new(
        "which agents have a file that is nowhere?",
        "file",
        &["-path", "/etc", "-name", "^mig-demo-no-such-file$"],
        Expected {
            exit: 0,
            stdout: &[],
            stderr: &["0 agent has found results"],
        },
    )
    .ask(site)?;
    let keys = site.prey().keys();
    Question::found(
        "which SSH keys lie around?",
        "sshkey",
        &["-path", path(&keys)?],
        &["/id_demo.pub [public]", " sha256fp=SHA256:"],
    )
    .ask(site)
}

fn network(site: &Site) -> Outcome<()> {
    let port = site.relay_port().to_string();
    let line = format!("found listening port {port} for netstat listeningport:'{port}'");
    Question::found(
        "where does something listen on this port?",
        "netstat",
        &["-lp", &port],
        &[&line],
    )
    .ask(site)?;
    let line = format!("tcp ping of 127.0.0.1:{port} (127.0.0.1) succeeded. Target is reachable.");
    Question::found(
        "which agents reach it?",
        "ping",
        &["-d", "127.0.0.1", "-dp", &port, "-p", "tcp", "-c", "1"],
        &[&line],
    )
    .ask(site)
}

fn software(site: &Site) -> Outcome<()> {
    if Path::new("/var/lib/dpkg/status").exists() {
        Question::found(
            "which version of the shell is installed?",
            "pkg",
            &["-name", "^bash$"],
            &["pkgmatch name=bash version=", " type=dpkg arch="],
        )
        .ask(site)?;
    } else {
        skipped("packages", "this host has no dpkg database");
    }
    let document = site.prey().checks();
    Question::found(
        "which agents fail a check of this document?",
        "scribe",
        &["-path", path(&document)?, "-onlytrue"],
        &["demo-setting-is-wrong"],
    )
    .ask(site)
}

fn processes(site: &Site) -> Outcome<()> {
    if let Some(reason) = Prey::memory_is_closed() {
        skipped("memory", &reason);
        return Ok(());
    }
    let process = site.prey().process();
    let line = format!(" [pid:{process}] in search 's1'");
    Question::found(
        "which processes hold this in their memory?",
        "memory",
        &["-name", "/sleep$", "-content", NEEDLE],
        &["/sleep", &line],
    )
    .ask(site)
}

fn running(site: &Site) -> Outcome<()> {
    Question::found(
        "does a module that keeps running answer?",
        "examplepersist",
        &["-echo", "hello"],
        &["echo string was \"hello\""],
    )
    .ask(site)
}

/// What nobody asked for: alerts on their way to a collector.
fn alerts(site: &Site) -> Outcome<()> {
    let alerts = site.alerts();
    let show = |parts: &[&str]| {
        alerts
            .show(parts)
            .map_err(|error| format!("{error}\n{}", site.last_words()))
    };
    Question::found("are files watched?", "fswatch", &[], &["ok:true"]).ask(site)?;
    println!("\n# what becomes of a new file in a directory that is watched?");
    let path = alerts.touch_watched()?;
    show(&[&format!("path {} created", path.display())])?;
    if let Some(reason) = alerts.without_audit() {
        skipped("audit", reason);
        return Ok(());
    }
    Question::found("is the kernel's audit heard?", "audit", &[], &["ok:true"]).ask(site)?;
    println!("\n# what becomes of a program that starts?");
    alerts.run_program()?;
    show(&["mig-demo-exec", "mig-demo-argument"])?;
    println!("\n# what becomes of somebody who opens the password file for writing?");
    alerts.open_password_file()?;
    show(&["mig-demo-passwd", "/etc/passwd"])
}

fn skipped(what: &str, reason: &str) {
    println!("\n# {what}: not shown, {reason}");
}

fn path(path: &Path) -> Outcome<&str> {
    path.to_str()
        .ok_or_else(|| format!("{} is not UTF-8", path.display()))
}

fn sha256(path: &str) -> Outcome<String> {
    let output = Command::new("sha256sum")
        .arg(path)
        .output()
        .map_err(|error| format!("cannot run sha256sum: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .next()
        .filter(|hash| output.status.success() && hash.len() == 64)
        .map(str::to_owned)
        .ok_or_else(|| format!("sha256sum {path} did not answer with a hash"))
}
