//! What a file holds.

use crate::encoding::lines;
use crate::key::PublicKey;
use crate::private;
use crate::public::{self, Line, Options};

/// What a file is there for, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It says who may log in.
    AuthorizedKeys,
    /// Anything else.
    Any,
}

/// The kind of file that a key was found in, as results name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A private key.
    Private,
    /// A public key.
    Public,
    /// A key that may log in.
    AuthorizedKeys,
}

/// A key of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it was found.
    pub kind: Kind,
    /// A passphrase is needed to use it.
    pub encrypted: bool,
    /// The public key, when it is known.
    pub key: Option<PublicKey>,
}

/// All that was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// Its keys, in their order.
    pub entries: Vec<Entry>,
    /// It is an `authorized_keys` with lines that are neither key nor comment.
    pub has_unparsable_lines: bool,
}

/// Looks for private keys, and if there are none, for public ones. Once
/// `cancelled`, what is found may not be all there is.
pub fn examine(file: &[u8], purpose: Purpose, cancelled: &dyn Fn() -> bool) -> Examined {
    let private = private::keys(file, cancelled);
    if !private.is_empty() {
        let entries = private.into_iter().map(|key| Entry {
            kind: Kind::Private,
            encrypted: key.encrypted,
            key: key.public,
        });
        return Examined {
            entries: entries.collect(),
            has_unparsable_lines: false,
        };
    }
    let (kind, options) = match purpose {
        Purpose::AuthorizedKeys => (Kind::AuthorizedKeys, Options::Any),
        Purpose::Any => (Kind::Public, Options::Known),
    };
    let entry = |key| Entry {
        kind,
        encrypted: false,
        key: Some(key),
    };
    let mut examined = Examined::default();
    for line in lines(file) {
        match public::line(line, options) {
            Line::Empty => {}
            Line::Key(key) => examined.entries.push(entry(key)),
            Line::Other => examined.has_unparsable_lines = purpose == Purpose::AuthorizedKeys,
        }
    }
    // `sshd` does not know this format, so it authorizes nobody.
    if purpose == Purpose::Any {
        examined
            .entries
            .extend(public::blocks(file).into_iter().map(entry));
    }
    examined
}
