//! Trust that is withdrawn.

use std::fs;

use crate::setup::{Said, Whole};

#[track_caller]
fn assert_succeeds(whole: &Whole) {
    let said = whole.ask();
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_key_that_is_taken_from_an_agent_counts_no_longer_there() {
    let whole = Whole::start();
    assert_succeeds(&whole);
    let key = whole.site.path("agentkeys/ada.pub");
    let aside = whole.site.path("ada.aside");
    fs::rename(&key, &aside).unwrap();
    let said = whole.ask();
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    let line = said.line_with("failed: ");
    assert!(line.contains("signature made by unknown entity"), "{line}");
    fs::rename(&aside, &key).unwrap();
    assert_succeeds(&whole);

    // An access list that makes no sense allows nothing, rather than everything.
    let list = fs::read_to_string(whole.site.path("acl.cfg")).unwrap();
    whole.site.write("acl.cfg", "{").unwrap();
    let said = whole.ask();
    assert_eq!(said.code, 2, "{said:?}");
    let line = said.line_with("failed: ");
    assert!(line.contains("acl.cfg cannot be used"), "{line}");
    whole.site.write("acl.cfg", list).unwrap();
    assert_succeeds(&whole);
}

#[test]
fn an_investigator_who_is_disabled_may_neither_ask_nor_look() {
    let mut whole = Whole::start();
    assert_succeeds(&whole);
    whole.server.stop().unwrap();
    let investigator = |words: &[&str]| {
        let mut call = whole.site.programs().tool("mig-server");
        call.arg("-c").arg(whole.site.path("server.cfg"));
        Said::by(call.arg("investigator").args(words))
    };
    let said = investigator(&["list"]);
    let line = said.line_with(&whole.ada.fingerprint);
    let id = line.split(' ').next().expect("an identifier").to_owned();
    let said = investigator(&["disable", &id]);
    assert_eq!(said.code, 0, "{said:?}");
    whole.server = whole.site.start_server().unwrap();
    let said = whole.ask();
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
    let line = said.line_with("error: ");
    assert!(line.contains("the API refuses (401)"), "{line}");
    let said = crate::setup::mig(&whole.site, "bob", &["file", "-path", "/nonexistent"]);
    assert_ne!(said.code, 1, "{said:?}");
}
