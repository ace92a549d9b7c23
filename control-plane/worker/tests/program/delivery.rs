//! What becomes of events.

use mig_relay::topology;
use serde_json::json;

use crate::receiver::{SILENCE, Webhook};
use crate::site::{PASSWORD, Publisher, Worker, abandoned, consuming, embedded};

const QUEUE: &str = "migevent.worker.siem";

fn uri(address: std::net::SocketAddr, user: &str) -> String {
    format!("amqp://{user}:{PASSWORD}@{address}/{}", topology::VHOST)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_asked_for_arrive_with_what_tells_a_repetition() {
    let directory = tempfile::tempdir().expect("a directory");
    let (relay, address) = embedded(&directory).await;
    let publisher = Publisher::connect(&uri(address, topology::SCHEDULER_USER)).await;
    publisher.declare().await;
    let webhook = Webhook::answering(&[]);
    let worker = Worker::on(
        address,
        &format!(
            "[worker]\nname = siem\nevents = \"agent.#\"\nevents = command.results\n\
             [webhook]\nurl = {}\nauthorization = \"Bearer token\"",
            webhook.url()
        ),
    );
    let running = worker.start();
    consuming(&uri(address, topology::WORKER_USER), QUEUE).await;
    publisher.publish("scheduler.heartbeat", "h-1", b"{}").await;
    publisher
        .publish("agent.new", "a-1", br#"{"name":"host","pid":1.0}"#)
        .await;
    publisher
        .publish("agent.authentication.failure", "a-2", br#"{"name":"odd"}"#)
        .await;
    publisher
        .publish("command.results", "a-3", b"{\"id\":7}")
        .await;

    let first = webhook.next();
    assert_eq!(
        first.document,
        json!({"event": "agent.new", "id": "a-1", "time": 1_700_000_000,
               "data": {"name": "host", "pid": 1.0}})
    );
    let head = first.head.to_ascii_lowercase();
    assert!(head.starts_with("post /mig http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer token\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    assert_eq!(
        webhook.next().document["event"],
        "agent.authentication.failure"
    );
    assert_eq!(webhook.next().document["data"]["id"], 7);
    assert!(webhook.is_quiet(), "a heartbeat was not asked for");
    worker.done_with("a-3");
    running.stop();
    assert!(worker.log().contains("3 events posted"), "{}", worker.log());
    relay.shutdown().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_busy_gets_the_event_again_and_one_that_refuses_does_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let (relay, address) = embedded(&directory).await;
    let publisher = Publisher::connect(&uri(address, topology::SCHEDULER_USER)).await;
    publisher.declare().await;
    let webhook = Webhook::answering(&[
        "503 Service Unavailable\r\nretry-after: 0\r\n",
        "200 OK\r\n",
        "422 Unprocessable Content\r\n",
    ]);
    let worker = Worker::on(
        address,
        &format!("[worker]\nname = siem\n[webhook]\nurl = {}", webhook.url()),
    );
    let running = worker.start();
    consuming(&uri(address, topology::WORKER_USER), QUEUE).await;
    for (id, body) in [
        ("busy", &b"{\"n\":1}"[..]),
        ("refused", b"{\"n\":2}"),
        ("no-json", b"oops"),
        ("good", b"{\"n\":3}"),
    ] {
        publisher.publish("agent.new", id, body).await;
    }
    let ids: Vec<String> = (0..4)
        .map(|_| {
            webhook.next().document["id"]
                .as_str()
                .expect("an id")
                .to_owned()
        })
        .collect();
    assert_eq!(ids, ["busy", "busy", "refused", "good"]);
    worker.done_with("good");
    running.stop();
    let log = worker.log();
    assert!(
        log.contains("2 events posted, 1 attempts repeated, 2 events dead"),
        "{log}"
    );
    assert!(
        log.contains("agent.new (refused) is dead: status 422"),
        "{log}"
    );
    assert!(
        log.contains("agent.new (no-json) is dead: its body is not a JSON"),
        "{log}"
    );
    assert!(webhook.is_quiet());
    relay.shutdown().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_was_not_accepted_when_the_worker_died_comes_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (relay, address) = embedded(&directory).await;
    // The worker comes first, and waits for the exchange.
    let webhook = Webhook::answering(&[SILENCE]);
    let worker = Worker::on(
        address,
        &format!("[worker]\nname = siem\n[webhook]\nurl = {}", webhook.url()),
    );
    let running = worker.start();
    mig_testkit::wait_until("a word about the exchange", crate::site::DEADLINE, || {
        worker
            .log()
            .contains("the exchange toworkers cannot be bound to")
    });
    let publisher = Publisher::connect(&uri(address, topology::SCHEDULER_USER)).await;
    publisher.declare().await;
    consuming(&uri(address, topology::WORKER_USER), QUEUE).await;
    publisher.publish("agent.new", "one", b"{}").await;
    assert_eq!(webhook.next().document["id"], "one");
    running.kill();
    // A relay that has not noticed yet would give the next one the event after it.
    abandoned(&uri(address, topology::WORKER_USER), QUEUE).await;
    // Nobody is there, but the queue is.
    publisher.publish("agent.new", "two", b"{}").await;
    webhook.will_answer("201 Created\r\n");
    let running = worker.start();
    assert_eq!(webhook.next().document["id"], "one");
    assert_eq!(webhook.next().document["id"], "two");
    worker.done_with("two");
    running.stop();
    assert!(webhook.is_quiet());
    relay.shutdown().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_attempts_makes_an_event_dead_and_a_request_that_hangs_does_not_hold_the_end_up()
{
    let directory = tempfile::tempdir().expect("a directory");
    let (relay, address) = embedded(&directory).await;
    let publisher = Publisher::connect(&uri(address, topology::SCHEDULER_USER)).await;
    publisher.declare().await;
    let webhook = Webhook::answering(&["500 Internal Server Error\r\n", SILENCE]);
    let worker = Worker::on(
        address,
        &format!(
            "[worker]\nname = siem\n[webhook]\nurl = {}\nattempts = 1\ntimeout = 1h",
            webhook.url()
        ),
    );
    let running = worker.start();
    consuming(&uri(address, topology::WORKER_USER), QUEUE).await;
    publisher.publish("agent.new", "one", b"{}").await;
    publisher.publish("agent.new", "two", b"{}").await;
    assert_eq!(webhook.next().document["id"], "one");
    assert_eq!(webhook.next().document["id"], "two");
    running.stop();
    let log = worker.log();
    assert!(
        log.contains("(one) is dead: status 500, after 1 attempts"),
        "{log}"
    );
    relay.shutdown().await.expect("a clean stop");
}
