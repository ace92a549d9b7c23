//! What one operation of an action would do.

use mig_host::{Cancel, Ending, Job, Limits, ModuleInfo, ModuleStore, Operation as Way, Origin};
use mig_plugin_payload::Capability;
use mig_protocol::Operation;
use mig_protocol::action::{DEFAULT_EXPANDED, expand_parameters};
use serde::Serialize;
use serde_json::Value;

use super::privacy;
use crate::execution::unavailable;
use crate::persistent;
use crate::settings::Settings;

/// What there is to say about an operation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explained {
    /// Its module.
    pub module: String,
    /// What the module says of itself.
    pub description: String,
    /// Version of the module and where it comes from.
    pub origin: String,
    /// What the module may do on this machine, in words.
    pub may: Vec<String>,
    /// Its parameters, expanded.
    pub parameters: Value,
    /// Whether extra privacy mode is on.
    pub privacy: bool,
    /// What of a result would not leave as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_back: Vec<String>,
    /// Why it would fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails: Option<String>,
    /// On what it depends whether it can run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends: Option<String>,
}

pub(super) fn explain(
    store: &ModuleStore,
    settings: &Settings,
    operation: &Operation,
) -> Explained {
    let mut explained = Explained {
        module: operation.module.clone(),
        parameters: operation.parameters.clone(),
        privacy: settings.privacy,
        ..Explained::default()
    };
    let Some(module) = store.get(&operation.module) else {
        explained.fails = Some(unavailable(&operation.module));
        return explained;
    };
    describe(module, settings, &mut explained);
    match expand_parameters(operation, DEFAULT_EXPANDED) {
        Ok(parameters) => explained.parameters = parameters,
        Err(error) => {
            explained.fails = Some(error.to_string());
            return explained;
        }
    }
    if module.manifest.persistent {
        match persistent_state(settings, module) {
            Ok(depends) => explained.depends = Some(depends),
            Err(why) => {
                explained.fails = Some(why);
                return explained;
            }
        }
    }
    explained.fails = refused_parameters(store, settings, module, &explained.parameters);
    explained
}

fn describe(module: &ModuleInfo, settings: &Settings, explained: &mut Explained) {
    let manifest = &module.manifest;
    let place = match &module.origin {
        Origin::Static => "part of mig-agent".to_owned(),
        Origin::Dynamic { path, unsigned } => {
            let unsigned = if *unsigned { ", unsigned" } else { "" };
            format!("{}{unsigned}", path.display())
        }
    };
    explained.description.clone_from(&manifest.description);
    explained.origin = format!("version {}, {place}", manifest.version);
    explained.may = manifest.capabilities.iter().map(words).collect();
    if settings.privacy {
        explained.kept_back = privacy::kept_back(manifest.result().schema());
    }
}

/// A capability in words.
fn words(capability: &Capability) -> String {
    match capability {
        Capability::FilesystemRead => "read any file",
        Capability::FilesystemWrite => "change and remove files",
        Capability::Network => "use the network",
        Capability::RawNetwork => "send and receive raw packets",
        Capability::NetworkNamespaces => "enter the networks of containers",
        Capability::ProcessInformation => "read what the system says of any process",
        Capability::Ptrace => "read the memory of other processes",
        Capability::NetlinkAudit => "read the kernel's audit messages",
        Capability::Processes => "start programs",
        Capability::Signal => "send signals to other processes",
        Capability::StateDirectory => "keep files in a directory of its own",
        Capability::Alerts => "read the alerts of other modules",
        Capability::Other(name) => return format!("nothing called `{name}`: it is not known here"),
    }
    .to_owned()
}

/// On what a query to a persistent module depends, or why it fails for certain.
fn persistent_state(settings: &Settings, module: &ModuleInfo) -> Result<String, String> {
    let name = &module.manifest.name;
    let never = |reason: &str| Err(persistent::not_running(name, reason));
    if !settings.spawn_persistent || settings.checkin {
        return never("persistent modules are turned off");
    }
    let file = persistent::file_in(&settings.module_configuration, name);
    match persistent::configuration::read(&file, module.manifest.configuration()) {
        Ok(Some(_)) => Ok(
            "the module answers it while it runs; the status page says whether it does".to_owned(),
        ),
        Ok(None) => never(&format!("there is no {}", file.display())),
        Err(reason) => never(&reason),
    }
}

/// Has the module look at the parameters, in a worker of its own. Its `run` is
/// not called.
fn refused_parameters(
    store: &ModuleStore,
    settings: &Settings,
    module: &ModuleInfo,
    parameters: &Value,
) -> Option<String> {
    let job = Job {
        module: &module.manifest.name,
        operation: Way::Validate,
        input: parameters.clone(),
        limits: Limits {
            wall: settings.module_timeout,
            ..settings.limits
        },
        privacy: false,
    };
    let outcome = store.run(&job, &Cancel::new(), &mut |_| {});
    let errors: Vec<String> = outcome
        .answer
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|error| {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            match part("field") {
                "" => part("message").to_owned(),
                field => format!("{field}: {}", part("message")),
            }
        })
        .collect();
    if !errors.is_empty() {
        return Some(format!("its parameters: {}", errors.join("; ")));
    }
    (outcome.ending != Ending::Done).then(|| {
        outcome
            .reason
            .unwrap_or_else(|| "the module cannot look at its parameters".to_owned())
    })
}
