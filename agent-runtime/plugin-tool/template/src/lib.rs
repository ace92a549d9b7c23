//! The `sample` module: says which paths exist.
//!
//! manifest.json says what the module needs of the system (`capabilities`);
//! everything else is closed to it.

use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use serde::{Deserialize, Serialize};
use serde_json::json;

const HELP: &str = "\
sample: says which paths exist
  -path <path>   a path to look for; may be repeated
";

/// What a run is asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Paths to look for.
    pub paths: Vec<String>,
}

/// One thing found; every field has a privacy class in manifest.json.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    path: String,
    #[serde(default)]
    directory: bool,
}

/// The module.
pub struct Sample;

impl Module for Sample {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let total = parameters.paths.len() as u64;
        let (mut found, mut errors) = (0, Vec::new());
        for (done, path) in (1..).zip(&parameters.paths) {
            // Whoever polls often ends promptly when the host asks for it.
            session.check()?;
            match std::fs::metadata(path) {
                Ok(meta) => {
                    found += 1;
                    let path = path.clone();
                    let directory = meta.is_dir();
                    session.element("/elements/paths", &Found { path, directory })?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => errors.push(format!("{path}: {error}")),
            }
            session.progress(done, total);
        }
        Ok(ResultDocument {
            foundanything: found > 0,
            success: true,
            statistics: json!({ "checked": total }),
            errors: (!errors.is_empty()).then_some(errors),
            ..ResultDocument::default()
        })
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        if parameters.paths.is_empty() {
            return vec![FieldError::new("paths", "name at least one path")];
        }
        Vec::new()
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        if Words::ask_for_help(words) {
            return Ok(Options::Help(HELP.to_owned()));
        }
        let mut parameters = Parameters::default();
        let mut words = Words::new(words);
        while let Some(name) = words.next_option()? {
            match name {
                "path" => parameters.paths.push(words.value()?),
                _ => return Err(words.unknown()),
            }
        }
        Ok(Options::Parameters(parameters))
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        for found in result.elements["paths"].as_array().into_iter().flatten() {
            // A result may be masked: take what is there.
            if let Ok(found) = Found::deserialize(found) {
                let kind = if found.directory { "directory" } else { "file" };
                lines.push(format!("{} is a {kind}", found.path));
            }
        }
        if !found_only {
            let errors = result.errors.iter().flatten();
            lines.extend(errors.map(|error| format!("error: {error}")));
        }
        Ok(lines)
    }
}

mig_plugin_sdk::declare_plugin!(Sample);
mig_plugin_sdk::export_plugin!(Sample);

#[cfg(test)]
mod tests {
    use super::*;
    use mig_plugin_sdk::testing::FakeHost;

    #[test]
    fn it_finds_what_exists() {
        let answer = FakeHost::new().run::<Sample>(json!({"paths": ["/", "/no/such/path"]}));
        assert_eq!(answer.code, 0, "{}", answer.message());
        let document = answer.document();
        assert_eq!(
            document["elements"]["paths"],
            json!([{"path": "/", "directory": true}])
        );
        assert_eq!(document["statistics"]["checked"], 2);
    }

    #[test]
    fn it_wants_a_path() {
        let answer = FakeHost::new().options::<Sample>(&["-path"]);
        assert_eq!(answer.message(), "option -path needs a value");
        let answer = FakeHost::new().run::<Sample>(json!({}));
        assert_eq!(answer.message(), "paths: name at least one path");
    }
}
