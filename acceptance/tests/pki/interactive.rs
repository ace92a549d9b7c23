//! Asked on a terminal, and through a pipe.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::site::{Site, script, text};

/// Somebody at a terminal.
struct Terminal {
    master: File,
    shown: String,
}

impl Terminal {
    /// Starts a call on a terminal of its own.
    fn start(call: &mut Command) -> (Terminal, std::process::Child) {
        let pair = nix::pty::openpty(None, None).expect("a terminal");
        let slave = File::from(pair.slave);
        let child = call
            .stdin(slave.try_clone().expect("a copy"))
            .stdout(slave.try_clone().expect("a copy"))
            .stderr(slave)
            .spawn()
            .expect("the script");
        // What the call keeps of the terminal would hold its end off.
        call.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let master = File::from(pair.master);
        let shown = String::new();
        (Terminal { master, shown }, child)
    }

    /// Reads until the terminal shows `prompt`, then types.
    fn answer(&mut self, prompt: &str, answer: &str) {
        let mut piece = [0; 512];
        while !self.shown.contains(prompt) {
            let length = self.master.read(&mut piece).expect("the terminal");
            assert!(length > 0, "{prompt} did not come: {}", self.shown);
            self.shown
                .push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        writeln!(self.master, "{answer}").expect("the terminal");
    }

    /// What it showed until the program ended.
    fn rest(mut self) -> String {
        let mut piece = [0; 512];
        // Without a program the terminal ends with an error.
        while let Ok(length @ 1..) = self.master.read(&mut piece) {
            self.shown
                .push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        self.shown
    }
}

#[test]
fn the_documented_script_asks_on_a_terminal_for_the_relay_and_a_confirmation() {
    let site = Site::empty();
    let mut call = Command::new(script("create_mig_ca.sh"));
    call.current_dir(site.path(""))
        .env("MIG_PKI_DOMAIN", "site.example");
    let (mut terminal, mut child) = Terminal::start(&mut call);
    terminal.answer("Public DNS name of the relay: ", "mq.example.com");
    terminal.answer("[y/n] ", "y");
    let shown = terminal.rest();
    let status = child.wait().expect("an end");
    assert!(status.success(), "{shown}");
    assert!(shown.contains("rabbitmq.crt for mq.example.com"), "{shown}");
    for name in ["rabbitmq", "scheduler", "api", "worker", "agent"] {
        assert!(site.path(&format!("{name}.crt")).exists(), "{name}");
        assert!(site.path(&format!("{name}.key")).exists(), "{name}");
    }
    site.verify("ca.crt", "sslserver", "rabbitmq.crt")
        .expect("good");
}

/// A call that reads its answers from a pipe; what it said, and whether it
/// succeeded.
fn piped(site: &Site, arguments: &[&str], answers: &str) -> (bool, String) {
    let mut child = site
        .call(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the script");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(answers.as_bytes()).expect("the pipe");
    drop(input);
    let output = child.wait_with_output().expect("an end");
    (output.status.success(), text(&output))
}

#[test]
fn answers_through_a_pipe_do_and_no_or_none_makes_nothing() {
    let site = Site::empty();
    for (answers, complaint) in [
        ("", "give --relay NAMES and --yes"),
        ("relay.example.com\n", "give --relay NAMES and --yes"),
        ("relay.example.com\nn\n", "nothing was made"),
        ("relay.example.com\n\n", "nothing was made"),
        ("two words\ny\n", "`two words` is not a host name"),
        ("relay.example.com,\ny\n", "`` is not a host name"),
    ] {
        let (done, said) = piped(&site, &["create"], answers);
        assert!(!done && said.contains(complaint), "{answers:?}: {said}");
        assert_eq!(
            site.files(),
            Vec::<std::path::PathBuf>::new(),
            "{answers:?}"
        );
    }
    let (done, said) = piped(&site, &["create"], "relay.example.com\ny\n");
    assert!(done, "{said}");
    assert!(site.path("ca/ca.key").exists());
}
