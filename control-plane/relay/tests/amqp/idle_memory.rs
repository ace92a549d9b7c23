//! What an idle connection costs.

use crate::durability::Process;
use crate::raw::{PROTOCOL, Raw};
use amq_protocol::protocol::{AMQPClass, basic, queue};

const CONNECTIONS: usize = 400;
/// Promised per idle connection, TLS aside.
const PROMISED: usize = 12 * 1024;

fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("its size");
    let kibibytes: usize = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number");
    kibibytes * 1024
}

/// Like an agent: one channel, its own queue, a consumer, one message seen.
async fn agent(relay: &Process, number: usize) -> Raw {
    let address = relay.address.parse().expect("an address");
    let mut raw = Raw::dial(address).await;
    raw.send(PROTOCOL).await;
    raw.frame().await.expect("connection.start");
    raw.start_ok("guest", "guest-secret").await;
    raw.frame().await.expect("connection.tune");
    raw.tune_ok(16, 16_384, 60).await;
    raw.connection_open("mig").await;
    raw.frame().await.expect("connection.open-ok");
    raw.open_channel(1).await;
    let name = format!("mig.agt.linux.host{number}.example.net");
    let declare = queue::AMQPMethod::Declare(queue::Declare {
        queue: name.as_str().into(),
        ..Default::default()
    });
    raw.method(1, AMQPClass::Queue(declare)).await;
    raw.frame().await.expect("queue.declare-ok");
    let consume = basic::AMQPMethod::Consume(basic::Consume {
        queue: name.as_str().into(),
        no_ack: true,
        ..Default::default()
    });
    raw.method(1, AMQPClass::Basic(consume)).await;
    raw.frame().await.expect("basic.consume-ok");
    let publish = basic::AMQPMethod::Publish(basic::Publish {
        routing_key: name.into(),
        ..Default::default()
    });
    raw.method(1, AMQPClass::Basic(publish)).await;
    raw.content_header(1, 4000, basic::AMQPProperties::default())
        .await;
    raw.body(1, &[0; 4000]).await;
    for part in ["method", "header", "body"] {
        raw.frame().await.expect(part);
    }
    raw
}

#[tokio::test]
async fn an_idle_connection_costs_little_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let relay = Process::spawn(directory.path(), &[]);
    // The first ones pay for what all share.
    let mut idle = Vec::new();
    for number in 0..50 {
        idle.push(agent(&relay, number).await);
    }
    let before = resident(relay.child.id());
    for number in 50..50 + CONNECTIONS {
        idle.push(agent(&relay, number).await);
    }
    let each = resident(relay.child.id()).saturating_sub(before) / CONNECTIONS;
    println!("{each} bytes per idle connection");
    assert!(each <= PROMISED, "{each} bytes per idle connection");
    assert!(each > 0, "nothing was measured");
    drop(idle);
}
