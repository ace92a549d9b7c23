//! What SNS answers. Its XML is flat and machine-made: a few elements are
//! looked for by name.

use crate::sink::answer::describe;
use crate::sink::client::Reply;
use crate::sink::{Later, Verdict, for_all};

/// Codes that blame the message itself.
const MESSAGE: [&str; 5] = [
    "InvalidParameter",
    "InvalidParameterValue",
    "ParameterValueInvalid",
    "InvalidMessageContents",
    "BatchRequestTooLong",
];

/// What an answer means for each of `count` messages, which had their place as
/// `Id`.
pub(super) fn verdicts(reply: &Reply, count: usize) -> Vec<Verdict> {
    let text = String::from_utf8_lossy(&reply.body);
    if (200..300).contains(&reply.status) {
        return (0..count).map(|place| one(&text, place)).collect();
    }
    let (Some(code), message) = (element(&text, "Code"), element(&text, "Message")) else {
        return for_all(count, later(reply, describe(reply)));
    };
    let message: String = message.unwrap_or_default().chars().take(120).collect();
    let reason = format!("SNS says {code}: {message}");
    // An unknown topic is an invalid parameter as well, and no alert's fault.
    let rejected = (400..500).contains(&reply.status)
        && MESSAGE.contains(&code)
        && !message.contains("TopicArn");
    for_all(
        count,
        match rejected {
            true => Verdict::Rejected(reason),
            false => later(reply, reason),
        },
    )
}

fn later(reply: &Reply, reason: String) -> Verdict {
    Verdict::Later(Later {
        reason,
        wait: reply.retry_after,
    })
}

/// One message of a batch that was taken as a whole.
fn one(text: &str, place: usize) -> Verdict {
    let id = place.to_string();
    let failed = element(text, "Failed").unwrap_or_default();
    let Some(member) = failed
        .split("<member>")
        .find(|member| element(member, "Id") == Some(id.as_str()))
    else {
        return Verdict::Delivered;
    };
    let code = element(member, "Code").unwrap_or("no code");
    let reason = format!("SNS says {code}");
    match element(member, "SenderFault") {
        Some("true") => Verdict::Rejected(reason),
        _ => Verdict::Later(Later::new(reason)),
    }
}

/// The content of the first element of that name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = &text[text.find(&format!("<{name}>"))? + name.len() + 2..];
    Some(rest[..rest.find(&format!("</{name}>"))?].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            body: body.as_bytes().to_vec(),
            ..Reply::default()
        }
    }

    fn error(status: u16, code: &str, message: &str) -> Verdict {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        verdicts(&reply(status, &body), 1).remove(0)
    }

    #[test]
    fn only_the_message_s_own_faults_reject_it() {
        let rejected = |verdict| matches!(verdict, Verdict::Rejected(_));
        assert!(rejected(error(
            400,
            "InvalidParameter",
            "Invalid parameter: Message too long"
        )));
        assert!(!rejected(error(
            400,
            "InvalidParameter",
            "Invalid parameter: TopicArn"
        )));
        assert!(!rejected(error(403, "ExpiredToken", "expired")));
        assert!(!rejected(error(404, "NotFound", "Topic does not exist")));
        assert!(!rejected(error(400, "Throttling", "Rate exceeded")));
        assert!(!rejected(error(500, "InternalFailure", "")));
        assert!(!rejected(verdicts(&reply(403, "<html>"), 1).remove(0)));
    }

    #[test]
    fn each_message_of_a_batch_has_its_own_fate() {
        let body = "<PublishBatchResponse><PublishBatchResult><Successful><member><Id>0</Id></member></Successful>\
            <Failed><member><Id>1</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member>\
            <member><Id>2</Id><Code>InvalidParameter</Code><SenderFault>true</SenderFault></member></Failed>\
            </PublishBatchResult></PublishBatchResponse>";
        let verdicts = verdicts(&reply(200, body), 3);
        assert_eq!(verdicts[0], Verdict::Delivered);
        assert!(matches!(verdicts[1], Verdict::Later(_)));
        assert!(matches!(verdicts[2], Verdict::Rejected(_)));
    }
}
