//! Which agents: macros of the configuration, and chains on earlier actions.

use crate::error::ClientError;

/// The target used when nobody names one.
pub const ALL_ONLINE: &str = "status='online'";

/// A named target of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macro {
    /// What a person writes after `-t`.
    pub name: String,
    /// What it stands for.
    pub expression: String,
}

impl Macro {
    /// Reads `name:expression`.
    ///
    /// # Errors
    /// When there is no colon or no name.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        match text.split_once(':') {
            Some((name, expression))
                if !name.trim().is_empty() && !expression.trim().is_empty() =>
            {
                Ok(Self {
                    name: name.trim().to_owned(),
                    expression: expression.trim().to_owned(),
                })
            }
            _ => Err(ClientError::Configuration(format!(
                "[targets] macro `{text}`: expected name:expression, for example allonline:{ALL_ONLINE}"
            ))),
        }
    }
}

/// The expression a macro stands for, or the text itself.
pub fn resolve<'a>(text: &'a str, macros: &'a [Macro]) -> &'a str {
    macros
        .iter()
        .find(|candidate| candidate.name == text)
        .map_or(text, |found| found.expression.as_str())
}

/// Restricts a target to agents that found, or did not find, something in an
/// earlier action. The given target is parenthesised, so that an `OR` in it
/// cannot escape the restriction.
pub fn chain(target: &str, action: u64, found: bool) -> String {
    format!(
        "id IN (select agentid from commands, json_array_elements(commands.results) as r \
         where actionid={action} and r#>>'{{foundanything}}' = '{found}') AND ({target})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_replaces_the_whole_target() {
        let macros = [Macro::parse("allonline:status='online'").unwrap()];
        assert_eq!(resolve("allonline", &macros), "status='online'");
        assert_eq!(resolve("name LIKE '%'", &macros), "name LIKE '%'");
    }

    #[test]
    fn a_macro_keeps_colons_of_its_expression_and_needs_a_name() {
        let text = Macro::parse("db:tags->>'role:x'='db'").unwrap();
        assert_eq!(text.expression, "tags->>'role:x'='db'");
        for bad in ["", "noexpression", ":x=1", "name:"] {
            assert!(Macro::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_chain_keeps_alternatives_inside() {
        let chained = chain("name='a' OR name='b'", 7, true);
        assert!(chained.ends_with("AND (name='a' OR name='b')"), "{chained}");
        assert!(
            chained.contains("actionid=7 and r#>>'{foundanything}' = 'true'"),
            "{chained}"
        );
    }
}
