//! What an instance of AWS may know of itself: region and account, and keys
//! that are lent to it. Asked with a session token (IMDSv2).

use super::sign::Keys;
use crate::sink::client::{Client, Reply};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds that a session token is good for; it is used at once.
const TOKEN: (&str, &str) = ("x-aws-ec2-metadata-token-ttl-seconds", "60");

/// Where the instance is, and whose.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Identity {
    /// For example `eu-central-1`.
    pub region: String,
    /// Twelve digits.
    #[serde(rename = "accountId")]
    pub account: String,
}

/// Keys of the instance's role, as the service writes them.
#[derive(Deserialize)]
struct Lent {
    #[serde(rename = "AccessKeyId")]
    id: String,
    #[serde(rename = "SecretAccessKey")]
    secret: String,
    #[serde(rename = "Token")]
    token: String,
    #[serde(rename = "Expiration")]
    expiration: String,
}

/// The service of this machine.
pub(super) struct Metadata<'a> {
    pub base: &'a str,
    pub client: &'a Client,
}

impl Metadata<'_> {
    /// Region and account.
    pub fn identity(&self) -> Result<Identity, String> {
        let text = self.read("latest/dynamic/instance-identity/document")?;
        serde_json::from_slice(&text)
            .map_err(|error| format!("the instance identity document makes no sense: {error}"))
    }

    /// Keys of the instance's role, and until when they are good.
    pub fn keys(&self) -> Result<(Keys, OffsetDateTime), String> {
        const ROLES: &str = "latest/meta-data/iam/security-credentials/";
        let roles = self.read(ROLES)?;
        let roles = String::from_utf8_lossy(&roles);
        let role = roles.lines().map(str::trim).find(|role| !role.is_empty());
        let role = role.ok_or("the instance has no role")?;
        let lent: Lent = serde_json::from_slice(&self.read(&format!("{ROLES}{role}"))?)
            .map_err(|error| format!("the keys of role {role} make no sense: {error}"))?;
        let until = OffsetDateTime::parse(&lent.expiration, &Rfc3339)
            .map_err(|error| format!("the keys of role {role}: expiration: {error}"))?;
        let keys = Keys {
            id: lent.id,
            secret: lent.secret,
            token: Some(lent.token),
        };
        Ok((keys, until))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let token = self.ask("PUT", "latest/api/token", TOKEN)?;
        let token = String::from_utf8_lossy(&token.body);
        let header = ("x-aws-ec2-metadata-token", token.trim());
        Ok(self.ask("GET", path, header)?.body)
    }

    fn ask(&self, method: &str, path: &str, header: (&str, &str)) -> Result<Reply, String> {
        let unanswered = |reason: String| format!("instance metadata at {}: {reason}", self.base);
        let reply = self
            .client
            .ask(method, &format!("{}/{path}", self.base), header)
            .map_err(unanswered)?;
        match reply.status {
            200 => Ok(reply),
            status => Err(unanswered(format!("/{path}: status {status}"))),
        }
    }
}
