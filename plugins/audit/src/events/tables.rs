//! Numbers of system calls and of kinds of records, both ways.

use std::sync::OnceLock;

/// `AUDIT_ARCH_X86_64`.
pub const ARCH_X86_64: u32 = 0xc000_003e;
/// `AUDIT_ARCH_I386`: programs of 32 bits on a processor of 64, too.
pub const ARCH_I386: u32 = 0x4000_0003;
/// `AUDIT_ARCH_AARCH64`.
pub const ARCH_AARCH64: u32 = 0xc000_00b7;
/// `AUDIT_ARCH_ARM`.
pub const ARCH_ARM: u32 = 0x4000_0028;

/// The bit of a number that marks the 32-bit pointer calls of x86-64.
const X32: u32 = 0x4000_0000;

/// A file of lines `number name`, sorted by number.
struct Listing {
    text: &'static str,
    by_number: OnceLock<Vec<(u32, &'static str)>>,
    by_name: OnceLock<Vec<(&'static str, u32)>>,
}

impl Listing {
    const fn new(text: &'static str) -> Self {
        Self {
            text,
            by_number: OnceLock::new(),
            by_name: OnceLock::new(),
        }
    }

    fn by_number(&self) -> &[(u32, &'static str)] {
        self.by_number.get_or_init(|| {
            let mut all: Vec<_> = self
                .text
                .lines()
                .filter_map(|line| line.split_once(' '))
                .filter_map(|(number, name)| Some((number.parse().ok()?, name)))
                .collect();
            all.sort_unstable();
            all
        })
    }

    fn name(&self, number: u32) -> Option<&'static str> {
        let all = self.by_number();
        let place = all.binary_search_by_key(&number, |&(number, _)| number);
        Some(all[place.ok()?].1)
    }

    fn number(&self, name: &str) -> Option<u32> {
        let all = self.by_name.get_or_init(|| {
            let mut all: Vec<_> = self
                .by_number()
                .iter()
                .map(|&(number, name)| (name, number))
                .collect();
            all.sort_unstable();
            all
        });
        let place = all.binary_search_by_key(&name, |&(name, _)| name);
        Some(all[place.ok()?].1)
    }
}

static X86_64: Listing = Listing::new(include_str!("tables/syscalls.x86_64"));
static I386: Listing = Listing::new(include_str!("tables/syscalls.i386"));
static AARCH64: Listing = Listing::new(include_str!("tables/syscalls.aarch64"));
static RECORDS: Listing = Listing::new(include_str!("tables/record_kinds"));

fn listing(arch: u32) -> Option<&'static Listing> {
    match arch {
        ARCH_X86_64 => Some(&X86_64),
        ARCH_I386 => Some(&I386),
        ARCH_AARCH64 => Some(&AARCH64),
        _ => None,
    }
}

/// The name of a system call. `arch` is the kernel's `AUDIT_ARCH_` number;
/// `None` for architectures whose calls are not known here and for numbers
/// that are not taken.
pub fn syscall_name(arch: u32, number: u32) -> Option<&'static str> {
    let number = match arch {
        ARCH_X86_64 => number & !X32,
        _ => number,
    };
    listing(arch)?.name(number)
}

/// The number of a system call of an architecture.
pub fn syscall_number_on(arch: u32, name: &str) -> Option<u32> {
    listing(arch)?.number(name)
}

/// What the original calls an architecture: the names of its compiler.
pub fn arch_name(arch: u32) -> Option<&'static str> {
    Some(match arch {
        ARCH_X86_64 => "amd64",
        ARCH_I386 => "386",
        ARCH_AARCH64 => "arm64",
        ARCH_ARM => "arm",
        _ => return None,
    })
}

/// The name of a kind of record, without `AUDIT_`.
pub fn record_name(kind: u16) -> Option<&'static str> {
    RECORDS.name(u32::from(kind))
}

/// The number of a kind of record.
pub fn record_kind(name: &str) -> Option<u16> {
    RECORDS.number(name)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_whole_and_go_both_ways() {
        for (listing, least) in [
            (&X86_64, 380),
            (&I386, 450),
            (&AARCH64, 320),
            (&RECORDS, 220),
        ] {
            let lines = listing
                .text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .count();
            assert_eq!(listing.by_number().len(), lines, "a line is no pair");
            assert!(lines >= least);
            for pair in listing.by_number().windows(2) {
                assert!(pair[0].0 < pair[1].0, "{pair:?}");
            }
            for &(number, name) in listing.by_number() {
                assert_eq!(listing.number(name), Some(number), "{name}");
                assert!(
                    name.bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn well_known_numbers() {
        assert_eq!(syscall_name(ARCH_X86_64, 59), Some("execve"));
        assert_eq!(syscall_name(ARCH_X86_64, 59 | X32), Some("execve"));
        assert_eq!(syscall_name(ARCH_X86_64, 462), Some("mseal"));
        assert_eq!(syscall_name(ARCH_I386, 11), Some("execve"));
        assert_eq!(syscall_name(ARCH_AARCH64, 221), Some("execve"));
        assert_eq!(syscall_name(ARCH_X86_64, 9999), None);
        assert_eq!(syscall_name(7, 59), None);
        assert_eq!(syscall_number_on(ARCH_X86_64, "openat"), Some(257));
        assert_eq!(syscall_number_on(ARCH_X86_64, "no_such_call"), None);
        assert_eq!(syscall_number_on(ARCH_I386, "socketcall"), Some(102));
        for (kind, name) in [
            (1005, "USER"),
            (1006, "LOGIN"),
            (1100, "USER_AUTH"),
            (1200, "DAEMON_START"),
            (1300, "SYSCALL"),
            (1320, "EOE"),
            (1334, "BPF"),
            (1400, "AVC"),
            (1504, "APPARMOR_HINT"),
            (1700, "ANOM_PROMISCUOUS"),
            (2100, "ANOM_LOGIN_FAILURES"),
            (2300, "USER_ROLE_CHANGE"),
            (2400, "CRYPTO_TEST_USER"),
            (2500, "VIRT_CONTROL"),
        ] {
            assert_eq!(record_name(kind), Some(name));
            assert_eq!(record_kind(name), Some(kind));
        }
        assert_eq!(record_name(1999), None);
    }
}
