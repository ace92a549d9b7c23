//! Answers and heartbeats that are forged, changed, repeated, or no such thing.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use mig_protocol::{Command, CommandStatus, Id, Operation, Time};
use mig_swarm::Stored;
use serde_json::json;

use crate::alive::{heartbeats_malformed, large, of_alice, posted};
use crate::drops::Drops;
use crate::hand::{HEARTBEATS, Hand, RESULTS};
use crate::stage::Stage;

/// Both agents, and nobody whom a forged heartbeat may have added.
const BOTH: &str = "queueloc = 'linux.alice' OR queueloc = 'linux.mallory'";

#[test]
fn lies_change_nothing_on_postgresql_and_rabbitmq() {
    if let Some(stage) = Stage::large("10m") {
        lies_change_nothing(&stage);
    }
}

#[test]
fn lies_change_nothing_in_one_process() {
    lies_change_nothing(&Stage::small());
}

/// Each queue has one consumer, so what was sent before an honest answer was
/// looked at before it.
fn lies_change_nothing(stage: &Stage) {
    let mut engines = stage.start();
    let mut alice = Hand::join(&stage.relay(), "alice");
    let mut mallory = Hand::join(&stage.relay(), "mallory");
    let online = "SELECT count(*) FROM agents WHERE status = 'online'";
    stage.wait_until("both being known", || stage.number(online) == 2);
    let mut drops = Drops::default();

    let first = stage.post("first", BOTH);
    let (asked, own) = (alice.next_command(), mallory.next_command());
    for (what, body) in about(&mallory, &asked) {
        mallory.tell(RESULTS, body);
        drops.foreign += 1;
        println!("{what}: told");
    }
    // What is no UTF-8 is read as other programs read it, and nobody's name then.
    mallory.tell(
        RESULTS,
        spoilt(
            mallory.answer_to(&own, json!({}), |_| {}),
            ":\"linux.mallory\"",
        ),
    );
    drops.foreign += 1;
    for (what, body) in unknown(&mallory, &own) {
        mallory.tell(RESULTS, body);
        drops.unknown += 1;
        println!("{what}: told");
    }
    for (what, body) in malformed(&mallory, &own) {
        mallory.tell(RESULTS, &body);
        drops.malformed += 1;
        println!("{what}: {} bytes told", body.len());
    }
    alice.answer(&asked, json!({"by": "alice"}));
    // What it says of the action is nobody's business: only what it found counts.
    let found = json!({"by": "mallory", "a\u{0}b": "c\u{0}d", "lone": "\u{fffd}"});
    mallory.tell(
        RESULTS,
        mallory.answer_to(&own, found, |answer| {
            answer.action.id = asked.action.id;
            answer.action.name = "another".into();
            answer.action.target = "1=1".into();
            answer.action.operations = Some(vec![Operation::default(); 3]);
            answer.action.expireafter = Time::FAR_FUTURE;
            answer.finishtime = Time::ZERO;
        }),
    );
    stage.wait_for_end(first, "completed");
    let before = stage.commands();
    assert_eq!(by(stage, first, "linux.alice"), "alice");
    let stored = stage.command(first, "linux.mallory");
    let elements = &stored.results[0]["elements"];
    assert_eq!(elements["aNULLb"], "cNULLd", "{stored:?}");
    let answer = stage
        .client()
        .get("command", &[("commandid", &own.id.to_string())]);
    let kept: Vec<Command> = answer.unwrap().documents("command").unwrap();
    assert_eq!(kept[0].action.name, "first");
    assert_eq!(kept[0].action.target, BOTH);
    assert_eq!(kept[0].action.operations().len(), 1);

    // The same again, in whatever wrapping, and something else instead.
    for properties in wrappings() {
        let again = mallory.answer_to(&own, json!({"by": "mallory"}), |_| {});
        mallory.tell_with(RESULTS, again, properties);
        drops.repeated += 1;
    }
    for status in [
        CommandStatus::Success,
        CommandStatus::Failed,
        CommandStatus::Timeout,
        CommandStatus::Cancelled,
    ] {
        let changed = mallory.answer_to(&own, json!({"by": "changed"}), |answer| {
            answer.status = status.clone();
        });
        mallory.tell(RESULTS, changed);
        drops.repeated += 1;
    }

    for (what, body) in heartbeats_malformed(&mallory) {
        mallory.tell(HEARTBEATS, &body);
        drops.heartbeats_malformed += 1;
        println!("{what}: {} bytes told", body.len());
    }
    for age in [Duration::from_secs(2 * 3600), Duration::from_secs(1 << 30)] {
        mallory.tell(
            HEARTBEATS,
            of_alice(&mallory, |it| it.heartbeatts = it.heartbeatts - age),
        );
        drops.heartbeats_refused += 1;
    }
    // Neither another process of alice's endpoint nor times that cannot be make
    // her anybody else, or ask her twice.
    mallory.tell(HEARTBEATS, of_alice(&mallory, |it| it.pid = 1));
    mallory.tell(
        HEARTBEATS,
        of_alice(&mallory, |it| it.heartbeatts = Time::FAR_FUTURE),
    );
    mallory.tell(
        HEARTBEATS,
        mallory.heartbeat(|it| it.refreshts = Time::FAR_FUTURE),
    );
    mallory.tell(HEARTBEATS, mallory.heartbeat(large));
    mallory.tell(HEARTBEATS, spoilt(mallory.heartbeat(|_| {}), "daemon\""));
    drops.heartbeats_malformed += 1;
    posted(stage);
    // What was sent before is stored before it, in the same queue.
    let last = alice.heartbeat(|it| it.version = "after all lies".into());
    alice.tell(HEARTBEATS, last);
    let named = "SELECT name FROM agents WHERE queueloc = 'linux.alice' AND pid = 4711";
    let heard = format!("{named} AND version = 'after all lies'");
    stage.wait_until("her last heartbeat being stored", || {
        stage.rows(&heard) == ["alice"]
    });

    let second = stage.post("second", BOTH);
    let (asked, own) = (alice.next_command(), mallory.next_command());
    alice.answer(&asked, json!({"by": "alice"}));
    mallory.answer(&own, json!({"by": "mallory"}));
    stage.wait_for_end(second, "completed");
    for (agent, name) in [("linux.alice", "alice"), ("linux.mallory", "mallory")] {
        assert_eq!(by(stage, second, agent), name);
    }
    let after = stage.commands();
    assert_eq!(after.len(), 4);
    assert_eq!(after[..2], before);
    assert!(
        after
            .iter()
            .all(|command| command.answered && command.status == "success")
    );
    assert_eq!(stage.number("SELECT count(*) FROM outbox"), 0);
    drops.wait_for(stage);
    assert_eq!(stage.rows(named), ["alice"]);
    // However long what was sent, and it was: no line of the log is.
    let log = stage.scheduler_log();
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 4096, "a line of {longest} bytes");
    assert!(
        engines.scheduler.is_running(),
        "{}",
        engines.scheduler.last_words()
    );
}

/// With a byte that is no UTF-8 in the middle of a word.
pub fn spoilt(mut body: Vec<u8>, word: &str) -> Vec<u8> {
    let place = body
        .windows(word.len())
        .position(|bytes| bytes == word.as_bytes());
    body[place.expect("the word") + word.len() / 2] = 0xff;
    body
}

/// Who answered a command.
fn by(stage: &Stage, action: Id, queueloc: &str) -> String {
    let command: Stored = stage.command(action, queueloc);
    let by = &command.results[0]["elements"]["by"];
    by.as_str().unwrap_or_default().to_owned()
}

/// Another agent's command, answered under one's own name.
fn about(mallory: &Hand, asked: &Command) -> Vec<(&'static str, Vec<u8>)> {
    let lie =
        |change: &dyn Fn(&mut Command)| mallory.answer_to(asked, json!({"by": "mallory"}), change);
    vec![
        ("another's command", lie(&|_| {})),
        (
            "another's name, one's own queue",
            lie(&|answer| answer.agent.name = "alice".into()),
        ),
        (
            "a queue that differs by what nobody sees",
            lie(&|answer| answer.agent.queueloc = "linux.alice\0".into()),
        ),
        (
            "a queue in other letters",
            lie(&|answer| answer.agent.queueloc = "LINUX.ALICE".into()),
        ),
        (
            "a queue that is a pattern",
            lie(&|answer| answer.agent.queueloc = "linux.%".into()),
        ),
        (
            "a queue of megabytes",
            lie(&|answer| answer.agent.queueloc = "z".repeat(2 << 20)),
        ),
        (
            "a failure",
            lie(&|answer| answer.status = CommandStatus::Failed),
        ),
    ]
}

/// Commands that do not exist.
fn unknown(mallory: &Hand, own: &Command) -> Vec<(&'static str, Vec<u8>)> {
    let with_id = |id: u64| mallory.answer_to(own, json!({}), |answer| answer.id = Id(id));
    let text = String::from_utf8(with_id(4711)).expect("UTF-8");
    let with_text = |id: &str| {
        text.replacen("\"id\":4711", &format!("\"id\":{id}"), 1)
            .into()
    };
    vec![
        ("an early one", with_id(1)),
        ("the next one", with_id(own.id.0 + 1000)),
        ("the last one", with_id((1 << 53) - 1)),
        ("one with an exponent", with_text("4.711e3")),
        ("one between two", with_text("4.5")),
        (
            "one with U+0000 in every name",
            with_text("4711,\"a\\u0000\":\"\\u0000\""),
        ),
    ]
}

/// What is no answer.
fn malformed(mallory: &Hand, own: &Command) -> Vec<(&'static str, Vec<u8>)> {
    let answer = mallory.answer_to(own, json!({"by": "nobody"}), |_| {});
    let text = String::from_utf8(answer.clone()).expect("UTF-8");
    let own_id = format!("\"id\":{}", own.id);
    assert!(text.contains(&own_id), "{text}");
    let with_id = |id: &str| {
        text.replacen(&own_id, &format!("\"id\":{id}"), 1)
            .into_bytes()
    };
    let with = |change: &dyn Fn(&mut Command)| mallory.answer_to(own, json!({}), change);
    let with_elements = |elements: &str| {
        text.replacen(r#"{"by":"nobody"}"#, elements, 1)
            .into_bytes()
    };
    let mut all = vec![
        ("nothing", Vec::new()),
        ("a few bytes", b"{}".to_vec()),
        ("no JSON", b"this is not JSON at all".to_vec()),
        ("a list", format!("[{text}]").into_bytes()),
        ("cut short", answer[..answer.len() / 2].to_vec()),
        ("twice", [&answer[..], &answer[..]].concat()),
        ("behind a mark", format!("\u{feff}{text}").into_bytes()),
        ("zeros", vec![0; 5000]),
        ("a heartbeat", mallory.heartbeat(|_| {})),
        ("no identifier", with_id("0")),
        ("a negative identifier", with_id("-5")),
        ("an identifier beyond all", with_id("1e400")),
        ("an identifier that is text", with_id("\"5\"")),
        ("an identifier that is a list", with_id("[5]")),
        ("no name", with(&|answer| answer.agent.name.clear())),
        ("no queue", with(&|answer| answer.agent.queueloc.clear())),
        ("a deep one", with_elements(&"[".repeat(100_000))),
        (
            "a deep one that ends",
            with_elements(&format!("{}{}", "[".repeat(500), "]".repeat(500))),
        ),
        ("a number beyond all", with_elements("[1e999]")),
        ("control characters", with_elements("[\"\u{1}\"]")),
        (
            "values without end",
            with_elements(&format!("[{}1]", "1,".repeat(8_000_000))),
        ),
        ("results that are text", {
            let results = text.find("\"results\":").expect("results");
            let mut text = text.clone();
            text.insert_str(results + "\"results\":".len(), "\"none\",\"x\":");
            text.into_bytes()
        }),
    ];
    for status in [
        "",
        "sent",
        "expired",
        "pending",
        "success\u{0}",
        "Success",
        "'; --",
    ] {
        let status = CommandStatus::from(status.to_owned());
        let body = with(&|answer| answer.status = status.clone());
        all.push(("a status no agent gives", body));
    }
    all
}

/// What a message may say of itself, none of which the scheduler goes by.
fn wrappings() -> Vec<BasicProperties> {
    let mut headers = FieldTable::default();
    for number in 0..50 {
        let value = AMQPValue::LongString("'; DROP TABLE commands; --".into());
        headers.insert(format!("header {number}").into(), value);
    }
    let plain = BasicProperties::default;
    vec![
        plain(),
        plain().with_content_type("application/x-www-form-urlencoded".into()),
        plain()
            .with_content_type("".into())
            .with_content_encoding("gzip".into()),
        plain().with_headers(headers),
        plain()
            .with_reply_to("mig.agt.linux.alice".into())
            .with_correlation_id("1".into())
            .with_message_id("\u{1}".into()),
        plain().with_priority(255).with_timestamp(u64::MAX),
        plain()
            .with_delivery_mode(1)
            .with_app_id("mig-scheduler".into()),
    ]
}
