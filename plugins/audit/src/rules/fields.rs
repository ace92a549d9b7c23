//! The fields that a rule can name, and what each may be compared with.

use super::kernel::list;

/// What kind of value a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number.
    Number,
    /// A number, the name of a user, or `unset`.
    User,
    /// A number, or the name of a group.
    Group,
    /// A number, or the name of a kind of records.
    Record,
    /// An architecture.
    Architecture,
    /// A text of at most so many bytes.
    Text(usize),
    /// An absolute path.
    Path,
    /// Letters of `rwxa`.
    Permission,
    /// The name of a type of files.
    FileType,
}

/// A field.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    /// The lists it may stand in; empty is any but `exclude`.
    pub(super) lists: &'static [u32],
    /// The comparisons it allows; empty is all.
    pub(super) operators: &'static [u32],
}

/// `op` of a field, by its spelling in rule files.
pub(super) const OPERATORS: &[(&str, u32)] = &[
    ("eq", EQUAL),
    ("nt_eq", NOT_EQUAL),
    ("gt", 0x2000_0000),
    ("gt_or_eq", 0x6000_0000),
    ("lt", 0x1000_0000),
    ("lt_or_eq", 0x5000_0000),
    ("and", 0x0800_0000),
    ("and_eq", 0x4800_0000),
];
pub(super) const EQUAL: u32 = 0x4000_0000;
const NOT_EQUAL: u32 = 0x3000_0000;

/// Values of `filetype`: the type bits of `st_mode`.
pub(super) const FILE_TYPES: &[(&str, u32)] = &[
    ("file", libc::S_IFREG),
    ("dir", libc::S_IFDIR),
    ("socket", libc::S_IFSOCK),
    ("link", libc::S_IFLNK),
    ("character", libc::S_IFCHR),
    ("block", libc::S_IFBLK),
    ("fifo", libc::S_IFIFO),
];

pub(super) const ARCH: u32 = 11;
pub(super) const MSGTYPE: u32 = 12;
pub(crate) const WATCH: u32 = 105;
pub(crate) const PERM: u32 = 106;
pub(crate) const DIR: u32 = 107;
pub(super) const EXE: u32 = 112;
pub(crate) const KEY: u32 = 210;

const ANY: &[u32] = &[];
const ON_EXIT: &[u32] = &[list::EXIT];
const ALIKE: &[u32] = &[EQUAL, NOT_EQUAL];
/// A path has 4096 bytes with the zero at its end.
pub(super) const MOST_PATH: usize = 4095;
/// The kernel's limit of a key.
pub(super) const MOST_KEY: usize = 256;

const fn field(name: &'static str, number: u32, kind: Kind, lists: &'static [u32]) -> Field {
    Field {
        name,
        number,
        kind,
        lists,
        operators: &[],
    }
}

const fn alike(name: &'static str, number: u32, kind: Kind, lists: &'static [u32]) -> Field {
    Field {
        name,
        number,
        kind,
        lists,
        operators: ALIKE,
    }
}

/// Every field, by its name in rule files; numbers as in `linux/audit.h`.
pub(super) const FIELDS: &[Field] = &[
    field("pid", 0, Kind::Number, ANY),
    field("uid", 1, Kind::User, ANY),
    field("euid", 2, Kind::User, ANY),
    field("suid", 3, Kind::User, ANY),
    field("fsuid", 4, Kind::User, ANY),
    field("gid", 5, Kind::Group, ANY),
    field("egid", 6, Kind::Group, ANY),
    field("sgid", 7, Kind::Group, ANY),
    field("fsgid", 8, Kind::Group, ANY),
    field("auid", 9, Kind::User, ANY),
    field("loginuid", 9, Kind::User, ANY),
    field("pers", 10, Kind::Number, ANY),
    alike("arch", ARCH, Kind::Architecture, ANY),
    field(
        "msgtype",
        MSGTYPE,
        Kind::Record,
        &[list::EXCLUDE, list::USER],
    ),
    field("subj_user", 13, Kind::Text(MOST_PATH), ANY),
    field("subj_role", 14, Kind::Text(MOST_PATH), ANY),
    field("subj_type", 15, Kind::Text(MOST_PATH), ANY),
    field("subj_sen", 16, Kind::Text(MOST_PATH), ANY),
    field("subj_clr", 17, Kind::Text(MOST_PATH), ANY),
    field("ppid", 18, Kind::Number, ON_EXIT),
    field("obj_user", 19, Kind::Text(MOST_PATH), ON_EXIT),
    field("obj_role", 20, Kind::Text(MOST_PATH), ON_EXIT),
    field("obj_type", 21, Kind::Text(MOST_PATH), ON_EXIT),
    field("obj_lev_low", 22, Kind::Text(MOST_PATH), ON_EXIT),
    field("obj_lev_high", 23, Kind::Text(MOST_PATH), ON_EXIT),
    field("sessionid", 25, Kind::Number, ANY),
    field("devmajor", 100, Kind::Number, ON_EXIT),
    field("devminor", 101, Kind::Number, ANY),
    alike("inode", 102, Kind::Number, ON_EXIT),
    field("exit", 103, Kind::Number, ON_EXIT),
    field("success", 104, Kind::Number, ON_EXIT),
    Field {
        name: "path",
        number: WATCH,
        kind: Kind::Path,
        lists: ON_EXIT,
        operators: &[EQUAL],
    },
    Field {
        name: "perm",
        number: PERM,
        kind: Kind::Permission,
        lists: ON_EXIT,
        operators: &[EQUAL],
    },
    Field {
        name: "dir",
        number: DIR,
        kind: Kind::Path,
        lists: ON_EXIT,
        operators: &[EQUAL],
    },
    alike("filetype", 108, Kind::FileType, ON_EXIT),
    field("obj_uid", 109, Kind::User, ANY),
    field("obj_gid", 110, Kind::User, ANY),
    field("field_compare", 111, Kind::Number, ANY),
    alike("exe", EXE, Kind::Path, ON_EXIT),
    field("saddr_fam", 113, Kind::Number, ANY),
    field("a0", 200, Kind::Number, ANY),
    field("a1", 201, Kind::Number, ANY),
    field("a2", 202, Kind::Number, ANY),
    field("a3", 203, Kind::Number, ANY),
    field("key", KEY, Kind::Text(MOST_KEY), ANY),
];
