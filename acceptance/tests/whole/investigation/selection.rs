//! Which agents are asked, and how those who ask prove who they are.

use std::fs;

use mig_acceptance::Process;
use mig_testkit::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::setup::database::Database;
use crate::setup::{PATIENCE, Whole, mig};

/// How often a machine may stand still until an action is over.
const ATTEMPTS: usize = 3;

/// The identifier that `mig` prints when it launches.
fn launched(said: &crate::setup::Said) -> String {
    let line = said.line_with("Following action ID ");
    let number = line.rsplit(' ').next().unwrap_or_default();
    number.trim_end_matches('.').to_owned()
}

#[test]
fn a_question_can_follow_up_on_who_found_something_before() {
    let whole = Whole::start();
    let second =
        whole
            .site
            .agent_configuration("second")
            .unwrap()
            .set("agent", "tags", "label:second");
    whole.site.write("second.cfg", second).unwrap();
    let mut agent = whole.site.start_agent("second").unwrap();
    whole.site.wait_until_online(&mut agent, "ada", 2).unwrap();

    let data = whole.data();
    let of_second = "tags->>'label'='second'";
    let all = whole.mig(&["file", "-path", &data, "-name", "^passwd$"]);
    assert_eq!(all.code, 0, "{all:?}");
    all.line_with("2 agents will be targeted");
    all.line_with("2 sent, 2 done, 2 succeeded");
    assert_eq!(all.stdout.lines().count(), 2, "{all:?}");

    let found = whole.mig(&["file", "-t", of_second, "-path", &data, "-name", "^passwd$"]);
    found.line_with("1 agents will be targeted");
    let nothing = whole.mig(&[
        "file",
        "-t",
        of_second,
        "-path",
        &data,
        "-name",
        "^no-such$",
    ]);
    nothing.line_with("0 agent has found results");

    let ask =
        |flag: &str, id: &str| whole.mig(&["file", flag, id, "-path", &data, "-name", "^passwd$"]);
    let said = ask("-target-found", &launched(&found));
    said.line_with("1 agents will be targeted");
    assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
    let said = ask("-target-notfound", &launched(&nothing));
    said.line_with("1 agents will be targeted");
    assert_eq!(said.code, 0, "{said:?}");
    for (flag, id) in [
        ("-target-found", launched(&nothing)),
        ("-target-notfound", launched(&found)),
    ] {
        let said = ask(flag, &id);
        assert_eq!(said.code, 1, "{said:?}");
        said.line_with("no agent matches the target");
    }
}

#[test]
fn an_agent_that_is_away_is_waited_for_until_the_action_expires() {
    let mut whole = Whole::start();
    whole.agent.stop().unwrap();
    let database = Database::of(whole.site.directory());
    // Not so soon that a busy scheduler would take it up too late. A machine that
    // stands still for so long leaves no time to send it, or `mig`, which follows for
    // moments after its end, none to hear of that: then it is asked anew.
    let ask = || whole.mig(&["file", "-e", "20s", "-path", &whole.data()]);
    let mut said = ask();
    for _ in 1..ATTEMPTS {
        if said.stderr.contains("1 sent, 1 done") {
            break;
        }
        println!("asked anew after {said:?}");
        said = ask();
    }
    assert_eq!(said.code, 2, "{said:?}");
    said.line_with("1 sent, 1 done, 1 expired");
    said.line_with(&format!("expired: {}", whole.host));

    // Who does not want to wait for it may stop waiting.
    let mut call = whole.site.mig();
    call.args(["file", "-now", "-e", "10m", "-c"]);
    call.arg(whole.site.path("ada.migrc"))
        .args(["-path", "/nonexistent"]);
    let log = whole.site.path("interrupted.log");
    let mut asking = Process::start("mig", &mut call, &log).unwrap();
    let says = |text: &str| fs::read_to_string(&log).is_ok_and(|log| log.contains(text));
    asking
        .wait_until("following", PATIENCE, || says("Following action ID"))
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(asking.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    let status = asking.wait_for_end(PATIENCE).unwrap();
    assert_eq!(status.code(), Some(130), "{}", asking.log());
    assert!(says("interrupted; agents may still be running"));

    let open = || {
        let commands = database.commands();
        commands.iter().filter(|command| !command.is_over()).count()
    };
    wait_until("its command being sent", PATIENCE, || open() == 1);

    // Asked while away, answered after coming back.
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            whole.mig(&[
                "file",
                "-e",
                "10m",
                "-path",
                &whole.data(),
                "-name",
                "^passwd$",
            ])
        });
        wait_until("the command being sent", PATIENCE, || {
            open() == 2 && database.outbox().is_empty()
        });
        let agent = whole.site.start_agent(crate::setup::AGENT).unwrap();
        let said = asking.join().expect("mig");
        drop(agent);
        said
    });
    assert_eq!(asked.code, 0, "{asked:?}");
    assert!(asked.stdout.contains("/passwd ["), "{asked:?}");
}

#[test]
fn an_api_key_serves_instead_of_signed_requests_and_a_wrong_one_is_refused() {
    let whole = Whole::start();
    let with = |key: &str| {
        let file = whole.site.client_configuration("ada");
        let file = file.set("gpg", "useapikeyauth", key);
        whole.site.write("key.migrc", file).unwrap();
        mig(
            &whole.site,
            "key",
            &["file", "-path", &whole.data(), "-name", "^passwd$"],
        )
    };
    let said = with(&whole.ada.api_key);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("/passwd ["), "{said:?}");

    // One character of the key is another.
    let mut wrong = whole.ada.api_key.clone();
    let last = wrong.pop().expect("a key");
    wrong.push(if last == 'A' { 'B' } else { 'A' });
    for key in [wrong.as_str(), "nonsense"] {
        let said = with(key);
        assert_eq!(said.code, 1, "{said:?}");
        said.line_with("the API key is not that of an active investigator");
    }
}

#[test]
fn agents_are_listed_by_target_and_by_property() {
    let whole = Whole::start();
    let search = |words: &[&str]| {
        let mut call = whole.site.programs().tool("mig-agent-search");
        call.arg("-c").arg(whole.site.path("ada.migrc")).args(words);
        crate::setup::Said::by(&mut call)
    };
    for words in [
        ["-t", "tags->>'label'='agent'"],
        ["-p", "status=online and name=%"],
        ["-t", "heartbeattime > NOW() - INTERVAL '1 hour'"],
    ] {
        let said = search(&words);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.stdout.lines().count(), 2, "{said:?}");
        said.line_with(&format!("{};", whole.host));
    }
    let said = search(&["-t", "name='nobody'"]);
    assert_eq!((said.code, said.stdout.lines().count()), (0, 1), "{said:?}");
    let said = search(&["-t", "1=1; DROP TABLE agents"]);
    assert_eq!(said.code, 1, "{said:?}");
    said.line_with("target: column");
}
