//! Ways to the relay and to the API.

mod site;

use mig_protocol::CommandStatus;
use mig_protocol::json::parse_heartbeat;
use mig_relay::topology::{HEARTBEATS, RESULTS};
use serde_json::json;
use site::api::TestApi;
use site::{Authority, Site, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_arrive_over_tls_with_client_certificates() {
    let mut site = Site::new().await;
    let certificates = site.with_tls(&Authority::new()).await;
    let relay = format!("amqps://agent:a@localhost:{}/mig", site.tls_port.unwrap());
    site.configure_for(&relay, &certificates);
    let _agent = site.agent();
    let record = site.heartbeat().await;
    assert!(!record.environment.isproxied);
    site.exchange().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_may_log_in_with_its_certificate_alone() {
    let mut site = Site::new().await;
    site.certificate_accounts = vec!["agent-7.example.net"];
    let authority = Authority::new();
    let certificates = site.with_tls_as("agent-7.example.net", &authority).await;
    // Neither account nor password are there.
    let relay = format!("amqps://localhost:{}/mig", site.tls_port.unwrap());
    let more = format!("relayauth = certificate\n{certificates}");
    site.configure_for(&relay, &more);
    let mut agent = site.agent();
    site.heartbeat().await;
    site.exchange().await;
    agent.kill();
    // A certificate that is nobody's opens nothing.
    site.certificate_accounts = vec!["agent-8.example.net"];
    site.with_tls_as("agent-7.example.net", &authority).await;
    let relay = format!("amqps://localhost:{}/mig", site.tls_port.unwrap());
    site.configure_for(&relay, &more);
    let mut agent = site.agent();
    until("the refusal", || agent.log().contains("trying again")).await;
    assert!(agent.is_running() && !agent.log().contains("connected to the relay"));
    // Nor is there anything to show without TLS.
    site.configure("relayauth = certificate");
    agent.kill();
    let mut agent = site.agent();
    assert_eq!(agent.wait(), Some(1));
    assert!(
        agent.log().contains("needs an amqps address"),
        "{}",
        agent.log()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_with_a_foreign_certificate_is_not_spoken_to() {
    let mut site = Site::new().await;
    let certificates = site.with_tls(&Authority::new()).await;
    std::fs::write(site.path("ca.crt"), Authority::new().pem).unwrap();
    let relay = format!("amqps://agent:a@localhost:{}/mig", site.tls_port.unwrap());
    site.configure_for(&relay, &certificates);
    let mut agent = site.agent();
    until("the refusal", || {
        agent.log().contains("no TLS with localhost")
    })
    .await;
    assert!(agent.is_running());
    assert!(!agent.log().contains("connected to the relay"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_and_kept_secret() {
    let mut site = Site::new().await;
    site.configure_for(&format!("amqp://agent:hunter2@{}/mig", site.address()), "");
    let mut agent = site.agent();
    until("the refusal", || agent.log().contains("trying again")).await;
    assert!(
        agent.is_running() && !agent.log().contains("hunter2"),
        "{}",
        agent.log()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_go_to_the_api_where_that_is_asked_for() {
    let mut site = Site::new().await;
    let mut api = TestApi::start("200 OK").await;
    let url = api.url();
    site.configure(&format!(
        "heartbeatvia = api\nheartbeatfreq = 1s\napi = \"{url}\""
    ));
    let agent = site.agent();
    let (head, body) = api.heartbeats.recv().await.unwrap();
    assert!(
        head.starts_with("POST /api/v1/heartbeat HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.to_ascii_lowercase()
            .contains("\r\ncontent-type: application/json\r\n"),
        "{head}"
    );
    let post = parse_heartbeat(&body).unwrap();
    assert_eq!(post.pid, i64::from(agent.pid()));
    assert!(post.queue_loc.starts_with("linux.") && !post.environment.ident.is_empty());
    let marker = site.run_directory().join("mig-agent.ok");
    until("the marker", || marker.exists()).await;
    // And again.
    api.heartbeats.recv().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_gone_or_refuses_does_not_disturb_the_agent() {
    let gone = format!("http://127.0.0.1:{}/api/v1/", mig_testkit::free_port());
    let refusing = TestApi::start("500 Internal Server Error").await.url();
    for url in [gone, refusing] {
        let mut site = Site::new().await;
        site.configure(&format!(
            "heartbeatvia = api\nheartbeatfreq = 1s\napi = \"{url}\""
        ));
        let mut agent = site.agent();
        until("the failure", || {
            agent.log().matches("failed: ").count() >= 2
        })
        .await;
        // On its own way, which may take longer.
        until("the relay", || {
            agent.log().contains("connected to the relay")
        })
        .await;
        assert!(agent.is_running());
        assert!(!site.run_directory().join("mig-agent.ok").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_scheduler_results_wait_here() {
    let mut site = Site::new().await;
    let mut agent = site.agent();
    site.heartbeat().await;
    // The queue for results goes away, as when a site is set up anew.
    site.delete_queue(RESULTS).await;
    let absent = site.signed("absent", json!({}));
    site.send(7, absent).await;
    until("the refusal", || {
        agent.log().contains("did not take a result")
    })
    .await;
    site.connect_scheduler().await;
    assert_eq!(site.answer(7).await.status, CommandStatus::Failed);
    assert!(agent.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_comes_before_its_scheduler_is_known_soon_after() {
    let mut site = Site::new().await;
    site.delete_queue(HEARTBEATS).await;
    let agent = site.agent();
    until("a heartbeat for nobody", || {
        agent
            .log()
            .contains("no scheduler has a queue for heartbeats")
    })
    .await;
    // The next regular one would come after five minutes.
    site.connect_scheduler().await;
    assert_eq!(site.heartbeat().await.pid, i64::from(agent.pid()));
}
