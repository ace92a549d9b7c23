//! Without the right to control audit, and with a configuration that is wrong.

use crate::roles::Actor;
use mig_module_audit::AuditModule;
use mig_plugin_sdk::testing::FakeService;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

/// An ordinary user.
const NOBODY: u32 = 65534;

#[test]
fn an_ordinary_user_is_told_what_is_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).expect("a directory for all");
    let rules = directory.path().join("rules.json");
    std::fs::write(&rules, r#"{"audit_rules": []}"#).expect("a rule file");
    let user = mig_testkit::is_root().then_some(NOBODY);
    for multicast in ["auto", "no", "yes"] {
        let input = json!({"config": {"audit": {"rulespath": rules, "multicast": multicast}}});
        let mut actor = Actor::start("failing module", &input, user);
        let said = actor.says();
        let known = said.contains("run the agent as root")
            || said.contains("must run as root")
            || said.contains("this kernel has no audit subsystem");
        assert!(known, "{multicast}: {said}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_before_the_kernel_is_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let rules = directory.path().join("rules.json");
    std::fs::write(&rules, r#"{"audit_rules": [{}]}"#).expect("a rule file");
    for (audit, expected) in [
        (json!({}), "does not say where the rules are"),
        (
            json!({"rulespath": "/no/such/file"}),
            "/no/such/file: No such file",
        ),
        (json!({"rulespath": rules}), "rules.json: rule 1: actions"),
        (
            json!({"rulespath": rules, "ratelimit": -1}),
            "ratelimit in audit.cfg is -1",
        ),
        (
            json!({"rulespath": rules, "backloglimit": 1u64 << 40}),
            "backloglimit in audit.cfg is",
        ),
    ] {
        let service = FakeService::start::<AuditModule>(json!({"config": {"audit": audit}}));
        let answer = service.ended();
        assert_ne!(answer.code, 0);
        assert!(
            answer.message().contains(expected),
            "{audit} gave {}",
            answer.message()
        );
    }
}
