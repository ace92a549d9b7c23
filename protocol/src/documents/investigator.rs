//! Investigators as the API shows them.

use serde::Serialize;

use super::{InvestigatorStatus, Permissions, is_default};
use crate::id::Id;
use crate::json::decode::{Base64Bytes, write_base64};
use crate::json::members::decode_members;
use crate::timestamp::Time;

/// Somebody who may sign actions or use the API.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Investigator {
    /// Row in the database.
    #[serde(skip_serializing_if = "is_default")]
    pub id: Id,
    /// Name of the person.
    pub name: String,
    /// 40 hex digits of the primary key, upper case.
    pub pgpfingerprint: String,
    /// The armored public key.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "write_base64")]
    pub publickey: Vec<u8>,
    /// The armored private key; the scheduler's only, and never shown.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "write_base64")]
    pub privatekey: Vec<u8>,
    /// Whether this investigator counts.
    pub status: InvestigatorStatus,
    /// When the row was made.
    pub createdat: Time,
    /// When it last changed.
    pub lastmodified: Time,
    /// `set` when there is an API key; the key itself only in the answer that
    /// creates it.
    #[serde(skip_serializing_if = "is_default")]
    pub apikey: String,
    /// What this investigator may do at the API.
    pub permissions: Permissions,
}

decode_members!(Investigator {
    "id" => id,
    "name" => name,
    "pgpfingerprint" => pgpfingerprint,
    "publickey" => publickey via Base64Bytes,
    "privatekey" => privatekey via Base64Bytes,
    "status" => status via String,
    "createdat" => createdat,
    "lastmodified" => lastmodified,
    "apikey" => apikey,
    "permissions" => permissions,
});
