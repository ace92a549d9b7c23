//! The words `history` and `explain`, with flags of their own.

use std::path::PathBuf;

use mig_config::parse_duration;
use mig_flags::{Flag, Parsed, Unknown, parse, switch, value};
use mig_protocol::Time;

use super::{InvocationError, Task};
use crate::record::tell::Wanted;

/// Entries that are shown unless more are asked for.
const AT_A_GLANCE: usize = 50;

const HISTORY: [Flag; 8] = [
    value("c"),
    value("last"),
    value("since"),
    value("module"),
    switch("refused"),
    switch("alerts"),
    switch("full"),
    switch("json"),
];

const EXPLAIN: [Flag; 2] = [value("c"), switch("json")];

/// What the words after the flags ask for, and the configuration they name.
///
/// # Errors
/// They make no sense.
pub(super) fn task(words: &[String]) -> Result<Option<(Task, Option<PathBuf>)>, InvocationError> {
    let Some((word, rest)) = words.split_first() else {
        return Ok(None);
    };
    let (task, parsed) = match word.as_str() {
        "history" => {
            let parsed = flags(rest, &HISTORY)?;
            if let Some(word) = parsed.rest.first() {
                return Err(usage(format!("unexpected word `{word}`")));
            }
            (Task::History(wanted(&parsed)?), parsed)
        }
        "explain" => {
            let parsed = flags(rest, &EXPLAIN)?;
            let [file] = parsed.rest.as_slice() else {
                return Err(usage("explain needs one action file".to_owned()));
            };
            let task = Task::Explain {
                file: file.into(),
                json: parsed.is_set("json"),
            };
            (task, parsed)
        }
        other => return Err(InvocationError::Word(other.to_owned())),
    };
    Ok(Some((task, parsed.value("c").map(PathBuf::from))))
}

fn flags(words: &[String], known: &[Flag]) -> Result<Parsed, InvocationError> {
    parse(words, known, Unknown::Refuse).map_err(|error| usage(error.to_string()))
}

fn wanted(parsed: &Parsed) -> Result<Wanted, InvocationError> {
    let last = match parsed.value("last") {
        None => AT_A_GLANCE,
        Some(text) => text
            .parse()
            .map_err(|_| usage(format!("-last takes a number, not `{text}`")))?,
    };
    let since = parsed.value("since").map(point).transpose()?;
    Ok(Wanted {
        since,
        last,
        module: parsed.value("module").map(str::to_owned),
        refused: parsed.is_set("refused"),
        alerts: parsed.is_set("alerts"),
        full: parsed.is_set("full"),
        json: parsed.is_set("json"),
    })
}

/// A time, or a time span before now.
fn point(text: &str) -> Result<Time, InvocationError> {
    if let Ok(time) = Time::parse(text) {
        return Ok(time);
    }
    match parse_duration(text) {
        Ok(span) => Ok(Time::now().saturating_sub(span)),
        Err(_) => Err(usage(format!(
            "-since takes a time such as 2026-03-01T10:00:00Z or a span such as 24h, not `{text}`"
        ))),
    }
}

fn usage(reason: String) -> InvocationError {
    InvocationError::Usage(reason)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Invocation;
    use super::*;

    fn invoke(line: &str) -> Result<Invocation, InvocationError> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Invocation::from_words(&words)
    }

    #[test]
    fn each_word_has_its_flags_and_takes_the_configuration_on_either_side() {
        for line in [
            "-c a.cfg history",
            "history -c a.cfg",
            "-c b.cfg history -c a.cfg",
        ] {
            let invocation = invoke(line).unwrap();
            assert_eq!(invocation.configuration, Some("a.cfg".into()), "{line}");
            let Task::History(wanted) = invocation.task else {
                panic!("{line}");
            };
            assert_eq!(wanted.last, AT_A_GLANCE);
        }
        let line = "history -last 0 -since 2026-03-01T10:00:00Z -module audit -refused -json";
        let Task::History(wanted) = invoke(line).unwrap().task else {
            panic!("{line}");
        };
        let expected = Wanted {
            since: Some(Time::parse("2026-03-01T10:00:00Z").unwrap()),
            module: Some("audit".into()),
            refused: true,
            json: true,
            ..Wanted::default()
        };
        assert_eq!(wanted, expected);
        let task = invoke("explain -json a.json").unwrap().task;
        let expected = Task::Explain {
            file: "a.json".into(),
            json: true,
        };
        assert_eq!(task, expected);
    }

    #[test]
    fn a_span_is_counted_from_now() {
        let Task::History(wanted) = invoke("history -since 1h").unwrap().task else {
            panic!("history");
        };
        let passed = Time::now().since(wanted.since.unwrap());
        assert!(passed >= Duration::from_secs(3600) && passed < Duration::from_secs(3700));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, words) in [
            ("history now", "`now`"),
            ("history -last many", "`many`"),
            ("history -since yesterday", "`yesterday`"),
            ("history -x", "-x"),
            ("explain", "one action file"),
            ("explain a b", "one action file"),
        ] {
            let error = invoke(line).unwrap_err();
            assert!(matches!(error, InvocationError::Usage(_)), "{line}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
