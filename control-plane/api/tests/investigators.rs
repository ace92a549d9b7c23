//! Adding and changing investigators.

mod site;

use mig_protocol::Permissions;
use site::{Site, unknown_person};

#[tokio::test]
async fn an_investigator_is_created_from_a_multipart_form() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::ALL).await;
    let bob = unknown_person("Bob <bob@example.org>");
    let form = |key: &str| {
        format!(
            "--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nBob\r\n\
             --XX\r\nContent-Disposition: form-data; name=\"permissions\"\r\n\r\n{{\"search\":true}}\r\n\
             --XX\r\nContent-Disposition: form-data; name=\"publickey\"; filename=\"bob.asc\"\r\n\r\n{key}\r\n\
             --XX--\r\n"
        )
    };
    let headers = format!(
        "{}Content-Type: multipart/form-data; boundary=XX\r\n",
        ada.key_header()
    );
    let path = "/api/v1/investigator/create/";
    let body = form(&bob.key.public);
    let reply = site.request("POST", path, &headers, body.as_bytes()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let data = &reply.json()["collection"]["items"][0]["data"][0];
    assert_eq!(data["name"], "Investigator ID 2");
    let value = reply.value(0);
    assert_eq!(value["pgpfingerprint"], bob.key.fingerprint.to_string());
    assert_eq!(value["status"], "active");
    assert_eq!(value["permissions"]["search"], true);
    assert_eq!(value["permissions"]["action"], false);

    let again = site.request("POST", path, &headers, body.as_bytes()).await;
    assert_eq!(again.status, 400);
    assert!(again.error().contains("already"), "{}", again.error());
    let bad = site
        .request("POST", path, &headers, form("no key").as_bytes())
        .await;
    assert_eq!(bad.status, 400);
    assert!(bad.error().starts_with("the public key cannot be used"));
    let nameless = site
        .post("/investigator/create/", &ada, &[("permissions", "{}")])
        .await;
    assert_eq!(nameless.status, 400);

    let lower = bob.key.fingerprint.to_string().to_ascii_lowercase();
    let key = site
        .request("GET", &format!("/api/v1/publickey/{lower}"), "", b"")
        .await;
    assert_eq!((key.status, key.body.trim()), (200, bob.key.public.trim()));
    let none = site.request("GET", "/api/v1/publickey/AB", "", b"").await;
    assert_eq!(none.status, 404);

    let shown = site.get("/investigator?investigatorid=2", &ada).await;
    assert_eq!(
        shown.json()["collection"]["items"][0]["links"][0]["rel"],
        "investigator history"
    );
}

#[tokio::test]
async fn changes_are_checked_and_the_last_administrator_stays() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::ALL).await;
    let bob = site.person("Bob", Permissions::DEFAULT).await;
    let (ada_id, bob_id) = (ada.id.to_string(), bob.id.to_string());
    let update = |fields: Vec<(&'static str, String)>| {
        let site = &site;
        let ada = &ada;
        async move {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            site.post("/investigator/update/", ada, &fields).await
        }
    };
    let done = update(vec![
        ("id", bob_id.clone()),
        ("status", "disabled".into()),
        ("permissions", r#"{"dashboard":true}"#.into()),
    ])
    .await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.value(0)["status"], "disabled");
    assert_eq!(done.value(0)["permissions"]["dashboard"], true);
    assert_eq!(done.value(0)["permissions"]["search"], false);
    for (fields, reason) in [
        (vec![("id", bob_id.clone())], "nothing to change"),
        (vec![("status", "active".to_owned())], "needs a field `id`"),
        (
            vec![("id", bob_id.clone()), ("status", "gone".to_owned())],
            "`active` or `disabled`",
        ),
        (
            vec![("id", bob_id.clone()), ("apikey", "gone".to_owned())],
            "`active` or `disabled`",
        ),
        (
            vec![("id", bob_id.clone()), ("permissions", "x".to_owned())],
            "the permissions cannot be read",
        ),
        (
            vec![("id", ada_id.clone()), ("permissions", "{}".to_owned())],
            "last investigator",
        ),
        (
            vec![("id", ada_id.clone()), ("status", "disabled".to_owned())],
            "last investigator",
        ),
    ] {
        let reply = update(fields).await;
        assert_eq!(reply.status, 400, "{reason}");
        assert!(
            reply.error().contains(reason),
            "{reason}: {}",
            reply.error()
        );
    }
    let unknown = update(vec![("id", "99".into()), ("status", "active".into())]).await;
    assert_eq!(unknown.status, 404);
}
