//! Signature version 4 of AWS, for requests without a query string: a POST to
//! the root with its parameters in the body, which is all that SNS needs; the
//! published examples with a query are covered as well, since they are the test.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// `20150830T123600Z`.
const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
/// The only algorithm there is.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Public name of the key.
    pub id: String,
    /// The key.
    pub secret: String,
    /// Goes with keys that are lent for a time.
    pub token: Option<String>,
}

/// What is signed.
pub(crate) struct Signed<'a> {
    pub method: &'a str,
    /// Path of the address, encoded.
    pub path: &'a str,
    /// Query of the address: sorted, encoded.
    pub query: &'a str,
    /// All headers that are signed, in lower case and sorted by name.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    pub region: &'a str,
    pub service: &'a str,
    pub time: OffsetDateTime,
}

/// The value of `x-amz-date`.
pub(crate) fn stamp(time: OffsetDateTime) -> String {
    // Four digits of a year always have this form.
    time.format(STAMP).unwrap_or_default()
}

impl Signed<'_> {
    /// The value of `Authorization`.
    pub fn authorization(&self, keys: &Keys) -> String {
        let stamp = stamp(self.time);
        let day = stamp.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let text = format!(
            "{ALGORITHM}\n{stamp}\n{scope}\n{}",
            hex::encode(Sha256::digest(self.canonical(&names)))
        );
        let mut key = mac(format!("AWS4{}", keys.secret).as_bytes(), day);
        for part in [self.region, self.service, "aws4_request"] {
            key = mac(&key, part);
        }
        let signature = hex::encode(mac(&key, &text));
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            keys.id
        )
    }

    fn canonical(&self, names: &str) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, self.query);
        for (name, value) in self.headers {
            let words: Vec<&str> = value.split_whitespace().collect();
            text.push_str(&format!("{name}:{}\n", words.join(" ")));
        }
        let body = hex::encode(Sha256::digest(self.body));
        text + "\n" + names + "\n" + &body
    }
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn signature(
        method: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &str,
        service: &str,
    ) -> String {
        let keys = Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let signed = Signed {
            method,
            path: "/",
            query,
            headers,
            body: body.as_bytes(),
            region: "us-east-1",
            service,
            time: datetime!(2015-08-30 12:36:00 UTC),
        };
        signed.authorization(&keys)
    }

    #[test]
    fn the_published_examples_are_signed_as_published() {
        let host = ("host", "example.amazonaws.com");
        let date = ("x-amz-date", "20150830T123600Z");
        assert_eq!(
            signature("GET", "", &[host, date], "", "service"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert!(
            signature("POST", "", &[host, date], "", "service").ends_with(
                "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
            )
        );
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert!(
            signature("POST", "", &[form, host, date], "Param1=value1", "service").ends_with(
                "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
            )
        );
    }

    #[test]
    fn the_example_of_the_documentation_is_signed_as_documented() {
        let headers = [
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        assert!(signature("GET", "Action=ListUsers&Version=2010-05-08", &headers, "", "iam").ends_with(
            "SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        ));
    }
}
