//! Deleting the queues of lost agents.

use crate::broker::Broker;
use crate::site::{Site, lost};

#[tokio::test(flavor = "multi_thread")]
async fn only_queues_in_which_nothing_waits_go() {
    let Some(broker) = Broker::take().await else {
        return;
    };
    let address = ([127, 0, 0, 1], broker.rabbit.amqp_port()).into();
    let directory = tempfile::tempdir().expect("a directory");
    let site = Site::beside(address, directory).await;
    lost::only_queues_in_which_nothing_waits_go(site, |_| {}).await;
}
