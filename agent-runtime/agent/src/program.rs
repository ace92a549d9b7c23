//! From the command line to an exit code.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use mig_host::{Cancel, ModuleStore, Origin, Refusal, StaticModule};
use tokio::signal::unix::{SignalKind, signal};

use crate::daemon::Start;
use crate::explain;
use crate::invocation::{HELP, Invocation, InvocationError, Task};
use crate::persistent::foreground;
use crate::record::tell::{self, TellError, Wanted};
use crate::settings::Settings;
use crate::status::query;
use crate::{VERSION, detach, identity, imprint, local, sys};

/// Does what the command line says. `statics` are the modules that are part of
/// this program.
pub fn run(statics: &[StaticModule]) -> ExitCode {
    imprint::keep();
    let raw: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<String> = raw
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let invocation = match Invocation::from_words(&words) {
        Ok(invocation) => invocation,
        Err(error @ InvocationError::Usage(_)) => return misused(error),
        Err(error) => return fail(error),
    };
    match &invocation.task {
        Task::Version => return say(VERSION),
        Task::Help => return say(HELP.trim_end()),
        _ => {}
    }
    let mut settings = match Settings::load(invocation.configuration.as_deref()) {
        Ok(settings) => settings,
        Err(error) => return fail(error),
    };
    if invocation.debug {
        settings.debug();
    }
    if invocation.no_persistent {
        settings.spawn_persistent = false;
    }
    match invocation.task.clone() {
        Task::Version | Task::Help => ExitCode::SUCCESS,
        Task::Settings => say(settings.to_lines().trim_end()),
        Task::Modules => {
            let store = ModuleStore::open(statics, &settings.modules);
            warn_of_refused(&store);
            say(&modules(&store))
        }
        Task::Query(question) => ask(&settings, &question),
        Task::Module { name, print } => {
            log_if(invocation.debug, &settings);
            let store = ModuleStore::open(statics, &settings.modules);
            warn_of_refused(&store);
            let (input, mut output) = (io::stdin().lock(), io::stdout().lock());
            ended(local::module(
                &store,
                &settings,
                &name,
                print,
                input,
                &mut output,
            ))
        }
        Task::Persistent { name } => {
            log_if(invocation.debug, &settings);
            let store = ModuleStore::open(statics, &settings.modules);
            warn_of_refused(&store);
            persistent(store, settings, name)
        }
        Task::Action { file, print } => {
            log_if(invocation.debug, &settings);
            let store = ModuleStore::open(statics, &settings.modules);
            warn_of_refused(&store);
            ended(local::action(
                &store,
                &settings,
                &file,
                print,
                &mut io::stdout().lock(),
            ))
        }
        Task::History(wanted) => history(&settings, &wanted),
        Task::Explain { file, json } => {
            log_if(invocation.debug, &settings);
            let store = ModuleStore::open(statics, &settings.modules);
            warn_of_refused(&store);
            explained(explain::explain(&store, &settings, &file), json)
        }
        Task::Checkin => agent(settings, statics, true, false),
        Task::Daemon if settings.checkin => agent(settings, statics, true, false),
        Task::Daemon => {
            let detached = detach::is_detached();
            if invocation.foreground || sys::started_by_init() {
                return agent(settings, statics, false, detached);
            }
            match detach::start(&raw) {
                Ok(Some(pid)) => say(&format!("mig-agent runs with pid {pid}")),
                Ok(None) => ExitCode::FAILURE,
                Err(error) => fail(format_args!("cannot start in the background: {error}")),
            }
        }
    }
}

fn agent(settings: Settings, statics: &[StaticModule], checkin: bool, detached: bool) -> ExitCode {
    if let Err(error) = mig_logging::start(&settings.logging, "mig-agent") {
        return fail(error);
    }
    match &settings.source {
        Some(path) => tracing::info!("configuration from {}", path.display()),
        None => tracing::info!("no configuration file"),
    }
    let logs_to_terminal = settings.logging.mode == mig_logging::Mode::Stdout;
    let store = ModuleStore::open(statics, &settings.modules);
    let mut refused = Vec::new();
    for refusal in store.refused() {
        tracing::error!("{}", sentence(refusal));
        refused.push((refusal.path.display().to_string(), refusal.reason.clone()));
    }
    if settings.modules.allow_unsigned {
        tracing::warn!("unsigned plugins are allowed: `allowunsigned` in [modules]");
    }
    if store.modules().next().is_none() {
        tracing::warn!("this agent has no modules; `path` in [modules] names their directory");
    }
    let started = Start::prepare(settings, Arc::new(store), refused, checkin);
    let ready = || {
        if detached {
            detach::announce();
        }
    };
    match started.and_then(|start| start.run(ready)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            if !logs_to_terminal {
                return fail(error);
            }
            ExitCode::FAILURE
        }
    }
}

/// Runs a module until it ends, or a signal says so: then it gets the time to
/// put things in order.
fn persistent(store: ModuleStore, settings: Settings, name: String) -> ExitCode {
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let outcome = on_signal(move || stop.cancel()).map(|()| {
        // The worker dies with its thread, which therefore is this one.
        let (input, output) = (io::stdin(), io::stdout());
        foreground::run(&store, &settings, &name, &cancel, input, output)
    });
    ended(outcome)
}

/// Calls `stop` when a signal says that the program shall end.
fn on_signal(stop: impl Fn() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        )
    };
    std::thread::Builder::new()
        .name("mig-signals".into())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
            stop();
        })?;
    Ok(())
}

fn ask(settings: &Settings, question: &str) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(error),
    };
    let outcome = runtime.block_on(async {
        match question {
            "pid" => query::pid(&settings.socket)
                .await
                .map(|pid| pid.to_string()),
            "shutdown" => {
                let secret = match identity::read(&settings.run_directory) {
                    Ok(Some(identity)) => identity.secret,
                    _ => {
                        let place = settings.run_directory.display().to_string();
                        return Err(query::QueryError::NoIdentity(place));
                    }
                };
                query::shut_down(&settings.socket, &secret, &mut io::stderr())
                    .await
                    .map(|()| String::from("done"))
            }
            other => Err(query::QueryError::Unknown(other.to_owned())),
        }
    });
    match outcome {
        Ok(answer) => say(&answer),
        Err(error) => fail(error),
    }
}

fn log_if(debug: bool, settings: &Settings) {
    if debug {
        // Without a log the module runs all the same.
        let _ = mig_logging::start(&settings.logging, "mig-agent");
    }
}

/// A line for each module: name, version, and where it comes from.
fn modules(store: &ModuleStore) -> String {
    let mut lines: Vec<String> = store
        .modules()
        .map(|module| {
            let place = match &module.origin {
                Origin::Static => "built in".to_owned(),
                Origin::Dynamic { path, .. } => path.display().to_string(),
            };
            format!(
                "{} {} {place}",
                module.manifest.name, module.manifest.version
            )
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn warn_of_refused(store: &ModuleStore) {
    for refusal in store.refused() {
        eprintln!("mig-agent: {}", sentence(refusal));
    }
}

/// A module that is not there at all has no file to name.
fn sentence(refusal: &Refusal) -> String {
    if refusal.path.as_os_str().is_empty() {
        return refusal.reason.clone();
    }
    let path = refusal.path.display();
    format!("plugin {path} is not used: {}", refusal.reason)
}

fn ended<E: Display>(outcome: Result<bool, E>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(error),
    }
}

fn history(settings: &Settings, wanted: &Wanted) -> ExitCode {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut remarks = io::stderr().lock();
    match tell::history(&settings.run_directory, wanted, &mut output, &mut remarks) {
        // Whoever asked has seen enough.
        Err(TellError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        outcome => ended(outcome),
    }
}

/// Prints an explanation; an action that cannot be read is misuse.
fn explained(outcome: Result<explain::Explanation, local::LocalError>, json: bool) -> ExitCode {
    let explanation = match outcome {
        Ok(explanation) => explanation,
        Err(error) => return misused(error),
    };
    let text = if json {
        serde_json::to_string_pretty(&explanation).unwrap_or_default()
    } else {
        explanation.to_string()
    };
    let said = say(text.trim_end());
    if explanation.runs {
        said
    } else {
        ExitCode::FAILURE
    }
}

fn misused(reason: impl Display) -> ExitCode {
    eprintln!("mig-agent: {reason}");
    ExitCode::from(2)
}

fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever asked is gone.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(reason: impl Display) -> ExitCode {
    eprintln!("mig-agent: {reason}");
    ExitCode::FAILURE
}
