//! Asking without `mig`: actions made, signed and posted here.

use std::path::Path;
use std::time::Duration;

use mig_acceptance::Site;
use mig_client::ClientError;
use mig_client::configuration::Configuration;
use mig_client::http::Api;
use mig_client::signer;
use mig_protocol::openpgp::{KeyFileSigner, sign_action};
use mig_protocol::{Action, Id, Operation, Time, to_go_json};
use serde_json::Value;

/// A connection to the API of a site, as an investigator.
pub fn api(site: &Site, investigator: &str) -> Api {
    let file = site.path(&format!("{investigator}.migrc"));
    let configuration = Configuration::load(Some(&file)).expect("a configuration");
    let key = signer::open(&configuration).expect("a key");
    let endpoint = configuration.endpoint("test").expect("an address");
    Api::new(&endpoint, configuration.credentials(&key), false).expect("a connection")
}

/// An action for all agents that is valid for ten minutes, not signed.
pub fn action(name: &str, module: &str, parameters: Value) -> Action {
    let now = Time::now().to_utc();
    Action {
        name: name.into(),
        target: "status='online'".into(),
        operations: Some(vec![Operation {
            module: module.into(),
            parameters,
            ..Operation::default()
        }]),
        validfrom: now - Duration::from_secs(60),
        expireafter: now + Duration::from_secs(600),
        syntaxversion: 2,
        ..Action::default()
    }
}

/// Adds the signature of a key file `NAME.key` of the site.
pub fn sign(site: &Site, name: &str, mut action: Action) -> Action {
    sign_with(&site.path(&format!("{name}.key")), &mut action);
    action
}

/// Adds the signature of a key file.
pub fn sign_with(key: &Path, action: &mut Action) {
    let signer = KeyFileSigner::from_file(key, None).expect("a secret key");
    sign_action(action, &signer, Time::now()).expect("a signature");
}

/// Posts what may or may not be an action; the API's reason when it refuses.
pub fn post_text(api: &Api, document: &str) -> Result<Action, ClientError> {
    api.post("action/create/", &[("action", document)])?
        .document("action")
}

/// Posts an action and returns its identifier.
pub fn post(api: &Api, action: &Action) -> Result<Id, ClientError> {
    post_text(api, &text_of(action)).map(|stored| stored.id)
}

/// An action as it is posted.
pub fn text_of(action: &Action) -> String {
    let document = to_go_json(action).expect("an action that can be written");
    String::from_utf8(document).expect("JSON is UTF-8")
}
