//! An explanation for people.

use std::fmt::{self, Display};

use serde_json::Value;

use super::{Answer, Explained, Explanation};
use crate::record::show::harmless;

/// Longest parameters that are shown whole, in characters.
const LONGEST: usize = 4000;

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "action  {}", harmless(&self.name))?;
        writeln!(f, "target  {}", harmless(&self.target))?;
        for check in &self.checks {
            let answer = match check.answer {
                Answer::Yes => "yes",
                Answer::No => "NO",
                Answer::Unknown => "not known",
            };
            writeln!(f, "\n{}? {answer}: {}", check.what, harmless(&check.why))?;
            for detail in &check.details {
                writeln!(f, "    {}", harmless(detail))?;
            }
        }
        for (operation, number) in self.operations.iter().zip(1..) {
            writeln!(f, "\noperation {number}: {}", harmless(&operation.module))?;
            explain(f, operation)?;
        }
        f.write_str("\n")?;
        let refused = self.refusals();
        if refused.is_empty() {
            return writeln!(f, "This agent would run it.");
        }
        writeln!(f, "This agent would not run it:")?;
        for reason in refused {
            writeln!(f, "    {}", harmless(&reason))?;
        }
        Ok(())
    }
}

impl Explanation {
    /// Every reason why it would not run.
    pub fn refusals(&self) -> Vec<String> {
        let checks = self.checks.iter();
        let operations = self.operations.iter().zip(1..);
        checks
            .filter(|check| check.answer == Answer::No)
            .map(|check| check.why.clone())
            .chain(operations.filter_map(|(operation, number)| {
                let why = operation.fails.as_ref()?;
                Some(format!("operation {number}: {why}"))
            }))
            .collect()
    }
}

fn explain(f: &mut fmt::Formatter<'_>, operation: &Explained) -> fmt::Result {
    let mut line = |name: &str, text: &str| -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        writeln!(f, "    {name:<10}  {}", harmless(text))
    };
    line("what", &operation.description)?;
    line("module", &operation.origin)?;
    if !operation.origin.is_empty() {
        let may = operation.may.join(", ");
        line(
            "may",
            if may.is_empty() {
                "nothing but compute"
            } else {
                &may
            },
        )?;
    }
    line("asked", &shown(&operation.parameters))?;
    if !operation.origin.is_empty() {
        let privacy = match (operation.privacy, operation.kept_back.is_empty()) {
            (false, _) => "results leave as they are: extra privacy mode is off",
            (true, true) => "extra privacy mode is on, and nothing in its results needs masking",
            (true, false) => "extra privacy mode is on:",
        };
        line("privacy", privacy)?;
    }
    for part in &operation.kept_back {
        line("", part)?;
    }
    line("depends", operation.depends.as_deref().unwrap_or_default())?;
    line("FAILS", operation.fails.as_deref().unwrap_or_default())
}

fn shown(parameters: &Value) -> String {
    let text = parameters.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let begin: String = text.chars().take(LONGEST).collect();
    format!("{begin}… ({} bytes)", text.len())
}
