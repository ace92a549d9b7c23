//! The module as the host sees it.

use crate::configuration::{Configuration, Plan};
use crate::delivery::Delivery;
use crate::intake::Intake;
use crate::record::{Records, Sender};
use crate::shared::Shared;
use crate::sink::Client;
use crate::spool::Spool;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{
    Defaults, Failure, Module, Options, PersistentModule, ResultDocument, Service, Session, Start,
};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What `mig dispatch help` says.
const HELP: &str = "\
Asks whether the module that delivers alerts is at work
-------------------------------------------------------
It takes no options. What became of the alerts is on the agent's status page.

ex: mig dispatch -t all
";
/// Before the delivering thread goes on after a panic.
const AFTER_PANIC: Duration = Duration::from_secs(10);

/// The module.
#[derive(Debug)]
pub struct DispatchModule;

/// Parameters of a query: none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parameters {}

impl Module for DispatchModule {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("../manifest.json");

    fn run(_: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("dispatch answers while it runs"))
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        // No word at all is the usual question here.
        if !words.is_empty() && Words::ask_for_help(words) {
            return Ok(Options::Help(HELP.to_owned()));
        }
        match Words::new(words).next_option()? {
            Some(name) => Err(Failure::bad_parameters(
                name,
                format!("dispatch takes no options, not even -{name}"),
            )),
            None => Ok(Options::Parameters(Parameters {})),
        }
    }

    fn print(result: &ResultDocument, found_only: bool) -> Result<Vec<String>, Failure> {
        let ok = result.elements["ok"].as_bool().unwrap_or(false);
        let mut lines = vec![format!("ok:{ok}")];
        if !found_only {
            lines.extend(result.errors.iter().flatten().cloned());
        }
        Ok(lines)
    }
}

impl PersistentModule for DispatchModule {
    type Configuration = Configuration;

    fn serve(start: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        let plan = Plan::new(&start.config)?;
        let directory = start.directory.ok_or_else(|| {
            Failure::unsupported("this host gives dispatch no directory for its buffer")
        })?;
        let agent = std::os::unix::process::parent_id();
        let (spool, notes) = Spool::open(&directory, plan.spool, plan.when_full, agent)
            .map_err(|error| Failure::io(&directory, &error))?;
        for note in notes {
            service.session().warning(&note);
        }
        let sender = plan.mozdef.then(Sender::this_process);
        let records = Records::new(&start.surroundings, sender);
        let shared = Shared::new(spool);
        let client = Client::new(&plan.connection);
        let mut intake = Intake::new(&plan, &shared, service, records);
        let outcome = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("delivery".to_owned())
                .spawn_scoped(scope, || deliver(&plan, &shared, service, &client));
            let outcome = thread
                .map_err(|error| {
                    Failure::new(code::IO, format!("no thread for delivering: {error}"))
                })
                .and_then(|_thread| {
                    service.ready()?;
                    intake.run()
                });
            shared.stop();
            client.stop();
            outcome
        });
        let closed = shared.spool().close(intake.reported());
        match outcome {
            Err(failure) if failure.code == code::CANCELLED => {
                closed.map_err(|error| Failure::io(&directory, &error))
            }
            other => other,
        }
    }
}

/// The delivering thread. A panic in it costs one attempt, not the module.
fn deliver(plan: &Plan, shared: &Shared, service: &Service<'_>, client: &Client) {
    while !shared.stopping() {
        let run = || Delivery::new(plan, shared, service, client).run();
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            shared.failed("delivering panicked".to_owned());
            service
                .session()
                .warning("delivering panicked; it starts again");
            shared.wait(Some(AFTER_PANIC), |_| false);
        }
    }
}
