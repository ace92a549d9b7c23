//! What the agent says about itself and its host.

use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{Agent as Record, AgentMode, AgentStatus, HeartbeatPost};

use super::{Agent, document, lock};
use crate::VERSION;
use crate::environment::cloud;

/// Most time that persistent modules get to start before the first heartbeat
/// tells how they do.
const SETTLE: Duration = Duration::from_secs(3);

/// Most time for asking for the public address, whatever the number of ways.
const PUBLIC: Duration = Duration::from_secs(20);

impl Agent {
    /// The connection goes through this proxy, or none.
    pub(crate) fn set_proxy(&self, proxy: Option<&str>) {
        let mut surroundings = lock(&self.surroundings);
        let before = surroundings.clone();
        let environment = &mut surroundings.environment;
        environment.isproxied = proxy.is_some();
        environment.proxy = proxy.unwrap_or_default().to_owned();
        let changed = surroundings.clone().changed_since(&before, self.now());
        *surroundings = changed;
    }

    /// Asks the network about this host, where the settings say so.
    pub async fn ask_network(&self) {
        let settings = &self.settings;
        let public = async {
            if settings.discover_public_ip {
                let authority = settings.authority();
                let asking = cloud::public_address(&settings.api, &settings.proxies, authority);
                tokio::time::timeout(PUBLIC, asking).await.ok().flatten()
            } else {
                None
            }
        };
        let aws = async {
            if settings.discover_aws && cloud::on_aws() {
                Some(cloud::aws().await)
            } else {
                None
            }
        };
        let (public, aws) = tokio::join!(public, aws);
        if settings.discover_public_ip && public.is_none() {
            tracing::warn!(
                "the public address of this host is unknown: {} does not tell it",
                settings.api
            );
        }
        let mut surroundings = lock(&self.surroundings);
        let before = surroundings.clone();
        if let Some(public) = public {
            surroundings.environment.publicip = public;
        }
        if let Some(aws) = aws {
            surroundings.environment.aws = aws;
        }
        let changed = surroundings.clone().changed_since(&before, self.now());
        *surroundings = changed;
    }

    /// The agent as it is now.
    pub fn record(&self) -> Record {
        let surroundings = lock(&self.surroundings).clone();
        Record {
            name: surroundings.name,
            queueloc: self.identity.queueloc.clone(),
            mode: if self.checkin {
                AgentMode::Checkin
            } else {
                AgentMode::Daemon
            },
            version: VERSION.to_owned(),
            pid: i64::from(std::process::id()),
            starttime: self.started,
            heartbeatts: self.now(),
            refreshts: surroundings.changed,
            status: AgentStatus::Online,
            environment: surroundings.environment,
            tags: self.settings.tags.clone(),
            ..Record::default()
        }
    }

    /// The agent as the scheduler knows it.
    pub fn told(&self) -> Option<Record> {
        lock(&self.told).clone()
    }

    /// Looks at the surroundings again if it is time, and returns the record to
    /// be sent.
    async fn refreshed_record(self: &Arc<Self>) -> Record {
        let now = self.now();
        let period = self.settings.refresh;
        let due = !period.is_zero() && now.since(*lock(&self.looked)) >= period;
        if due {
            *lock(&self.looked) = now;
            let agent = Arc::clone(self);
            let _ = tokio::task::spawn_blocking(move || {
                let before = lock(&agent.surroundings).clone();
                let after = before.refresh(agent.now());
                *lock(&agent.surroundings) = after;
            })
            .await;
            self.ask_network().await;
        }
        if let Some(persistent) = &self.persistent {
            if self.told().is_none() {
                // To schedulers of the original every change of an environment
                // is another agent: better to begin with the lasting one.
                let starting = Arc::clone(persistent);
                let _ = tokio::task::spawn_blocking(move || starting.settle(SETTLE)).await;
            }
            let mut surroundings = lock(&self.surroundings);
            let before = surroundings.clone();
            surroundings.environment.persistent = persistent.in_heartbeat();
            let changed = surroundings.clone().changed_since(&before, now);
            *surroundings = changed;
            drop(surroundings);
            persistent.set_surroundings(&self.record());
        }
        self.record()
    }

    /// Body of a heartbeat over the relay.
    pub(crate) async fn heartbeat_record(self: &Arc<Self>) -> Vec<u8> {
        let record = self.refreshed_record().await;
        let body = document(&record);
        *lock(&self.told) = Some(record);
        body
    }

    /// Body of a heartbeat to the API.
    pub(crate) async fn heartbeat_post(self: &Arc<Self>) -> Vec<u8> {
        let record = self.refreshed_record().await;
        let body = document(&HeartbeatPost::from_agent(&record, self.now()));
        *lock(&self.told) = Some(record);
        body
    }

    /// A heartbeat arrived: monitoring may look at the age of the file. It is
    /// put in place whole, so that nobody ever reads it empty.
    pub(crate) fn heartbeat_sent(&self) {
        let path = self.settings.run_directory.join(crate::heartbeat::MARKER);
        let new = path.with_extension("ok.new");
        let written = std::fs::write(&new, self.now().to_string())
            .and_then(|()| std::fs::rename(&new, &path));
        if let Err(error) = written {
            tracing::warn!("cannot write {}: {error}", path.display());
        }
        self.alive.send_replace(true);
        self.worked.notify_one();
    }
}
