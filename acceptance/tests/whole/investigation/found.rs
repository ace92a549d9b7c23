//! What is found is printed, what is not found is said, and what went wrong is
//! in the exit code.

use std::process::Command;

use crate::setup::{PASSWD, Said, Whole, mig};

#[test]
fn a_file_is_found_by_name_and_content_by_hash_or_not_at_all() {
    let whole = Whole::start();
    let (host, data) = (&whole.host, &whole.data());

    let said = whole.mig(&[
        "file",
        "-t",
        "allonline",
        "-path",
        data,
        "-name",
        "^passwd$",
        "-content",
        "^root",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    let [line] = said.stdout.lines().collect::<Vec<_>>()[..] else {
        panic!("one line: {said:?}");
    };
    let start = format!("{host} {data}/passwd [lastmodified:");
    assert!(line.starts_with(&start), "{line}");
    let end = format!(", mode:-rw-------, size:{}] in search 's1'", PASSWD.len());
    assert!(line.ends_with(&end), "{line}");
    for part in [
        "1 agents will be targeted",
        "Following action ID",
        "1 sent, 1 done, 1 succeeded",
        "1 agent has found results",
    ] {
        said.line_with(part);
    }
    assert!(said.stderr.contains("100.0% done in"), "{said:?}");

    let hash = sha256(&format!("{data}/passwd"));
    let said = whole.mig(&["file", "-path", data, "-sha2", &hash]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("/passwd ["), "{said:?}");
    said.line_with("no target specified, defaulting to all online agents");

    // Compressed on the way, the same question has the same answer.
    let said = whole.mig(&["file", "-z", "-path", data, "-sha2", &hash]);
    assert!(said.stdout.contains("/passwd ["), "{said:?}");

    let nothing = ["-path", data, "-name", "^mig-no-such-file$"];
    let ask = |globals: &[&str]| {
        let words = [&["file"], globals, &nothing].concat();
        whole.mig(&words)
    };
    let said = ask(&[]);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{said:?}");
    said.line_with("0 agent has found results");
    let said = ask(&["-exit-code"]);
    assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{said:?}");
    let said = ask(&["-show", "notfound"]);
    assert_eq!(said.code, 0, "{said:?}");
    said.line_with(&format!("{host} 0 match found in search 's1'"));
    said.line_with(&format!("{host} command success"));
    said.line_with("1 agent has notfound results");
    let said = ask(&["-show", "all"]);
    said.line_with(&format!("{host} Statistics: "));
    said.line_with("1 agent has all results");
}

#[test]
fn the_same_question_may_be_asked_again_at_once() {
    let whole = Whole::start();
    for _ in 0..4 {
        let said = whole.ask();
        assert_eq!(said.code, 0, "{said:?}");
        said.line_with("1 agent has found results");
    }
}

#[test]
fn a_refusal_is_printed_with_the_agents_reason_and_two_signatures_lift_it() {
    let whole = Whole::start();
    let words = ["example", "-t", "allonline", "-gethostname"];

    let said = whole.mig(&words);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    said.line_with("1 sent, 1 done, 1 failed");
    let line = said.line_with("failed: ");
    let reason = format!(
        "failed: {}: module `example` needs weight 2 by ACL entry `example`, the signers have 1",
        whole.host
    );
    assert!(line.ends_with(&reason), "{line}");

    // Printed, not launched; then Ada signs, and Bob launches what she signed.
    let unsigned = whole.mig(&["example", "-t", "allonline", "-p", "-gethostname"]);
    assert_eq!(unsigned.code, 0, "{unsigned:?}");
    assert!(
        unsigned.stdout.contains("\"gethostname\": true"),
        "{unsigned:?}"
    );
    assert!(!unsigned.stdout.contains("BEGIN PGP"), "{unsigned:?}");
    let signed = whole.mig(&["example", "-t", "allonline", "-s", "-gethostname"]);
    assert_eq!(signed.code, 0, "{signed:?}");
    let file = whole.site.write("action.json", &signed.stdout).unwrap();
    let said = mig(&whole.site, "bob", &["-i", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        said.stdout,
        format!("{0} hostname is {0}\n", whole.host),
        "{said:?}"
    );
    // What was launched once is a replay for the agent when Ada launches it too.
    let again = mig(&whole.site, "ada", &["-i", file.to_str().unwrap()]);
    assert_ne!(again.code, 0, "{again:?}");
}

#[test]
fn mistakes_end_with_one_line_and_exit_code_one() {
    let mut whole = Whole::start();
    for (words, part) in [
        (&["nosuchmodule"][..], "unknown module `nosuchmodule`"),
        (&["file", "-nosuchoption"], "nosuchoption"),
        (
            &["file", "-t", "name='nobody'", "-path", "/etc"],
            "no agent matches the target `name='nobody'`",
        ),
        (&["file", "-t", "name=", "-path", "/etc"], "target: column"),
        (&["file", "-path", "/etc", "-content", "a(b"], "a(b"),
        (&["file", "-show", "some", "-path", "/etc"], "`some`"),
        (
            &["-i", "/nonexistent/action.json"],
            "/nonexistent/action.json",
        ),
    ] {
        let said = whole.mig(words);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (1, ""),
            "{words:?}: {said:?}"
        );
        let line = said.line_with("error: ");
        assert!(line.contains(part), "{words:?}: {line}");
    }
    whole.server.stop().unwrap();
    let said = whole.mig(&["file", "-path", &whole.data()]);
    assert_eq!(said.code, 1, "{said:?}");
    said.line_with("error: cannot reach the API at https://localhost:");
}

fn sha256(path: &str) -> String {
    let said = Said::by(Command::new("sha256sum").arg(path));
    said.stdout.split(' ').next().unwrap_or_default().to_owned()
}
