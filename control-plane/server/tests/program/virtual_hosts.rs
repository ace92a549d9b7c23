//! Further virtual hosts of a site's relay, for programs that are not the site's.

use std::fs;

use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};

use super::process::{Server, Site, fatal};

async fn open(server: &Server, user: &str, vhost: &str) -> lapin::Result<Connection> {
    let uri = format!("amqp://{user}:word@{}/{vhost}", server.relay);
    Connection::connect(&uri, ConnectionProperties::default()).await
}

fn site_with(accounts: &str) -> Site {
    let site = Site::new();
    let file = site.path("accounts");
    fs::write(&file, accounts).expect("written");
    site.configure(&format!(
        "[relay]\nvhosts = tickets\nvhosts = chat\naccounts = \"{}\"\n",
        file.display()
    ));
    site
}

#[tokio::test]
async fn a_further_virtual_host_is_its_owners_and_keeps_what_it_is_given() {
    let site = site_with("clerk vhost tickets word\nweb1 agent linux.web1 word\n");
    let server = site.start();
    let connection = open(&server, "clerk", "tickets").await.expect("its own");
    let channel = connection.create_channel().await.expect("a channel");
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    // The name of a queue of the site: it is another one here.
    let queue = "mig.agt.results";
    channel
        .queue_declare(queue.into(), durable, FieldTable::default())
        .await
        .expect("a queue");
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("confirms");
    let confirmed = channel
        .basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            b"a ticket",
            BasicProperties::default().with_delivery_mode(2),
        )
        .await
        .expect("published");
    assert!(confirmed.await.expect("an answer").is_ack());

    for (user, vhost) in [
        ("clerk", "mig"),
        ("clerk", "chat"),
        ("web1", "tickets"),
        ("clerk", "nowhere"),
    ] {
        let refused = open(&server, user, vhost).await;
        assert!(refused.is_err(), "{user} in {vhost}");
    }
    server.stop();

    let server = site.start();
    let connection = open(&server, "clerk", "tickets").await.expect("its own");
    let channel = connection.create_channel().await.expect("a channel");
    let kept = channel
        .basic_get(queue.into(), BasicGetOptions::default())
        .await
        .expect("an answer")
        .expect("the ticket");
    assert_eq!(kept.delivery.data, b"a ticket");
    kept.delivery
        .acker
        .ack(BasicAckOptions::default())
        .await
        .expect("acknowledged");
    server.stop();
}

#[test]
fn a_mistake_in_the_accounts_is_found_before_the_start() {
    for (line, said) in [
        (
            "clerk vhost ticket word",
            "there is no virtual host `ticket`",
        ),
        ("clerk vhost mig word", "`mig` is the main virtual host"),
        ("clerk vhost tickets", "`clerk` has no password"),
        ("agent worker word", "is an account of the configuration"),
    ] {
        let site = site_with(&format!("# who\n{line}\n"));
        for task in [&["check"][..], &[]] {
            let error = fatal(&site.run(task));
            assert!(
                error.contains("accounts: line 2: ") && error.contains(said),
                "{error}"
            );
        }
    }
    let site = Site::new();
    site.configure("[relay]\nvhosts = tickets\n");
    let error = fatal(&site.run(&["check"]));
    assert!(
        error.contains("[relay] vhosts: needs `accounts`"),
        "{error}"
    );
    let site = site_with("clerk vhost tickets word\n");
    let output = site.run(&["check"]);
    assert!(output.status.success(), "{output:?}");
    assert!(
        !site.path("relay.db").exists(),
        "a check leaves nothing behind"
    );
}
