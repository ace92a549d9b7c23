//! Runs `mig` and holds what it prints against what it should print.

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
    let output = command
        .output()
        .map_err(|error| format!("cannot run mig: {error}"))?;
    let elapsed = start.elapsed();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    print!("{stderr}{stdout}");
    println!(
        "(exit {}, {} ms)",
        output.status.code().unwrap_or(-1),
        elapsed.as_millis()
    );
    let complain = |what: String| Err(format!("{what}\n{}", site.last_words()));
    if output.status.code() != Some(expected.exit) {
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
