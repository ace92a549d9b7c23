//! Heartbeats that agents post.

mod site;

use std::sync::Arc;

use mig_protocol::{AgentStatus, Time};
use serde_json::{Value, json};
use site::{Reply, Site};

fn heartbeat() -> Value {
    json!({
        "name": "vm", "mode": "daemon", "version": "20190913-0.9e7e4f52.dev", "pid": 19254,
        "queueLoc": "linux.qvtmdnxdagacx2", "startTime": Time::now(), "refreshTime": Time::now(),
        "environment": {
            "init": "upstart", "ident": "Debian 12 bookworm", "os": "linux", "arch": "amd64",
            "isProxied": false, "proxy": "", "addresses": ["192.0.2.2/24"], "publicIP": "127.0.0.1",
            "modules": ["scribe", "memory"]
        },
        "tags": [{"name": "env", "value": "bench"}]
    })
}

async fn post(site: &Site, body: &Value) -> Reply {
    let body = body.to_string();
    let headers = "Content-Type: application/json\r\n";
    site.request("POST", "/api/v1/heartbeat", headers, body.as_bytes())
        .await
}

async fn agents(site: &Site) -> Vec<mig_protocol::Agent> {
    let search = mig_store::Search {
        limit: 10,
        ..Default::default()
    };
    site.store.search_agents(&search).await.expect("agents")
}

#[tokio::test]
async fn a_heartbeat_registers_an_agent_and_refreshes_it() {
    let site = Site::start().await;
    let greeting = site.request("GET", "/api/v1/heartbeat", "", b"").await;
    assert_eq!(greeting.value(0), "gatorz say hi");

    let reply = post(&site, &heartbeat()).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, r#"{"error":null}"#)
    );
    let mut second = heartbeat();
    second["tags"] = json!([{"name": "env", "value": "production"}]);
    // An agent that does not look for its public address is welcome too.
    second["environment"]["publicIP"] = json!("");
    second["refreshTime"] = json!(Time::now());
    assert_eq!(post(&site, &second).await.status, 200);
    let agents = agents(&site).await;
    assert_eq!(agents.len(), 1);
    assert_eq!(agents[0].status, AgentStatus::Online);
    assert_eq!(agents[0].environment.ident, "Debian 12 bookworm");
    assert_eq!(agents[0].tags["env"], "production");
}

/// The bytes of an original agent, which knows neither tags nor public address
/// and writes null for a list without entries.
#[tokio::test]
async fn heartbeats_are_taken_as_originals_post_them() {
    let site = Site::start().await;
    let now = Time::now();
    let bare = format!(
        r#"{{"name":"db1.example.net","mode":"checkin","version":"20190913-0.9e7e4f52.dev","pid":1733,"queueLoc":"linux.1kz0","startTime":"{now}","refreshTime":"2019-09-13T10:00:00.123456789Z","environment":{{"init":"sysvinit-fallback","ident":"CentOS 7","os":"linux","arch":"386","isProxied":true,"proxy":"proxy.example.net:3128","addresses":null,"publicIP":"","modules":null}},"tags":null}}"#
    );
    let reply = site
        .request(
            "POST",
            "/api/v1/heartbeat",
            "Content-Type: application/json\r\n",
            bare.as_bytes(),
        )
        .await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, r#"{"error":null}"#)
    );
    let agents = agents(&site).await;
    assert_eq!(agents.len(), 1);
    assert_eq!(agents[0].queueloc, "linux.1kz0");
    assert_eq!(agents[0].mode, mig_protocol::AgentMode::Checkin);
    assert!(agents[0].environment.isproxied);
    assert_eq!(agents[0].environment.proxy, "proxy.example.net:3128");
    assert!(agents[0].environment.addresses.is_empty() && agents[0].tags.is_empty());
}

#[tokio::test]
async fn what_is_no_heartbeat_is_refused_with_the_reason() {
    let site = Site::start().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = heartbeat();
        change(&mut body);
        body
    };
    let table = [
        (with(&|body| body["name"] = json!("")), "name is missing"),
        (with(&|body| body["pid"] = json!(0)), "pid is missing"),
        (
            with(&|body| body["environment"]["os"] = json!("")),
            "environment.os is missing",
        ),
        (with(&|body| body["mode"] = json!("other")), "mode `other`"),
        (
            with(&|body| body["name"] = json!("x".repeat(1025))),
            "name is longer",
        ),
        (
            with(&|body| body["version"] = json!("x".repeat(129))),
            "version is longer",
        ),
        (
            with(&|body| body["startTime"] = json!("2024-03-01T10:00:00Z")),
            "five minutes",
        ),
        (
            with(&|body| body["queueLoc"] = json!("a\nb")),
            "control characters",
        ),
        (json!([1]), "not valid"),
    ];
    for (body, reason) in table {
        let reply = post(&site, &body).await;
        assert_eq!(reply.status, 400, "{reason}");
        let error = reply.json()["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    assert!(agents(&site).await.is_empty());
}

#[tokio::test]
async fn a_site_may_choose_who_posts_heartbeats() {
    let listed = Site::start_with(|config| {
        config.heartbeats = Some(Arc::new(|queueloc| queueloc == "linux.listed"));
    })
    .await;
    assert_eq!(post(&listed, &heartbeat()).await.status, 401);
    let mut body = heartbeat();
    body["queueLoc"] = json!("linux.listed");
    assert_eq!(post(&listed, &body).await.status, 200);
    let nobody = Site::start_with(|config| config.heartbeats = None).await;
    assert_eq!(post(&nobody, &body).await.status, 401);
}

#[tokio::test]
async fn a_crowd_that_comes_at_once_is_stored_completely() {
    let site = Site::start().await;
    let bodies: Vec<Value> = (0..100)
        .map(|number| {
            let mut body = heartbeat();
            // Each agent twice, as one that lost the answer.
            body["queueLoc"] = json!(format!("linux.{}", number / 2));
            body
        })
        .collect();
    let replies = futures_util::future::join_all(bodies.iter().map(|body| post(&site, body))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let search = mig_store::Search {
        limit: 1000,
        ..Default::default()
    };
    let agents = site.store.search_agents(&search).await.expect("agents");
    assert_eq!(agents.len(), 50);
}

#[tokio::test]
async fn strangers_have_a_bounded_share_of_the_log() {
    let (log, start) = (mig_testkit::hear(), std::time::Instant::now());
    let site = Site::start_with(|config| config.heartbeats = None).await;
    for _ in 0..300 {
        assert_eq!(post(&site, &heartbeat()).await.status, 401);
    }
    let refused = log.text().matches("was refused").count();
    // A hundred a minute, however slow this machine is.
    let minutes = usize::try_from(start.elapsed().as_secs() / 60).expect("a number");
    assert!((100..=100 * (minutes + 1)).contains(&refused), "{refused}");
}
