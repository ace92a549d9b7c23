//! Lines of the record for people. Names and texts in them come from far away
//! and may hold anything.

use std::fmt::Write;

use super::entry::{About, Accepted, Claims, Ended, Entry, Refused, Signer};
use super::line::Line;
use super::reader::Verdict;
use super::text::{Text, beginning};

/// Bytes of a text that are shown unless everything is asked for.
const GLANCE: usize = 160;

/// One entry: a line, and further ones behind spaces. Ends with a line feed and
/// has no other control characters.
pub fn block(line: &Line, full: bool) -> String {
    let mut out = Block {
        out: String::new(),
        full,
    };
    let time = &line.time;
    match &line.entry {
        Entry::Begun { why } => out.head(time, "record begins", why),
        Entry::Started {
            version,
            pid,
            privacy,
        } => {
            let privacy = if *privacy { ", extra privacy mode" } else { "" };
            out.head(
                time,
                "agent started",
                &format!("version {version}, pid {pid}{privacy}"),
            );
        }
        Entry::Stopped { pid } => out.head(time, "agent stopped", &format!("pid {pid}")),
        Entry::Accepted(accepted) => out.accepted(time, accepted),
        Entry::Ended(ended) => out.ended(time, ended),
        Entry::Further {
            command,
            part,
            operations,
            whole,
        } => {
            out.head(
                time,
                "and more",
                &format!("{operations} further operations of command {command}"),
            );
            out.text(part, whole);
        }
        Entry::Answered {
            command,
            status,
            bytes,
            sha256,
            ..
        } => {
            out.head(
                time,
                "answered",
                &format!("command {command}: {status}, a message of {bytes} bytes"),
            );
            out.detail("sha-256", sha256);
        }
        Entry::Unsent { command, why } => out.head(
            time,
            "NOT SENT",
            &format!("the answer to command {command} stays here: {why}"),
        ),
        Entry::Refused(refused) => out.refused(time, refused),
        Entry::Alert {
            module,
            went,
            masked,
            text,
        } => {
            let masked = if *masked { ", masked" } else { "" };
            out.head(time, "alert", &format!("{module}, to {went}{masked}"));
            out.text("text", text);
        }
        Entry::Dropped { module, count, why } => {
            out.head(time, "alerts lost", &format!("{count} of {module}: {why}"))
        }
        Entry::Removed {
            entries,
            total,
            bytes,
        } => out.head(
            time,
            "made room",
            &format!("{entries} old entries ({bytes} bytes) were removed, {total} in all"),
        ),
        Entry::Lost { entries, why } => out.head(
            time,
            "NOT RECORDED",
            &format!("{entries} entries could not be written: {why}"),
        ),
        Entry::Repaired { bytes } => out.head(
            time,
            "repaired",
            &format!("{bytes} bytes of a line that was never completely written"),
        ),
        Entry::Unknown => out.head(time, "entry", "written by a later version; see -json"),
    }
    out.out
}

struct Block {
    out: String,
    full: bool,
}

impl Block {
    fn head(&mut self, time: &str, what: &str, text: &str) {
        let (time, text) = (harmless(time), harmless(text));
        // Writing to a text cannot fail.
        let _ = writeln!(self.out, "{time}  {what:<13}  {text}");
    }

    fn detail(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            let (name, text) = (harmless(name), harmless(text));
            let _ = writeln!(self.out, "    {name:<10}  {text}");
        }
    }

    fn text(&mut self, name: &str, text: &Text) {
        let shown = if self.full {
            text.text.as_str()
        } else {
            beginning(&text.text, GLANCE)
        };
        let mut shown = shown.to_owned();
        if shown.len() < text.text.len() || text.cut {
            let _ = write!(shown, "… ({} bytes, sha-256 {})", text.bytes, text.sha256);
        }
        self.detail(name, &shown);
    }

    fn about(&mut self, action: &About) {
        self.detail("target", &action.target);
        let period = format!("{} to {}", action.validfrom, action.expireafter);
        self.detail("valid", &period);
        self.detail("author", &action.author);
        self.detail("threat", &action.threat);
    }

    fn accepted(&mut self, time: &str, accepted: &Accepted) {
        let Accepted {
            resumed,
            command,
            action,
            signers,
            operation,
            operations,
            module,
            asked,
        } = accepted;
        let what = if *resumed { "resumed" } else { "accepted" };
        let text = format!(
            "{module}, operation {operation} of {operations} of `{}` (action {}, command {command})",
            action.name, action.id
        );
        self.head(time, what, &text);
        for signer in signers {
            self.detail("signed by", &name(signer));
        }
        self.about(action);
        self.text("asked", asked);
    }

    fn ended(&mut self, time: &str, ended: &Ended) {
        let found = if ended.foundanything {
            "found something"
        } else {
            "found nothing"
        };
        let masked = if ended.masked { " after masking" } else { "" };
        let text = format!(
            "{}, operation {} of command {}: {}, {found}; {} bytes left{masked}, {} ms",
            ended.module,
            ended.operation,
            ended.command,
            ended.status,
            ended.sent.bytes,
            ended.milliseconds
        );
        self.head(time, "ended", &text);
        self.text("sent", &ended.sent);
    }

    fn refused(&mut self, time: &str, refused: &Refused) {
        let text = if refused.since.is_empty() {
            refused.reason.clone()
        } else {
            format!(
                "{} more since {}: {}",
                refused.count, refused.since, refused.reason
            )
        };
        self.head(time, "REFUSED", &text);
        self.detail("because of", &refused.kind);
        let Some(Claims {
            command,
            action,
            signatures,
            modules,
            asked,
        }) = &refused.claimed
        else {
            return;
        };
        let text = format!(
            "not verified: `{}` (action {}, command {command}), {signatures} signatures, modules {}",
            action.name,
            action.id,
            modules.join(", ")
        );
        self.detail("it says", &text);
        self.about(action);
        self.text("asks", asked);
    }
}

fn name(signer: &Signer) -> String {
    if signer.names.is_empty() {
        return signer.fingerprint.clone();
    }
    format!("{} ({})", signer.names.join(", "), signer.fingerprint)
}

/// What is to be said about a part at the end: whether its chain holds.
pub fn verdict(verdict: &Verdict) -> String {
    let part = verdict.part;
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = match verdict.entries {
        0 => write!(out, "{part}: no entries"),
        entries => write!(
            out,
            "{part}: {entries} entries, {} to {}",
            verdict.first, verdict.last
        ),
    };
    if verdict.removed > 0 {
        let _ = write!(out, ", {} older ones made room", verdict.removed);
    }
    if verdict.torn > 0 {
        let _ = write!(out, ", {} bytes of an unfinished line", verdict.torn);
    }
    if verdict.is_intact() {
        let _ = writeln!(out, "; unbroken, ends with {}", verdict.head);
        return out;
    }
    let _ = writeln!(out, "; CHANGED BY SOMEBODY:");
    for wrong in &verdict.breaks {
        let _ = writeln!(out, "    {}", harmless(wrong));
    }
    if verdict.more_breaks > 0 {
        let _ = writeln!(out, "    and {} more", verdict.more_breaks);
    }
    out
}

/// Text that does nothing to a terminal: no control characters, and none that
/// turn the direction of writing.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|character| match does_something(character) {
            true => '\u{fffd}',
            false => character,
        })
        .collect()
}

fn does_something(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || turns
}

/// JSON that means the same and does nothing to a terminal. Such characters
/// stand in texts only, where JSON can write them as numbers.
pub(super) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character < ' ' {
            // Between values; in texts JSON does not allow it.
            out.push(' ');
        } else if does_something(character) {
            // All of them are below 65536. Writing to a text cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_on_their_line() {
        let evil = "a\u{1b}]0;x\u{7}\nb\u{202e}c\u{9b}31m";
        let refused = Refused {
            kind: "acl".into(),
            reason: evil.into(),
            count: 1,
            claimed: Some(Claims {
                command: "7".into(),
                action: About {
                    name: evil.into(),
                    target: evil.into(),
                    ..About::default()
                },
                modules: vec![evil.into()],
                asked: Text::new(evil, 100),
                ..Claims::default()
            }),
            ..Refused::default()
        };
        let line = Line {
            n: 1,
            time: evil.into(),
            entry: Entry::Refused(Box::new(refused)),
            before: String::new(),
        };
        let shown = block(&line, true);
        assert_eq!(shown.lines().count(), 6, "{shown}");
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(bad), "{shown:?}");
    }

    #[test]
    fn json_that_is_shown_means_the_same() {
        let value = serde_json::json!({"a": "x\u{9b}31m\u{202e}y\u{7f}\n"});
        let shown = escaped(&value.to_string().replace(':', ":\t"));
        assert!(!shown.contains(does_something), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn a_long_text_is_shown_at_a_glance_or_whole() {
        let line = Line {
            n: 1,
            time: "t".into(),
            entry: Entry::Alert {
                module: "audit".into(),
                went: "log".into(),
                masked: true,
                text: Text::new(&"x".repeat(1000), 500),
            },
            before: String::new(),
        };
        assert!(block(&line, true).contains(&format!("{}… (1000 bytes", "x".repeat(500))));
        let glance = block(&line, false);
        assert!(glance.len() < 400 && glance.contains("sha-256"), "{glance}");
    }
}
