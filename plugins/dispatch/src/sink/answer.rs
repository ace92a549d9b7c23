//! What an answer means for the alerts of its request.

use super::client::Reply;
use super::{Later, Verdict};

/// Longest text of an answer that is repeated in messages.
const QUOTED: usize = 120;

/// Judges an HTTP answer. Refusals that blame the request's address or
/// credentials concern every alert, so they wait until somebody mends that;
/// other refusals of the 4xx kind are about the alert itself.
pub(super) fn verdict(reply: &Reply) -> Verdict {
    let reason = describe(reply);
    match reply.status {
        200..300 => Verdict::Delivered,
        300..400 => later(
            reply,
            match &reply.location {
                Some(to) => format!("{reason}; moved to {to}, which is not followed"),
                None => reason,
            },
        ),
        401 | 403 | 407 => later(reply, format!("{reason}; check the credentials")),
        404 | 405 | 410 => later(reply, format!("{reason}; check the address")),
        408 | 421 | 425 | 429 => later(reply, reason),
        400..500 => Verdict::Rejected(reason),
        _ => later(reply, reason),
    }
}

fn later(reply: &Reply, reason: String) -> Verdict {
    Verdict::Later(Later {
        reason,
        wait: reply.retry_after,
    })
}

/// Status and the beginning of the text, fit for a log line.
pub(super) fn describe(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let quoted: String = line
        .unwrap_or_default()
        .chars()
        .filter(|character| !character.is_control())
        .take(QUOTED)
        .collect();
    match quoted.is_empty() {
        true => format!("status {}", reply.status),
        false => format!("status {} ({quoted})", reply.status),
    }
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

    #[test]
    fn the_alert_is_to_blame_only_when_the_status_says_so() {
        for (status, rejected) in [
            (400, true),
            (413, true),
            (415, true),
            (422, true),
            (401, false),
            (403, false),
            (404, false),
            (408, false),
            (429, false),
            (301, false),
            (500, false),
            (503, false),
            (599, false),
        ] {
            let verdict = verdict(&reply(status, ""));
            assert_eq!(
                matches!(verdict, Verdict::Rejected(_)),
                rejected,
                "{status}"
            );
        }
        for status in [200, 201, 202, 204] {
            assert_eq!(verdict(&reply(status, "")), Verdict::Delivered);
        }
    }

    #[test]
    fn what_the_receiver_says_fits_into_a_line() {
        assert_eq!(
            describe(&reply(400, "\n\x1b[31mno\r\nmore")),
            "status 400 ([31mno)"
        );
        assert_eq!(
            describe(&reply(400, &"x".repeat(500))).len(),
            "status 400 ()".len() + QUOTED
        );
    }
}
