//! The module as the host sees it.

use crate::parameters::{self, Parameters, Plan};
use crate::probe::{Probe, pause};
use crate::resolve::resolve;
use crate::results::{self, Report};
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use std::time::Duration;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// The `ping` module.
pub struct PingModule;

/// Makes all attempts, and adds what they come to.
fn attempts(
    plan: &Plan,
    probe: &Probe,
    report: &mut Report,
    session: &Session<'_>,
) -> Result<(), Failure> {
    for number in 0..plan.count {
        if number > 0 {
            pause(PAUSE, session)?;
        }
        session.progress(u64::from(number), u64::from(plan.count));
        report.add(probe.attempt(number, plan.timeout, session)?);
    }
    Ok(())
}

impl Module for PingModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let plan = Plan::new(&parameters).map_err(|complaints| {
            let complaint = complaints.into_iter().next();
            let (field, message) = complaint.map(|c| (c.field, c.message)).unwrap_or_default();
            Failure::bad_parameters(field, message)
        })?;
        let address = resolve(&plan.destination, plan.port, session)?;
        let mut report = Report::new(&plan, address);
        let outcome = Probe::new(plan.protocol, address)
            .and_then(|probe| attempts(&plan, &probe, &mut report, session));
        match outcome {
            Ok(()) => Ok(report.document(true)),
            // What was measured until then is worth having.
            Err(failure) => Err(failure.with_partial(report.document(false))),
        }
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
