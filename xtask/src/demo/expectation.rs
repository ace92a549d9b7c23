//! Runs `mig` and holds what it prints against what it should print.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

use crate::building::Outcome;
use crate::demo::Site;

/// What a run of `mig` must show.
pub struct Expected<'a> {
    /// Exit code.
    pub exit: i32,
    /// Parts that one line of standard output holds, all of them; none at all
    /// means that nothing may be printed.
    pub stdout: &'a [&'a str],
    /// Parts that standard error holds.
    pub stderr: &'a [&'a str],
}

/// Asks a question, shows the answer, and fails when it is not the expected one.
pub fn investigate(
    site: &Site,
    question: &str,
    words: &[&str],
    expected: &Expected<'_>,
) -> Outcome<()> {
    println!("\n# {question}\n$ mig {}", quoted(words));
    let mut command = site.mig();
    command
        .arg(words[0])
        .arg("-now")
        .arg("-c")
        .arg(site.client_configuration());
    command.args(&words[1..]);
    let start = Instant::now();
    let Shown {
        exit,
        stdout,
        stderr,
    } = show(&mut command).map_err(|error| format!("cannot run mig: {error}"))?;
    println!("(exit {exit}, {} ms)", start.elapsed().as_millis());
    let complain = |what: String| Err(format!("{what}\n{}", site.last_words()));
    if exit != expected.exit {
        return complain(format!("mig should have exited with {}", expected.exit));
    }
    let shown = if expected.stdout.is_empty() {
        stdout.is_empty()
    } else {
        let host = site.host();
        stdout.lines().any(|line| {
            line.starts_with(&format!("{host} "))
                && expected.stdout.iter().all(|part| line.contains(part))
        })
    };
    if !shown {
        return complain(format!("mig should have printed {:?}", expected.stdout));
    }
    match expected.stderr.iter().find(|part| !stderr.contains(**part)) {
        Some(part) => complain(format!("mig should have said `{part}`")),
        None => Ok(()),
    }
}

/// What a program printed, after it was shown.
struct Shown {
    exit: i32,
    stdout: String,
    stderr: String,
}

/// Runs a program and shows its lines as they come, whichever way they come.
fn show(command: &mut Command) -> io::Result<Shown> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        pass_on(stdout, false, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        pass_on(stderr, true, sender);
    }
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for (is_error, line) in lines {
        println!("{line}");
        let text = if is_error { &mut stderr } else { &mut stdout };
        text.push_str(&line);
        text.push('\n');
    }
    Ok(Shown {
        exit: child.wait()?.code().unwrap_or(-1),
        stdout,
        stderr,
    })
}

fn pass_on(from: impl Read + Send + 'static, is_error: bool, to: Sender<(bool, String)>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send((is_error, line)).is_err() {
                return;
            }
        }
    });
}

/// The words as a person would type them.
fn quoted(words: &[&str]) -> String {
    let plain = |word: &str| {
        word.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_/.".contains(letter))
    };
    let quoted = words.iter().map(|word| {
        if plain(word) {
            (*word).to_owned()
        } else {
            format!("'{word}'")
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
