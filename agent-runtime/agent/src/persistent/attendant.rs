//! What happens to a persistent module, as it happens: into the log, and into
//! what the owner of the machine is shown.

use std::sync::Arc;

use mig_host::{Attendant, ForwardedAlert, ServiceEvent};

use super::alerts::Alerts;
use super::slot::Slot;
use crate::record::Record;

/// Attends one module, on the thread that serves it.
pub(crate) struct Watcher {
    pub(crate) slot: Arc<Slot>,
    pub(crate) alerts: Arc<Alerts>,
    pub(crate) record: Arc<Record>,
    /// Alerts come masked.
    pub(crate) privacy: bool,
}

impl Attendant for Watcher {
    fn event(&mut self, event: ServiceEvent) {
        self.slot.note(&event);
        let name = &*self.slot.name;
        match event {
            ServiceEvent::Started { pid } => {
                tracing::debug!("module {name} was started with pid {pid}");
            }
            ServiceEvent::Sandbox(report) => tracing::debug!("module {name}: {report:?}"),
            ServiceEvent::Ready => tracing::info!("module {name} is at work"),
            ServiceEvent::Stored(number) => self.alerts.stored(number),
            ServiceEvent::Status(_) => {}
            ServiceEvent::Log { level, message } => {
                // The form of the original's line.
                match level {
                    0..=3 => tracing::error!("[{name}] (module log) {message}"),
                    4..=5 => tracing::warn!("[{name}] (module log) {message}"),
                    6 => tracing::info!("[{name}] (module log) {message}"),
                    _ => tracing::debug!("[{name}] (module log) {message}"),
                }
            }
            ServiceEvent::LogsLeftOut(count) => {
                tracing::warn!("module {name} wrote {count} log lines too many; they are left out");
            }
            ServiceEvent::AlertsDropped { count, reason } => {
                self.record.alerts_dropped(name, count, &reason);
                tracing::error!("{count} alerts of module {name} are dropped: {reason}");
            }
            ServiceEvent::Renewed { path } => {
                tracing::info!("module {name} is started anew: {path} was replaced");
            }
            ServiceEvent::Ended {
                reason,
                again: Some(pause),
            } => {
                let pause = pause.as_secs_f64();
                tracing::error!("{reason}; it is started again in {pause:.1} s");
            }
            ServiceEvent::Ended {
                reason,
                again: None,
            } => tracing::info!("{reason}"),
        }
    }

    fn take_alert(&mut self, text: &str) -> bool {
        let name = &*self.slot.name;
        let Some(went) = self.alerts.raise(name, text) else {
            return false;
        };
        self.record.alert(name, text, &went, self.privacy);
        true
    }

    fn alert_after(&mut self, last: Option<u64>) -> Option<ForwardedAlert> {
        self.alerts.after(last)
    }
}
