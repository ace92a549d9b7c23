//! Which modules a build carries: the words of `MODULETAGS`.
//!
//! The words, and what they bring, are the features of the crate `mig-modules`;
//! agent and clients pass them on. Nothing is listed here a second time.

use std::collections::{BTreeMap, BTreeSet};

use crate::building::{Outcome, root};

/// The environment variable, as the original's make file calls it.
pub const VARIABLE: &str = "MODULETAGS";
/// Where the words are features.
const FEATURES: &str = "agent-runtime/modules/Cargo.toml";
/// The default pack, and the word that leaves it out.
const DEFAULTS: &str = "moddefaults";
const NO_DEFAULTS: &str = "modnodefaults";

/// Words of the original whose modules do not exist here yet.
const NOT_BUILT_YET: [&str; 1] = ["modyara"];

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleSet {
    defaults: bool,
    words: BTreeSet<String>,
    features: BTreeMap<String, Vec<String>>,
}

impl ModuleSet {
    /// Reads the words of the environment; without any, the default pack.
    ///
    /// # Errors
    /// A word that is none, or whose module is not built yet.
    pub fn from_environment() -> Outcome<Self> {
        let words = std::env::var(VARIABLE).unwrap_or_default();
        Self::from_words(&words)
    }

    /// Reads words, separated by blanks or commas.
    ///
    /// # Errors
    /// A word that is none, or whose module is not built yet.
    pub fn from_words(text: &str) -> Outcome<Self> {
        let features = features()?;
        let mut set = Self {
            defaults: true,
            words: BTreeSet::new(),
            features,
        };
        let split = |letter: char| letter == ',' || letter.is_whitespace();
        for word in text.split(split).filter(|word| !word.is_empty()) {
            if word == NO_DEFAULTS {
                set.defaults = false;
            } else if NOT_BUILT_YET.contains(&word) {
                return Err(format!(
                    "{VARIABLE}: `{word}` is not built yet: the original's module has no successor so far; leave the word out"
                ));
            } else if set.features.contains_key(word) {
                set.words.insert(word.to_owned());
            } else {
                let known: Vec<&str> = set.features.keys().map(String::as_str).collect();
                return Err(format!(
                    "{VARIABLE}: unknown word `{word}`; there are {NO_DEFAULTS}, {}",
                    known.join(", ")
                ));
            }
        }
        Ok(set)
    }

    /// No modules at all: everything comes as plugin files.
    ///
    /// # Errors
    /// When the features cannot be read.
    pub fn none() -> Outcome<Self> {
        Self::from_words(NO_DEFAULTS)
    }

    /// What to tell cargo when it builds a package that passes the words on.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if !self.defaults {
            arguments.push("--no-default-features".to_owned());
        }
        if !self.words.is_empty() {
            let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
            arguments.push("--features".to_owned());
            arguments.push(words.join(","));
        }
        arguments
    }

    /// The names of the modules that come of it.
    pub fn modules(&self) -> Vec<String> {
        let mut words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        if self.defaults {
            words.push(DEFAULTS);
        }
        let mut modules = BTreeSet::new();
        while let Some(word) = words.pop() {
            if word != DEFAULTS
                && let Some(name) = word.strip_prefix("mod")
                && !modules.insert(name.to_owned())
            {
                continue;
            }
            words.extend(
                self.features
                    .get(word)
                    .into_iter()
                    .flatten()
                    .map(String::as_str),
            );
        }
        modules.into_iter().collect()
    }
}

/// The words and the other words that each of them brings.
fn features() -> Outcome<BTreeMap<String, Vec<String>>> {
    let path = root().join(FEATURES);
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(features_in(&text))
}

/// The `mod…` features of a manifest and the `mod…` words in their lists,
/// whether or not they are passed on to another package.
pub fn features_in(manifest: &str) -> BTreeMap<String, Vec<String>> {
    let section = manifest
        .split("\n[features]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .unwrap_or_default();
    let mut features = BTreeMap::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let Some((name, list)) = line.split_once(" = ") else {
            continue;
        };
        let mut list = list.to_owned();
        while !list.contains(']') {
            let Some(more) = lines.next() else { break };
            list.push_str(more);
        }
        if name.starts_with("mod") {
            // What stands between quotes is at the odd places.
            let entries = list.split('"').skip(1).step_by(2);
            let words = entries
                .map(|entry| entry.rsplit('/').next().unwrap_or(entry))
                .filter(|entry| entry.starts_with("mod"))
                .map(str::to_owned);
            features.insert(name.to_owned(), words.collect());
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::{ModuleSet, NOT_BUILT_YET};

    /// The original's modules: name, and whether its default pack has it.
    const ORIGINAL: [(&str, bool); 15] = [
        ("agentdestroy", true),
        ("audit", false),
        ("dispatch", false),
        ("example", false),
        ("examplepersist", false),
        ("file", true),
        ("fswatch", true),
        ("memory", false),
        ("netstat", true),
        ("ping", true),
        ("pkg", true),
        ("scribe", true),
        ("sshkey", true),
        ("timedrift", true),
        ("yara", false),
    ];

    fn is_built(name: &str) -> bool {
        !NOT_BUILT_YET.contains(&format!("mod{name}").as_str())
    }

    #[test]
    fn the_default_pack_is_the_originals() {
        let expected: Vec<&str> = ORIGINAL
            .iter()
            .filter(|(name, default)| *default && is_built(name))
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(ModuleSet::from_words("").unwrap().modules(), expected);
    }

    #[test]
    fn every_word_of_the_original_is_known_or_said_to_come() {
        for (name, _) in ORIGINAL {
            let set = ModuleSet::from_words(&format!("modnodefaults mod{name}"));
            match set {
                Ok(set) => assert!(set.modules().contains(&name.to_owned()), "{set:?}"),
                Err(error) => {
                    assert!(!is_built(name), "{error}");
                    assert!(
                        error.contains(&format!("`mod{name}` is not built yet")),
                        "{error}"
                    );
                }
            }
        }
    }

    #[test]
    fn words_become_cargos_features_one_to_one() {
        let arguments = |words: &str| ModuleSet::from_words(words).unwrap().arguments().join(" ");
        assert_eq!(arguments(""), "");
        assert_eq!(arguments("modmemory"), "--features modmemory");
        assert_eq!(arguments("modnodefaults"), "--no-default-features");
        assert_eq!(
            arguments(" modpkg,modnodefaults\tmodfile modpkg"),
            "--no-default-features --features modfile,modpkg"
        );
        assert_eq!(
            arguments("modnodefaults moddefaults"),
            "--no-default-features --features moddefaults"
        );
    }

    #[test]
    fn words_bring_what_their_modules_need() {
        let modules = |words: &str| ModuleSet::from_words(words).unwrap().modules().join(" ");
        assert_eq!(modules("modnodefaults"), "");
        assert_eq!(modules("modnodefaults modping"), "ping");
        assert_eq!(modules("modnodefaults modscribe"), "file scribe");
        assert_eq!(modules("modnodefaults modsshkey"), "file sshkey");
        assert_eq!(modules("modnodefaults moddefaults"), modules(""));
        assert!(modules("modmemory").contains("memory netstat"));
    }

    #[test]
    fn an_unknown_word_is_named_with_those_that_there_are() {
        let error = ModuleSet::from_words("modfile modfoo").unwrap_err();
        assert!(!error.contains('\n'), "{error}");
        assert!(
            error.starts_with(
                "MODULETAGS: unknown word `modfoo`; there are modnodefaults, modagentdestroy, modaudit, "
            ),
            "{error}"
        );
        // The original's words have no other spelling.
        for word in ["file", "MODFILE", "mod", "modules"] {
            assert!(ModuleSet::from_words(word).is_err(), "{word}");
        }
    }
}
