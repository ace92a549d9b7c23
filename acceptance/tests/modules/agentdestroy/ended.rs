//! Agents that are ended, and what becomes of their program files.

use std::fs;

use serde_json::json;

use super::victim::{Victim, destroy, version};
use crate::setup::Machine;

#[test]
fn an_agent_is_killed_and_its_executable_removed() {
    let mut victim = Victim::agent();
    let version = version();
    let document = victim.destroy(&version);
    let wanted = format!(
        "PID {} from agent {version} has been killed and its executable removed from {}",
        victim.pid(),
        victim.executable.display()
    );
    let wanted = json!({"foundanything": false, "success": true, "elements": wanted,
        "statistics": null, "errors": null});
    assert_eq!(document.to_string(), wanted.to_string());
    assert_eq!(victim.end_signal(), Some(9));
    assert!(!victim.executable.exists());
}

#[test]
fn lines_are_those_of_the_original() {
    let victim = Victim::agent();
    let lines = Machine::new().printed("agentdestroy", &victim.order(&version()));
    let sentence = format!(
        "PID {} from agent {} has been killed and its executable removed from {}",
        victim.pid(),
        version(),
        victim.executable.display()
    );
    assert_eq!(
        lines,
        [sentence.as_str(), "agentdestroy module has succeeded"]
    );
}

#[test]
fn an_executable_of_the_running_agent_stays() {
    let mut victim = Victim::agent();
    let document = victim.destroy_by_own_program(&version());
    let killed = format!(
        "PID {} from agent {} has been killed",
        victim.pid(),
        version()
    );
    assert_eq!(document["elements"], killed);
    assert_eq!(document["success"], true);
    let kept = format!(
        "the executable {} was not removed: it is also the executable of the running agent",
        victim.executable.display()
    );
    assert_eq!(document["errors"], json!([kept]));
    assert_eq!(victim.end_signal(), Some(9));
    assert!(victim.executable.exists());
}

#[test]
fn an_executable_that_others_run_stays() {
    let mut victim = Victim::agent();
    let mut twin = victim.twin();
    let document = victim.destroy(&version());
    let kept = format!(
        "the executable {} was not removed: it is also the executable of pid {}",
        victim.executable.display(),
        twin.pid()
    );
    assert_eq!(document["errors"], json!([kept]));
    assert_eq!(victim.end_signal(), Some(9));
    assert!(twin.is_running() && victim.executable.exists());
}

#[test]
fn an_executable_without_a_name_is_examined_all_the_same() {
    let mut victim = Victim::agent();
    fs::remove_file(&victim.executable).expect("it is there");
    let document = victim.destroy(&version());
    assert_eq!(document["success"], true, "{document}");
    let error = document["errors"][0].as_str().expect("an error");
    assert!(
        error.ends_with("was not removed: it was removed before"),
        "{error}"
    );
    assert_eq!(victim.end_signal(), Some(9));
}

#[test]
fn other_names_of_the_executable_stay() {
    let mut victim = Victim::agent();
    let other = victim.executable.with_extension("other");
    fs::hard_link(&victim.executable, &other).expect("a second name");
    fs::remove_file(&victim.executable).expect("it is there");
    let document = victim.destroy(&version());
    assert_eq!(document["success"], true, "{document}");
    let error = document["errors"][0].as_str().expect("an error");
    let kept = "nothing has that name here; it was renamed or belongs to a container";
    assert!(error.ends_with(kept), "{error}");
    assert_eq!(victim.end_signal(), Some(9));
    assert!(other.exists());
}

#[test]
fn a_file_that_took_the_name_of_the_executable_stays() {
    let mut victim = Victim::agent();
    let other = victim.executable.with_extension("new");
    fs::write(&other, "a newer agent").expect("a file");
    fs::rename(&other, &victim.executable).expect("another file under the name");
    let document = victim.destroy(&version());
    assert_eq!(document["success"], true, "{document}");
    assert_eq!(victim.end_signal(), Some(9));
    let left = fs::read(&victim.executable).expect("the other file");
    assert_eq!(left, b"a newer agent");
}

#[test]
fn an_executable_that_was_renamed_is_removed_under_its_new_name() {
    let mut victim = Victim::agent();
    let renamed = victim.executable.with_extension("old");
    fs::rename(&victim.executable, &renamed).expect("another name");
    let document = victim.destroy(&version());
    assert_eq!(document["errors"], json!(null), "{document}");
    assert_eq!(victim.end_signal(), Some(9));
    assert!(!renamed.exists());
}

#[test]
fn in_privacy_mode_only_the_success_is_told() {
    let mut victim = Victim::agent();
    let document = destroy(&Machine::private(), &victim.order(&version()));
    let wanted = json!({"foundanything": false, "success": true, "elements": "masked",
        "statistics": null, "errors": null});
    assert_eq!(document, wanted);
    assert_eq!(victim.end_signal(), Some(9));
    assert!(!victim.executable.exists());
}
