//! Configuration files in the making.

use std::fmt::{self, Display};

/// The text of a configuration file, of which keys can still be changed.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// Section, key and value, in the order in which they were set.
    lines: Vec<(String, String, String)>,
}

impl Configuration {
    /// Sets a key to one value, in place of those it had.
    #[must_use]
    pub fn set(self, section: &str, key: &str, value: impl Display) -> Self {
        self.without(section, key).add(section, key, value)
    }

    /// Gives a key one more value.
    #[must_use]
    pub fn add(mut self, section: &str, key: &str, value: impl Display) -> Self {
        self.lines
            .push((section.to_owned(), key.to_owned(), value.to_string()));
        self
    }

    /// Takes a key out.
    #[must_use]
    pub fn without(mut self, section: &str, key: &str) -> Self {
        self.lines
            .retain(|(in_section, name, _)| in_section != section || name != key);
        self
    }

    /// The last value of a key.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.lines
            .iter()
            .rfind(|(in_section, name, _)| in_section == section && name == key)
            .map(|(_, _, value)| value.as_str())
    }
}

impl Display for Configuration {
    /// As programs read it: each section once, values quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut done: Vec<&str> = Vec::new();
        for (section, _, _) in &self.lines {
            if done.contains(&section.as_str()) {
                continue;
            }
            done.push(section);
            writeln!(f, "[{section}]")?;
            for (_, key, value) in self.lines.iter().filter(|(of, _, _)| of == section) {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                writeln!(f, "{key} = \"{value}\"")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Configuration;

    #[test]
    fn a_file_has_each_section_once_and_the_values_that_were_set_last() {
        let file = Configuration::default()
            .set("agent", "relay", "amqp://h/")
            .set("modules", "path", "/a")
            .set("agent", "relay", "amqps://h/")
            .add("modules", "path", "/b")
            .set("agent", "checkin", "on")
            .without("agent", "checkin");
        assert_eq!(file.get("agent", "relay"), Some("amqps://h/"));
        assert_eq!(
            file.to_string(),
            "[modules]\npath = \"/a\"\npath = \"/b\"\n[agent]\nrelay = \"amqps://h/\"\n"
        );
    }
}
