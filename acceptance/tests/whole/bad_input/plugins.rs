//! Plugin files that must not be loaded, and modules whose answers must not be
//! believed: the agent starts without the ones and lives through the others.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mig_acceptance::Site;
use serde_json::json;

use crate::setup::asking::{action, api, post, sign};
use crate::setup::compiling::compile;
use crate::setup::database::Database;
use crate::setup::{PATIENCE, Said, Whole};

/// Puts a plugin into the modules' directory and signs it as it is.
fn add(site: &Site, name: &str, flags: &[&str]) {
    let built = site.path(&format!("{name}.built"));
    compile(&built, "nonsense.c", name, flags);
    site.add_plugin(name, &built).unwrap();
}

#[test]
fn a_plugin_that_is_not_acceptable_is_refused_with_its_reason_and_the_agent_starts() {
    let table = [
        ("unsigned", "is not signed (unsigned.so.sig is missing)"),
        ("altered", "0 of 1 required signatures are valid"),
        ("stranger", "0 of 1 required signatures are valid"),
        (
            "nosig",
            "0 of 1 required signatures are valid: the signature is not base64",
        ),
        ("otherabi", "ABI fingerprint does not match version 1.0"),
        (
            "major",
            "built for plugin ABI 9; this program serves major version 1",
        ),
        ("noplugin", "not a valid ELF shared library"),
        ("writable", "can be written by its group or by others"),
        ("exports", "exports `call_me` besides the entry symbol"),
        (
            "library",
            "links `libextra.so`, which its manifest does not declare",
        ),
        ("rpath", "carries a library search path"),
        ("stack", "asks for an executable stack"),
    ];
    let mut whole = Whole::start_with(
        |site| {
            let path = |name: &str| site.path(&format!("modules/{name}.so"));
            add(site, "unsigned", &[]);
            fs::remove_file(site.path("modules/unsigned.so.sig")).unwrap();
            add(site, "altered", &[]);
            let mut bytes = fs::read(path("altered")).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path("altered"), bytes).unwrap();
            add(site, "stranger", &[]);
            site.make_key("stranger", "Stranger").unwrap();
            let mut call = site.programs().tool("mig-plugin");
            call.arg("sign")
                .arg(path("stranger"))
                .arg("--key")
                .arg(site.path("stranger.key"));
            assert_eq!(Said::by(&mut call).code, 0);
            add(site, "nosig", &[]);
            fs::write(site.path("modules/nosig.so.sig"), "hello\n").unwrap();
            add(
                site,
                "otherabi",
                &[&format!("-DFINGERPRINT=\"{}\"", "0".repeat(64))],
            );
            add(site, "major", &["-DMAJOR=\"9\""]);
            site.write("noplugin.built", "this is no plugin").unwrap();
            site.add_plugin("noplugin", &site.path("noplugin.built"))
                .unwrap();
            add(site, "writable", &[]);
            fs::set_permissions(path("writable"), fs::Permissions::from_mode(0o666)).unwrap();
            add(site, "exports", &["-DEXPORTS"]);
            compile(&site.path("libextra.so"), "nonsense.c", "extra", &[]);
            let beside = format!("-L{}", site.directory().display());
            add(site, "library", &["-Wl,--no-as-needed", &beside, "-lextra"]);
            add(site, "rpath", &["-Wl,-rpath,/tmp"]);
            add(site, "stack", &["-Wl,-z,execstack"]);
        },
        |agent| agent,
    );
    let log = whole.agent.log();
    for (name, part) in table {
        let about = format!("modules/{name}.so is not used: ");
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&about)).collect();
        assert_eq!(lines.len(), 1, "{name}: {log}");
        assert!(lines[0].contains(part), "{name}: {}", lines[0]);
        // The tools say the same as the agent.
        let said = whole.mig(&[name]);
        assert_eq!(said.code, 1, "{name}: {said:?}");
        let line = said.line_with("error: ");
        assert!(line.contains(part), "{name}: {line}");
    }
    // An order for one of them is an order for nothing.
    let said = ask(&whole, "unsigned");
    assert!(
        said.contains("module 'unsigned' is not available"),
        "{said}"
    );
    whole.assert_agent_lives();
}

/// Orders a module to run; the errors of the command when it has ended.
fn ask(whole: &Whole, module: &str) -> String {
    let ordered = sign(&whole.site, "ada", action(module, module, json!({})));
    let id = post(&api(&whole.site, "ada"), &ordered).unwrap();
    let database = Database::of(whole.site.directory());
    let mut errors = None;
    mig_testkit::wait_until("the answer", PATIENCE, || {
        let commands = database.commands();
        let command = commands.iter().find(|command| command.action == id.0);
        errors = command.filter(|command| command.is_over()).map(|command| {
            assert_eq!(command.status, "failed", "{command:?}");
            command.errors()
        });
        errors.is_some()
    });
    errors.unwrap_or_default()
}

#[test]
fn a_module_that_answers_nonsense_costs_its_own_command() {
    let table = [
        ("nested", "-DANSWER=nest(host)", "nested deeper than 32"),
        ("large", r"-DANSWER=flood(host)", "output limit"),
        (
            "truncated",
            r#"-DANSWER=raw(host,"\xa1\x61",2)"#,
            "truncated",
        ),
        (
            "duplicate",
            r#"-DANSWER=raw(host,"\xa2\x61\x61\x01\x61\x61\x02",7)"#,
            "duplicate map key",
        ),
        (
            "trailing",
            r#"-DANSWER=raw(host,"\xa0\x00",2)"#,
            "bytes after the end",
        ),
        ("crash", "-DANSWER=abort()", "crashed (SIGABRT)"),
        ("silent", "-DANSWER=_exit(0)", "ended without a result"),
    ];
    let mut whole = Whole::start_with(
        |site| {
            for (name, answer, _) in table {
                add(site, name, &[answer]);
            }
        },
        |agent| agent.set("limits", "output", 65536),
    );
    for (name, _, part) in table {
        let said = ask(&whole, name);
        assert!(said.contains(part), "{name}: {said}");
        assert!(!said.contains('\n'), "{name}: {said}");
    }
    whole.assert_agent_lives();
}
