//! Ways through HTTP proxies, good and bad ones, to the relay and to the API.

mod site;

use mig_protocol::Agent;
use mig_protocol::json::parse_heartbeat;
use site::api::TestApi;
use site::proxy::{Manner, TestProxy};
use site::{Authority, Site, until};

/// Answers of proxies that open no tunnel.
fn bad_manners() -> Vec<Manner> {
    let says = |text: &str| Manner::Says(text.as_bytes().to_vec());
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(100_000));
    vec![
        says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        // Dies in the middle of its answer.
        says("HTTP/1.1 200 Connec"),
        says("220 mail.example.net ESMTP\r\n\r\n"),
        says(&endless),
        says(""),
        Manner::ServesOnly("Basic c29tZWJvZHk6ZWxzZQ=="),
        Manner::Misleads,
        Manner::Stalls,
    ]
}

/// A relay that only a proxy can find: its name means nothing here.
async fn hidden_relay(site: &Site, manner: Manner) -> (String, TestProxy) {
    let relay = site.address().to_string();
    let proxy = TestProxy::leading_to(manner, Some(relay)).await;
    let port = site.address().port();
    let url = format!("amqp://agent:a@relay.invalid:{port}/mig");
    (url, proxy)
}

/// The next heartbeat that fits.
async fn heartbeat_with(site: &mut Site, fits: impl Fn(&Agent) -> bool) -> Agent {
    loop {
        let record = site.heartbeat().await;
        if fits(&record) {
            return record;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_proxy_is_passed_over_for_one_that_leads_to_the_relay_over_tls() {
    let mut site = Site::new().await;
    let certificates = site.with_tls(&Authority::new()).await;
    let mut bad = Vec::new();
    for manner in bad_manners() {
        bad.push(TestProxy::start(manner).await);
    }
    // `ana:hunter2`
    let good = TestProxy::start(Manner::ServesOnly("Basic YW5hOmh1bnRlcjI=")).await;
    let dead = format!("127.0.0.1:{}", mig_testkit::free_port());
    let mut list = vec![dead];
    list.extend(bad.iter().map(|proxy| proxy.address().to_owned()));
    list.push(format!("ana:hunter2@{}", good.address()));
    let relay = format!("amqps://agent:a@localhost:{}/mig", site.tls_port.unwrap());
    let more = format!("proxies = \"{}\"\n{certificates}", list.join(","));
    site.configure_for(&relay, &more);
    let agent = site.agent();
    let record = site.heartbeat().await;
    assert!(record.environment.isproxied);
    assert_eq!(record.environment.proxy, good.address());
    site.exchange().await;
    for proxy in &bad {
        assert!(proxy.asked() >= 1, "each is tried, in order");
    }
    assert_eq!(good.tunnels(), 1);
    let head = good.heads().remove(0);
    let target = format!("localhost:{}", site.tls_port.unwrap());
    assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")));
    for secret in ["hunter2", "aHVudGVyMg", "YW5hOmh1bnRlcjI="] {
        assert!(!agent.log().contains(secret), "{}", agent.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_direct_way_is_left_when_no_proxy_is_any_good_and_no_proxy_is_told() {
    let mut site = Site::new().await;
    let misleading = TestProxy::start(Manner::Misleads).await;
    let refusing = TestProxy::start(bad_manners().remove(0)).await;
    let list = format!("{},{}", misleading.address(), refusing.address());
    site.configure(&format!("proxies = \"{list}\""));
    let _agent = site.agent();
    let record = site.heartbeat().await;
    assert!(!record.environment.isproxied && record.environment.proxy.is_empty());
    site.exchange().await;
    assert!(misleading.asked() >= 1 && refusing.asked() >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_s_proxy_comes_after_the_configured_ones() {
    let mut site = Site::new().await;
    let (relay, proxy) = hidden_relay(&site, Manner::Serves).await;
    let configured = TestProxy::start(bad_manners().remove(0)).await;
    site.configure_for(&relay, &format!("proxies = \"{}\"", configured.address()));
    site.environment = vec![
        ("HTTP_PROXY", format!("http://{}/", proxy.address())),
        ("NO_PROXY", "elsewhere.invalid".into()),
    ];
    let _agent = site.agent();
    let record = site.heartbeat().await;
    assert_eq!(record.environment.proxy, proxy.address());
    assert!(record.environment.isproxied);
    site.exchange().await;
    assert!(configured.asked() >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_s_proxy_is_not_asked_for_this_host_nor_for_excepted_ones() {
    let mut site = Site::new().await;
    let (relay, proxy) = hidden_relay(&site, Manner::Serves).await;
    site.environment = vec![("http_proxy", proxy.address().into())];
    let mut agent = site.agent();
    let record = site.heartbeat().await;
    assert!(!record.environment.isproxied);
    agent.kill();
    // Excepted, there is no way at all to this one.
    site.environment.push(("no_proxy", "x, .invalid".into()));
    site.configure_for(&relay, "");
    let agent = site.agent();
    until("the failure", || agent.log().contains("trying again")).await;
    assert_eq!(proxy.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_dies_is_left_and_heartbeats_say_so() {
    let mut site = Site::new().await;
    let proxy = TestProxy::start(Manner::Serves).await;
    site.configure(&format!("proxies = \"{}\"", proxy.address()));
    let mut agent = site.agent_with_test_modules();
    let before = site.heartbeat().await;
    assert!(before.environment.isproxied);
    let parameters =
        serde_json::json!({"started": site.path("started"), "until": site.path("until")});
    let action = site.signed("wait", parameters);
    site.send(7, action).await;
    until("the module to start", || site.path("started").exists()).await;
    proxy.cut();
    let after = heartbeat_with(&mut site, |record| !record.environment.isproxied).await;
    assert!(after.environment.proxy.is_empty());
    assert!(
        after.refreshts > before.refreshts,
        "the scheduler must notice"
    );
    std::fs::write(site.path("until"), "").unwrap();
    let answer = site.answer(7).await;
    assert_eq!(answer.status, mig_protocol::CommandStatus::Success);
    assert!(agent.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_to_the_api_go_through_proxies_too() {
    // In the clear: the request itself is handed to the proxy.
    let mut site = Site::new().await;
    let mut api = TestApi::start("200 OK").await;
    let refusing = TestProxy::start(bad_manners().remove(0)).await;
    let proxy = TestProxy::start(Manner::ServesOnly("Basic dTpw")).await;
    let list = format!("{},u:p@{}", refusing.address(), proxy.address());
    let more = format!(
        "heartbeatvia = api\napi = \"{}\"\nproxies = \"{list}\"",
        api.url()
    );
    site.configure(&more);
    let _agent = site.agent();
    let (head, body) = api.heartbeats.recv().await.unwrap();
    assert!(
        head.starts_with("POST /api/v1/heartbeat HTTP/1.1\r\n"),
        "{head}"
    );
    parse_heartbeat(&body).unwrap();
    let asked = format!("POST {}heartbeat HTTP/1.1\r\n", api.url());
    assert!(
        proxy.heads().iter().any(|head| head.starts_with(&asked)),
        "{:?}",
        proxy.heads()
    );
    assert!(refusing.heads().iter().any(|head| head.starts_with(&asked)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_with_tls_is_reached_through_a_tunnel() {
    let mut site = Site::new().await;
    let authority = Authority::new();
    let certificates = site.with_tls(&authority).await;
    let mut api = TestApi::start_with("200 OK", Some(&authority)).await;
    let misleading = TestProxy::start(Manner::Misleads).await;
    let proxy = TestProxy::start(Manner::Serves).await;
    let list = format!("{},{}", misleading.address(), proxy.address());
    let more = format!(
        "heartbeatvia = api\napi = \"https://localhost:{}/api/v1/\"\nproxies = \"{list}\"\n{certificates}",
        api.port
    );
    site.configure(&more);
    let _agent = site.agent();
    let (_, body) = api.heartbeats.recv().await.unwrap();
    parse_heartbeat(&body).unwrap();
    let tunnel = format!("CONNECT localhost:{} HTTP/1.1\r\n", api.port);
    assert!(
        proxy.heads().iter().any(|head| head.starts_with(&tunnel)),
        "{:?}",
        proxy.heads()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_address_is_asked_for_some_way_and_again() {
    let mut site = Site::new().await;
    let api = TestApi::start("200 OK").await;
    // Pages of proxies are no addresses.
    let page = "HTTP/1.1 503 Busy\r\nContent-Length: 13\r\n\r\n<html></html>";
    let busy = TestProxy::start(Manner::Says(page.into())).await;
    let proxy = TestProxy::start(Manner::Serves).await;
    site.configure_for(
        &format!("amqp://agent:a@{}/mig", site.address()),
        &format!(
            "discoverpublicip\nheartbeatfreq = 1s\nrefreshenv = 1s\napi = \"{}\"\nproxies = \"{},{}\"",
            api.url(),
            busy.address(),
            proxy.address()
        ),
    );
    let _agent = site.agent();
    let first = site.heartbeat().await;
    assert_eq!(
        first.environment.publicip, "198.51.100.9",
        "from the beginning"
    );
    let asked = format!("GET {}ip HTTP/1.1\r\n", api.url());
    for proxy in [&busy, &proxy] {
        assert!(proxy.heads().iter().any(|head| head.starts_with(&asked)));
    }
    *api.address.lock().unwrap() = "2001:db8::9\n".into();
    let moved = heartbeat_with(&mut site, |record| {
        record.environment.publicip == "2001:db8::9"
    })
    .await;
    assert!(moved.refreshts > first.refreshts);
    // What is no address changes nothing.
    *api.address.lock().unwrap() = "198.51.100.10 or so".into();
    let before = proxy.asked();
    until("another question", || proxy.asked() > before + 1).await;
    site.heartbeat().await;
    assert_eq!(site.heartbeat().await.environment.publicip, "2001:db8::9");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_does_not_tell_the_address_keeps_nobody_from_work() {
    let mut site = Site::new().await;
    let stalling = TestProxy::start(Manner::Stalls).await;
    // The API is the stalling one itself, so that the direct way is no better.
    site.configure(&format!(
        "discoverpublicip = on\napi = \"http://{}/api/v1/\"",
        stalling.address()
    ));
    let mut agent = site.agent();
    until("the question", || stalling.asked() >= 1).await;
    let record = site.heartbeat().await;
    assert!(record.environment.publicip.is_empty());
    site.exchange().await;
    assert!(
        agent
            .log()
            .contains("the public address of this host is unknown")
    );
    agent.kill();
    // Stopping does not wait for it either.
    let asked = stalling.asked();
    let mut agent = site.agent();
    until("the question", || stalling.asked() > asked).await;
    assert_eq!(agent.terminate(), Some(0));
}
