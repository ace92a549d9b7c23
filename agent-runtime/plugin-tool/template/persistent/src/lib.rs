//! The `sample` module: tells when paths come and go, for as long as the agent
//! runs. Its configuration file is `sample.cfg`:
//!
//! ```ini
//! [watch]
//! path = /etc/nologin
//! interval = 10
//! ```
//!
//! manifest.json says what the module needs of the system (`capabilities`);
//! everything else is closed to it.

use std::time::{Duration, Instant};

use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{
    Defaults, Failure, Message, Module, Options, PersistentModule, ResultDocument, Service,
    Session, Start,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

const HELP: &str = "sample: says which of the watched paths exist; takes no options\n";

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// The section `watch`.
    pub watch: Watch,
}

/// What is watched.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// Paths to watch.
    pub path: Vec<String>,
    /// Seconds from one look to the next.
    pub interval: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            path: Vec::new(),
            interval: 10,
        }
    }
}

/// What a query is asked for: nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Parameters {}

/// One path, in alerts and answers; every field has a privacy class in
/// manifest.json.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seen {
    path: String,
    #[serde(default)]
    exists: bool,
}

/// The module.
pub struct Sample;

impl Module for Sample {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        // Never called: queries go to `serve`.
        Err(Failure::unsupported("it answers while it runs"))
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        if Words::ask_for_help(words) {
            return Ok(Options::Help(HELP.to_owned()));
        }
        match Words::new(words).next_option()? {
            None => Ok(Options::Parameters(Parameters {})),
            Some(name) => Err(Failure::bad_parameters(
                "words",
                format!("unknown option {name}"),
            )),
        }
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        let paths = result.elements["paths"].as_array();
        let lines = paths.into_iter().flatten().filter_map(|seen| {
            // A result may be masked: take what is there.
            let seen = Seen::deserialize(seen).ok()?;
            let word = if seen.exists {
                "exists"
            } else {
                "does not exist"
            };
            (seen.exists || !found_only).then(|| format!("{} {word}", seen.path))
        });
        Ok(lines.collect())
    }
}

impl PersistentModule for Sample {
    type Configuration = Configuration;

    fn serve(start: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        let Watch { path, interval } = start.config.watch;
        let look = |path: &String| Seen {
            path: path.clone(),
            exists: std::fs::exists(path).unwrap_or(false),
        };
        let mut seen: Vec<Seen> = path.iter().map(look).collect();
        // From now on queries may come.
        service.ready()?;
        let interval = Duration::from_secs(interval.clamp(1, 3600));
        let mut due = Instant::now() + interval;
        loop {
            // Waiting here is the sign of life. It fails when the end has come.
            let patience = due.saturating_duration_since(Instant::now());
            match service.next(Some(patience))? {
                Some(Message::Query(query)) => service.answer(query, Ok(document(&seen)))?,
                Some(_) => {}
                None => {
                    due = Instant::now() + interval;
                    for old in &mut seen {
                        let new = look(&old.path);
                        if new.exists != old.exists {
                            service.alert(&json!(new).to_string())?;
                            *old = new;
                        }
                    }
                }
            }
        }
    }
}

fn document(seen: &[Seen]) -> ResultDocument {
    ResultDocument {
        foundanything: seen.iter().any(|seen| seen.exists),
        success: true,
        elements: json!({ "paths": seen }),
        ..ResultDocument::default()
    }
}

mig_plugin_sdk::declare_plugin!(persistent Sample);
mig_plugin_sdk::export_plugin!(persistent Sample);

#[cfg(test)]
mod tests {
    use super::*;
    use mig_plugin_sdk::testing::FakeService;

    #[test]
    fn it_tells_when_a_path_comes() {
        let path = std::env::temp_dir().join(format!("sample-{}", std::process::id()));
        let config = json!({"config": {"watch": {"path": [path], "interval": 1}}});
        let service = FakeService::start::<Sample>(config);
        service.wait_until_ready();
        let before = service.query(&json!({})).expect("an answer");
        assert_eq!(before["foundanything"], false);
        std::fs::write(&path, "").expect("a file");
        service.alert_with("\"exists\":true");
        let after = service.query(&json!({})).expect("an answer");
        assert_eq!(after["elements"]["paths"][0]["exists"], true);
        std::fs::remove_file(&path).expect("removed");
        service.stop();
    }
}
