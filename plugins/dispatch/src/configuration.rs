//! The module's configuration file, read and checked.

use mig_config::parse_duration;
use mig_plugin_sdk::Failure;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::{HeaderName, HeaderValue, Uri};

/// The configuration file: one section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// The section `[dispatch]`.
    pub dispatch: Section,
}

/// Keys of `[dispatch]`, as the file has them; `docs/modules/dispatch.md` says
/// what they mean.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Section {
    pub httpurl: String,
    pub snstopic: String,
    pub outputmozdef: bool,
    pub channelsize: i64,
    pub batch: Option<i64>,
    pub timeout: Option<String>,
    pub retryfirst: Option<String>,
    pub retrylongest: Option<String>,
    pub retrymax: i64,
    pub spoolsize: Option<i64>,
    pub whenfull: Option<String>,
    pub header: Vec<String>,
    pub cafile: Option<PathBuf>,
    pub proxy: Option<String>,
    pub snsregion: String,
    pub snsaccount: String,
    pub snsendpoint: String,
    pub credentials: Option<PathBuf>,
    pub profile: Option<String>,
    pub awsmetadata: Option<String>,
}

/// Alerts on the way to the disk when the file does not say, as the original.
const CHANNEL: usize = 1024;
/// Smallest bound of the disk buffer: a few of the longest alerts fit.
const SMALLEST_SPOOL: i64 = 4 << 20;
/// Bound of the disk buffer when the file does not say.
const SPOOL: i64 = 64 << 20;
/// Most alerts of one request.
const LARGEST_BATCH: i64 = 1000;
/// Where AWS keeps what an instance may know of itself.
const METADATA: &str = "http://169.254.169.254";

/// What to do, all of it checked.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub target: Target,
    pub mozdef: bool,
    /// Alerts that are taken in before they have to be on the disk.
    pub channel: usize,
    /// Alerts of one request.
    pub batch: usize,
    pub connection: Connection,
    pub retry: Retry,
    /// Bytes of the disk buffer.
    pub spool: u64,
    pub when_full: WhenFull,
}

/// How to reach whoever takes the alerts.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// For one request, from the look-up of the name to the end of the answer.
    pub timeout: Duration,
    pub cafile: Option<PathBuf>,
    pub proxy: Option<String>,
}

/// How to go on after a failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub first: Duration,
    pub longest: Duration,
    /// Attempts after the first one, without end when 0.
    pub most: u64,
}

/// What happens to new alerts when the disk buffer is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The oldest make room.
    DropOldest,
    /// They wait in the modules that raise them.
    Wait,
}

/// Who takes the alerts.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Http(HttpTarget),
    Sns(SnsTarget),
}

/// A collector.
#[derive(Debug, Clone)]
pub(crate) struct HttpTarget {
    pub url: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A request holds a list, even of one.
    pub lists: bool,
}

/// A topic of the Simple Notification Service.
#[derive(Debug, Clone)]
pub(crate) struct SnsTarget {
    /// Its name, or its whole ARN.
    pub topic: String,
    pub region: Option<String>,
    pub account: Option<String>,
    pub endpoint: Option<String>,
    pub credentials: Option<PathBuf>,
    pub profile: String,
    pub metadata: String,
}

impl Target {
    /// For messages: no credentials, and no query, which may hold some.
    pub fn name(&self) -> &str {
        match self {
            Self::Http(target) => target.url.split(['?', '#']).next().unwrap_or_default(),
            Self::Sns(target) => &target.topic,
        }
    }
}

impl Plan {
    /// Checks what a schema cannot.
    ///
    /// # Errors
    /// The first key that is wrong, with what it should be.
    pub fn new(configuration: &Configuration) -> Result<Self, Failure> {
        let section = &configuration.dispatch;
        let batch = bounded("batch", section.batch.unwrap_or(1), 1, LARGEST_BATCH)?;
        let spool = bounded(
            "spoolsize",
            section.spoolsize.unwrap_or(SPOOL),
            SMALLEST_SPOOL,
            i64::MAX,
        )?;
        let channel = bounded("channelsize", section.channelsize, 0, 1 << 20)?;
        let first = duration("retryfirst", section.retryfirst.as_deref(), "1s")?;
        Ok(Self {
            target: target(section, batch > 1)?,
            mozdef: section.outputmozdef,
            channel: match usize::try_from(channel) {
                Ok(0) | Err(_) => CHANNEL,
                Ok(channel) => channel,
            },
            batch: usize::try_from(batch).unwrap_or(1),
            connection: Connection {
                timeout: duration("timeout", section.timeout.as_deref(), "30s")?,
                cafile: section
                    .cafile
                    .clone()
                    .filter(|path| !path.as_os_str().is_empty()),
                proxy: proxy(section.proxy.as_deref())?,
            },
            retry: Retry {
                first,
                longest: duration("retrylongest", section.retrylongest.as_deref(), "5m")?
                    .max(first),
                most: bounded("retrymax", section.retrymax, 0, i64::MAX)?,
            },
            spool,
            when_full: match section.whenfull.as_deref() {
                None | Some("" | "dropoldest") => WhenFull::DropOldest,
                Some("wait") => WhenFull::Wait,
                Some(other) => {
                    let message = format!("`{other}` is neither `dropoldest` nor `wait`");
                    return Err(wrong("whenfull", &message));
                }
            },
        })
    }
}

fn wrong(key: &str, message: &str) -> Failure {
    Failure::bad_parameters(
        format!("dispatch.{key}"),
        format!("dispatch.cfg: `{key}` in [dispatch]: {message}"),
    )
}

fn bounded(key: &str, value: i64, least: i64, most: i64) -> Result<u64, Failure> {
    match u64::try_from(value) {
        Ok(number) if (least..=most).contains(&value) => Ok(number),
        _ if most == i64::MAX => Err(wrong(key, &format!("{value} is less than {least}"))),
        _ => Err(wrong(
            key,
            &format!("{value} is not between {least} and {most}"),
        )),
    }
}

fn duration(key: &str, value: Option<&str>, default: &str) -> Result<Duration, Failure> {
    let text = value.filter(|text| !text.is_empty()).unwrap_or(default);
    match parse_duration(text) {
        Ok(time) if time >= Duration::from_millis(1) => Ok(time),
        Ok(_) => Err(wrong(key, &format!("`{text}` is less than 1ms"))),
        Err(error) => Err(wrong(key, &format!("{error}; write for example {default}"))),
    }
}

/// The signature is over the body and knows no query.
fn endpoint_of(text: &str) -> Result<String, Failure> {
    if text.contains('?') {
        return Err(wrong(
            "snsendpoint",
            "it has a query; give scheme, host and path only",
        ));
    }
    address("snsendpoint", text)
}

/// An absolute address without credentials, which would end up in messages.
fn address(key: &str, text: &str) -> Result<String, Failure> {
    let uri: Uri = text
        .parse()
        .map_err(|error| wrong(key, &format!("`{text}`: {error}")))?;
    let schemes = ["http", "https"];
    let complete = uri
        .scheme_str()
        .is_some_and(|scheme| schemes.contains(&scheme));
    if !complete || uri.host().is_none_or(str::is_empty) {
        return Err(wrong(
            key,
            "it is not an address such as https://collector.example.net/alerts",
        ));
    }
    if uri
        .authority()
        .is_some_and(|part| part.as_str().contains('@'))
    {
        return Err(wrong(
            key,
            "it holds a name or password; use `header = \"Authorization: ...\"`",
        ));
    }
    Ok(text.to_owned())
}

fn proxy(text: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match ureq::Proxy::new(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(_) => Err(wrong(
            "proxy",
            "it is not an address such as http://proxy.example.net:3128",
        )),
    }
}

fn target(section: &Section, lists: bool) -> Result<Target, Failure> {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    if !section.snstopic.is_empty() {
        let endpoint = text(&section.snsendpoint);
        return Ok(Target::Sns(SnsTarget {
            topic: topic(&section.snstopic)?,
            region: text(&section.snsregion),
            account: text(&section.snsaccount),
            endpoint: endpoint.map(|url| endpoint_of(&url)).transpose()?,
            credentials: section
                .credentials
                .clone()
                .filter(|path| !path.as_os_str().is_empty()),
            profile: section
                .profile
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            metadata: address(
                "awsmetadata",
                section.awsmetadata.as_deref().unwrap_or(METADATA),
            )?
            .trim_end_matches('/')
            .to_owned(),
        }));
    }
    if section.httpurl.is_empty() {
        return Err(Failure::bad_parameters(
            "dispatch.httpurl",
            "dispatch.cfg: set `httpurl` or `snstopic` in [dispatch]: where shall alerts go?",
        ));
    }
    let headers = section.header.iter().map(|line| header(line));
    Ok(Target::Http(HttpTarget {
        url: address("httpurl", &section.httpurl)?,
        headers: headers.collect::<Result<_, _>>()?,
        lists,
    }))
}

/// A name as SNS allows it, or a whole ARN.
fn topic(text: &str) -> Result<String, Failure> {
    let fields: Vec<&str> = text.split(':').collect();
    let name = match fields.as_slice() {
        [name] => name,
        ["arn", _, "sns", region, account, name] if !region.is_empty() && !account.is_empty() => {
            name
        }
        _ => "",
    };
    let name = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(wrong(
            "snstopic",
            &format!("`{text}` is neither the name of a topic nor arn:aws:sns:REGION:ACCOUNT:NAME"),
        ));
    }
    Ok(text.to_owned())
}

/// One line of an HTTP header. Its value stays out of messages: it may be secret.
fn header(line: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| wrong("header", "it is not of the form `Name: value`"))?;
    let name: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| wrong("header", &format!("`{}` is no name", name.trim())))?;
    let value = HeaderValue::from_str(value.trim())
        .map_err(|_| wrong("header", &format!("the value of {name} is not printable")))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plan(section: Value) -> Result<Plan, String> {
        let configuration = serde_json::from_value(json!({"dispatch": section})).unwrap();
        Plan::new(&configuration).map_err(|failure| failure.message)
    }

    #[test]
    fn the_originals_keys_have_the_originals_defaults() {
        let plan = plan(json!({"httpurl": "http://127.0.0.1/x"})).unwrap();
        assert_eq!((plan.channel, plan.batch, plan.mozdef), (1024, 1, false));
        assert_eq!(plan.spool, 64 << 20);
        assert_eq!(plan.when_full, WhenFull::DropOldest);
        assert!(matches!(
            plan.target,
            Target::Http(HttpTarget { lists: false, .. })
        ));
    }

    #[test]
    fn a_topic_goes_before_an_address() {
        let plan = plan(json!({"httpurl": "http://127.0.0.1/", "snstopic": "alerts"})).unwrap();
        assert!(matches!(plan.target, Target::Sns(_)));
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_key() {
        for (section, part) in [
            (json!({}), "httpurl"),
            (json!({"httpurl": "collector"}), "httpurl"),
            (json!({"httpurl": "ftp://x/"}), "httpurl"),
            (json!({"httpurl": "http://a:secret@x/"}), "Authorization"),
            (json!({"httpurl": "http://x/", "batch": 0}), "batch"),
            (json!({"httpurl": "http://x/", "spoolsize": 5}), "spoolsize"),
            (
                json!({"httpurl": "http://x/", "channelsize": -1}),
                "channelsize",
            ),
            (
                json!({"httpurl": "http://x/", "timeout": "soon"}),
                "timeout",
            ),
            (json!({"httpurl": "http://x/", "timeout": "0s"}), "timeout"),
            (json!({"httpurl": "http://x/", "retrymax": -2}), "retrymax"),
            (
                json!({"httpurl": "http://x/", "whenfull": "panic"}),
                "whenfull",
            ),
            (
                json!({"httpurl": "http://x/", "header": ["secret"]}),
                "header",
            ),
            (
                json!({"httpurl": "http://x/", "header": ["A: \u{1}"]}),
                "header",
            ),
            (json!({"httpurl": "http://x/", "proxy": "a b"}), "proxy"),
            (json!({"snstopic": "a:b"}), "snstopic"),
            (json!({"snstopic": "a", "snsendpoint": "x"}), "snsendpoint"),
            (
                json!({"snstopic": "a", "snsendpoint": "http://x/?a=b"}),
                "snsendpoint",
            ),
        ] {
            let message = plan(section.clone()).unwrap_err();
            assert!(message.contains(part), "{section}: {message}");
            assert!(
                !message.contains("secret") || part == "httpurl",
                "{message}"
            );
        }
    }

    #[test]
    fn sample_and_manual_have_every_key_and_no_other() {
        let manifest: Value = serde_json::from_slice(include_bytes!("../manifest.json")).unwrap();
        let keys = &manifest["operations"]["serve"]["parameters"]["properties"]["dispatch"];
        let keys = keys["properties"].as_object().unwrap();
        let sample = include_str!("../../../conf/dispatch.cfg");
        let shown: Vec<&str> = sample
            .lines()
            .filter_map(|line| line.trim_start_matches("; ").split_once(" = "))
            .map(|(key, _)| key)
            .collect();
        let manual = include_str!("../../../docs/modules/dispatch.md");
        for key in keys.keys() {
            assert!(shown.contains(&key.as_str()), "the sample lacks {key}");
            assert!(
                manual.contains(&format!("`{key}`")),
                "the manual lacks {key}"
            );
        }
        assert_eq!(shown.len(), keys.len(), "{shown:?}");
    }
}
