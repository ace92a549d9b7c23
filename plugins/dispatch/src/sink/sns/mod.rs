//! A topic of AWS's Simple Notification Service, through its query interface.

mod credentials;
mod form;
mod metadata;
mod reply;
mod sign;

use super::{Client, Later, Sink, Verdict, for_all, label};
use crate::configuration::SnsTarget;
use crate::spool::Entry;
use credentials::Wallet;
use form::Form;
use metadata::Metadata;
use sign::{Signed, stamp};
use time::OffsetDateTime;
use ureq::http::{HeaderName, HeaderValue, Uri};

/// Most messages of one request.
const MOST: usize = 10;
/// Most bytes of messages and attributes in one request, from the service's
/// documentation.
const BYTES: usize = 256 << 10;
/// Of these for the attributes of a message.
const ATTRIBUTES: usize = 128;
/// Parameters travel in this form.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Publishes records.
pub(super) struct Topic<'a> {
    target: &'a SnsTarget,
    batch: usize,
    client: &'a Client,
    place: Option<Place>,
    wallet: Wallet,
}

/// Where the topic is, once that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    arn: String,
    region: String,
    endpoint: String,
}

impl<'a> Topic<'a> {
    pub fn new(target: &'a SnsTarget, batch: usize, client: &'a Client) -> Self {
        Self {
            target,
            batch: batch.min(MOST),
            client,
            place: None,
            wallet: Wallet::default(),
        }
    }

    fn metadata(&self) -> Metadata<'a> {
        Metadata {
            base: &self.target.metadata,
            client: self.client,
        }
    }

    fn place(&mut self) -> Result<Place, String> {
        if self.place.is_none() {
            self.place = Some(self.find()?);
        }
        self.place
            .clone()
            .ok_or_else(|| "the topic is nowhere".to_owned())
    }

    /// From the ARN or the configuration, and what is missing there from the
    /// instance.
    fn find(&self) -> Result<Place, String> {
        let topic = &self.target.topic;
        let mut parts = topic.split(':').skip(3);
        let (region, account) = match (parts.next(), parts.next()) {
            (Some(region), Some(account)) => (region.to_owned(), account.to_owned()),
            _ => match (&self.target.region, &self.target.account) {
                (Some(region), Some(account)) => (region.clone(), account.clone()),
                (region, account) => {
                    let found = self.metadata().identity().map_err(|reason| {
                        format!("{reason}; set `snsregion` and `snsaccount`, or `snstopic` to the topic's ARN")
                    })?;
                    (
                        region.clone().unwrap_or(found.region),
                        account.clone().unwrap_or(found.account),
                    )
                }
            },
        };
        Ok(place(
            topic,
            &region,
            &account,
            self.target.endpoint.as_deref(),
        ))
    }

    fn publish(&mut self, identity: u64, batch: &[&Entry]) -> Result<Vec<Verdict>, String> {
        let place = self.place()?;
        let file = self.target.credentials.as_deref();
        let file = file.map(|path| (path, self.target.profile.as_str()));
        let metadata = self.metadata();
        let keys = self.wallet.keys(file, &metadata)?;
        let body = request(&place.arn, identity, batch);
        let uri: Uri = place
            .endpoint
            .parse()
            .map_err(|error| format!("{}: {error}", place.endpoint))?;
        let host = uri.authority().map_or("", |part| part.as_str());
        let now = OffsetDateTime::now_utc();
        let date = stamp(now);
        let mut headers = vec![
            ("content-type", FORM),
            ("host", host),
            ("x-amz-date", &date),
        ];
        if let Some(token) = &keys.token {
            headers.push(("x-amz-security-token", token));
        }
        let signed = Signed {
            method: "POST",
            path: uri.path(),
            query: "",
            headers: &headers,
            body: body.as_bytes(),
            region: &place.region,
            service: "sns",
            time: now,
        };
        let authorization = signed.authorization(&keys);
        headers.push(("authorization", &authorization));
        let headers: Option<Vec<_>> = headers
            .iter()
            .map(|(name, value)| {
                Some((
                    name.parse::<HeaderName>().ok()?,
                    HeaderValue::from_str(value).ok()?,
                ))
            })
            .collect();
        let headers = headers.ok_or("the AWS keys hold characters that no key has")?;
        let reply = self
            .client
            .post(&place.endpoint, &headers, body.into_bytes())?;
        let verdicts = reply::verdicts(&reply, batch.len());
        if matches!(reply.status, 400 | 401 | 403) {
            self.wallet.forget();
        }
        Ok(verdicts)
    }
}

impl Sink for Topic<'_> {
    fn send(&mut self, identity: u64, batch: &[&Entry]) -> Vec<Verdict> {
        if let [entry] = batch
            && entry.record.len() + ATTRIBUTES > BYTES
        {
            let reason = format!("{} bytes are more than SNS takes", entry.record.len());
            return vec![Verdict::Rejected(reason)];
        }
        match self.publish(identity, batch) {
            Ok(verdicts) => verdicts,
            Err(reason) => for_all(batch.len(), Verdict::Later(Later::new(reason))),
        }
    }

    fn most(&self) -> usize {
        self.batch
    }

    fn bytes(&self) -> usize {
        BYTES - MOST * ATTRIBUTES
    }
}

/// ARN and endpoint of a topic, in the partition of its region.
fn place(topic: &str, region: &str, account: &str, endpoint: Option<&str>) -> Place {
    let (partition, domain) = match region {
        china if china.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
        government if government.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
        _ => ("aws", "amazonaws.com"),
    };
    Place {
        arn: match topic.starts_with("arn:") {
            true => topic.to_owned(),
            false => format!("arn:{partition}:sns:{region}:{account}:{topic}"),
        },
        region: region.to_owned(),
        endpoint: match endpoint {
            Some(endpoint) => endpoint.to_owned(),
            None => format!("https://sns.{region}.{domain}/"),
        },
    }
}

/// The body of a request: one message, or several.
fn request(arn: &str, identity: u64, batch: &[&Entry]) -> String {
    let mut form = Form::default();
    let several = batch.len() > 1;
    form.add(
        "Action",
        match several {
            true => "PublishBatch",
            false => "Publish",
        },
    );
    form.add("Version", "2010-03-31");
    form.add("TopicArn", arn);
    for (place, entry) in batch.iter().enumerate() {
        let prefix = match several {
            true => format!("PublishBatchRequestEntries.member.{}.", place + 1),
            false => String::new(),
        };
        let label = label(identity, &[entry]);
        if several {
            form.add(&format!("{prefix}Id"), &place.to_string());
        }
        form.add(&format!("{prefix}Message"), &entry.record);
        let attribute = format!("{prefix}MessageAttributes.entry.1.");
        form.add(&format!("{attribute}Name"), "mig-alert-id");
        form.add(&format!("{attribute}Value.DataType"), "String");
        form.add(&format!("{attribute}Value.StringValue"), &label);
        if arn.ends_with(".fifo") {
            form.add(&format!("{prefix}MessageGroupId"), &entry.source);
            form.add(
                &format!("{prefix}MessageDeduplicationId"),
                &label.replace('/', "-"),
            );
        }
    }
    form.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_s_name_becomes_its_arn_in_the_partition_of_its_region() {
        let here = place("alerts", "eu-central-1", "123456789012", None);
        assert_eq!(here.arn, "arn:aws:sns:eu-central-1:123456789012:alerts");
        assert_eq!(here.endpoint, "https://sns.eu-central-1.amazonaws.com/");
        let china = place("alerts", "cn-north-1", "1", None);
        assert_eq!(china.arn, "arn:aws-cn:sns:cn-north-1:1:alerts");
        assert_eq!(china.endpoint, "https://sns.cn-north-1.amazonaws.com.cn/");
        let whole = place("arn:aws:sns:x:1:a", "x", "1", Some("http://127.0.0.1:1/"));
        assert_eq!(
            (whole.arn.as_str(), whole.endpoint.as_str()),
            ("arn:aws:sns:x:1:a", "http://127.0.0.1:1/")
        );
    }

    #[test]
    fn a_fifo_topic_gets_the_source_as_group_and_the_number_against_duplicates() {
        let entry = Entry {
            sequence: 7,
            writer: 1,
            number: 1,
            sum: 0,
            source: "audit".to_owned(),
            record: "{}".to_owned(),
        };
        let body = request("arn:aws:sns:x:1:a.fifo", 16, &[&entry]);
        assert!(body.contains("MessageGroupId=audit"), "{body}");
        assert!(
            body.contains("MessageDeduplicationId=0000000000000010-7"),
            "{body}"
        );
        assert!(!request("arn:aws:sns:x:1:a", 16, &[&entry]).contains("Group"));
    }
}
