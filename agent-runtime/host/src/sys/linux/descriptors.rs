//! Descriptors: pairs, pipes, passing one to another process, closing the rest.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

/// A connected pair of local stream sockets, closed on exec.
pub(crate) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?)
}

/// A pipe (read end, write end), closed on exec.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// Makes reads and writes through this descriptor's file return instead of
/// waiting.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Reads what is there. `Ok(None)` when nothing is there yet, `Ok(Some(0))` at
/// the end.
pub(crate) fn read_some(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match nix::unistd::read(fd, buffer) {
            Ok(count) => return Ok(Some(count)),
            Err(nix::errno::Errno::EINTR) => {}
            Err(nix::errno::Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until there is something to read, at most this long.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, time: Duration) {
    let milliseconds = i32::try_from(time.as_millis().max(1)).unwrap_or(i32::MAX);
    let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
    // An interruption is one reason more to look again.
    let _interrupted = poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout);
}

/// A descriptor that is readable while one of these is.
pub(crate) fn watch_all(fds: &[BorrowedFd<'_>]) -> io::Result<OwnedFd> {
    // SAFETY: epoll_create1 takes no pointers.
    let all = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if all < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made this descriptor for us.
    let all = unsafe { OwnedFd::from_raw_fd(all) };
    for fd in fds {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 0,
        };
        let (all, fd) = (all.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: `event` lives through the call.
        if unsafe { libc::epoll_ctl(all, libc::EPOLL_CTL_ADD, fd, &mut event) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(all)
}

/// Sends bytes, and with the first of them optionally a descriptor. Returns how
/// many bytes went; `Ok(None)` when the socket is full.
pub(crate) fn send_some(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    passed: Option<BorrowedFd<'_>>,
) -> io::Result<Option<usize>> {
    let slices = [IoSlice::new(bytes)];
    let raw: Vec<RawFd> = passed.iter().map(|fd| fd.as_raw_fd()).collect();
    let control = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &control };
    loop {
        match sendmsg::<()>(
            socket.as_raw_fd(),
            &slices,
            control,
            MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
            None,
        ) {
            Ok(count) => return Ok(Some(count)),
            Err(nix::errno::Errno::EINTR) => {}
            Err(nix::errno::Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Fills `buffer` from the socket and returns the first descriptor that came
/// along, if any.
///
/// # Errors
/// `UnexpectedEof` when the other side closes first.
pub(crate) fn receive_exact(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<Option<OwnedFd>> {
    let mut passed: Option<OwnedFd> = None;
    let mut filled = 0;
    while filled < buffer.len() {
        let mut space = cmsg_space!([RawFd; 4]);
        let mut slices = [IoSliceMut::new(&mut buffer[filled..])];
        let message = match recvmsg::<()>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        ) {
            Ok(message) => message,
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = control {
                for fd in fds {
                    // SAFETY: the kernel just made this descriptor for us.
                    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                    passed.get_or_insert(fd);
                }
            }
        }
        if message.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += message.bytes;
    }
    Ok(passed)
}

/// Duplicates a descriptor to a number of at least `lowest`, closed on exec.
pub(crate) fn duplicate_above(fd: BorrowedFd<'_>, lowest: RawFd) -> io::Result<OwnedFd> {
    let raw = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(lowest))?;
    // SAFETY: fcntl made a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Makes the standard descriptor `target` (0, 1 or 2) refer to the same file
/// as `source`.
pub(crate) fn replace_standard(source: BorrowedFd<'_>, target: RawFd) -> io::Result<()> {
    debug_assert!((0..=2).contains(&target));
    // SAFETY: dup2 takes no pointers. The standard descriptors are owned by
    // nobody in Rust's sense; std never closes them.
    if unsafe { libc::dup2(source.as_raw_fd(), target) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// An input that is at its end: the read side of a pipe nobody writes to. Needs
/// no device node, which a container may lack.
pub(crate) fn empty_input() -> io::Result<OwnedFd> {
    let (read, write) = pipe()?;
    drop(write);
    Ok(read)
}

/// Closes every descriptor from `first` on, whoever left it open.
///
/// # Safety
/// Nothing in this process may use such a descriptor afterwards: call it
/// before any is opened.
pub(crate) unsafe fn close_from(first: RawFd) {
    // SAFETY: close_range takes no pointers; that nobody uses the descriptors
    // is the caller's promise.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if done == 0 {
        return;
    }
    // Before Linux 5.9: ask which ones there are.
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let open: Vec<RawFd> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd >= first)
        .collect();
    for fd in open {
        // SAFETY: as above; the directory's own descriptor, already closed,
        // only gives EBADF.
        unsafe { libc::close(fd) };
    }
}

/// Reads a whole file through its descriptor from the start, without moving
/// its offset, at most `limit` bytes.
///
/// # Errors
/// `FileTooLarge` when there is more.
pub(crate) fn read_whole(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)?;
    let mut one_more = [0];
    if file.read_at(&mut one_more, size)? != 0 {
        return Err(io::Error::other("file grew while it was read"));
    }
    Ok(bytes)
}
