//! Searching and the dashboard.

mod site;

use mig_protocol::{Agent, AgentMode, AgentStatus, Permissions, Time};
use site::{Person, Site};

async fn three_agents() -> (Site, Person) {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::ALL).await;
    let agents = ["a", "b", "c"].map(|name| Agent {
        name: name.into(),
        queueloc: format!("linux.{name}"),
        mode: AgentMode::Daemon,
        version: "1".into(),
        pid: 5,
        ..Agent::default()
    });
    for agent in agents {
        site.store
            .record_heartbeats(&[agent], Time::now())
            .await
            .expect("a heartbeat");
    }
    (site, ada)
}

#[tokio::test]
async fn results_come_in_pages_that_keep_their_filters() {
    let (site, ada) = three_agents().await;
    let all = site.get("/search?type=agent&status=online", &ada).await;
    assert_eq!(all.items(), 4, "three agents and the parameters");
    let names: Vec<_> = (0..3).map(|item| all.value(item)["name"].clone()).collect();
    assert_eq!(names, ["c", "b", "a"], "newest heartbeat first");

    let page = site
        .get(
            "/search?type=agent&status=online&agentname=%25&limit=1&offset=1",
            &ada,
        )
        .await;
    assert_eq!(page.items(), 3, "agent, pagination, parameters");
    assert_eq!(page.value(0)["name"], "b");
    let pagination = page.value(1);
    assert_eq!(
        (pagination["limit"].as_u64(), pagination["offset"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(
        pagination["next"],
        "http://localhost:1664/api/v1/search?type=agent&status=online&agentname=%25&limit=1&offset=2"
    );
    let data = &page.json()["collection"]["items"][2]["data"][0];
    assert_eq!(data["name"], "search parameters");
}

#[tokio::test]
async fn a_target_selects_agents_and_a_bad_one_says_where() {
    let (site, ada) = three_agents().await;
    let found = site
        .get(
            "/search?type=agent&limit=1000000&target=name+%3D+%27b%27",
            &ada,
        )
        .await;
    assert_eq!(found.items(), 2);
    assert_eq!(found.value(0)["name"], "b");
    let bad = site.get("/search?type=agent&target=name+%3D", &ada).await;
    assert_eq!(bad.status, 400);
    assert!(
        bad.error().starts_with("target: column 7: "),
        "{}",
        bad.error()
    );
    let injection = site
        .get(
            "/search?type=agent&target=true)%3B+DELETE+FROM+agents%3B--",
            &ada,
        )
        .await;
    assert_eq!(injection.status, 400);
    assert!(!injection.body.to_ascii_lowercase().contains("select"));
}

#[tokio::test]
async fn nothing_found_and_nothing_to_find_are_told_apart() {
    let (site, ada) = three_agents().await;
    for (query, status, message) in [
        ("type=agent&agentname=nobody", 404, "no results found"),
        (
            "type=agent&target=name%3D%27nobody%27",
            404,
            "no results found",
        ),
        ("type=action", 404, "no results found"),
        ("type=nosuch", 400, "search type is invalid"),
        ("type=loader", 400, "this server keeps no loaders"),
        ("type=manifest", 400, "this server keeps no manifests"),
    ] {
        let reply = site.get(&format!("/search?{query}"), &ada).await;
        assert_eq!(reply.status, status, "{query}");
        assert!(
            reply.error().starts_with(message),
            "{query}: {}",
            reply.error()
        );
        // The parameters come with the error.
        assert_eq!(reply.items(), 1, "{query}");
    }
    let people = site
        .get("/search?type=investigator&investigatorname=a%25", &ada)
        .await;
    assert_eq!(people.value(0)["name"], "Ada");
    assert_eq!(people.value(0)["apikey"], "set");
    assert!(people.value(0).get("publickey").is_none());
}

#[tokio::test]
async fn the_dashboard_counts_agents() {
    let (site, ada) = three_agents().await;
    let reply = site.get("/dashboard", &ada).await;
    let item = &reply.json()["collection"]["items"][0];
    assert_eq!(item["href"], "http://localhost:1664/api/v1/dashboard");
    assert_eq!(
        item["data"].to_string(),
        r#"[{"name":"online agents","value":3},{"name":"online agents by version","value":[{"version":"1","count":3}]},{"name":"online endpoints","value":3},{"name":"idle agents","value":0},{"name":"idle agents by version","value":null},{"name":"idle endpoints","value":0},{"name":"new endpoints","value":3},{"name":"endpoints running 2 or more agents","value":0},{"name":"disappeared endpoints","value":0},{"name":"flapping endpoints","value":0}]"#
    );
}

#[tokio::test]
async fn a_single_agent_has_the_form_of_the_original() {
    let (site, ada) = three_agents().await;
    let found = site.get("/search?type=agent&agentname=a", &ada).await;
    let id = found.value(0)["id"].clone();
    let reply = site.get(&format!("/agent?agentid={id}"), &ada).await;
    let agent: Agent = serde_json::from_value(reply.value(0)).expect("an agent");
    assert_eq!(agent.status, AgentStatus::Online);
    assert!(reply.body.starts_with(&format!(
        r#"{{"collection":{{"version":"1.0","href":"http://localhost:1664/api/v1/agent?agentid={id}","items":[{{"href":"http://localhost:1664/api/v1/agent?agentid={id}","data":[{{"name":"agent","value":{{"id":{id},"name":"a","queueloc":"linux.a","mode":"daemon","version":"1","pid":5,"#
    )));
    assert!(reply.body.ends_with(r#"}}]}],"template":{},"error":{}}}"#));
}
