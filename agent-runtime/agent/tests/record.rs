//! The owner's record, with the real agent and a real relay.

mod site;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use mig_agent::record::entry::Entry;
use mig_agent::record::reader::{Part, Verdict};
use mig_protocol::CommandStatus;
use serde_json::{Value, json};
use site::{Site, until};

fn record_of(site: &Site) -> PathBuf {
    site.run_directory().join("record")
}

fn read(site: &Site, part: &'static str) -> (Vec<Entry>, Verdict) {
    let mut reader = Part::open(&record_of(site), part).unwrap();
    let mut entries = Vec::new();
    while let Some(read) = reader.read().unwrap() {
        entries.push(read.line.entry);
    }
    (entries, reader.verdict())
}

/// Everything in the record, as it lies on the disk.
fn everything(site: &Site) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(record_of(site)).unwrap() {
        text.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    text
}

/// Bytes of the whole record; 0 when there is none.
fn size(site: &Site) -> u64 {
    let files = std::fs::read_dir(record_of(site)).into_iter().flatten();
    let bytes = files.flatten().filter_map(|file| file.metadata().ok());
    bytes.map(|meta| meta.len()).sum()
}

fn program(site: &Site, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mig-agent"))
        .arg("-c")
        .arg(site.configuration())
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn nothing() -> Value {
    json!({"searches": {"s1": {"paths": ["/nonexistent"], "names": ["x"]}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_left_the_machine_is_on_record_after_masking() {
    for (privacy, secret_is_kept) in [("on", false), ("off", true)] {
        let mut site = Site::new().await;
        site.configure(&format!("extraprivacymode = {privacy}"));
        let tree = site.path("tree");
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("hunter2-topsecret.txt"), "x").unwrap();
        let _agent = site.agent();
        site.heartbeat().await;
        let search = json!({"searches": {"s1": {"paths": [tree], "names": ["\\.txt$"]}}});
        let action = site.signed("file", search);
        site.send(7, action.clone()).await;
        let answer = site.answer(7).await;
        assert!(answer.results()[0].foundanything, "{:?}", answer.results());
        let (entries, verdict) = read(&site, "operations");
        assert!(verdict.is_intact(), "{verdict:?}");
        let accepted = entries.iter().find_map(|entry| match entry {
            Entry::Accepted(accepted) => Some(accepted),
            _ => None,
        });
        let accepted = accepted.expect("the operation was recorded");
        assert_eq!(accepted.action.name, action.name);
        assert_eq!(accepted.action.target, action.target);
        assert_eq!(
            (accepted.module.as_str(), accepted.command.as_str()),
            ("file", "7")
        );
        assert_eq!(accepted.signers[0].names, ["Ana", "Ana <ana@example.net>"]);
        assert!(accepted.asked.text.contains("\\\\.txt$"), "{accepted:?}");
        let ended = entries.iter().find_map(|entry| match entry {
            Entry::Ended(ended) => Some(ended),
            _ => None,
        });
        // It was written before the answer left.
        let ended = ended.expect("what left was recorded");
        assert!(ended.foundanything && ended.status == "success");
        assert_eq!(ended.masked, privacy == "on");
        let sent: Value = serde_json::from_str(&ended.sent.text).unwrap();
        assert_eq!(sent, serde_json::to_value(&answer.results()[0]).unwrap());
        assert_eq!(
            everything(&site).contains("hunter2-topsecret"),
            secret_is_kept,
            "privacy {privacy}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_are_on_record_as_they_went_and_so_are_dropped_ones() {
    for (privacy, kept) in [("off", true), ("on", false)] {
        let mut site = Site::new().await;
        site.configure(&format!("extraprivacymode = {privacy}"));
        site.configure_module("watcher", "");
        let mut agent = site.agent_with_test_modules();
        site.heartbeat().await;
        until("the watcher", || {
            agent.log().contains("module watcher is at work")
        })
        .await;
        let secret = "hunter2-topsecret";
        let order = |order: &str| json!({"order": order, "text": secret, "count": 20});
        // One that fits the schema of alerts, and a text that fits none.
        for (id, order) in [(1, order("alert")), (2, order("raw"))] {
            let action = site.signed("watcher", order);
            site.send(id, action).await;
            assert_eq!(site.answer(id).await.status, CommandStatus::Success);
        }
        let alerts = || {
            let (entries, verdict) = read(&site, "alerts");
            assert!(verdict.is_intact(), "{verdict:?}");
            let mut found = (Vec::new(), 0);
            for entry in entries {
                match entry {
                    Entry::Alert {
                        module,
                        went,
                        masked,
                        text,
                    } => {
                        assert_eq!((module.as_str(), went.as_str()), ("watcher", "log"));
                        assert_eq!(masked, privacy == "on");
                        found.0.push(text.text);
                    }
                    Entry::Dropped { module, count, .. } => {
                        assert_eq!(module, "watcher");
                        found.1 += count;
                    }
                    _ => {}
                }
            }
            found
        };
        until("all alerts on record", || {
            let (texts, dropped) = alerts();
            texts.len() as u64 + dropped == 21
        })
        .await;
        let (texts, dropped) = alerts();
        assert_eq!(dropped, u64::from(!kept));
        assert_eq!(
            texts.iter().all(|text| text.contains(secret)),
            kept,
            "{texts:?}"
        );
        assert!(texts[0].contains("\"severity\":\"low\""), "{texts:?}");
        assert_eq!(agent.terminate(), Some(0));
        // What was asked may name it; what went may not.
        let output = program(&site, &["history", "-alerts", "-full", "-last", "0"]);
        let shown = text(&output.stdout);
        assert!(shown.contains("watcher, to log"), "{shown}");
        assert_eq!(shown.contains(secret), kept, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_junk_leaves_operations_on_record_and_the_bound_holds() {
    let mut site = Site::new().await;
    site.configure("recordsize = 1048576");
    let mut agent = site.agent();
    site.heartbeat().await;
    let good = site.signed("file", nothing());
    site.send(1, good).await;
    site.answer(1).await;
    for id in 100..500_u64 {
        let mut junk = site.action("file", json!({"junk": "j".repeat(4000)}));
        junk.name = format!("\u{1b}[2Jjunk {id} {}", "n".repeat(3000));
        junk.target = "t".repeat(2000);
        if id % 2 == 0 {
            junk.name = "the same".into();
        }
        site.send(id, junk).await;
    }
    for id in 100..500 {
        assert_eq!(site.answer(id).await.status, CommandStatus::Failed);
    }
    assert_eq!(agent.terminate(), Some(0));
    let size = size(&site);
    assert!(size <= 1 << 20, "{size}");
    let (entries, verdict) = read(&site, "operations");
    assert!(verdict.is_intact(), "{verdict:?}");
    assert!(entries.iter().any(|entry| matches!(entry, Entry::Ended(_))));
    // None of them is lost: the last counts are written when the agent ends.
    let (entries, verdict) = read(&site, "refusals");
    assert!(verdict.is_intact(), "{verdict:?}");
    let mut counted = 0;
    let mut removed = 0;
    for entry in &entries {
        match entry {
            Entry::Refused(refused) => counted += refused.count,
            Entry::Removed { total, .. } => removed = *total,
            _ => {}
        }
    }
    assert!(
        counted == 400 || (removed > 0 && counted < 400),
        "{counted}, {removed}"
    );
    let history = program(&site, &["history", "-refused", "-last", "0"]);
    let shown = text(&history.stdout);
    assert!(
        shown.contains("REFUSED") && shown.contains("more since"),
        "{shown}"
    );
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_agent_anywhere_costs_a_torn_line_at_most() {
    let mut site = Site::new().await;
    let mut next = 1;
    // Points in the record at which the agent dies, in bytes from its size then.
    for point in [1, 700, 1900, 4100, 9000] {
        let mut agent = site.agent();
        site.heartbeat().await;
        let goal = size(&site) + point;
        for id in next..next + 8 {
            let action = site.signed("file", nothing());
            site.send(id, action).await;
        }
        until("a point in the record", || size(&site) >= goal).await;
        agent.kill();
        next += 8;
        // As it was left: readable, and nothing but the end may be missing.
        for part in ["operations", "refusals", "alerts"] {
            let (_, verdict) = read(&site, part);
            assert!(verdict.is_intact(), "{verdict:?}");
        }
    }
    let _agent = site.agent();
    site.heartbeat().await;
    for id in 1..next {
        site.answer(id).await;
    }
    let (entries, verdict) = read(&site, "operations");
    assert!(verdict.is_intact() && verdict.torn == 0, "{verdict:?}");
    for id in 1..next {
        let id = id.to_string();
        let told = |entry: &&Entry| match entry {
            Entry::Accepted(accepted) => accepted.command == id,
            Entry::Answered { command, .. } => *command == id,
            _ => false,
        };
        let told: Vec<bool> = entries
            .iter()
            .filter(told)
            .map(|entry| matches!(entry, Entry::Answered { .. }))
            .collect();
        assert!(
            told.contains(&true) && told.contains(&false),
            "{id}: {told:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_needs_neither_relay_nor_agent_and_notices_changes() {
    let mut site = Site::new().await;
    let nobody = program(&site, &["history"]);
    assert_eq!(nobody.status.code(), Some(1));
    let error = text(&nobody.stderr);
    assert!(
        error.contains("no owner's record") && error.lines().count() == 1,
        "{error}"
    );
    let mut agent = site.agent();
    site.heartbeat().await;
    let mut hostile = site.action("file", nothing());
    hostile.name = "\u{1b}]0;owned\u{7}\u{202e}evil\nREFUSED nothing".into();
    let hostile = site.sign(hostile);
    site.send(1, hostile).await;
    site.answer(1).await;
    // While the agent runs.
    let output = program(&site, &["history", "-full"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    agent.kill();
    site.stop_relay().await;
    let output = program(&site, &["history", "-full"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!shown.contains(bad), "{shown:?}");
    assert!(shown.contains("evil\u{fffd}REFUSED nothing"), "{shown}");
    assert!(
        shown.contains("signed by") && shown.contains("Ana <ana@example.net>"),
        "{shown}"
    );
    assert!(text(&output.stderr).contains("unbroken"));
    let json = program(&site, &["history", "-json", "-module", "file"]);
    let lines = text(&json.stdout);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    // Whoever reads it may stop at any time.
    let mut cut = Command::new(env!("CARGO_BIN_EXE_mig-agent"))
        .arg("-c")
        .arg(site.configuration())
        .args(["history", "-full"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(cut.stdout.take());
    assert!(cut.wait().unwrap().success());
    // Somebody is not content with what it says.
    let file = record_of(&site).join("operations-000000000001.jsonl");
    let kept = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, kept.replace("nonexistent", "n0nexistent")).unwrap();
    let output = program(&site, &["history"]);
    assert_eq!(output.status.code(), Some(1));
    let verdict = text(&output.stderr);
    assert!(verdict.contains("CHANGED BY SOMEBODY"), "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_goes_on_without_a_record_and_says_so() {
    let mut site = Site::new().await;
    std::fs::create_dir(site.run_directory()).unwrap();
    std::fs::write(record_of(&site), "in the way").unwrap();
    let mut agent = site.agent();
    site.heartbeat().await;
    let action = site.signed("file", nothing());
    site.send(1, action).await;
    assert_eq!(site.answer(1).await.status, CommandStatus::Success);
    std::fs::remove_file(record_of(&site)).unwrap();
    let action = site.signed("file", nothing());
    site.send(2, action).await;
    site.answer(2).await;
    assert!(agent.log().contains("owner's record in"), "{}", agent.log());
    assert!(agent.is_running());
    let (entries, _) = read(&site, "operations");
    let lost = entries.iter().find_map(|entry| match entry {
        Entry::Lost { entries, .. } => Some(*entries),
        _ => None,
    });
    // Its start, what was asked, what was sent, the answer.
    assert_eq!(lost, Some(4), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_read_the_record_gets_one_line() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let mut site = Site::new().await;
    let mut agent = site.agent();
    site.heartbeat().await;
    agent.terminate();
    let open = |path: PathBuf, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(site.path(""), 0o755);
    let mut history = Command::new(env!("CARGO_BIN_EXE_mig-agent"));
    history.arg("-c").arg(site.configuration()).arg("history");
    if nix::unistd::geteuid().is_root() {
        history.uid(65534).gid(65534);
    } else {
        open(record_of(&site), 0o000);
    }
    let output = history.output().unwrap();
    open(record_of(&site), 0o700);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("run this as the user mig-agent runs as"),
        "{error}"
    );
    assert_eq!(
        (error.lines().count(), output.stdout.len()),
        (1, 0),
        "{error}"
    );
}
