//! Kinds of records, and what they say about where a record belongs.

use std::borrow::Cow;

use super::tables;

/// `AUDIT_EOE`, the record that ends an event.
pub(super) const END: u16 = 1320;
/// Records of these kinds wait for the end of their event.
pub(super) const BUFFERED: std::ops::RangeInclusive<u16> = 1300..=2099;
pub(super) const AVC: u16 = 1400;
pub(super) const USER_AVC: u16 = 1107;

/// Whether programs send records of this kind; the kernel sends all others.
pub(super) fn from_user(kind: u16) -> bool {
    matches!(kind, 1005 | 1100..=1299 | 2100..=2999)
}

/// Whether records of this kind are only written when a system call ends, and
/// so are always followed by an end record.
pub(super) fn belongs_to_call(kind: u16) -> bool {
    matches!(
        kind,
        1300 | 1302..=1304 | 1306..=1315 | 1317..=1318 | 1321..=1323 | 1327 | 1330 | 1337
    )
}

pub(super) fn kind_name(kind: u16) -> Cow<'static, str> {
    match tables::record_name(kind) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("UNKNOWN[{kind}]")),
    }
}
