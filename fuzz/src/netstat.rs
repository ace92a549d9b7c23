//! What the kernel answers, and what it shows below `/proc`.

/// The targets of this file by name.
pub fn named(name: &str) -> Option<fn(&[u8])> {
    Some(match name {
        "netlink" => mig_module_netstat::fuzzing::netlink,
        "procnet" => mig_module_netstat::fuzzing::tables,
        _ => return None,
    })
}
