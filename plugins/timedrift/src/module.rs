//! The module as the host sees it.

use crate::asking::{self, unix_nanoseconds};
use crate::parameters::{self, Parameters, Plan};
use crate::results::{self, Report, local_time};
use crate::server::Server;
use crate::sources;
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use std::path::Path;
use std::time::{Instant, SystemTime};

/// The `timedrift` module.
pub struct TimedriftModule;

/// What a run knows of the machine; tests have their own.
pub(crate) struct Surroundings<'a> {
    /// Where the file system starts.
    pub(crate) root: &'a Path,
    /// Servers to ask when no other answers.
    pub(crate) public: Vec<Server>,
}

pub(crate) fn run_in(
    surroundings: Surroundings<'_>,
    parameters: &Parameters,
    session: &Session<'_>,
) -> Result<ResultDocument, Failure> {
    let started = Instant::now();
    let plan = Plan::new(parameters).map_err(|complaints| {
        let complaint = complaints.into_iter().next();
        let (field, message) = complaint.map(|c| (c.field, c.message)).unwrap_or_default();
        Failure::bad_parameters(field, message)
    })?;
    let mut report = Report {
        localtime: local_time(unix_nanoseconds(SystemTime::now())),
        window: plan.window,
        asked: Vec::new(),
        errors: Vec::new(),
    };
    let outcome = match plan.window {
        Some(_) => ask_all(plan.servers, surroundings, &mut report, session),
        None => Ok(()),
    };
    match outcome {
        Ok(()) => Ok(report.document(true, started.elapsed())),
        // What servers said until then is worth having.
        Err(failure) => Err(failure.with_partial(report.document(false, started.elapsed()))),
    }
}

/// Asks the servers of the run, or those of the machine and, when none of them
/// answers, public ones: a network may have a reason to keep to its own.
fn ask_all(
    named: Vec<Server>,
    surroundings: Surroundings<'_>,
    report: &mut Report,
    session: &Session<'_>,
) -> Result<(), Failure> {
    if !named.is_empty() {
        return asking::ask(named, &mut report.asked, session);
    }
    let found = sources::configured(surroundings.root);
    report.errors = found.errors;
    let configured = found.servers;
    let public: Vec<Server> = surroundings
        .public
        .into_iter()
        .filter(|server| !configured.contains(server))
        .collect();
    asking::ask(configured, &mut report.asked, session)?;
    if report.has_answer() {
        return Ok(());
    }
    asking::ask(public, &mut report.asked, session)
}

impl Module for TimedriftModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let surroundings = Surroundings {
            root: Path::new("/"),
            public: sources::public(),
        };
        run_in(surroundings, &parameters, session)
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        parameters::validate(parameters)
    }

    fn options(words: &[String], defaults: Defaults) -> Result<Options<Parameters>, Failure> {
        parameters::parse(words, defaults)
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        Ok(results::lines(result, found_only))
    }
}
