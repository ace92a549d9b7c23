//! Numbers of the kernel's interfaces and what people call them.
//!
//! The names are those of the kernel's user space headers, or the short ones
//! (`inet`, `chown`, `exit`) that audit tools have always shown.

mod sockets;
mod system;

pub(super) use sockets::*;
pub(super) use system::*;

use std::sync::OnceLock;

/// A table of numbers and names, written as pairs of words. It is read once,
/// when first asked.
pub(super) struct Table {
    text: &'static str,
    entries: OnceLock<Vec<(u64, &'static str)>>,
}

impl Table {
    const fn new(text: &'static str) -> Self {
        Self {
            text,
            entries: OnceLock::new(),
        }
    }

    fn entries(&self) -> &[(u64, &'static str)] {
        self.entries.get_or_init(|| {
            let mut words = self.text.split_ascii_whitespace();
            let mut entries = Vec::new();
            while let (Some(number), Some(name)) = (words.next(), words.next()) {
                let number = match number.strip_prefix("0x") {
                    Some(hex) => u64::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                // The tables are part of the program; a test reads them all.
                if let Ok(number) = number {
                    entries.push((number, name));
                }
            }
            entries.sort_unstable_by_key(|&(number, _)| number);
            entries
        })
    }

    /// What the number is called.
    pub(super) fn name(&self, number: u64) -> Option<&'static str> {
        let entries = self.entries();
        let place = entries
            .binary_search_by_key(&number, |&(number, _)| number)
            .ok()?;
        Some(entries[place].1)
    }

    /// Appends the names of the bits that are set, in rising order and joined
    /// by `|`; bits without a name follow as one number. An entry of several
    /// bits counts when all of them are set, before its parts. Says whether
    /// anything was written.
    pub(super) fn flags(&self, value: u64, out: &mut String) -> bool {
        let before = out.len();
        let mut rest = value;
        let entries = self.entries();
        let covered = |bits: u64, rest: u64| bits != 0 && rest & bits == bits;
        let wide = |rest: u64| {
            entries
                .iter()
                .filter(move |&&(bits, _)| bits.count_ones() > 1 && covered(bits, rest))
                .fold(0, |all, &(bits, _)| all | bits)
        };
        let taken = wide(rest);
        for &(bits, name) in entries {
            let single = bits.count_ones() == 1 && rest & bits != 0 && taken & bits == 0;
            let several = bits.count_ones() > 1 && covered(bits, value);
            if single || several {
                separate(out, before);
                out.push_str(name);
                rest &= !bits;
            }
        }
        if rest != 0 {
            separate(out, before);
            out.push_str(&format!("0x{rest:x}"));
        }
        out.len() > before
    }
}

fn separate(out: &mut String, before: usize) {
    if out.len() > before {
        out.push('|');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Given every table, then each word pair was read and no number is twice.
    #[test]
    fn tables_are_pairs_of_a_number_and_a_name() {
        let tables: &[&Table] = &[
            &SIGNALS,
            &CAPABILITIES,
            &CLONE,
            &CLOCKS,
            &PTRACE,
            &PRCTL,
            &RLIMITS,
            &FCNTL,
            &SCHED,
            &OPEN,
            &ACCESS,
            &EPOLL,
            &UMOUNT,
            &MOUNT,
            &IOCTL,
            &PROT,
            &MMAP,
            &SEEK,
            &SECCOMP,
            &LISTS,
            &IPC_CALLS,
            &SHM,
            &NAMESPACES,
            &FAMILIES,
            &SOCKET_CALLS,
            &SOCKET_TYPES,
            &LEVELS,
            &SOCKET_OPTIONS,
            &IP_OPTIONS,
            &IPV6_OPTIONS,
            &TCP_OPTIONS,
            &UDP_OPTIONS,
            &PACKET_OPTIONS,
            &MESSAGE,
            &NETFILTER,
            &ICMP,
            &PROTOCOLS,
        ];
        for table in tables {
            let words = table.text.split_ascii_whitespace().count();
            assert!(words > 0 && words % 2 == 0, "{}", table.text);
            assert_eq!(table.entries().len() * 2, words, "{}", table.text);
            for pair in table.entries().windows(2) {
                assert!(pair[0].0 < pair[1].0, "{:?}", pair);
            }
            for (_, name) in table.entries() {
                assert!(!name.starts_with(|c: char| c.is_ascii_digit()), "{name}");
            }
        }
    }

    #[test]
    fn flags_come_in_order_and_unknown_bits_stay() {
        for (table, value, wanted) in [
            (&OPEN, 0x241, "O_WRONLY|O_CREAT|O_TRUNC"),
            (&OPEN, 0x101000, "O_SYNC"),
            (&OPEN, 0x1002, "O_RDWR|O_DSYNC"),
            (&CLONE, 0x1000_0100, "CLONE_VM|CLONE_NEWUSER"),
            (&PROT, 0x8000_0005, "PROT_READ|PROT_EXEC|0x80000000"),
            (&MOUNT, 0, ""),
        ] {
            let mut out = String::new();
            let said = table.flags(value, &mut out);
            assert_eq!((said, out.as_str()), (!wanted.is_empty(), wanted));
        }
    }
}
