//! The configuration file of a persistent module, read by the schema that its
//! manifest declares for `serve`: an object of sections, each an object of keys.

use std::io;
use std::path::Path;

use mig_config::{ConfigError, Configuration, Key, Kind, Problem, Section};
use mig_plugin_payload::{Schema, Strictness};
use serde_json::{Map, Value};

/// What a module gets as its configuration: what the file sets, in the spelling
/// of the manifest. None when there is no file: then the module is not enabled.
///
/// # Errors
/// One line that names file, line and remedy.
pub(crate) fn read(path: &Path, schema: Option<&Schema>) -> Result<Option<Value>, String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
        // A pipe would keep the agent waiting.
        Ok(metadata) if !metadata.is_file() => {
            return Err(format!("{}: is not a file", path.display()));
        }
        Ok(_) => {}
    }
    let table = Table::of(schema)?;
    let read = table.with_sections(|sections| mig_config::load(path, sections));
    read.and_then(|file| table.document(&file))
        .map(Some)
        .map_err(|error| error.to_string())
}

/// The sections of a schema.
struct Table<'a>(Vec<(&'a str, Vec<Entry<'a>>)>);

struct Entry<'a> {
    key: Key<'a>,
    schema: &'a Schema,
}

impl<'a> Table<'a> {
    fn of(schema: Option<&'a Schema>) -> Result<Self, String> {
        let mut sections = Vec::new();
        for (section, keys) in schema.into_iter().flat_map(Schema::properties) {
            let mut entries = Vec::new();
            for (name, schema) in keys.properties() {
                let kind = kind(schema).ok_or_else(|| {
                    format!(
                        "the module's manifest describes [{section}] {name} as something that no file can hold"
                    )
                })?;
                entries.push(Entry {
                    key: mig_config::key(name, kind),
                    schema,
                });
            }
            sections.push((section, entries));
        }
        Ok(Self(sections))
    }

    fn with_sections<T>(&self, then: impl FnOnce(&[Section<'_>]) -> T) -> T {
        let keys: Vec<Vec<Key<'_>>> = self
            .0
            .iter()
            .map(|(_, entries)| entries.iter().map(|entry| entry.key).collect())
            .collect();
        let sections: Vec<Section<'_>> = self
            .0
            .iter()
            .zip(&keys)
            .map(|((name, _), keys)| Section { name, keys })
            .collect();
        then(&sections)
    }

    /// What the file sets, each value as its schema wants it.
    fn document(&self, file: &Configuration) -> Result<Value, ConfigError> {
        let mut document = Map::new();
        for (section, entries) in &self.0 {
            let mut values = Map::new();
            for Entry { key, schema } in entries {
                if !file.has(section, key.name) {
                    continue;
                }
                let value = value(file, section, key);
                if let Some(violation) = schema.violations(&value, Strictness::Parameters, 1).pop()
                {
                    let line = file.line(section, key.name, index(&violation.field));
                    let problem = Problem::Refused {
                        key: key.name.to_owned(),
                        reason: violation.message,
                    };
                    return Err(ConfigError::at(
                        file.file(),
                        line.unwrap_or_default(),
                        problem,
                    ));
                }
                values.insert(key.name.to_owned(), value);
            }
            if !values.is_empty() {
                document.insert((*section).to_owned(), Value::Object(values));
            }
        }
        Ok(Value::Object(document))
    }
}

/// How a file writes such a value; none for what a line cannot hold.
fn kind(schema: &Schema) -> Option<Kind> {
    let types = schema.type_names();
    let is = |name: &str| types.contains(&name);
    let of_texts = || {
        schema
            .items()
            .is_none_or(|items| matches!(items.type_names()[..], [] | ["string"]))
    };
    // Of several types the narrowest counts; null is said by leaving the key out.
    if is("boolean") {
        Some(Kind::Bool)
    } else if is("integer") {
        Some(Kind::Integer)
    } else if is("array") {
        of_texts().then_some(Kind::List)
    } else if is("string") || types.is_empty() {
        Some(Kind::Text)
    } else {
        None
    }
}

fn value(file: &Configuration, section: &str, key: &Key<'_>) -> Value {
    let name = key.name;
    match key.kind {
        Kind::Bool => file.bool(section, name).into(),
        Kind::Integer => file.integer(section, name).into(),
        Kind::List => file.list(section, name).into(),
        Kind::Text | Kind::Path | Kind::Duration => file.text(section, name).into(),
    }
}

/// Which value of a list a violation such as `[3]` is about.
fn index(field: &str) -> usize {
    field
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let schema = json!({"type": "object", "properties": {
            "Paths": {"type": "object", "properties": {
                "Path": {"type": "array", "items": {"type": "string", "pattern": "^(recursive:)?/"}}}},
            "audit": {"type": "object", "properties": {
                "rulespath": {"type": "string"},
                "ratelimit": {"type": "integer"},
                "includeraw": {"type": ["boolean", "null"]},
                "mode": {"type": "string", "enum": ["unicast", "multicast"]}}}}});
        Schema::parse(&schema).unwrap()
    }

    fn reading(text: &str) -> Result<Option<Value>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.cfg");
        std::fs::write(&path, text).unwrap();
        let place = format!("{}/", directory.path().display());
        read(&path, Some(&schema())).map_err(|error| error.replace(&place, ""))
    }

    #[test]
    fn what_the_file_sets_comes_in_the_manifest_s_spelling() {
        let text = "[AUDIT]\nRulesPath = /etc/mig/audit.rules.json ; why\nratelimit = 0x10\nincluderaw\n\
                    [paths]\npath = /a\nPATH = recursive:/b\n";
        assert_eq!(
            reading(text).unwrap(),
            Some(json!({
                "audit": {"rulespath": "/etc/mig/audit.rules.json", "ratelimit": 16, "includeraw": true},
                "Paths": {"Path": ["/a", "recursive:/b"]}}))
        );
        for (word, meant) in [("yes", true), ("ON", true), ("0", false), ("off", false)] {
            let text = format!("[audit]\nincluderaw = {word}");
            let expected = json!({"audit": {"includeraw": meant}});
            assert_eq!(reading(&text).unwrap(), Some(expected), "{word}");
        }
        assert_eq!(reading("; nothing\n").unwrap(), Some(json!({})));
    }

    #[test]
    fn every_mistake_names_file_line_and_remedy() {
        for (text, expected) in [
            (
                "[audit]\nrulespaths = x",
                "audit.cfg: line 2: unknown key `rulespaths` in [audit]; did you mean `rulespath`?",
            ),
            (
                "\n[path]\npath = /x",
                "audit.cfg: line 2: unknown section [path]; did you mean [Paths]?",
            ),
            (
                "[audit]\nratelimit = many",
                "audit.cfg: line 2: `ratelimit` is `many`; expected a whole number",
            ),
            ("[audit]\n\nmode = both", "audit.cfg: line 3: `mode`: "),
            (
                "[Paths]\npath = /a\n\npath = b\npath = /c",
                "audit.cfg: line 4: `Path`: ",
            ),
            (
                "[audit]\nrulespath",
                "audit.cfg: line 2: `rulespath` needs a value: rulespath = ...",
            ),
        ] {
            let error = reading(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    /// The samples and schemas of the persistent modules of this repository.
    fn samples() -> Vec<(std::path::PathBuf, Schema)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut samples = Vec::new();
        for plugin in std::fs::read_dir(root.join("plugins")).unwrap() {
            let Ok(manifest) = std::fs::read(plugin.unwrap().path().join("manifest.json")) else {
                continue;
            };
            let manifest = mig_plugin_payload::Manifest::parse(&manifest).unwrap();
            let sample = root.join(format!("conf/{}.cfg", manifest.name));
            if manifest.persistent {
                samples.push((sample, manifest.configuration().unwrap().clone()));
            }
        }
        samples
    }

    #[test]
    fn the_samples_are_valid_and_show_every_key() {
        let samples = samples();
        assert!(samples.len() >= 4, "{samples:?}");
        for (path, schema) in samples {
            let place = path.display();
            read(&path, Some(&schema)).unwrap();
            // With every commented key switched on it is still valid.
            let text = std::fs::read_to_string(&path).unwrap();
            let is_key = |line: &str| {
                line.split_once(" = ")
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_alphanumeric()))
            };
            let all: Vec<&str> = text
                .lines()
                .map(|line| match line.strip_prefix("; ") {
                    Some(rest) if is_key(rest) => rest,
                    _ => line,
                })
                .collect();
            let directory = tempfile::tempdir().unwrap();
            let whole = directory.path().join("whole.cfg");
            std::fs::write(&whole, all.join("\n")).unwrap();
            let document = read(&whole, Some(&schema))
                .unwrap_or_else(|error| panic!("{place}: {error}"))
                .unwrap();
            for (section, keys) in schema.properties() {
                for (key, _) in keys.properties() {
                    let shown = !document[section][key].is_null();
                    assert!(shown, "{place} does not show [{section}] {key}");
                }
            }
        }
    }

    #[test]
    fn an_absent_file_is_no_error_and_what_is_no_file_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let absent = directory.path().join("audit.cfg");
        assert_eq!(read(&absent, Some(&schema())).unwrap(), None);
        let error = read(directory.path(), Some(&schema())).unwrap_err();
        assert!(error.ends_with("is not a file"), "{error}");
    }

    #[test]
    fn a_manifest_without_a_file_takes_none_but_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.cfg");
        std::fs::write(&path, "# nothing\n").unwrap();
        assert_eq!(read(&path, None).unwrap(), Some(json!({})));
        std::fs::write(&path, "[x]\n").unwrap();
        assert!(read(&path, None).unwrap_err().contains("line 1"));
        let odd = json!({"properties": {"x": {"properties": {"y": {"type": "object"}}}}});
        let error = read(&path, Some(&Schema::parse(&odd).unwrap())).unwrap_err();
        assert!(error.contains("[x] y"), "{error}");
    }
}
