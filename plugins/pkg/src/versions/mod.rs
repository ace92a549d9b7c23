//! Which of two versions is newer, as their package manager sees it.
//!
//! Every ordering here is total, also on texts that no manager would accept:
//! versions come from databases that may hold anything.

mod apk;
mod dpkg;
mod number;
mod rpm;

use crate::Kind;
use std::cmp::Ordering;

/// Compares two versions as the package manager does: `Less` when `a` is older
/// than `b`. Spellings that the manager holds for the same version (`1.0` and
/// `1.00` for rpm) are equal.
///
/// ```
/// use mig_module_pkg::{Kind, compare};
/// use std::cmp::Ordering::Less;
///
/// assert_eq!(compare(Kind::Dpkg, "1.0~rc1-1", "1.0-1"), Less);
/// assert_eq!(compare(Kind::Rpm, "1.0-1.el8", "1:0.9-1.el8"), Less);
/// assert_eq!(compare(Kind::Apk, "1.0_rc2-r0", "1.0-r0"), Less);
/// ```
pub fn compare(kind: Kind, a: &str, b: &str) -> Ordering {
    match kind {
        Kind::Rpm => rpm::compare(a, b),
        Kind::Dpkg => dpkg::compare(a, b),
        Kind::Apk => apk::compare(a, b),
    }
}

#[cfg(test)]
mod tests;
