//! Linux.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage};

/// Most output taken from a helper command.
const MAX_OUTPUT: u64 = 64 << 10;

/// Keeps the allocator from holding on to memory: one arena besides the main
/// one, and free memory at the top goes back early. An idle agent should weigh
/// what it needs, not what its last investigation needed.
pub fn bound_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets parameters; it is called before other threads
    // exist.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 128 << 10);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// Gives free memory back to the system after work.
pub fn return_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The kernel's name of this host.
pub fn kernel_host_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    (!name.is_empty()).then_some(name)
}

/// Runs a helper command and returns what it printed, none if it fails or takes
/// longer than `limit`.
pub fn output_within(program: &str, words: &[&str], limit: Duration) -> Option<String> {
    let end = Instant::now() + limit;
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut text = Vec::new();
    let complete = child
        .stdout
        .take()
        .is_some_and(|mut out| read_until(&mut out, end, &mut text).unwrap_or(false));
    if !complete {
        let _ = child.kill();
    }
    let status = child.wait().ok()?;
    (complete && status.success())
        .then(|| String::from_utf8(text).ok())
        .flatten()
}

/// Reads to the end of `from`; false if that does not come before `end`.
fn read_until<R: Read + AsFd>(from: &mut R, end: Instant, text: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut wait = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
        if poll(&mut wait, timeout)? == 0 {
            return Ok(false);
        }
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Ok(true);
        }
        text.extend_from_slice(&chunk[..count]);
        if text.len() as u64 > MAX_OUTPUT {
            return Ok(false);
        }
    }
}

/// Addresses of all interfaces in CIDR form, in the system's order.
pub fn interface_addresses() -> Vec<String> {
    let Ok(interfaces) = getifaddrs() else {
        return Vec::new();
    };
    interfaces
        .filter_map(|interface| {
            let address = ip(&interface.address?)?;
            let bits = match interface.netmask.as_ref().and_then(ip) {
                Some(IpAddr::V4(mask)) => u32::from(mask).count_ones(),
                Some(IpAddr::V6(mask)) => u128::from(mask).count_ones(),
                None if address.is_ipv4() => 32,
                None => 128,
            };
            Some(format!("{address}/{bits}"))
        })
        .collect()
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        AddressFamily::Inet => {
            let address = address.as_sockaddr_in()?;
            Some(IpAddr::V4(address.ip()))
        }
        AddressFamily::Inet6 => {
            let address = address.as_sockaddr_in6()?;
            Some(IpAddr::V6(address.ip()))
        }
        _ => None,
    }
}

/// Whether the init system started this process.
pub fn started_by_init() -> bool {
    nix::unistd::getppid().as_raw() == 1
}

/// Leaves the session of the terminal the agent was started from.
pub fn leave_terminal() {
    // Fails only for a process group leader, which a spawned copy is not.
    let _ = nix::unistd::setsid();
}

/// Points standard input, output and error at nothing, after start-up.
///
/// # Errors
/// `/dev/null` cannot be opened.
pub fn silence_standard_streams() -> io::Result<()> {
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&nothing)?;
    nix::unistd::dup2_stdout(&nothing)?;
    nix::unistd::dup2_stderr(&nothing)?;
    Ok(())
}
