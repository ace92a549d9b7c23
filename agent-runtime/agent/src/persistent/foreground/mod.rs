//! `mig-agent -P NAME`: one persistent module in the foreground, in the same
//! jail, with messages as lines of JSON. For people who want to see what it
//! does, and for programs that start modules as an original agent did.

mod messages;
mod socket;

use std::fs::DirBuilder;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use mig_host::{Attendant, Cancel, ForwardedAlert, Mailbox, ServiceEvent, ServiceJob};
use mig_plugin_payload::{Capability, Manifest, Strictness};
use mig_protocol::Time;
use serde_json::{Map, Value, json};

use super::alerts::Alerts;
use super::{STATE, configuration, file_in, manifest_of};
use crate::environment::Surroundings;
use crate::execution::Runner;
use crate::settings::Settings;
use messages::{Message, Output, member};
use socket::{Asking, Socket};

/// Whoever wants to configure the module says so at once.
const FIRST: Duration = Duration::from_secs(2);
/// Pause of the reader while the module takes no more alerts.
const FULL: Duration = Duration::from_millis(20);

/// Runs a module until its standard input ends, `cancel` is thrown, or it ends
/// itself. False when it failed.
pub fn run(
    runner: &dyn Runner,
    settings: &Settings,
    name: &str,
    cancel: &Cancel,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> bool {
    let output = Output::new(output);
    let Some(manifest) = manifest_of(runner, name) else {
        let reason = match runner.repeatable(name) {
            Some(_) => format!("module '{name}' is not persistent"),
            None => format!("module '{name}' is not available"),
        };
        // The original's child says so and ends well.
        output.log(&reason);
        return true;
    };
    match attend(runner, settings, manifest, cancel, input, &output) {
        Ok(well) => well,
        Err(reason) => {
            output.log(&reason);
            false
        }
    }
}

fn attend(
    runner: &dyn Runner,
    settings: &Settings,
    manifest: &Manifest,
    cancel: &Cancel,
    input: impl Read + Send + 'static,
    output: &Output,
) -> Result<bool, String> {
    let mailbox = Mailbox::new().map_err(|error| error.to_string())?;
    let woken = mailbox.clone();
    let alerts = Arc::new(Alerts::new(move |_| woken.wake()));
    alerts.set_taker(Some(&manifest.name));
    let (said, first) = sync_channel(1);
    let reader = Reader {
        output: output.clone(),
        cancel: cancel.clone(),
        mailbox: mailbox.clone(),
        alerts: manifest
            .needs(&Capability::Alerts)
            .then(|| Arc::clone(&alerts)),
        first: Some(said),
    };
    // Ends with the process: a read cannot be called off.
    std::thread::Builder::new()
        .name("mig-messages".into())
        .spawn(move || reader.read(BufReader::new(input)))
        .map_err(|error| error.to_string())?;
    let (config, surroundings) = configured(runner, settings, manifest, &first, output)?;
    let directory = std::path::absolute(settings.run_directory.join(STATE).join(&manifest.name))
        .map_err(|error| error.to_string())?;
    let job = ServiceJob {
        surroundings,
        directory: Some(directory),
        limits: settings.limits,
        privacy: settings.privacy,
        ..ServiceJob::new(&manifest.name, config)
    };
    let mut attendant = Foreground {
        output: output.clone(),
        cancel: cancel.clone(),
        mailbox: mailbox.clone(),
        alerts,
        wall: settings.module_timeout,
        place: socket_path(&settings.run_directory, &manifest.name),
        socket: None,
        failed: false,
    };
    runner.serve(&job, &mailbox, cancel, &mut attendant);
    Ok(!attendant.failed)
}

/// The path that an original's modules use.
fn socket_path(run_directory: &Path, name: &str) -> PathBuf {
    run_directory.join(format!("persist-{name}.sock"))
}

/// Configuration and surroundings: of the first message if it brings them, of
/// the file otherwise.
fn configured(
    runner: &dyn Runner,
    settings: &Settings,
    manifest: &Manifest,
    first: &Receiver<Option<Map<String, Value>>>,
    output: &Output,
) -> Result<(Value, Value), String> {
    // Nothing in time is as good as another message.
    if let Some(sent) = first.recv_timeout(FIRST).unwrap_or_default() {
        let sent = Value::Object(sent);
        let mut config = member(&sent, "config");
        if config.is_null() {
            config = json!({});
        }
        if let Some(schema) = manifest.configuration() {
            schema.normalise(&mut config);
            schema
                .validate(&config, Strictness::Parameters)
                .map_err(|error| format!("the configuration on standard input: {error}"))?;
        }
        let surroundings = json!({
            "hostname": member(&sent, "hostname").as_str().unwrap_or_default(),
            "environment": member(&sent, "environment"),
            "tags": match member(&sent, "tags") {
                Value::Null => json!({}),
                tags => tags,
            },
        });
        return Ok((config, surroundings));
    }
    let file = file_in(&settings.module_configuration, &manifest.name);
    let config = match configuration::read(&file, manifest.configuration())? {
        Some(config) => config,
        None => {
            output.log(&format!(
                "there is no {}; running with defaults",
                file.display()
            ));
            json!({})
        }
    };
    let found = Surroundings::discover(runner.names(), Time::now());
    let surroundings = json!({
        "hostname": found.name,
        "environment": found.environment,
        "tags": settings.tags,
    });
    Ok((config, surroundings))
}

/// Reads messages for as long as there are any.
struct Reader {
    output: Output,
    cancel: Cancel,
    mailbox: Mailbox,
    /// For a module that takes alerts.
    alerts: Option<Arc<Alerts>>,
    /// Where the first message goes, if it is a configuration.
    first: Option<SyncSender<Option<Map<String, Value>>>>,
}

impl Reader {
    fn read(mut self, mut input: impl BufRead) {
        loop {
            let line = match messages::line(&mut input) {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    self.output.log(&format!("standard input: {error}"));
                    break;
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let message = messages::understand(&line);
            if let Some(first) = self.first.take() {
                if let Ok(Message::Config(config)) = message {
                    let _ = first.send(Some(config));
                    continue;
                }
                let _ = first.send(None);
            }
            self.obey(message);
        }
        // The end of standard input ends the module.
        self.cancel.cancel();
    }

    fn obey(&self, message: Result<Message, String>) {
        match message {
            Ok(Message::Ping(ping)) => {
                self.output.send(&ping);
            }
            Ok(Message::Config(config)) => {
                let config = Value::Object(config);
                self.output
                    .log("a running module keeps its configuration; only its surroundings are new");
                self.mailbox.surroundings(json!({
                    "hostname": member(&config, "hostname").as_str().unwrap_or_default(),
                    "environment": member(&config, "environment"),
                    "tags": member(&config, "tags"),
                }));
            }
            Ok(Message::Alert(text)) => match &self.alerts {
                Some(alerts) => {
                    while alerts.raise("agent", &text).is_none() && !self.cancel.is_cancelled() {
                        std::thread::sleep(FULL);
                    }
                }
                None => {
                    self.output.log("this module takes no alerts");
                }
            },
            Ok(Message::Parameters(_)) => {
                self.output.log("queries go to the registered socket");
            }
            Err(reason) => {
                self.output.log(&reason);
            }
        }
    }
}

/// Says on standard output what the module does.
struct Foreground {
    output: Output,
    cancel: Cancel,
    mailbox: Mailbox,
    alerts: Arc<Alerts>,
    wall: Duration,
    place: PathBuf,
    socket: Option<Socket>,
    failed: bool,
}

impl Foreground {
    fn register(&mut self) {
        let asking = Asking {
            mailbox: self.mailbox.clone(),
            wall: self.wall,
            cancel: self.cancel.clone(),
            asked: Arc::default(),
        };
        // On a machine without an agent there is no such directory yet.
        if let Some(directory) = self.place.parent() {
            let mut builder = DirBuilder::new();
            // What goes wrong is said for the socket.
            let _ = builder.recursive(true).mode(0o700).create(directory);
        }
        match Socket::open(&self.place, asking) {
            Ok(socket) => {
                self.socket = Some(socket);
                let there = format!("unix:{}", self.place.display());
                self.go_on(self.output.register(&there));
            }
            Err(error) => {
                let place = self.place.display();
                self.go_on(self.output.log(&format!("no queries: {place}: {error}")));
            }
        }
    }

    /// Without a reader there is nothing to run for.
    fn go_on(&self, read: bool) {
        if !read {
            self.cancel.cancel();
        }
    }
}

impl Attendant for Foreground {
    fn event(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::Ready => self.register(),
            ServiceEvent::Log { message, .. } => self.go_on(self.output.log(&message)),
            ServiceEvent::Stored(number) => self.alerts.stored(number),
            ServiceEvent::LogsLeftOut(count) => {
                self.go_on(self.output.log(&format!("{count} log lines are left out")));
            }
            ServiceEvent::AlertsDropped { count, reason } => {
                self.go_on(
                    self.output
                        .log(&format!("{count} alerts are dropped: {reason}")),
                );
            }
            ServiceEvent::Ended { reason, again } => {
                // Starting it again is for whoever started this.
                self.failed |= again.is_some();
                if again.is_some() {
                    self.output.log(&reason);
                }
                self.cancel.cancel();
            }
            ServiceEvent::Started { .. }
            | ServiceEvent::Renewed { .. }
            | ServiceEvent::Sandbox(_)
            | ServiceEvent::Status(_) => {}
        }
    }

    fn take_alert(&mut self, text: &str) -> bool {
        self.go_on(self.output.alert(text));
        true
    }

    fn alert_after(&mut self, last: Option<u64>) -> Option<ForwardedAlert> {
        self.alerts.after(last)
    }
}
