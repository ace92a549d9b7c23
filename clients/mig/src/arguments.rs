//! The command line: global options first, the module's own after them.

use std::path::PathBuf;
use std::time::Duration;

use mig_client::ClientError;
use mig_client::results::Show;
use mig_flags::{Flag, Unknown, switch, value};

/// How long an action is valid unless told otherwise.
const PERIOD: Duration = Duration::from_secs(300);

/// Global parsing stops at the first option that is not here.
const FLAGS: &[Flag] = &[
    value("c"),
    value("e"),
    value("i"),
    value("n"),
    switch("p"),
    switch("s"),
    value("show"),
    value("t"),
    value("target-found"),
    value("target-notfound"),
    switch("v"),
    switch("V"),
    switch("z"),
    switch("now"),
    switch("exit-code"),
];

/// What the person wants.
#[derive(Debug)]
pub enum Request {
    /// To know how to use the program.
    Usage,
    /// To know its version.
    Version,
    /// To ask a question.
    Run(Box<Arguments>),
}

/// Where the question comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// A module and its own words.
    Module {
        /// Name of the module.
        module: String,
        /// Its options, for its own parser.
        words: Vec<String>,
    },
    /// An action in a file.
    File(PathBuf),
}

/// A command line with every decision made.
#[derive(Debug)]
pub struct Arguments {
    /// What is asked.
    pub question: Question,
    /// Configuration file, if named.
    pub configuration: Option<PathBuf>,
    /// How long the action is valid.
    pub period: Duration,
    /// Name of the action, if given.
    pub name: Option<String>,
    /// Condition, macro or `local`, if given.
    pub target: Option<String>,
    /// Restriction to agents of an earlier action: its id, and whether they
    /// found something there.
    pub chain: Option<(u64, bool)>,
    /// Which results to print.
    pub show: Show,
    /// Print the unsigned action and stop.
    pub print: bool,
    /// Print the signed action and stop.
    pub sign: bool,
    /// Compress the parameters.
    pub compress: bool,
    /// Skip the countdown.
    pub now: bool,
    /// Say by exit code whether anything was found.
    pub exit_code: bool,
    /// Show requests and answers.
    pub verbose: bool,
}

/// Reads the words after the program's name.
///
/// # Errors
/// One line that names the option.
pub fn parse(words: &[String]) -> Result<Request, ClientError> {
    let first = words.first().map(String::as_str);
    match first {
        None | Some("help" | "-h" | "--help" | "-help") => return Ok(Request::Usage),
        Some("version" | "-V" | "--version") => return Ok(Request::Version),
        _ => {}
    }
    let module = first.filter(|word| !word.starts_with('-'));
    let globals = if module.is_some() { &words[1..] } else { words };
    let flags = mig_flags::parse(globals, FLAGS, Unknown::Stop).map_err(usage)?;
    let question = match (module, flags.value("i")) {
        (Some(_), Some(_)) => {
            return Err(usage(
                "-i launches a file as it is and stands before a module's place: mig -i FILE",
            ));
        }
        (Some(module), None) => Question::Module {
            module: module.to_owned(),
            words: flags.rest.clone(),
        },
        (None, Some(file)) => {
            if let Some(word) = flags.rest.first() {
                return Err(usage(format!("`{word}` has no meaning together with -i")));
            }
            Question::File(file.into())
        }
        (None, None) => {
            return Err(usage(format!(
                "`{}` is no module; the first word must be a module or -i FILE (see mig help)",
                words[0]
            )));
        }
    };
    let chain = match (flags.value("target-found"), flags.value("target-notfound")) {
        (Some(_), Some(_)) => {
            return Err(usage(
                "-target-found and -target-notfound exclude each other",
            ));
        }
        (Some(id), None) => Some((action_id(id)?, true)),
        (None, Some(id)) => Some((action_id(id)?, false)),
        (None, None) => None,
    };
    Ok(Request::Run(Box::new(Arguments {
        question,
        configuration: flags.value("c").map(PathBuf::from),
        period: match flags.value("e") {
            Some(text) => mig_config::parse_duration(text)
                .map_err(|error| usage(format!("-e {text}: {error}")))?,
            None => PERIOD,
        },
        name: flags.value("n").map(str::to_owned),
        target: flags.value("t").map(str::to_owned),
        chain,
        show: flags.value("show").map_or(Ok(Show::Found), Show::parse)?,
        print: flags.is_set("p"),
        sign: flags.is_set("s"),
        compress: flags.is_set("z"),
        now: flags.is_set("now"),
        exit_code: flags.is_set("exit-code"),
        verbose: flags.is_set("v"),
    })))
}

fn action_id(text: &str) -> Result<u64, ClientError> {
    text.parse()
        .map_err(|_| usage(format!("`{text}` is not the id of an action")))
}

fn usage(text: impl ToString) -> ClientError {
    ClientError::Configuration(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Arguments, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match parse(&words) {
            Ok(Request::Run(arguments)) => Ok(*arguments),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn global_options_end_at_the_first_of_the_module() {
        let arguments = run("file -t allonline -e 60s -path /etc -t x").unwrap();
        assert_eq!(arguments.target.as_deref(), Some("allonline"));
        assert_eq!(arguments.period, Duration::from_secs(60));
        let Question::Module { module, words } = arguments.question else {
            panic!("a module")
        };
        assert_eq!(module, "file");
        assert_eq!(words, ["-path", "/etc", "-t", "x"]);
    }

    #[test]
    fn a_module_option_with_an_equals_sign_keeps_its_value() {
        let arguments = run("file -t local -path=/etc -name ^a$").unwrap();
        let Question::Module { words, .. } = arguments.question else {
            panic!("a module")
        };
        assert_eq!(words, ["-path=/etc", "-name", "^a$"]);
    }

    #[test]
    fn a_file_is_an_alternative_to_a_module() {
        let arguments = run("-i action.json -show all -c my.cfg").unwrap();
        assert_eq!(arguments.question, Question::File("action.json".into()));
        assert_eq!(arguments.show, Show::All);
        assert_eq!(arguments.configuration, Some("my.cfg".into()));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, part) in [
            ("-t local", "no module"),
            ("-i a.json file", "`file`"),
            ("file -e soon", "-e soon"),
            ("file -target-found 1 -target-notfound 2", "exclude"),
            ("file -target-found x", "`x`"),
            ("file -show some", "`some`"),
        ] {
            let error = run(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
