//! On RabbitMQ, over TLS, with the documented permissions.

use mig_relay::topology;
use mig_test_servers::Rabbit;

use crate::receiver::Webhook;
use crate::site::{Publisher, Worker, consuming};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_serves_on_rabbitmq_with_the_documented_permissions() {
    let Some(rabbit) = Rabbit::shared() else {
        return;
    };
    let vhost = rabbit.new_vhost();
    for (user, permissions) in [
        ("events-scheduler", topology::scheduler_permissions()),
        ("events-worker", topology::worker_permissions()),
    ] {
        rabbit.add_user(user, "secret");
        let patterns = [
            permissions.configure.as_str(),
            permissions.write.as_str(),
            permissions.read.as_str(),
        ];
        rabbit.set_permissions(user, vhost.name(), patterns);
    }
    let uri = |user: &str| {
        let port = rabbit.amqp_port();
        format!("amqp://{user}:secret@127.0.0.1:{port}/{}", vhost.name())
    };
    let publisher = Publisher::connect(&uri("events-scheduler")).await;
    publisher.declare().await;
    let webhook = Webhook::answering(&["503 Service Unavailable\r\n"]);
    let (certificate, key) = rabbit.client_certificate("worker");
    let relay = format!(
        "host = localhost\nport = {}\nuser = events-worker\npass = secret\nvhost = {}\n\
         usetls = true\ncacert = \"{}\"\ntlscert = \"{}\"\ntlskey = \"{}\"",
        rabbit.amqps_port(),
        vhost.name(),
        rabbit.ca().display(),
        certificate.display(),
        key.display()
    );
    let worker = Worker::configured(
        &relay,
        &format!(
            "[worker]\nname = siem\nevents = *.results\n[webhook]\nurl = {}",
            webhook.url()
        ),
    );
    let running = worker.start();
    consuming(
        &uri("guest").replace("guest:secret", "guest:guest"),
        "migevent.worker.siem",
    )
    .await;
    publisher.publish("agent.new", "not-asked-for", b"{}").await;
    publisher
        .publish("command.results", "r-1", b"{\"id\":1}")
        .await;
    publisher
        .publish("command.results", "r-2", b"{\"id\":2}")
        .await;
    let ids = [webhook.next(), webhook.next(), webhook.next()]
        .map(|request| request.document["id"].as_str().expect("an id").to_owned());
    assert_eq!(ids, ["r-1", "r-1", "r-2"]);
    running.stop();
    assert!(webhook.is_quiet());
}
