//! Linux capabilities: a worker of root keeps what its module declared.

use std::io;

use crate::sandbox::Profile;

const DAC_READ_SEARCH: u32 = 2;
const KILL: u32 = 5;
const NET_RAW: u32 = 13;
const SYS_PTRACE: u32 = 19;
const SYS_ADMIN: u32 = 21;
const AUDIT_CONTROL: u32 = 30;
const AUDIT_READ: u32 = 37;

const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The capabilities a module needs for what it declared, as a bit set.
fn wanted(profile: &Profile) -> u64 {
    let mut bits = 0;
    let mut add = |capability: u32| bits |= 1u64 << capability;
    if profile.filesystem_read || profile.filesystem_write {
        add(DAC_READ_SEARCH);
    }
    if profile.other_processes() {
        add(SYS_PTRACE);
        add(DAC_READ_SEARCH);
    }
    if profile.raw_network {
        add(NET_RAW);
    }
    if profile.network_namespaces {
        // What `setns` asks for. seccomp leaves nothing else of it: no mount,
        // no other namespace.
        add(SYS_ADMIN);
    }
    if profile.signal {
        add(KILL);
    }
    if profile.audit {
        add(AUDIT_CONTROL);
        add(AUDIT_READ);
    }
    bits
}

/// Gives up every capability the module did not declare, for good: also out of
/// the bounding set, so that no program it starts gets them back.
pub(crate) fn keep_declared(profile: &Profile) -> io::Result<()> {
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 wants a header and two data records, which live here.
    if unsafe { libc::syscall(libc::SYS_capget, &mut header, data.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let permitted = u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32;
    let keep = wanted(profile) & permitted;
    for capability in 0..64u32 {
        if keep & (1 << capability) == 0 {
            // Fails beyond the last capability and for ordinary users, who have
            // no bounding set worth dropping.
            // SAFETY: prctl with integer arguments.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        }
    }
    // SAFETY: prctl with integer arguments.
    unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        )
    };
    for (index, record) in data.iter_mut().enumerate() {
        let half = (keep >> (32 * index) & u64::from(u32::MAX)) as u32;
        *record = Data {
            effective: half,
            permitted: half,
            inheritable: 0,
        };
    }
    header.version = VERSION_3;
    // SAFETY: as for capget.
    if unsafe { libc::syscall(libc::SYS_capset, &header, data.as_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
