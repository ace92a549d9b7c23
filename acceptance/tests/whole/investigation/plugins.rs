//! Modules that are not part of the agent: signed, unsigned, and the agent's own
//! account of them.

use std::fs;

use crate::setup::{PATIENCE, Said, Whole};

#[test]
fn an_unsigned_plugin_is_refused_unless_the_configuration_allows_it() {
    let mut whole = Whole::start_with(
        |site| fs::remove_file(site.path("modules/example.so.sig")).unwrap(),
        |agent| agent,
    );
    let log = whole.agent.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("example.so"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains("is not used: is not signed (example.so.sig is missing)"),
        "{log}"
    );
    // The client refuses it too, and says so when it is asked for.
    let said = whole.mig(&["example", "-gethostname"]);
    assert_eq!(said.code, 1, "{said:?}");
    let line = said.line_with("error: ");
    assert!(line.contains("module `example` was refused"), "{line}");

    let both = |file: mig_acceptance::Configuration| file.set("modules", "allowunsigned", "on");
    let client = whole.site.client_configuration("ada");
    whole.site.write("ada.migrc", both(client)).unwrap();
    let said = whole.mig(&["example", "-gethostname"]);
    assert_eq!(said.code, 2, "{said:?}");
    // An agent without the module says so before anybody's weight matters.
    assert!(said.line_with("failed: ").contains("example"), "{said:?}");

    whole.agent.stop().unwrap();
    let configuration = whole.site.agent_configuration("agent").unwrap();
    whole.site.write("agent.cfg", both(configuration)).unwrap();
    whole.site.write("acl.cfg", format!(
        r#"{{"default": {{"minimumweight": 1, "investigators": {{"ada": {{"fingerprint": "{}", "weight": 1}}}}}}}}"#,
        whole.ada.fingerprint,
    )).unwrap();
    whole.agent = whole.site.start_agent("agent").unwrap();
    whole
        .agent
        .wait_until("the warning", PATIENCE, || {
            log_says(&whole.site, "unsigned plugins are allowed")
        })
        .unwrap();
    let said = whole.mig(&["example", "-gethostname"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.stdout, format!("{0} hostname is {0}\n", whole.host));
}

/// Whether the agent's log says something.
fn log_says(site: &mig_acceptance::Site, text: &str) -> bool {
    fs::read_to_string(site.path("agent.log")).is_ok_and(|log| log.contains(text))
}

#[test]
fn a_plugin_can_be_named_and_left_out_and_the_agent_is_asked_for_its_pid_and_its_end() {
    let mut whole = Whole::start_with(
        |_| {},
        |agent| agent.set("modules", "enable", "file, nosuch"),
    );
    let log = whole.agent.log();
    assert!(
        log.contains("module `nosuch` is configured but not installed"),
        "{log}"
    );
    let ask = |question: &str| {
        let mut call = whole.site.programs().agent();
        Said::by(
            call.arg("-c")
                .arg(whole.site.path("agent.cfg"))
                .args(["-q", question]),
        )
    };
    let said = ask("pid");
    assert_eq!(
        (said.code, said.stdout.trim()),
        (0, whole.agent.id().to_string().as_str())
    );
    let said = ask("shutdown");
    assert_eq!(said.code, 0, "{said:?}");
    let status = whole.agent.wait_for_end(PATIENCE).unwrap();
    assert!(status.success(), "{status}");
    let said = ask("pid");
    assert_eq!(said.code, 1, "{said:?}");
}
