//! Workers of a site that is one program.

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use super::agent::TestAgent;
use super::process::{DEADLINE, Site};

/// A channel, when the exchange of events is there. The scheduler declares it on
/// a connection of its own, so a ready server may be a moment ahead of it.
async fn with_exchange(connection: &Connection) -> Channel {
    let waiting = async {
        loop {
            let channel = connection.create_channel().await.expect("a channel");
            let options = ExchangeDeclareOptions {
                passive: true,
                ..ExchangeDeclareOptions::default()
            };
            let kind = ExchangeKind::Topic;
            let asked = channel
                .exchange_declare("toworkers".into(), kind, options, FieldTable::default())
                .await;
            if asked.is_ok() {
                return channel;
            }
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("the exchange in time")
}

#[tokio::test]
async fn a_worker_hears_of_a_new_agent() {
    let site = Site::new();
    site.configure("[relay]\nworkeruser = \"inventory\"\nworkerpassword = \"for events\"\n");
    inventory_hears_of_an_agent(&site, "for%20events").await;
}

#[tokio::test]
async fn a_worker_of_the_file_with_accounts_hears_of_a_new_agent() {
    let site = Site::new();
    let accounts = site.path("accounts");
    std::fs::write(&accounts, "inventory worker for-events\n").expect("written");
    site.configure(&format!("[relay]\naccounts = \"{}\"\n", accounts.display()));
    inventory_hears_of_an_agent(&site, "for-events").await;
}

async fn inventory_hears_of_an_agent(site: &Site, password: &str) {
    let server = site.start();
    let uri = format!("amqp://inventory:{password}@{}/mig", server.relay);
    let connection = Connection::connect(&uri, ConnectionProperties::default())
        .await
        .expect("a connection");
    let channel = with_exchange(&connection).await;
    let queue = "migevent.worker.inventory";
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let table = FieldTable::default;
    channel
        .queue_declare(queue.into(), options, table())
        .await
        .expect("a queue");
    channel
        .queue_bind(
            queue.into(),
            "toworkers".into(),
            "agent.*".into(),
            QueueBindOptions::default(),
            table(),
        )
        .await
        .expect("bound");
    let options = BasicConsumeOptions::default();
    let mut events = channel
        .basic_consume(queue.into(), "".into(), options, table())
        .await
        .expect("a consumer");

    let agent = TestAgent::connect(server.relay, "endpoint.example.net").await;
    agent.send_heartbeat().await;
    let event = tokio::time::timeout(DEADLINE, events.next())
        .await
        .expect("an event in time")
        .expect("an open consumer")
        .expect("a delivery");
    assert_eq!(event.routing_key.as_str(), "agent.new");
    assert!(String::from_utf8_lossy(&event.data).contains("endpoint.example.net"));
    server.stop();
}
