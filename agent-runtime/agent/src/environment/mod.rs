//! What the agent finds out about its host. Nothing here may stop it: what
//! cannot be found out is said to be unknown.

pub mod cloud;
mod ident;
mod init;

use std::path::Path;
use std::time::Duration;

use mig_protocol::{Environment, Time};

use crate::sys;

/// Time given to a helper command of the distribution.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);
/// Addresses every host has, which say nothing.
const LOOPBACK: [&str; 2] = ["127.0.0.1/8", "::1/128"];

/// The environment, how it was found and since when it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// As heartbeats carry it.
    pub environment: Environment,
    /// Host name.
    pub name: String,
    /// When it was found to differ last.
    pub changed: Time,
    /// Kernel host name and release files that `name` and `ident` came from;
    /// asking the distribution again is only worth it when they differ.
    origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    kernel_name: Option<String>,
    release: ident::ReleaseFiles,
}

impl Surroundings {
    /// Looks at the host for the first time. Blocks for some milliseconds: it
    /// runs helper commands.
    pub fn discover(modules: Vec<String>, now: Time) -> Self {
        let root = Path::new("/");
        let origin = Origin::look(root);
        let environment = Environment {
            init: init::discover(root),
            ident: ident::discover(root, COMMAND_LIMIT),
            os: sys::os().to_owned(),
            arch: sys::arch().to_owned(),
            addresses: addresses(),
            modules,
            ..Environment::default()
        };
        Self {
            environment,
            name: host_name(origin.kernel_name.as_deref()),
            changed: now,
            origin,
        }
    }

    /// Looks again. What did not change is not asked for a second time.
    pub fn refresh(&self, now: Time) -> Self {
        let root = Path::new("/");
        let origin = Origin::look(root);
        let mut next = self.clone();
        next.environment.addresses = addresses();
        if origin.release != self.origin.release {
            next.environment.ident = ident::discover(root, COMMAND_LIMIT);
        }
        if origin.kernel_name != self.origin.kernel_name {
            next.name = host_name(origin.kernel_name.as_deref());
        }
        next.origin = origin;
        next.changed_since(self, now)
    }

    /// This, with the time of change set if it differs from `before`.
    #[must_use]
    pub fn changed_since(mut self, before: &Self, now: Time) -> Self {
        if self.environment != before.environment || self.name != before.name {
            self.changed = now;
        }
        self
    }
}

impl Origin {
    fn look(root: &Path) -> Self {
        Self {
            kernel_name: sys::kernel_host_name(),
            release: ident::ReleaseFiles::look(root),
        }
    }
}

fn addresses() -> Vec<String> {
    let mut addresses = sys::interface_addresses();
    addresses.retain(|address| !LOOPBACK.contains(&address.as_str()));
    addresses
}

/// The kernel's name if it has a dot; else the full name if its first label
/// agrees; else the kernel's name.
fn host_name(kernel: Option<&str>) -> String {
    if let Some(name) = kernel.filter(|name| name.contains('.')) {
        return name.to_owned();
    }
    let full = sys::output_within("hostname", &["--fqdn"], COMMAND_LIMIT);
    choose_name(kernel, full.as_deref().map(str::trim))
}

fn choose_name(kernel: Option<&str>, full: Option<&str>) -> String {
    match (kernel, full.filter(|name| !name.is_empty())) {
        (Some(kernel), Some(full)) if full.split('.').next() == Some(kernel) => full.to_owned(),
        (Some(kernel), _) => kernel.to_owned(),
        (None, Some(full)) => full.to_owned(),
        (None, None) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_counts_only_if_it_is_this_host_s() {
        for (kernel, full, name) in [
            (Some("h1"), Some("h1.example.net"), "h1.example.net"),
            (Some("h1"), Some("localhost"), "h1"),
            (Some("h1"), None, "h1"),
            (None, Some("h1.example.net"), "h1.example.net"),
            (None, None, "unknown"),
        ] {
            assert_eq!(choose_name(kernel, full), name, "{kernel:?} {full:?}");
        }
    }

    #[test]
    fn discovery_says_something_about_every_host() {
        let found = Surroundings::discover(vec!["file".into()], Time::now());
        assert!(!found.name.is_empty());
        assert!(!found.environment.ident.is_empty());
        assert!(!found.environment.init.is_empty());
        assert_eq!(found.environment.os, "linux");
        assert_eq!(found.environment.modules, ["file"]);
        for address in &found.environment.addresses {
            assert!(address.contains('/'), "{address} is not in CIDR form");
            assert!(!LOOPBACK.contains(&address.as_str()));
        }
    }

    #[test]
    fn an_unchanged_host_keeps_its_time_of_change() {
        let before = Surroundings::discover(Vec::new(), Time::from_unix(1000));
        let same = before.refresh(Time::from_unix(2000));
        assert_eq!(same.changed, Time::from_unix(1000));
        let mut moved = same.clone();
        moved.environment.addresses.push("192.0.2.1/24".into());
        let moved = moved.changed_since(&same, Time::from_unix(3000));
        assert_eq!(moved.changed, Time::from_unix(3000));
    }
}
