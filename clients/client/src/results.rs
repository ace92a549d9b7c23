//! Fetching and printing what agents answered.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use mig_protocol::{Action, Command, CommandStatus, ModuleResult};

use crate::collection::Collection;
use crate::error::ClientError;
use crate::http::Api;
use crate::modules::Modules;
use crate::terminal::{Terminal, Tone, printable};

/// Commands fetched at a time.
const PAGE: usize = 50;
/// Bytes of commands that are decoded and printed together.
const TOGETHER: usize = 4 << 20;

/// Which results a person wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Agents that found something.
    Found,
    /// Agents that looked and found nothing.
    NotFound,
    /// Everybody.
    All,
}

impl Show {
    /// Reads the value of `-show`.
    ///
    /// # Errors
    /// When it is none of the three words.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        match text {
            "found" => Ok(Self::Found),
            "notfound" => Ok(Self::NotFound),
            "all" => Ok(Self::All),
            _ => Err(ClientError::Configuration(format!(
                "-show takes found, notfound or all, not `{text}`"
            ))),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "notfound",
            Self::All => "all",
        }
    }

    fn filter(self) -> Option<&'static str> {
        match self {
            Self::Found => Some("true"),
            Self::NotFound => Some("false"),
            Self::All => None,
        }
    }
}

/// What was seen while printing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Agents whose results were printed.
    pub shown: usize,
    /// Agents that failed, refused, ran out of time or expired.
    pub troubled: usize,
}

/// Prints the results of an action: findings to `out`, everything else to stderr.
///
/// # Errors
/// When the API cannot be asked, or `out` cannot be written.
pub fn print(
    api: &Api,
    modules: &Modules,
    action: &Action,
    show: Show,
    terminal: &Terminal,
    out: &mut dyn Write,
) -> Result<Tally, ClientError> {
    let mut tally = Tally::default();
    let id = action.id.to_string();
    let mut agents = BTreeSet::new();
    let mut query = vec![("actionid", id.as_str())];
    query.extend(show.filter().map(|found| ("foundanything", found)));
    each(api, &query, |commands| {
        let mut printed = Lines::of(modules, &commands, show);
        for command in &commands {
            if command.status == CommandStatus::Success {
                agents.insert(command.agent.name.clone());
                lines(&mut printed, command, show, out)?;
            } else if show == Show::All {
                tally.troubled += 1;
                agents.insert(command.agent.name.clone());
                trouble(terminal, command);
            }
        }
        Ok(())
    })?;
    tally.shown = agents.len();
    if show != Show::All {
        tally.troubled = failures(api, action, terminal)?;
    }
    let have = if tally.shown > 1 {
        "agents have"
    } else {
        "agent has"
    };
    out.flush().map_err(output)?;
    terminal.say(
        Tone::Summary,
        &format!("{} {have} {} results", tally.shown, show.word()),
    );
    Ok(tally)
}

/// Reports the commands that did not succeed, asking only for those that the
/// counters announce.
fn failures(api: &Api, action: &Action, terminal: &Terminal) -> Result<usize, ClientError> {
    let id = action.id.to_string();
    let mut troubled = 0;
    let counters = &action.counters;
    for (count, status) in [
        (counters.cancelled, "cancelled"),
        (counters.expired, "expired"),
        (counters.failed, "failed"),
        (counters.timeout, "timeout"),
    ] {
        if count == 0 {
            continue;
        }
        each(api, &[("actionid", &id), ("status", status)], |commands| {
            troubled += commands.len();
            for command in &commands {
                trouble(terminal, command);
            }
            Ok(())
        })?;
    }
    Ok(troubled)
}

/// One line on stderr: who, how it ended, and the reason the agent gives.
fn trouble(terminal: &Terminal, command: &Command) {
    let reasons: Vec<&str> = command
        .results()
        .iter()
        .flat_map(|result| result.errors())
        .map(String::as_str)
        .collect();
    let mut line = format!("{}: {}", command.status, command.agent.name);
    if !reasons.is_empty() {
        line.push_str(&format!(": {}", reasons.join("; ")));
    }
    terminal.say(Tone::Trouble, &printable(&line));
}

/// What the modules print for a page of commands, each module asked once for
/// all its results.
struct Lines(BTreeMap<String, Result<std::vec::IntoIter<Printed>, String>>);

type Printed = Result<Vec<String>, ClientError>;

impl Lines {
    fn of(modules: &Modules, commands: &[Command], show: Show) -> Self {
        let mut results: BTreeMap<&str, Vec<&ModuleResult>> = BTreeMap::new();
        for command in commands {
            for (module, result) in parts(command) {
                results.entry(module).or_default().push(result);
            }
        }
        let printed = results.into_iter().map(|(module, results)| {
            let printed = modules
                .print(module, &results, show == Show::Found)
                .map(Vec::into_iter)
                .map_err(|error| error.to_string());
            (module.to_owned(), printed)
        });
        Self(printed.collect())
    }

    /// The lines of the next result of a module.
    fn next(&mut self, module: &str) -> Result<Vec<String>, String> {
        match self.0.get_mut(module) {
            Some(Ok(printed)) => match printed.next() {
                Some(lines) => lines.map_err(|error| error.to_string()),
                None => Ok(Vec::new()),
            },
            Some(Err(reason)) => Err(reason.clone()),
            None => Ok(Vec::new()),
        }
    }
}

/// Modules and results of a command that succeeded.
fn parts(command: &Command) -> impl Iterator<Item = (&str, &ModuleResult)> {
    let results = match command.status {
        CommandStatus::Success => command.results(),
        _ => &[],
    };
    let operations = command.action.operations().iter();
    operations
        .map(|operation| operation.module.as_str())
        .zip(results)
}

/// The module's own lines, each behind the agent's name.
fn lines(
    printed: &mut Lines,
    command: &Command,
    show: Show,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let name = printable(&command.agent.name);
    for (module, _) in parts(command) {
        match printed.next(module) {
            Ok(lines) => {
                for line in lines {
                    writeln!(out, "{name} {}", printable(&line)).map_err(output)?;
                }
            }
            Err(error) if show != Show::Found => {
                eprintln!("[error] {}", printable(&error));
            }
            Err(_) => {}
        }
    }
    if show != Show::Found {
        writeln!(out, "{name} command {}", command.status).map_err(output)?;
    }
    Ok(())
}

/// Calls `visit` with all commands that match, each command once, as many at a
/// time as their size admits.
fn each(
    api: &Api,
    query: &[(&str, &str)],
    mut visit: impl FnMut(Vec<Command>) -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    // Commands move between pages while answers arrive.
    let mut seen = BTreeSet::new();
    let limit = PAGE.to_string();
    let mut offset = 0;
    loop {
        let start = offset.to_string();
        let mut full = vec![("type", "command"), ("limit", &limit), ("offset", &start)];
        full.extend_from_slice(query);
        let collection = match api.get("search", &full) {
            Ok(collection) => collection,
            Err(error) if error.is_nothing_found() => Collection::default(),
            Err(error) => return Err(error),
        };
        let (mut commands, mut count, mut bytes) = (Vec::new(), 0, 0);
        for (length, command) in collection.one_by_one::<Command>("command") {
            let command = command?;
            count += 1;
            if !seen.insert(command.id) {
                continue;
            }
            bytes += length;
            commands.push(command);
            if bytes >= TOGETHER {
                visit(std::mem::take(&mut commands))?;
                bytes = 0;
            }
        }
        visit(commands)?;
        if count < PAGE {
            return Ok(());
        }
        offset += count;
    }
}

fn output(source: io::Error) -> ClientError {
    ClientError::File {
        path: "standard output".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::Show;

    #[test]
    fn show_knows_three_words() {
        assert_eq!(Show::parse("found").unwrap(), Show::Found);
        assert_eq!(Show::parse("all").unwrap(), Show::All);
        assert!(
            Show::parse("some")
                .unwrap_err()
                .to_string()
                .contains("`some`")
        );
    }
}
