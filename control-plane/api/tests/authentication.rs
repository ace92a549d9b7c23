//! How callers prove who they are.

mod site;

use std::time::Duration;

use mig_protocol::{InvestigatorStatus, Permissions, Time};
use mig_store::InvestigatorUpdate;
use site::{Person, Reply, Site};

async fn dashboard(site: &Site, headers: &str) -> Reply {
    site.request("GET", "/api/v1/dashboard", headers, b"").await
}

fn token_header(token: &str) -> String {
    format!("X-PGPAUTHORIZATION: {token}\r\n")
}

async fn refused(site: &Site, token: &str, reason: &str) {
    let reply = dashboard(site, &token_header(token)).await;
    assert_eq!(reply.status, 401, "{token}");
    let error = reply.error();
    assert!(
        error.starts_with("Authorization verification failed with error '")
            && error.contains(reason),
        "{error}"
    );
}

async fn set_status(site: &Site, person: &Person, status: InvestigatorStatus) {
    let update = InvestigatorUpdate {
        status: Some(status),
        ..InvestigatorUpdate::default()
    };
    site.store
        .update_investigator(person.id, &update, Time::now())
        .await
        .expect("the new status");
}

#[tokio::test]
async fn a_token_signed_by_an_active_investigator_opens_the_door() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let now = Time::now();
    let token = ada.token(now);
    assert_eq!(dashboard(&site, &token_header(&token)).await.status, 200);
    // The same key signs for others too.
    let second = site.person("Bob", Permissions::DEFAULT).await;
    assert_eq!(
        dashboard(&site, &token_header(&second.token(now)))
            .await
            .status,
        200
    );

    let old = ada.token(now - Duration::from_secs(700));
    refused(&site, &old, "check both clocks").await;
    let future = ada.token(now + Duration::from_secs(700));
    refused(&site, &future, "check both clocks").await;
    refused(&site, &token.replacen("1;", "2;", 1), "version `2`").await;
    refused(&site, "nonsense", "must have the form").await;
    let other_nonce = token.replacen("Z;1;", "Z;2;", 1);
    assert_ne!(other_nonce, token);
    refused(&site, &other_nonce, "").await;
    let stranger = site::unknown_person("Eve");
    refused(
        &site,
        &stranger.token(now),
        "signature made by unknown entity",
    )
    .await;
}

#[tokio::test]
async fn a_disabled_investigator_is_out_at_once_and_may_come_back() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let token = ada.token(Time::now());
    for (status, code) in [
        (InvestigatorStatus::Active, 200),
        (InvestigatorStatus::Disabled, 401),
        (InvestigatorStatus::Active, 200),
    ] {
        set_status(&site, &ada, status).await;
        assert_eq!(dashboard(&site, &token_header(&token)).await.status, code);
        assert_eq!(dashboard(&site, &ada.key_header()).await.status, code);
        assert_eq!(dashboard(&site, &ada.key_header()).await.status, code);
    }
}

#[tokio::test]
async fn an_api_key_counts_until_it_is_replaced() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::ALL).await;
    assert_eq!(dashboard(&site, &ada.key_header()).await.status, 200);
    for wrong in ["", "short", &"x".repeat(32), &"x".repeat(5000)] {
        let reply = dashboard(&site, &format!("X-MIGAPIKEY: {wrong}\r\n")).await;
        assert_eq!(reply.status, 401, "{wrong}");
    }
    let id = ada.id.to_string();
    let reply = site
        .post(
            "/investigator/update/",
            &ada,
            &[("id", &id), ("apikey", "active")],
        )
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let new = reply.value(0)["apikey"].as_str().expect("a key").to_owned();
    assert_eq!(new.len(), 32);
    assert_eq!(dashboard(&site, &ada.key_header()).await.status, 401);
    let new = format!("X-MIGAPIKEY: {new}\r\n");
    assert_eq!(dashboard(&site, &new).await.status, 200);
}

#[tokio::test]
async fn without_authentication_everybody_may_do_everything() {
    let site = Site::start_with(|config| config.authentication = false).await;
    assert_eq!(dashboard(&site, "").await.status, 200);
    let reply = site
        .request("GET", "/api/v1/investigator?investigatorid=1", "", b"")
        .await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn a_refusal_has_the_form_and_headers_of_the_original() {
    let site = Site::start().await;
    let reply = dashboard(&site, "").await;
    let code = reply.json()["collection"]["error"]["code"].clone();
    assert_eq!(
        reply.body,
        format!(
            r#"{{"collection":{{"version":"1.0","href":"http://localhost:1664/api/v1/dashboard","template":{{}},"error":{{"code":{code},"message":"Valid authentication header not found"}}}}}}"#
        )
    );
    assert!(reply.head.contains("cache-control: no-cache\r\n"));
    assert!(reply.head.contains("content-type: application/json\r\n"));
}
