//! Linux.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage};
use nix::sys::stat::{Mode, umask};

/// Start addresses are rounded down to this; the kernel rounds lengths up. Larger
/// pages make it refuse, which is harmless.
const PAGE: usize = 4096;
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

/// Gives memory back to the system after work: free memory, and the pages of
/// the program and its libraries that were only read. The latter are in the page
/// cache and come back by themselves when they are needed.
pub fn return_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
    // SAFETY: the callback has the type the function asks for and keeps nothing
    // of what it is shown.
    unsafe {
        libc::dl_iterate_phdr(Some(let_go), std::ptr::null_mut());
    }
}

/// Lets go of the segments of one loaded object that cannot be written.
unsafe extern "C" fn let_go(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: dl_iterate_phdr hands out a valid description, with `dlpi_phnum`
    // headers, for the time of the call.
    let (base, headers) = unsafe {
        let info = &*info;
        if info.dlpi_phdr.is_null() {
            return 0;
        }
        let headers = std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum));
        (info.dlpi_addr as usize, headers)
    };
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        let start = base.wrapping_add(header.p_vaddr as usize);
        let end = start.wrapping_add(header.p_memsz as usize);
        let page = start & !(PAGE - 1);
        // SAFETY: a loadable segment without the right to write is a private
        // mapping of a file and never differs from it, so dropping its pages
        // loses nothing. Segments with relocations have that right in their
        // header and are left alone. What is no such mapping is refused by the
        // kernel.
        unsafe {
            libc::madvise(page as *mut libc::c_void, end - page, libc::MADV_DONTNEED);
        }
    }
    0
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

/// A socket in the file system that only this user may connect to. For a moment
/// everything that the process makes is for this user alone.
///
/// # Errors
/// As `bind`.
pub fn listen_privately(path: &Path) -> io::Result<UnixListener> {
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    listener
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
