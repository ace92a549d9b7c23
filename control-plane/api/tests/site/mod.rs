//! An API over an empty database, and a client that shows every byte.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use mig_api::{Api, ApiConfig, ApiHandle};
use mig_protocol::apikey::{StoredKey, generate_api_key};
use mig_protocol::openpgp::{GeneratedKey, KeyFileSigner, generate_investigator_key, sign_action};
use mig_protocol::token::create_token;
use mig_protocol::{Action, Id, Operation, Permissions, Time, to_go_json};
use mig_store::{
    ApiKeyChange, Changes, InvestigatorUpdate, NewInvestigator, SqliteStore, Store, Wake,
};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub const DEADLINE: Duration = Duration::from_secs(60);
/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3600);

pub struct Site {
    pub directory: tempfile::TempDir,
    pub store: Arc<dyn Store>,
    pub wake: Wake,
    pub changes: Changes,
    pub api: ApiHandle,
}

/// An investigator with a key and an API key.
pub struct Person {
    pub id: Id,
    pub key: GeneratedKey,
    pub api_key: String,
}

impl Person {
    pub fn signer(&self) -> KeyFileSigner {
        KeyFileSigner::from_armored(self.key.secret.as_bytes(), None).expect("a signer")
    }

    pub fn token(&self, now: Time) -> String {
        create_token(&self.signer(), now, Id(1)).expect("a token")
    }

    pub fn key_header(&self) -> String {
        format!("X-MIGAPIKEY: {}\r\n", self.api_key)
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn error(&self) -> String {
        let message = &self.json()["collection"]["error"]["message"];
        message.as_str().unwrap_or_default().to_owned()
    }

    /// Value of the first data entry of an item.
    pub fn value(&self, item: usize) -> Value {
        self.json()["collection"]["items"][item]["data"][0]["value"].clone()
    }

    pub fn items(&self) -> usize {
        let items = &self.json()["collection"]["items"];
        items.as_array().map_or(0, Vec::len)
    }
}

impl Site {
    pub async fn start() -> Site {
        Site::start_with(|_| {}).await
    }

    pub async fn start_with(adjust: impl FnOnce(&mut ApiConfig)) -> Site {
        let directory = tempfile::tempdir().expect("temporary directory");
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&directory.path().join("mig.db")).expect("a store"));
        let (wake, changes) = (Wake::new(), Changes::new());
        let mut config = ApiConfig::new(([127, 0, 0, 1], 0).into());
        config.host = Some("http://localhost:1664".into());
        // However slow this machine is, nobody dawdles who is not meant to.
        config.silence = FOREVER;
        config.head_timeout = FOREVER;
        config.body_timeout = FOREVER;
        config.longest_wait = FOREVER;
        adjust(&mut config);
        let api = Api::start(config, Arc::clone(&store), wake.clone(), changes.clone())
            .await
            .expect("an API");
        Site {
            directory,
            store,
            wake,
            changes,
            api,
        }
    }

    pub async fn person(&self, name: &str, permissions: Permissions) -> Person {
        let key = generate_investigator_key(name, None, Time::now() - Duration::from_secs(60))
            .expect("a key");
        let id = self
            .store
            .create_investigator(&NewInvestigator {
                name: name.into(),
                fingerprint: key.fingerprint.to_string(),
                public_key: key.public.clone().into_bytes(),
                permissions,
                created: Time::now(),
            })
            .await
            .expect("an investigator");
        let api_key = generate_api_key().expect("an API key");
        let stored = StoredKey::new(&api_key).expect("its hash");
        let update = InvestigatorUpdate {
            api_key: Some(ApiKeyChange::Set {
                salt: stored.salt.to_vec(),
                hash: stored.hash.to_vec(),
            }),
            ..InvestigatorUpdate::default()
        };
        self.store
            .update_investigator(id, &update, Time::now())
            .await
            .expect("the API key");
        Person { id, key, api_key }
    }

    /// Sends a request with headers (each with its line end) and a body.
    pub async fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        let stream = TcpStream::connect(self.api.address())
            .await
            .expect("a connection");
        exchange(stream, method, path, headers, body).await
    }

    pub async fn get(&self, path: &str, person: &Person) -> Reply {
        self.request("GET", &format!("/api/v1{path}"), &person.key_header(), b"")
            .await
    }

    /// Posts a form.
    pub async fn post(&self, path: &str, person: &Person, fields: &[(&str, &str)]) -> Reply {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let headers = format!(
            "{}Content-Type: application/x-www-form-urlencoded\r\n",
            person.key_header()
        );
        self.request("POST", &format!("/api/v1{path}"), &headers, form.as_bytes())
            .await
    }

    pub async fn post_action(&self, person: &Person, action: &Action) -> Reply {
        let document = String::from_utf8(to_go_json(action).expect("JSON")).expect("UTF-8");
        self.post("/action/create/", person, &[("action", &document)])
            .await
    }
}

pub async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Reply {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes))
        .await
        .expect("an answer in time")
        .expect("an answer");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Reply {
        status: status.expect("a status"),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// An unsigned action that is valid now.
pub fn unsigned() -> Action {
    let now = Time::now();
    Action {
        name: "who has root? <&>".into(),
        target: "environment->>'os'='linux'".into(),
        validfrom: now - Duration::from_secs(60),
        expireafter: now + Duration::from_secs(300),
        operations: Some(vec![Operation {
            module: "file".into(),
            parameters: serde_json::json!({"searches": {"s1": {"paths": ["/etc"]}}}),
            ..Operation::default()
        }]),
        syntaxversion: 2,
        ..Action::default()
    }
}

pub fn signed(people: &[&Person], adjust: impl FnOnce(&mut Action)) -> Action {
    let mut action = unsigned();
    adjust(&mut action);
    for person in people {
        sign_action(&mut action, &person.signer(), Time::now()).expect("a signature");
    }
    action
}

/// Somebody the API does not know.
pub fn unknown_person(name: &str) -> Person {
    let created = Time::now() - Duration::from_secs(60);
    Person {
        id: Id(0),
        key: generate_investigator_key(name, None, created).expect("a key"),
        api_key: String::new(),
    }
}
