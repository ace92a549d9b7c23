//! Agents of the original: their queue, heartbeats and answers, in the bytes
//! that they send.

mod site;

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, Consumer};
use mig_protocol::{AgentMode, CommandStatus, Id, ModuleResult, Time};
use mig_relay::topology;
use serde_json::{Value, json};
use site::{DEADLINE, Site, connect, eventually};

const MINUTE: Duration = Duration::from_secs(60);
/// The form of version and identity that agents of 2019 had.
const QUEUELOC: &str = "linux.2pw7arufh1kjc1v5o4bq3tjmd3gb2pbklcxzh8vnmfzt2u1p9kh1sxx4hl0ek3lq8slsga4m3nb5q9dx5m2cv7e1tk6";

/// As the original's client: no confirms, one message at a time, acknowledged
/// with all before it and before anything is done with it.
struct Original {
    _connection: Connection,
    channel: Channel,
    consumer: Consumer,
}

impl Original {
    async fn connect(site: &Site, queueloc: &str) -> Self {
        let connection = connect(site.address, topology::AGENT_USER).await;
        let channel = connection.create_channel().await.expect("a channel");
        let queue = format!("mig.agt.{queueloc}");
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let none = FieldTable::default;
        channel
            .queue_declare(queue.as_str().into(), durable, none())
            .await
            .expect("a durable queue without arguments");
        let name = queue.as_str();
        let bind = QueueBindOptions::default();
        channel
            .queue_bind(name.into(), "toagents".into(), name.into(), bind, none())
            .await
            .expect("the binding");
        channel
            .basic_qos(1, BasicQosOptions::default())
            .await
            .expect("prefetch");
        let manual = BasicConsumeOptions::default();
        let consumer = channel
            .basic_consume(name.into(), "".into(), manual, none())
            .await
            .expect("a consumer");
        Self {
            _connection: connection,
            channel,
            consumer,
        }
    }

    async fn publish(&self, key: &str, body: &str) {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_delivery_mode(2)
            .with_timestamp(1_567_000_000)
            // Ten times the period of heartbeats.
            .with_expiration("3000000".into());
        let sent = self
            .channel
            .basic_publish(
                "toschedulers".into(),
                key.into(),
                options,
                body.as_bytes(),
                properties,
            )
            .await
            .expect("a publication");
        drop(sent);
    }

    async fn next_command(&mut self) -> (Value, BasicProperties) {
        let delivery = tokio::time::timeout(DEADLINE, self.consumer.next())
            .await
            .expect("a command in time")
            .expect("an open consumer")
            .expect("a delivery");
        let all = BasicAckOptions { multiple: true };
        delivery.ack(all).await.expect("acknowledge");
        let command = serde_json::from_slice(&delivery.data).expect("JSON");
        (command, delivery.properties.clone())
    }
}

fn heartbeat(queueloc: &str, refreshed: Time, rest: &str) -> String {
    let now = Time::now();
    format!(
        r#"{{"name":"db1.example.net","queueloc":"{queueloc}","mode":"daemon","version":"20190913-0.9e7e4f52.dev","pid":1733,"starttime":"0001-01-01T00:00:00Z","destructiontime":"0001-01-01T00:00:00Z","heartbeatts":"{now}","refreshts":"{refreshed}",{rest}}}"#
    )
}

const WHOLE: &str = r#""environment":{"init":"systemd","ident":"Debian 9.11 stretch","os":"linux","arch":"amd64","isproxied":true,"proxy":"proxy.example.net:3128","addresses":["192.0.2.7/24","fe80::f816:3eff:fe64:1/64"],"publicip":"198.51.100.9","aws":{"instanceid":"i-0123456789abcdef0","localipv4":"192.0.2.7","amiid":"ami-1","instancetype":"t2.micro"},"modules":["agentdestroy","file","memory"]},"tags":{"operator":"IT \u003c1\u003e"}"#;

async fn known_original(site: &Site) -> Original {
    let agent = Original::connect(site, QUEUELOC).await;
    let body = heartbeat(QUEUELOC, Time::now(), WHOLE);
    agent.publish("mig.agt.heartbeats", &body).await;
    site.known(QUEUELOC).await;
    agent
}

#[tokio::test]
async fn heartbeats_of_originals_are_understood_in_all_their_forms() {
    let site = Site::start().await;
    let agent = known_original(&site).await;
    let stored = site.known(QUEUELOC).await;
    assert_eq!(stored.version, "20190913-0.9e7e4f52.dev");
    assert_eq!((stored.pid, &stored.mode), (1733, &AgentMode::Daemon));
    let environment = &stored.environment;
    assert!(environment.isproxied && environment.proxy == "proxy.example.net:3128");
    assert_eq!(environment.aws.instanceid, "i-0123456789abcdef0");
    assert_eq!(environment.publicip, "198.51.100.9");
    assert_eq!(environment.modules, ["agentdestroy", "file", "memory"]);
    assert_eq!(stored.tags["operator"], "IT <1>");

    // An older one: the host's name in its queueloc, no mode, nothing found out,
    // and nulls where others have lists.
    let older = "linux.db2.example.net.1kz0ab";
    let empty = r#""mode":"","environment":{"isproxied":false,"aws":{},"addresses":null,"modules":null},"tags":null,"authorized":true,"loadername":"x""#;
    agent
        .publish(
            "mig.agt.heartbeats",
            &heartbeat(older, Time::FAR_PAST, empty),
        )
        .await;
    let stored = site.known(older).await;
    assert_eq!(stored.mode, AgentMode::Daemon);
    assert!(stored.environment.addresses.is_empty() && stored.tags.is_empty());

    // One that checks in, with keys in another case.
    let checkin = "darwin.7xk2";
    let body = heartbeat(checkin, Time::now(), WHOLE)
        .replace(r#""mode":"daemon""#, r#""Mode":"checkin""#)
        .replace(r#""queueloc""#, r#""QueueLoc""#);
    agent.publish("mig.agt.heartbeats", &body).await;
    assert_eq!(site.known(checkin).await.mode, AgentMode::Checkin);
    eventually("three heartbeats", || async {
        let counts = site.scheduler().counts();
        assert_eq!(counts.heartbeats_malformed + counts.heartbeats_refused, 0);
        (counts.heartbeats_stored == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn commands_come_in_the_form_that_originals_read() {
    let site = Site::start().await;
    let mut agent = known_original(&site).await;
    site.post(1, "queueloc LIKE 'linux.2pw7%'", MINUTE).await;
    let (command, properties) = agent.next_command().await;
    assert!(command["id"].is_u64());
    assert_eq!(command["status"], "sent");
    let empty = json!({"foundanything": false, "success": false,
                       "elements": null, "statistics": null, "errors": null});
    assert_eq!(command["results"], json!([empty]));
    assert_eq!(command["agent"]["queueloc"], QUEUELOC);
    assert_eq!(command["agent"]["pid"], 1733);
    assert_eq!(command["agent"]["environment"]["aws"]["amiid"], "ami-1");
    assert_eq!(command["action"]["syntaxversion"], 2);
    assert_eq!(command["action"]["pgpsignatures"], json!(["signature"]));
    for time in ["starttime", "finishtime"] {
        let text = command[time].as_str().expect("a time, never absent");
        assert!(text.len() >= 20 && text.ends_with('Z'), "{time}: {text}");
    }
    assert_eq!(*properties.delivery_mode(), Some(2));
    let kind = properties.content_type().as_ref().map(|kind| kind.as_str());
    assert_eq!(kind, Some("text/plain"));
    let left: u64 = properties
        .expiration()
        .as_ref()
        .and_then(|text| text.as_str().parse().ok())
        .expect("milliseconds as text");
    assert!((1..=120_000).contains(&left));
}

#[tokio::test]
async fn answers_of_originals_are_stored_with_their_nulls_and_omissions() {
    let empty = || ModuleResult::default();
    let with_error = |reason: &str| ModuleResult::from_error(reason);
    let found = ModuleResult {
        foundanything: true,
        success: true,
        elements: json!({"s1": [{"file": "/etc/passwd", "search": {"names": null}, "fileinfo": {"size": 1.5}}]}),
        statistics: json!({"filescount": 1, "exectime": "5.1ms"}),
        errors: None,
    };
    let cases: Vec<(&str, String, CommandStatus, Vec<ModuleResult>)> = vec![
        (
            "success",
            r#"[{"foundanything":true,"success":true,"elements":{"s1":[{"file":"/etc/passwd","search":{"names":null},"fileinfo":{"size":1.5}}]},"statistics":{"filescount":1,"exectime":"5.1ms"},"errors":null}]"#.into(),
            CommandStatus::Success,
            vec![found],
        ),
        // The module said that it failed; that is a success all the same.
        (
            "success",
            r#"[{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":["a \u003cb\u003e"]}]"#.into(),
            CommandStatus::Success,
            vec![with_error("a <b>")],
        ),
        // Refused.
        (
            "failed",
            r#"[{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":["checkActionAuthorization() -\u003e verifySignatures() -\u003e signature made by unknown entity"]}]"#.into(),
            CommandStatus::Failed,
            vec![with_error(
                "checkActionAuthorization() -> verifySignatures() -> signature made by unknown entity",
            )],
        ),
        // Killed: the slot stays empty. Errors may be an empty list as well.
        (
            "timeout",
            r#"[{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":null}]"#.into(),
            CommandStatus::Timeout,
            vec![empty()],
        ),
        (
            "timeout",
            r#"[{"foundanything":false,"success":false,"elements":"","statistics":{},"errors":[]}]"#.into(),
            CommandStatus::Timeout,
            vec![ModuleResult {
                elements: json!(""),
                statistics: json!({}),
                errors: Some(Vec::new()),
                ..empty()
            }],
        ),
        // Members that are not there, others that nobody knows, a null for a slot.
        (
            "failed",
            r#"[{"success":true,"extra":1},null]"#.into(),
            CommandStatus::Failed,
            vec![
                ModuleResult {
                    success: true,
                    ..empty()
                },
                empty(),
            ],
        ),
        // A refused action without operations.
        ("failed", "[]".into(), CommandStatus::Failed, Vec::new()),
        ("failed", "null".into(), CommandStatus::Failed, Vec::new()),
    ];
    let site = Site::start().await;
    let mut agent = known_original(&site).await;
    for (number, (status, results, stored_status, stored_results)) in cases.iter().enumerate() {
        let id = number as u64 + 1;
        site.post(id, "status='online'", MINUTE).await;
        let (mut command, _) = agent.next_command().await;
        command["status"] = json!(status);
        command["finishtime"] = json!("0001-01-01T00:00:00Z");
        let number = command["id"].as_u64().expect("an id");
        // The results in the agent's own bytes.
        command["results"] = json!("RESULTS");
        let body = command.to_string().replace("\"RESULTS\"", results);
        agent.publish("mig.agt.results", &body).await;
        let stored = eventually(&format!("{status} {results}"), || async {
            let stored = site.store.command(Id(number)).await.expect("the command");
            (stored.status != CommandStatus::Sent).then_some(stored)
        })
        .await;
        assert_eq!(&stored.status, stored_status, "{results}");
        assert_eq!(stored.results(), stored_results, "{results}");
    }
    let counts = site
        .counted("all answers to be counted", |counts| {
            counts.answers_stored >= cases.len() as u64
        })
        .await;
    assert_eq!(counts.answers_stored, cases.len() as u64);
    assert_eq!(counts.answers_malformed + counts.answers_unknown, 0);
}

#[tokio::test]
async fn an_answer_counts_although_the_agent_was_restarted_or_looked_around_meanwhile() {
    let site = Site::start().await;
    let mut agent = known_original(&site).await;
    site.post(1, "status='online'", MINUTE).await;
    let (mut command, _) = agent.next_command().await;
    // The environment changed, which to originals is another row, and so is
    // another process.
    let later = Time::now() + MINUTE;
    let body = heartbeat(QUEUELOC, later, WHOLE)
        .replace("\"pid\":1733", "\"pid\":1801")
        .replace("stretch", "buster");
    agent.publish("mig.agt.heartbeats", &body).await;
    eventually("the new process", || async {
        (site.known(QUEUELOC).await.pid == 1801).then_some(())
    })
    .await;
    command["status"] = json!("success");
    agent.publish("mig.agt.results", &command.to_string()).await;
    let id = Id(command["id"].as_u64().expect("an id"));
    eventually("the answer", || async {
        let stored = site.store.command(id).await.expect("the command");
        (stored.status == CommandStatus::Success).then_some(())
    })
    .await;
}
