//! A persistent module that takes alerts, as `dispatch` does, and keeps them: a
//! line for each in the file `kept` of its directory, synced before it says so.
//!
//! While there is a file `hold` in its directory it only notes, in the file
//! `seen`, what it was given, as one that is interrupted before it has stored
//! anything.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use mig_plugin_sdk::{
    Failure, Message, Module, PersistentModule, ResultDocument, Service, Session, Start,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize)]
pub struct Nothing {}

pub struct Keeper;

impl Module for Keeper {
    type Parameters = Nothing;
    const MANIFEST: &'static [u8] = br#"{"name":"keeper","version":"1","persistent":true,"repeatable":true,
        "abi":{"major":1,"minor":0,"fingerprint":"99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc"},
        "capabilities":["alerts","state-directory"],
        "operations":{
            "run":{"parameters":{"type":"object","properties":{}},
                   "result":{"properties":{"elements":{"type":["object","null"],"x-mig-privacy":"open"}}}},
            "serve":{"parameters":{"type":"object","properties":{}}}}}"#;

    fn run(_: Nothing, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("it answers while it runs"))
    }
}

impl PersistentModule for Keeper {
    type Configuration = serde_json::Value;

    fn serve(start: Start<Self::Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        let directory = start
            .directory
            .ok_or_else(|| Failure::unsupported("there is no directory"))?;
        let hold = directory.join("hold");
        service.ready()?;
        // Alerts that came while it had to hold on.
        let mut held = Vec::new();
        let mut kept = 0u64;
        loop {
            match service.next(Some(Duration::from_millis(50)))? {
                Some(Message::Alert(alert)) => {
                    append(&directory.join("seen"), &alert.message)?;
                    held.push(alert);
                }
                Some(Message::Query(query)) => {
                    service.answer(query, Ok(ResultDocument::default()))?;
                }
                Some(Message::Surroundings(_)) | None => {}
            }
            if hold.exists() {
                continue;
            }
            for alert in held.drain(..) {
                let line = format!("{} {} {}", alert.number, alert.source, alert.message);
                append(&directory.join("kept"), &line)?;
                service.stored(alert.number)?;
                kept += 1;
                service.status(&json!({"kept": kept}))?;
            }
        }
    }
}

fn append(path: &Path, line: &str) -> Result<(), Failure> {
    let failed = |error| Failure::io(path, &error);
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(format!("{line}\n").as_bytes())
        .and_then(|()| file.sync_data())
        .map_err(failed)
}

mig_plugin_sdk::declare_plugin!(persistent Keeper);
