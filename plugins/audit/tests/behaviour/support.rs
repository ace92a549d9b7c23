//! The machine's audit state for one test at a time.

use mig_module_audit::{AuditModule, probe};
use mig_plugin_sdk::testing::FakeService;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The state of before, put back when the test ends; and a directory.
pub struct Machine {
    pub before: probe::State,
    pub directory: TempDir,
    _lock: std::fs::File,
}

impl Machine {
    /// The machine to oneself; `None`, with the test skipped by name, where
    /// audit cannot be controlled.
    pub fn take() -> Option<Self> {
        if !mig_testkit::is_root() {
            mig_testkit::skip("controlling the kernel's audit needs root");
            return None;
        }
        let lock = mig_testkit::kernel_audit_lock();
        let before = match probe::state() {
            Ok(state) if state.enabled == 2 => {
                mig_testkit::skip("the kernel's audit configuration is locked");
                return None;
            }
            Ok(state) if state.daemon().is_some() => {
                mig_testkit::skip("an audit daemon runs on this machine");
                return None;
            }
            Ok(state) => state,
            Err(reason) => {
                mig_testkit::skip(&reason);
                return None;
            }
        };
        Some(Self {
            before,
            directory: tempfile::tempdir().expect("a directory"),
            _lock: lock,
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a rule file and returns the configuration that names it.
    pub fn configuration(&self, rules: &Value, more: &Value) -> Value {
        let path = self.path("rules.json");
        std::fs::write(&path, json!({ "audit_rules": rules }).to_string()).expect("a rule file");
        let mut section = json!({"rulespath": path, "ratelimit": 100_000});
        for (key, value) in more.as_object().into_iter().flatten() {
            section[key] = value.clone();
        }
        let state = self.path("state");
        std::fs::create_dir_all(&state).expect("a directory");
        json!({"config": {"audit": section}, "directory": state})
    }

    /// Starts the module in this process.
    pub fn start(&self, rules: &Value, more: &Value) -> FakeService {
        let service = FakeService::start::<AuditModule>(self.configuration(rules, more));
        service.wait_until_ready();
        service
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let restored = probe::restore(&self.before);
        if !std::thread::panicking() {
            restored.expect("the machine's audit state put back");
        }
    }
}

/// An alert as JSON.
pub fn event(alert: &str) -> Value {
    serde_json::from_str(alert).expect("an alert in JSON")
}
