//! Who may use which endpoint, against a table of its own.

mod site;

use mig_api::{Access, ENDPOINTS};
use mig_protocol::Permissions;
use site::Site;

/// Method, path and the permission it takes; `None` is public.
const POLICY: &[(&str, &str, Option<&str>)] = &[
    ("GET", "/heartbeat", None),
    ("POST", "/heartbeat", None),
    ("GET", "/ip", None),
    ("GET", "/publickey/*", None),
    ("GET", "/dashboard", Some("dashboard")),
    ("GET", "/search", Some("search")),
    ("GET", "/action", Some("action")),
    ("POST", "/action/create/", Some("action_create")),
    ("GET", "/command", Some("command")),
    ("GET", "/agent", Some("agent")),
    ("GET", "/investigator", Some("investigator")),
    ("POST", "/investigator/create/", Some("investigator_create")),
    ("POST", "/investigator/update/", Some("investigator_update")),
];

const PERMISSIONS: &[&str] = &[
    "search",
    "action",
    "action_create",
    "command",
    "agent",
    "dashboard",
    "loader",
    "loader_status",
    "loader_expect",
    "loader_key",
    "loader_new",
    "manifest",
    "manifest_sign",
    "manifest_new",
    "manifest_status",
    "manifest_loaders",
    "investigator",
    "investigator_create",
    "investigator_update",
];

fn only(name: &str) -> Permissions {
    serde_json::from_value(serde_json::json!({ name: true })).expect("a permission")
}

#[test]
fn the_endpoints_are_those_of_the_policy() {
    let endpoints: Vec<_> = ENDPOINTS
        .iter()
        .map(|endpoint| (endpoint.method, endpoint.path, endpoint.access))
        .collect();
    let policy: Vec<_> = POLICY
        .iter()
        .map(|(method, path, permission)| {
            let access = permission.map_or(Access::Public, |name| Access::Investigator(only(name)));
            (*method, *path, access)
        })
        .collect();
    assert_eq!(endpoints, policy);
}

#[tokio::test]
async fn exactly_the_permission_of_an_endpoint_opens_it() {
    let site = Site::start().await;
    let mut people = Vec::new();
    for name in PERMISSIONS {
        people.push((*name, site.person(name, only(name)).await));
    }
    for (method, path, permission) in POLICY {
        let path = format!("/api/v1{}", path.replace('*', "00"));
        let nobody = site.request(method, &path, "", b"").await;
        if permission.is_none() {
            assert_ne!(nobody.status, 401, "{method} {path}: {nobody:?}");
            continue;
        }
        assert_eq!(nobody.status, 401, "{method} {path}");
        assert_eq!(nobody.error(), "Valid authentication header not found");
        for (name, person) in &people {
            let reply = site.request(method, &path, &person.key_header(), b"").await;
            if Some(*name) == *permission {
                assert_ne!(reply.status, 401, "{method} {path} with {name}");
            } else {
                assert_eq!(reply.status, 401, "{method} {path} with {name}");
                assert_eq!(reply.error(), "Insufficient permissions to access endpoint");
            }
        }
    }
}
