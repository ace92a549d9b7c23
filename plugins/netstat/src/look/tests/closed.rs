//! Namespaces that cannot be entered.

use super::doctored::{Machine, done, errors};
use serde_json::json;
use std::io;
use std::os::unix::fs::MetadataExt;

const HEADINGS: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

/// A machine whose kernel has nothing, in namespace 1, where nothing can be
/// entered.
fn machine() -> Machine {
    let mut machine = Machine::new(|_, _, _| Ok(vec![done()]));
    machine.enter = |_| Err(io::Error::from_raw_os_error(libc::EPERM));
    machine.link("self/ns/net", "net:[1]");
    machine.link("10/ns/net", "net:[1]");
    machine
}

/// The tables of a process with a listening port.
fn listening(machine: &Machine, process: &str, port: u16) {
    let line = format!(
        "   0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 \
             0        0 5 1 0\n"
    );
    machine.file(&format!("{process}/net/tcp"), &format!("{HEADINGS}{line}"));
    machine.file(&format!("{process}/net/udp"), HEADINGS);
}

#[test]
fn a_namespace_that_ended_meanwhile_is_passed_over() {
    let machine = machine();
    // Links that lead nowhere, as those of processes that are gone do.
    machine.link("20/ns/net", "net:[2]");
    machine.link("20/fd/3", "net:[3]");
    let document = machine.run(json!({"listeningport": ["8080"], "namespaces": true}));
    assert_eq!(errors(&document), Vec::<&str>::new());
    assert_eq!(document["statistics"]["namespaces"], 3);
}

#[test]
fn a_refused_entrance_is_one_line_for_what_the_tables_lack() {
    let machine = machine();
    // A file that stands for the namespace: its number is what counts.
    machine.file("namespace", "");
    let number = machine.proc().join("namespace").metadata().unwrap().ino();
    let mount = machine.proc().join("namespace");
    let mount = mount.display();
    machine.file(
        "self/mountinfo",
        &format!("1 2 0:4 net:[{number}] {mount} rw - nsfs nsfs rw\n"),
    );
    let asked = json!({"listeningport": ["8080"], "localmac": ["."], "namespaces": true});
    let document = machine.run(asked.clone());
    let reason = "it cannot be entered (Operation not permitted (os error 1); \
                  it takes root with CAP_SYS_ADMIN)";
    let wanted = format!("namespace net:[{number}]: {reason}");
    assert_eq!(errors(&document), [wanted]);

    // With a process in it, its tables tell all but the hardware addresses.
    machine.link("30/ns/net", format!("net:[{number}]"));
    listening(&machine, "30", 8080);
    let document = machine.run(asked);
    let wanted = format!(
        "namespace net:[{number}]: hardware addresses of interfaces cannot be read: {reason}"
    );
    assert_eq!(errors(&document), [wanted]);
    let found = &document["elements"]["listeningport"]["8080"];
    assert_eq!(found[0]["namespace"], format!("net:[{number}]"));
    assert_eq!(found[0]["localaddr"], "0.0.0.0");
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    assert_eq!(document["success"], true);
}

#[test]
fn processes_of_which_nothing_can_be_told_are_counted() {
    let machine = machine();
    for pid in 100..103 {
        // Not a link: reading it fails otherwise than for a process that ended.
        machine.file(&format!("{pid}/ns/net"), "");
    }
    let document = machine.run(json!({"listeningport": ["1"], "namespaces": true}));
    let said = errors(&document);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("the namespace of 3 processes cannot be told, first of process 100: "),
        "{said:?}"
    );
    assert!(
        said[0].ends_with("; it takes root with CAP_SYS_PTRACE"),
        "{said:?}"
    );
}

#[test]
fn without_processes_the_own_namespace_is_looked_at_all_the_same() {
    let machine = Machine::new(|_, _, _| Ok(vec![done()]));
    std::fs::remove_dir(machine.proc()).unwrap();
    let document = machine.run(json!({"listeningport": ["1"], "namespaces": true}));
    let said = errors(&document);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("namespaces cannot be found: "),
        "{said:?}"
    );
    assert_eq!(document["statistics"]["namespaces"], 1);
}
