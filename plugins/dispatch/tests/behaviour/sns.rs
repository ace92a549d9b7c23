//! SNS and the metadata service of an instance, both played by servers of this
//! process. The signature is computed again from what arrived.

use super::settled;
use crate::server::{Answer, Request, Server, ok, status};
use hmac::{Hmac, KeyInit, Mac};
use mig_module_dispatch::DispatchModule;
use mig_plugin_sdk::testing::FakeService;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn start(directory: &Path, more: Value) -> FakeService {
    let mut section = json!({"snstopic": "alerts", "retryfirst": "10ms", "retrylongest": "50ms"});
    for (key, value) in more.as_object().unwrap() {
        section[key] = value.clone();
    }
    FakeService::start::<DispatchModule>(json!({
        "config": {"dispatch": section}, "hostname": "h", "directory": directory,
    }))
}

/// A file with keys.
fn credentials(directory: &Path) -> std::path::PathBuf {
    let file = directory.join("credentials");
    let text =
        format!("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {SECRET}\n");
    std::fs::write(&file, text).unwrap();
    file
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Whether a request is signed with the secret, as the service finds out.
fn signed(request: &Request, region: &str) -> bool {
    let authorization = &request.headers["authorization"];
    let part = |name: &str| {
        let rest = authorization.split_once(name).unwrap().1;
        rest.split(',').next().unwrap().trim().to_owned()
    };
    let names = part("SignedHeaders=");
    let stamp = &request.headers["x-amz-date"];
    let scope = format!("{}/{region}/sns/aws4_request", &stamp[..8]);
    assert_eq!(part("Credential="), format!("AKIDEXAMPLE/{scope}"));
    for needed in ["host", "x-amz-date"] {
        assert!(names.split(';').any(|name| name == needed), "{names}");
    }
    let headers: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", request.headers[name]))
        .collect();
    let canonical = format!(
        "POST\n/\n\n{headers}\n{names}\n{}",
        hex::encode(Sha256::digest(&request.body))
    );
    let text = format!(
        "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let mut key = mac(format!("AWS4{SECRET}").as_bytes(), &stamp[..8]);
    for step in [region, "sns", "aws4_request"] {
        key = mac(&key, step);
    }
    hex::encode(mac(&key, &text)) == part("Signature=")
}

/// A field of the request's form.
fn field(request: &Request, name: &str) -> String {
    let prefix = format!("{name}=");
    let value = request
        .body
        .split('&')
        .find_map(|pair| pair.strip_prefix(prefix.as_str()));
    let mut bytes = value.unwrap_or_else(|| panic!("no {name}")).bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(text).unwrap()
}

fn refused(code: u16, error: &str) -> Answer {
    let text = format!(
        "<ErrorResponse><Error><Code>{error}</Code><Message>m</Message></Error></ErrorResponse>"
    );
    Answer::Status(code, "", text)
}

#[test]
fn alerts_are_published_with_a_signature_that_holds() {
    let directory = tempfile::tempdir().unwrap();
    let topic = Server::that(|request| match signed(request, "eu-central-1") {
        true => ok(),
        false => refused(403, "SignatureDoesNotMatch"),
    });
    let spool = tempfile::tempdir().unwrap();
    let endpoint = topic.url().replace("/alerts", "/");
    let service = start(
        spool.path(),
        json!({"snsregion": "eu-central-1", "snsaccount": "123456789012",
        "snsendpoint": endpoint, "credentials": credentials(directory.path())}),
    );
    service.alert("audit", r#"{"a":"ü & % +"}"#);
    settled(&service, 1);
    let request = topic.taken(1).remove(0);
    assert_eq!(field(&request, "Action"), "Publish");
    assert_eq!(
        field(&request, "TopicArn"),
        "arn:aws:sns:eu-central-1:123456789012:alerts"
    );
    assert_eq!(
        field(&request, "Message"),
        r#"{"hostname":"h","environment":{},"tags":{},"event":{"a":"ü \u0026 % +"}}"#
    );
    assert!(field(&request, "MessageAttributes.entry.1.Value.StringValue").ends_with("/1"));
}

#[test]
fn region_account_and_keys_come_from_the_instance() {
    let metadata = Server::that(|request| {
        let path = request.line.split(' ').nth(1).unwrap();
        let text = |text: &str| Answer::Status(200, "", text.to_owned());
        let token = request
            .headers
            .get("x-aws-ec2-metadata-token")
            .map(String::as_str);
        match (request.line.split(' ').next().unwrap(), path) {
            ("PUT", "/latest/api/token") => text("session"),
            _ if token != Some("session") => status(401),
            ("GET", "/latest/dynamic/instance-identity/document") => {
                text(r#"{"region":"us-east-1","accountId":"210987654321","version":"x"}"#)
            }
            ("GET", "/latest/meta-data/iam/security-credentials/") => text("role"),
            ("GET", "/latest/meta-data/iam/security-credentials/role") => text(&format!(
                r#"{{"Code":"Success","AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"{SECRET}","Token":"lent","Expiration":"2099-01-01T00:00:00Z"}}"#
            )),
            _ => status(404),
        }
    });
    let topic = Server::that(|request| {
        let lent = request
            .headers
            .get("x-amz-security-token")
            .map(String::as_str);
        match lent == Some("lent") && signed(request, "us-east-1") {
            true => ok(),
            false => refused(403, "SignatureDoesNotMatch"),
        }
    });
    let spool = tempfile::tempdir().unwrap();
    let service = start(
        spool.path(),
        json!({"snsendpoint": topic.url().replace("/alerts", "/"),
        "awsmetadata": metadata.url().replace("/alerts", "")}),
    );
    service.alert("audit", "0");
    let first = settled(&service, 1);
    // One attempt is six questions. On a busy machine they may take longer than
    // the module waits for, which is short: then it makes another attempt.
    let attempts = 1 + first["retried"].as_u64().unwrap();
    assert!(metadata.requests(6).len() as u64 <= 6 * attempts);
    // Keys and place are asked for once: nobody can answer any more.
    drop(metadata);
    for number in 1..3 {
        service.alert("audit", &number.to_string());
    }
    let after = settled(&service, 3);
    assert_eq!(
        (&after["delivered"], &after["retried"]),
        (&json!(3), &first["retried"])
    );
    let request = topic.taken(3).remove(2);
    assert_eq!(
        field(&request, "TopicArn"),
        "arn:aws:sns:us-east-1:210987654321:alerts"
    );
}

#[test]
fn without_metadata_alerts_wait_and_the_remedy_is_said() {
    let spool = tempfile::tempdir().unwrap();
    let nobody = format!("http://127.0.0.1:{}", mig_testkit::free_port());
    let service = start(spool.path(), json!({"awsmetadata": nobody}));
    service.alert("audit", "1");
    let line = service.log_with("instance metadata at");
    assert!(line.contains("set `snsregion` and `snsaccount`"), "{line}");
    let status = service.status_with(|status| status["failing"] == true);
    assert_eq!(
        (&status["waiting"], &status["rejected"]),
        (&json!(1), &json!(0))
    );
}

#[test]
fn of_a_batch_only_what_failed_is_published_again() {
    let directory = tempfile::tempdir().unwrap();
    // The first batch that holds more than one loses its second message, and
    // the message four is refused for good.
    let topic = Server::that(|request| {
        let entries = request.body.matches("Message=").count();
        if entries < 2 {
            return match field(request, "Message").contains("\"event\":4}") {
                true => refused(400, "InvalidParameter"),
                false => ok(),
            };
        }
        let failed: String = (0..entries)
            .filter_map(|place| {
                let name = format!("PublishBatchRequestEntries.member.{}.Message", place + 1);
                match field(request, &name).contains("\"event\":4}") {
                    true => Some(format!("<member><Id>{place}</Id><Code>InvalidParameter</Code><SenderFault>true</SenderFault></member>")),
                    false if place == 1 => Some(format!("<member><Id>{place}</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member>")),
                    false => None,
                }
            })
            .collect();
        let text =
            format!("<PublishBatchResponse><Failed>{failed}</Failed></PublishBatchResponse>");
        Answer::Status(200, "", text)
    });
    let spool = tempfile::tempdir().unwrap();
    let endpoint = topic.url().replace("/alerts", "/");
    let service = start(
        spool.path(),
        json!({"snstopic": "arn:aws:sns:eu-central-1:1:alerts", "batch": 100,
        "snsendpoint": endpoint, "credentials": credentials(directory.path())}),
    );
    for number in 0..25 {
        service.alert("audit", &number.to_string());
    }
    let after = settled(&service, 25);
    assert_eq!(
        (&after["delivered"], &after["rejected"]),
        (&json!(24), &json!(1))
    );
    let requests = topic.requests(1);
    assert!(
        requests
            .iter()
            .all(|r| r.body.matches("Message=").count() <= 10)
    );
    assert!(requests.iter().all(|r| signed(r, "eu-central-1")));
}

#[test]
fn throttling_and_expired_keys_are_repeated_and_what_is_too_long_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let answers = std::sync::Mutex::new(vec![
        refused(400, "Throttling"),
        refused(403, "ExpiredToken"),
    ]);
    let topic = Server::that(move |_| answers.lock().unwrap().pop().unwrap_or_else(ok));
    let spool = tempfile::tempdir().unwrap();
    let endpoint = topic.url().replace("/alerts", "/");
    let service = start(
        spool.path(),
        json!({"snstopic": "arn:aws:sns:eu-central-1:1:alerts",
        "snsendpoint": endpoint, "credentials": credentials(directory.path())}),
    );
    service.alert("audit", "1");
    service.alert("audit", &"x".repeat(256 << 10));
    let after = settled(&service, 2);
    assert_eq!(
        (&after["delivered"], &after["retried"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(after["rejected"], 1);
    service.log_with("more than SNS takes");
}
