//! The text of one record: its stamp, and its fields.
//!
//! ```text
//! audit(1715934612.204:1442): arch=c000003e syscall=59 comm="id" key=(null)
//! ```

use std::borrow::Cow;

/// What stands before the fields.
pub(super) struct Stamp<'a> {
    /// Seconds and milliseconds since 1970, as written.
    pub(super) timestamp: &'a str,
    /// The number that records of one event share, as written.
    pub(super) serial: &'a str,
    /// Where the fields begin.
    pub(super) body: usize,
}

/// Reads the stamp; `None` when the text has none.
pub(super) fn stamp(text: &[u8]) -> Option<Stamp<'_>> {
    const START: &[u8] = b"audit(";
    let rest = text.strip_prefix(START)?;
    let close = rest.iter().take(64).position(|&byte| byte == b')')?;
    let inside = std::str::from_utf8(&rest[..close]).ok()?;
    let (timestamp, serial) = inside.split_once(':')?;
    let (seconds, fraction) = timestamp.split_once('.')?;
    let digits = |word: &str, most: usize| {
        !word.is_empty() && word.len() <= most && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(seconds, 20) || !digits(fraction, 9) || !digits(serial, 20) {
        return None;
    }
    let mut body = START.len() + close + 1;
    if text.get(body) != Some(&b':') {
        return None;
    }
    body += 1;
    if text.get(body) == Some(&b' ') {
        body += 1;
    }
    Some(Stamp {
        timestamp,
        serial,
        body,
    })
}

/// The text as the netlink message has it, without the zeros and line ends that
/// pad it.
pub(super) fn without_padding(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., 0 | b'\n'] = text {
        text = rest;
    }
    text
}

/// One field: `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) key: Cow<'a, str>,
    /// The value without its quotation marks.
    pub(super) value: Cow<'a, [u8]>,
    /// Whether it stood in quotation marks and so is no hexadecimal text.
    pub(super) quoted: bool,
    /// Whether a program in user space wrote it, and not the kernel.
    pub(super) claimed: bool,
}

/// The fields of a record's body, in order.
///
/// `from_user`: the record is a program's message, of which the kernel wrote
/// what stands before the first ` msg='` and the program all the rest.
/// `access`: the text is of the form `avc:  denied  { read } for  pid=1 …`.
pub(super) fn fields(body: &[u8], from_user: bool, access: bool) -> Vec<Field<'_>> {
    let mut fields = Vec::with_capacity(16);
    match from_user.then(|| message_at(body)).flatten() {
        Some((before, message)) => {
            Splitter::new(&body[..before], false, false).run(&mut fields);
            let text = &body[message..];
            Splitter::new(text, true, access).run(&mut fields);
        }
        None => Splitter::new(body, false, access).run(&mut fields),
    }
    fields
}

/// Where the kernel's part of a program's message ends, and where the
/// program's begins. The first mark counts: the kernel's part comes first and
/// has none in it, so nothing that the program writes can move the border.
fn message_at(body: &[u8]) -> Option<(usize, usize)> {
    const MARK: &[u8] = b"msg='";
    let mut from = 0;
    while let Some(found) = find(&body[from..], MARK) {
        let at = from + found;
        if at == 0 || body[at - 1] == b' ' {
            return Some((at, at + MARK.len()));
        }
        from = at + 1;
    }
    None
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|window| window == mark)
}

/// Cuts text at spaces, as the original does, but never inside quotation marks.
struct Splitter<'a> {
    text: &'a [u8],
    at: usize,
    claimed: bool,
    access: bool,
    /// `avc:` was the last word: the next one is the verdict.
    verdict: bool,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a [u8], claimed: bool, access: bool) -> Self {
        Self {
            text,
            at: 0,
            claimed,
            access,
            verdict: false,
        }
    }

    fn run(mut self, fields: &mut Vec<Field<'a>>) {
        let first = fields.len();
        while let Some(word) = self.word() {
            let cut = word.iter().position(|&byte| byte == b'=');
            match cut {
                Some(cut) if cut > 0 => {
                    let value = &word[cut + 1..];
                    if &word[..cut] == b"msg" && value.first() == Some(&b'\'') {
                        // A message within: its fields are read like the rest.
                        self.at -= value.len() - 1;
                        continue;
                    }
                    let (value, quoted) = tidy(value);
                    self.push(fields, &word[..cut], Cow::Borrowed(value), quoted);
                }
                _ if self.access && self.access_word(word, fields) => {}
                _ => self.append(fields, first, word),
            }
        }
    }

    /// The next word: up to a space that is not between quotation marks.
    fn word(&mut self) -> Option<&'a [u8]> {
        while self.text.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let plain = rest
            .iter()
            .position(|&byte| byte == b' ')
            .unwrap_or(rest.len());
        let mut end = plain;
        if let Some(cut) = rest[..plain].iter().position(|&byte| byte == b'=')
            && rest.get(cut + 1) == Some(&b'"')
            && let Some(close) = rest[cut + 2..].iter().position(|&byte| byte == b'"')
        {
            let close = cut + 2 + close + 1;
            end = rest[close..]
                .iter()
                .position(|&byte| byte == b' ')
                .map_or(rest.len(), |more| close + more);
        }
        self.at += end;
        Some(&rest[..end])
    }

    fn push(&self, fields: &mut Vec<Field<'a>>, key: &'a [u8], value: Cow<'a, [u8]>, quoted: bool) {
        fields.push(Field {
            key: String::from_utf8_lossy(key),
            value,
            quoted,
            claimed: self.claimed,
        });
    }

    /// The words of an access decision that are no fields.
    fn access_word(&mut self, word: &'a [u8], fields: &mut Vec<Field<'a>>) -> bool {
        if word == b"avc:" {
            self.verdict = true;
        } else if self.verdict {
            self.verdict = false;
            self.push(fields, b"seresult", Cow::Borrowed(word), false);
        } else if word.first() == Some(&b'{') {
            let mut permissions = word[1..].to_vec();
            while let Some(word) = self.word() {
                if word == b"}" {
                    break;
                }
                if !permissions.is_empty() {
                    permissions.push(b',');
                }
                permissions.extend_from_slice(word);
            }
            self.push(fields, b"seperms", Cow::Owned(permissions), false);
        } else {
            return word == b"for";
        }
        true
    }

    /// A word without `=` belongs to the value before it; with none before it
    /// it is kept as the field `text`.
    fn append(&self, fields: &mut Vec<Field<'a>>, first: usize, word: &'a [u8]) {
        if fields.len() == first {
            self.push(fields, b"text", Cow::Borrowed(word), false);
            return;
        }
        if let Some(field) = fields.last_mut() {
            let mut value = std::mem::take(&mut field.value).into_owned();
            value.push(b' ');
            value.extend_from_slice(word);
            let kept = if field.quoted {
                value.len()
            } else {
                tidy(&value).0.len()
            };
            value.truncate(kept);
            field.value = Cow::Owned(value);
        }
    }
}

/// A value without the punctuation that ends it and without its quotation
/// marks, and whether it had those.
fn tidy(value: &[u8]) -> (&[u8], bool) {
    if let Some(inside) = value.strip_prefix(b"\"") {
        return match inside.iter().rposition(|&byte| byte == b'"') {
            // Only punctuation may follow the closing mark.
            Some(close) if inside[close + 1..].iter().all(|byte| b"',)".contains(byte)) => {
                (&inside[..close], true)
            }
            Some(_) => (value, false),
            None => (inside, true),
        };
    }
    let mut value = value;
    for mark in [b'\'', b',', b')'] {
        if let [rest @ .., last] = value
            && *last == mark
            && !(mark == b')' && (value == b"(none)" || value == b"(null)"))
        {
            value = rest;
        }
    }
    (value.strip_suffix(b"\"").unwrap_or(value), false)
}
