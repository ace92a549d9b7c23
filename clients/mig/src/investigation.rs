//! The whole way of a question: parameters, target, signature, launch, answers.

use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use mig_client::ClientError;
use mig_client::configuration::{Configuration, module_options};
use mig_client::follow::{self, Followed, Interest};
use mig_client::http::Api;
use mig_client::modules::{Modules, Options};
use mig_client::results::{self, Tally};
use mig_client::targets::{self, ALL_ONLINE};
use mig_client::terminal::{Terminal, Tone, printable, printable_lines};
use mig_client::{launch, signer};
use mig_protocol::{Action, ActionStatus, Agent, Counters};

use crate::arguments::{Arguments, Question};
use crate::exit;

/// Seconds a person has to think again before an action is launched.
const COUNTDOWN: u32 = 5;

/// Something that happened while the action was followed.
enum Event {
    /// The action changed.
    Changed(Box<Action>),
    /// Following ended.
    Over(Box<Result<Followed, ClientError>>),
    /// The person wants to stop.
    Interrupted,
}

/// Asks the question and prints the answers; returns the exit code.
pub fn run(arguments: &Arguments, words: &[String]) -> Result<u8, ClientError> {
    let modules = Modules::open(&module_options(arguments.configuration.as_deref())?);
    // Before anything else: `mig file help` needs neither key nor server.
    let prepared = match &arguments.question {
        Question::File(path) => Prepared::File(path),
        Question::Module { module, words } => match modules.options(module, words)? {
            Options::Help(text) => {
                println!("{}", printable_lines(&text));
                return Ok(exit::DONE);
            }
            Options::Parameters(parameters) => Prepared::Parameters(module, parameters),
        },
    };
    let configuration = Configuration::load(arguments.configuration.as_deref())?;
    let mut action = build(arguments, words, &configuration, prepared)?;
    if arguments.print {
        return print_action(&action);
    }
    let mut terminal = Terminal::default();
    if arguments.sign {
        sign(&mut action, arguments, &configuration, &terminal)?;
        return print_action(&action);
    }
    let key = signer::open(&configuration)?;
    let endpoint = configuration.endpoint(&format!("cmd-{}", env!("CARGO_PKG_VERSION")))?;
    let connect = || {
        Api::new(
            &endpoint,
            configuration.credentials(&key),
            arguments.verbose,
        )
    };
    let api = connect()?;
    let targeted = launch::evaluate(&api, &action.target)?;
    announce(&terminal, &targeted, arguments.now);
    // Dated and signed only now: the countdown costs no validity.
    sign_with(&mut action, arguments, &key, &terminal)?;
    let launched = launch::post(&api, &action)?;
    let (action, api) = follow(api, &launched, targeted.len() as u64, &mut terminal)?;
    let interrupted = api.is_none();
    let api = api.map_or_else(connect, Ok)?;
    let tally = match results::print(
        &api,
        &modules,
        &action,
        arguments.show,
        &terminal,
        &mut io::stdout().lock(),
    ) {
        // Somebody like `head` has seen enough.
        Err(ClientError::File { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(exit::DONE);
        }
        other => other?,
    };
    Ok(code(&action, tally, interrupted, arguments.exit_code))
}

enum Prepared<'a> {
    File(&'a Path),
    Parameters(&'a str, serde_json::Value),
}

fn build(
    arguments: &Arguments,
    words: &[String],
    configuration: &Configuration,
    prepared: Prepared<'_>,
) -> Result<Action, ClientError> {
    match prepared {
        Prepared::File(path) => launch::from_file(path),
        Prepared::Parameters(module, parameters) => {
            let given = arguments.target.as_deref();
            if given.is_none() && arguments.chain.is_none() {
                eprintln!("[notice] no target specified, defaulting to all online agents");
            }
            let base = targets::resolve(given.unwrap_or(ALL_ONLINE), &configuration.macros);
            let target = match arguments.chain {
                Some((action, found)) => targets::chain(base, action, found),
                None => base.to_owned(),
            };
            let name = arguments
                .name
                .clone()
                .unwrap_or_else(|| launch::default_name(words));
            Ok(launch::from_parameters(
                module,
                parameters,
                arguments.compress,
                name,
                target,
            ))
        }
    }
}

fn print_action(action: &Action) -> Result<u8, ClientError> {
    let text = mig_protocol::to_go_json_pretty(action)
        .map_err(|error| ClientError::Action(error.to_string()))?;
    let mut out = io::stdout().lock();
    match out.write_all(&text).and_then(|()| writeln!(out)) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(ClientError::File {
            path: "standard output".to_owned(),
            source,
        }),
        _ => Ok(exit::DONE),
    }
}

fn sign(
    action: &mut Action,
    arguments: &Arguments,
    configuration: &Configuration,
    terminal: &Terminal,
) -> Result<(), ClientError> {
    sign_with(action, arguments, &signer::open(configuration)?, terminal)
}

fn sign_with(
    action: &mut Action,
    arguments: &Arguments,
    key: &signer::Key,
    terminal: &Terminal,
) -> Result<(), ClientError> {
    if !launch::date(action, arguments.period) {
        terminal.say(
            Tone::Notice,
            "the action has dates of its own, which are kept",
        );
    }
    signer::sign_action(key, action)
}

/// Says how many agents will be asked, and lets the person think again.
fn announce(terminal: &Terminal, targeted: &[Agent], now: bool) {
    let agents = targeted.len();
    if now {
        terminal.say(Tone::Notice, &format!("{agents} agents will be targeted."));
        return;
    }
    terminal.say_inline(
        Tone::Notice,
        &format!("{agents} agents will be targeted. ctrl+c to cancel. launching in "),
    );
    for second in (1..=COUNTDOWN).rev() {
        terminal.say_inline(Tone::Notice, &format!("{second} "));
        std::thread::sleep(Duration::from_secs(1));
    }
    terminal.say(Tone::Notice, "GO");
}

/// Follows on a thread of its own, so that an interruption is seen at once.
/// Returns the connection unless the person interrupted: then it is still
/// waiting for an answer.
fn follow(
    api: Api,
    launched: &Action,
    agents: u64,
    terminal: &mut Terminal,
) -> Result<(Action, Option<Api>), ClientError> {
    let start = Instant::now();
    let (sender, events) = mpsc::channel();
    // Before it is said that there is something to interrupt.
    watch_interrupts(sender.clone());
    let id = launched.id;
    terminal.say(Tone::Progress, &format!("Following action ID {id}."));
    let follower = std::thread::spawn(move || {
        let result = follow::follow(&api, id, |action| {
            match sender.send(Event::Changed(Box::new(action.clone()))) {
                Ok(()) => Interest::Continue,
                Err(_) => Interest::Stop,
            }
        });
        let _ = sender.send(Event::Over(Box::new(result)));
        api
    });
    let (Followed { action, reason }, interrupted) = watch(&events, launched, agents, terminal)?;
    terminal.finish();
    let percent = action.counters.done as f64 * 100.0 / action.counters.sent.max(1) as f64;
    terminal.say(
        Tone::Progress,
        &format!("{percent:.1}% done in {:.3?}", start.elapsed()),
    );
    terminal.say(Tone::Progress, &follow::counter_line(&action.counters));
    if action.status == ActionStatus::Invalid {
        let reason = reason.as_deref().unwrap_or("the API gives no reason");
        terminal.say(Tone::Trouble, &printable(&format!("invalid: {reason}")));
    } else if action.counters.sent == 0 && !interrupted {
        let text = "no scheduler took the action up before it expired";
        terminal.say(Tone::Trouble, text);
    }
    if interrupted {
        terminal.say(Tone::Notice, "interrupted; agents may still be running");
        return Ok((action, None));
    }
    let api = follower
        .join()
        .map_err(|_| ClientError::Action("following failed".into()))?;
    Ok((action, Some(api)))
}

fn watch(
    events: &Receiver<Event>,
    launched: &Action,
    agents: u64,
    terminal: &mut Terminal,
) -> Result<(Followed, bool), ClientError> {
    let seen = |action| Followed {
        action,
        reason: None,
    };
    let mut last = launched.clone();
    terminal.progress(0, agents);
    for event in events {
        match event {
            Event::Changed(action) => {
                let total = u64::try_from(action.counters.sent).unwrap_or(0).max(agents);
                terminal.progress(u64::try_from(action.counters.done).unwrap_or(0), total);
                last = *action;
            }
            Event::Over(result) => return (*result).map(|followed| (followed, false)),
            Event::Interrupted => return Ok((seen(last), true)),
        }
    }
    Ok((seen(last), false))
}

fn watch_interrupts(sender: Sender<Event>) {
    // A second handler cannot be installed; the first one then still works.
    let _ = ctrlc::set_handler(move || {
        if sender.send(Event::Interrupted).is_err() {
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
    });
}

fn code(action: &Action, tally: Tally, interrupted: bool, exit_code: bool) -> u8 {
    let Counters { sent, done, .. } = action.counters;
    // Nothing sent: invalid, or no scheduler looked at it.
    let missing = sent == 0 || sent > done;
    if interrupted {
        exit::INTERRUPTED
    } else if tally.troubled > 0 || missing {
        exit::TROUBLED
    } else if exit_code && tally.shown == 0 {
        exit::NOTHING
    } else {
        exit::DONE
    }
}
