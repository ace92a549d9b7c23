//! An agent with modules of one's own linked in: the whole of `mig-agent` is a
//! library, so such a program is its list of modules and two calls. The modules
//! here let the agent's tests look at it while a module runs.
//!
//! - `wait` appends a line to the file `started` and ends when the file `until`
//!   exists; `waitonce` does the same and may not be run a second time.
//! - `misbehave` does what `how` says: `abort`, `flood` or `hang`.
//! - `watcher` and `keeper` are persistent: one raises alerts, and misbehaves, as
//!   queries say; the other keeps the alerts of others in a file.

mod keeper;
mod watcher;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use mig_host::StaticModule;
use mig_plugin_sdk::{Failure, Module, ResultDocument, Session};
use serde::{Deserialize, Serialize};
use serde_json::json;

macro_rules! manifest {
    ($name:literal, $repeatable:literal, $parameters:literal) => {
        concat!(
            r#"{"name":""#,
            $name,
            r#"","version":"1","abi":{"major":1,"minor":0,"fingerprint":"99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc"},"repeatable":"#,
            $repeatable,
            r#","capabilities":["filesystem-read","filesystem-write"],"operations":{"run":{"parameters":{"type":"object","properties":{"#,
            $parameters,
            r#"}},"result":{"properties":{"elements":{"type":["object","null"],"x-mig-privacy":"open"},"statistics":{"type":"null"}}}}}}"#
        )
        .as_bytes()
    };
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    started: String,
    until: String,
}

fn wait(parameters: &Waiting, session: &Session<'_>) -> Result<ResultDocument, Failure> {
    let failed = |path: &str| {
        let path = path.to_owned();
        move |error| Failure::io(Path::new(&path), &error)
    };
    std::fs::File::options()
        .append(true)
        .create(true)
        .open(&parameters.started)
        .and_then(|mut file| file.write_all(b"started\n"))
        .map_err(failed(&parameters.started))?;
    while !Path::new(&parameters.until).exists() {
        session.check()?;
        std::thread::park_timeout(Duration::from_millis(2));
    }
    Ok(ResultDocument {
        foundanything: true,
        success: true,
        elements: json!({"waited": true}),
        ..ResultDocument::default()
    })
}

struct Wait;

impl Module for Wait {
    type Parameters = Waiting;
    const MANIFEST: &'static [u8] = manifest!(
        "wait",
        "true",
        r#""started":{"type":"string"},"until":{"type":"string"}"#
    );

    fn run(parameters: Waiting, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        wait(&parameters, session)
    }
}

struct WaitOnce;

impl Module for WaitOnce {
    type Parameters = Waiting;
    const MANIFEST: &'static [u8] = manifest!(
        "waitonce",
        "false",
        r#""started":{"type":"string"},"until":{"type":"string"}"#
    );

    fn run(parameters: Waiting, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        wait(&parameters, session)
    }
}

#[derive(Serialize, Deserialize)]
struct How {
    how: String,
}

struct Misbehave;

impl Module for Misbehave {
    type Parameters = How;
    const MANIFEST: &'static [u8] = manifest!("misbehave", "true", r#""how":{"type":"string"}"#);

    fn run(parameters: How, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        match parameters.how.as_str() {
            "abort" => std::process::abort(),
            "hang" => loop {
                std::thread::park();
            },
            _ => loop {
                session.element("/elements/flood", &"x".repeat(1000))?;
            },
        }
    }
}

/// Each module's table, as `declare_plugin!` makes it for a crate of its own.
macro_rules! tables {
    ($($place:ident: $module:ident),+) => {
        $(mod $place {
            mig_plugin_sdk::declare_plugin!(super::$module);
        })+
        const STATICS: &[StaticModule] = &[
            StaticModule(keeper::plugin),
            StaticModule(watcher::plugin),
            $(StaticModule($place::plugin)),+
        ];
    };
}
tables!(waits: Wait, waits_once: WaitOnce, misbehaves: Misbehave);

fn main() -> ExitCode {
    mig_host::run_worker_if_asked(STATICS);
    mig_agent::sys::bound_memory();
    mig_agent::program::run(STATICS)
}
