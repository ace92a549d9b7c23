//! The command line.

use std::path::PathBuf;

use mig_flags::{Flag, FlagError, Unknown, parse, switch, value};
use thiserror::Error;

use crate::record::tell::Wanted;

mod word;

/// What `mig-agent` understands, for `-h`.
pub const HELP: &str = "\
usage: mig-agent [options]
       mig-agent [-c FILE] history [-last N] [-since WHEN] [-module NAME]
                 [-refused] [-alerts] [-full] [-json]
       mig-agent [-c FILE] explain [-json] ACTION.json

  -c FILE    configuration file (default /etc/mig/mig-agent.cfg)
  -d         debug: stay in the foreground, log everything to standard error
  -f         stay in the foreground
  -i FILE    run the operations of an action file here, print the results, exit
  -m MODE    agent (default), agent-checkin, or a module: read one message on
             standard input, print the result, exit
  -modules   list the modules of this agent and where they are, exit
  -n         do not start persistent modules
  -P MODULE  run a persistent module in the foreground, with messages as lines
             of JSON on standard input and output
  -p         with -m MODULE or -i: print for people instead of JSON
  -q QUERY   ask a running agent: pid or shutdown
  -S         print the effective settings, exit
  -u         accepted for upgraders, means nothing on this system
  -V         print the version, exit

history: what this agent did, and for whom, from the record on this machine
  -last N    the newest N entries (default 50), 0 for all
  -since WHEN
             not before a time such as 2026-03-01T10:00:00Z, or a span such as 24h
  -module NAME, -refused, -alerts
             only what is about a module, refusals, alerts
  -full      whole texts
  -json      the lines of the record
The exit code is 1 when the record was changed by somebody.

explain: what an action would do here and whether it would be allowed, without
running it. The exit code is 1 when it would not run.
";

const FLAGS: [Flag; 15] = [
    value("c"),
    switch("d"),
    switch("f"),
    value("i"),
    value("m"),
    switch("modules"),
    switch("n"),
    value("P"),
    switch("p"),
    value("q"),
    switch("S"),
    switch("u"),
    switch("V"),
    switch("h"),
    switch("help"),
];

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Print the version.
    Version,
    /// Print the options.
    Help,
    /// Ask a running agent.
    Query(String),
    /// Run an action file.
    Action {
        /// The file.
        file: PathBuf,
        /// For people.
        print: bool,
    },
    /// Print the settings.
    Settings,
    /// List the modules.
    Modules,
    /// Run one module.
    Module {
        /// Its name.
        name: String,
        /// For people.
        print: bool,
    },
    /// Run one persistent module in the foreground.
    Persistent {
        /// Its name.
        name: String,
    },
    /// Show the owner's record.
    History(Wanted),
    /// Say what an action would do.
    Explain {
        /// The action file.
        file: PathBuf,
        /// For programs.
        json: bool,
    },
    /// Fetch what waits and leave.
    Checkin,
    /// Be the agent.
    Daemon,
}

/// A command line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// What to do.
    pub task: Task,
    /// `-c`.
    pub configuration: Option<PathBuf>,
    /// `-d`.
    pub debug: bool,
    /// `-f` or `-d`.
    pub foreground: bool,
    /// `-n`.
    pub no_persistent: bool,
}

/// Why a command line is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvocationError {
    /// A flag that is none.
    #[error("{0}")]
    Flag(#[from] FlagError),
    /// Something about `history` or `explain`.
    #[error("{0}; see mig-agent -h")]
    Usage(String),
    /// Words after the flags.
    #[error("unexpected word `{0}`; see mig-agent -h")]
    Word(String),
}

impl Invocation {
    /// Understands the words after the program's name. The order of precedence
    /// is the original's: version, query, action file, settings, mode.
    ///
    /// # Errors
    /// A flag or word that is unknown.
    pub fn from_words(words: &[String]) -> Result<Self, InvocationError> {
        let parsed = parse(words, &FLAGS, Unknown::Refuse)?;
        let word = word::task(&parsed.rest)?;
        let print = parsed.is_set("p");
        let task = if parsed.is_set("h") || parsed.is_set("help") {
            Task::Help
        } else if parsed.is_set("V") {
            Task::Version
        } else if let Some((task, _)) = &word {
            task.clone()
        } else if let Some(query) = parsed.value("q").filter(|query| !query.is_empty()) {
            Task::Query(query.to_owned())
        } else if let Some(file) = parsed.value("i").filter(|file| !file.is_empty()) {
            Task::Action {
                file: file.into(),
                print,
            }
        } else if parsed.is_set("S") {
            Task::Settings
        } else if parsed.is_set("modules") {
            Task::Modules
        } else if let Some(module) = parsed.value("P").filter(|module| !module.is_empty()) {
            Task::Persistent {
                name: module.to_lowercase(),
            }
        } else {
            match parsed.value("m").unwrap_or("agent") {
                "" | "agent" => Task::Daemon,
                "agent-checkin" => Task::Checkin,
                module => Task::Module {
                    name: module.to_lowercase(),
                    print,
                },
            }
        };
        Ok(Self {
            task,
            configuration: word
                .and_then(|(_, configuration)| configuration)
                .or_else(|| parsed.value("c").map(PathBuf::from)),
            debug: parsed.is_set("d"),
            foreground: parsed.is_set("f") || parsed.is_set("d"),
            no_persistent: parsed.is_set("n"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoke(line: &str) -> Result<Invocation, InvocationError> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Invocation::from_words(&words)
    }

    #[test]
    fn each_flag_has_its_task_and_the_original_s_precedence() {
        let module = |name: &str, print| Task::Module {
            name: name.into(),
            print,
        };
        for (line, task) in [
            ("", Task::Daemon),
            ("-f -m agent", Task::Daemon),
            ("-m agent-checkin", Task::Checkin),
            ("-m file", module("file", false)),
            ("--m=FILE -p", module("file", true)),
            ("-q pid", Task::Query("pid".into())),
            ("-q=shutdown -S", Task::Query("shutdown".into())),
            ("-V -q pid", Task::Version),
            ("-S -m file", Task::Settings),
            ("-modules -m file", Task::Modules),
            (
                "-i a.json -p -m file",
                Task::Action {
                    file: "a.json".into(),
                    print: true,
                },
            ),
            (
                "-P FSWatch -m file",
                Task::Persistent {
                    name: "fswatch".into(),
                },
            ),
            ("-u", Task::Daemon),
            ("-h", Task::Help),
        ] {
            assert_eq!(invoke(line).unwrap().task, task, "{line}");
        }
    }

    #[test]
    fn switches_are_kept() {
        let invocation = invoke("-c /tmp/a.cfg -d -n").unwrap();
        assert_eq!(invocation.configuration, Some("/tmp/a.cfg".into()));
        assert!(invocation.debug && invocation.foreground && invocation.no_persistent);
        assert!(!invoke("").unwrap().foreground);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, word) in [("-x", "-x"), ("-m", "-m"), ("-f now", "`now`")] {
            let message = invoke(line).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
