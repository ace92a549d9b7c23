//! Whether `/proc` counts processes as the system calls do.
//!
//! The `/proc` of another pid namespace, as containers get it that show the
//! host's, lists processes under other numbers: what is examined there would
//! not be what a system call ends.

use std::io;

/// Whether the numbers in `/proc` are those of this process's own namespace.
///
/// # Errors
/// When this process cannot be found in `/proc`: it is that of a namespace which
/// this process is not in.
pub fn are_our_own() -> io::Result<bool> {
    let status = std::fs::read("/proc/self/status")?;
    Ok(agree(&status, std::process::id()))
}

/// `Pid:` is the number in the namespace of `/proc`; `NSpid:` lists those from
/// there down to the process's own, so it has one only when both are the same.
/// Kernels without such namespaces do not have the second line.
fn agree(status: &[u8], own: u32) -> bool {
    let own = own.to_string();
    let value = |name: &[u8]| {
        let mut lines = status.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(name))?;
        Some(value.trim_ascii())
    };
    value(b"Pid:") == Some(own.as_bytes())
        && value(b"NSpid:").is_none_or(|numbers| numbers == own.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_in_one_namespace() {
        for (status, same) in [
            ("Name:\tx\nPid:\t7\nPPid:\t1\nNSpid:\t7\n", true),
            ("Name:\tx\nPid:\t7\nPPid:\t1\n", true),
            ("Name:\tPid:\nPid:\t7\nNSpid:\t7\n", true),
            // The same number here and there is an accident.
            ("Name:\tx\nPid:\t7\nNSpid:\t7\t7\n", false),
            ("Name:\tx\nPid:\t31234\nNSpid:\t31234\t7\n", false),
            ("Name:\tx\nPid:\t31234\n", false),
            ("Name:\tx\nPPid:\t7\nNSpid:\t7\n", false),
            ("", false),
        ] {
            assert_eq!(agree(status.as_bytes(), 7), same, "{status}");
        }
    }

    #[test]
    fn this_test_sees_its_own_proc() {
        assert!(are_our_own().unwrap());
    }
}
