//! Processes that are left alone, with their program files.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::victim::{Victim, destroy, destroy_own_child, refusal, version};
use crate::namespaces::apart;
use crate::setup::{Machine, fed};

/// Beyond every process number there can be.
const NOBODY: u32 = 4_194_305;

#[track_caller]
fn is_spared(victim: &mut Victim, document: &Value, why: &str) {
    let wanted = format!("pid {} was not killed: {why}", victim.pid());
    assert_eq!(refusal(document), wanted);
    assert!(victim.is_running() && victim.executable.exists());
}

#[test]
fn an_agent_of_another_version_is_spared() {
    let mut victim = Victim::agent();
    let version = version();
    for other in [
        format!("{version}.1"),
        version[1..].to_owned(),
        "20240517-0.abc1234.prod".into(),
    ] {
        let document = victim.destroy(&other);
        let why = format!("it is a MIG agent of version {version}, not {other}");
        is_spared(&mut victim, &document, &why);
    }
}

#[test]
fn a_program_that_only_has_the_name_of_an_agent_is_spared_and_not_run() {
    let mut victim = Victim::program(Path::new("/bin/sleep"), "mig-agent", &["600"]);
    let document = victim.destroy(&version());
    let executable = victim.executable.display().to_string();
    let why = format!("its executable {executable} is not a MIG agent");
    is_spared(&mut victim, &document, &why);
}

#[test]
fn the_agent_that_runs_the_module_is_spared() {
    let machine = Machine::new();
    let mut agent = machine
        .agent("agentdestroy")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the agent");
    let pid = agent.id();
    let order = json!({"class": "parameters", "parameters": {"pid": pid, "version": version()}});
    let mut pipe = agent.stdin.take().expect("a pipe");
    pipe.write_all(order.to_string().as_bytes())
        .expect("an order");
    drop(pipe);
    let output = agent.wait_with_output().expect("its end");
    assert_eq!(
        output.status.code(),
        Some(1),
        "it was not killed: {output:?}"
    );
    let document: Value = serde_json::from_slice(&output.stdout).expect("a result");
    let wanted = format!("pid {pid} was not killed: it is the agent that runs this module");
    assert_eq!(refusal(&document), wanted);
}

#[test]
fn what_the_agent_runs_for_is_spared() {
    let order = json!({"pid": std::process::id(), "version": version()});
    let document = destroy(&Machine::new(), &order);
    let wanted = "the agent that runs this module is its descendant";
    assert!(refusal(&document).ends_with(wanted), "{document}");
}

#[test]
fn an_agent_that_the_agent_started_itself_is_spared() {
    let (document, lives) = destroy_own_child(&version());
    let why = "was not killed: it runs for the agent that runs this module";
    assert!(refusal(&document).ends_with(why), "{document}");
    assert!(lives);
}

#[test]
fn a_process_that_is_gone_is_named() {
    let mut victim = Victim::agent();
    victim.end();
    let document = victim.destroy(&version());
    assert!(
        refusal(&document).ends_with("there is no such process"),
        "{document}"
    );
    assert!(victim.executable.exists());
}

#[test]
fn nothing_is_looked_up_in_the_proc_of_another_namespace() {
    // Numbers there mean other processes than the ones that would be killed.
    // The second process of the new namespace is not that of `/proc`.
    let machine = Machine::new();
    let call = machine.agent("agentdestroy");
    let setup = "sleep 60 <&- >&- 2>&- &";
    let Some(mut call) = apart(&["--pid", "--fork"], setup, &call) else {
        return mig_testkit::skip("no pid namespace may be made here");
    };
    let order = json!({"class": "parameters", "parameters": {"pid": 2, "version": version()}});
    let said = fed(&mut call, &order.to_string());
    let document: Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let why = "pid 2 was not killed: /proc is that of another pid namespace, so its number \
               means another process there; mount the /proc of the agent's own namespace";
    assert_eq!(refusal(&document), why);
    assert_eq!(said.code, 1);
}

#[test]
fn large_process_numbers_are_no_mistake() {
    let order = json!({"pid": NOBODY, "version": version()});
    let document = destroy(&Machine::new(), &order);
    let wanted = format!("pid {NOBODY} was not killed: there is no such process");
    assert_eq!(refusal(&document), wanted);
}

#[test]
fn an_agent_with_a_number_above_65535_is_killed() {
    // Numbers are given in turn, and root may say where to go on.
    for _ in 0..20 {
        if std::fs::write("/proc/sys/kernel/ns_last_pid", "70000").is_err() {
            return mig_testkit::skip("process numbers above 65535 cannot be had here (pid_max)");
        }
        let mut victim = Victim::agent();
        if victim.pid() <= 65_535 {
            // Somebody else was faster.
            continue;
        }
        let document = victim.destroy(&version());
        assert_eq!(document["success"], true, "{document}");
        assert_eq!(victim.end_signal(), Some(9));
        return;
    }
    mig_testkit::skip("process numbers above 65535 cannot be had here (pid_max)");
}

#[test]
fn the_first_process_and_bad_parameters_are_refused_by_name() {
    for (parameters, field) in [
        (json!({"pid": 1, "version": "1"}), "pid"),
        (json!({"version": "1"}), "pid"),
        (json!({"pid": 77}), "version"),
    ] {
        let document = destroy(&Machine::new(), &parameters);
        assert!(refusal(&document).contains(field), "{document}");
    }
}

#[test]
fn there_is_no_command_line_and_that_is_said() {
    let said = Machine::new().mig("agentdestroy", &["-pid", "77"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("no command line"), "{said:?}");
}

#[test]
fn a_refused_run_prints_why() {
    let order = json!({"pid": NOBODY, "version": "1.2.3"});
    let order = json!({"class": "parameters", "parameters": order}).to_string();
    let said = fed(Machine::new().agent("agentdestroy").arg("-p"), &order);
    let lines: Vec<&str> = said.stdout.lines().collect();
    let wanted = [
        &*format!("[error] pid {NOBODY} was not killed: there is no such process"),
        "agentdestroy module has failed",
    ];
    assert_eq!(lines, wanted);
    assert_eq!(said.code, 1);
}
