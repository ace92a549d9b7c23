//! What an operation leaves behind and what it tried in vain, for authors of
//! modules. No production worker does any of this.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// System calls that the filter refused, a bit each.
static REFUSED: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

/// How long ended threads may take to be gone, also on a busy machine.
const SETTLE: Duration = Duration::from_secs(2);

/// Counts of the calling process.
pub(crate) struct Counts {
    /// Open before files are out of reach.
    status: File,
    descriptors: u64,
    threads: u64,
    most: i32,
}

impl Counts {
    /// Opens what is needed, which must happen before the guards go up.
    /// Descriptors below `most` are counted.
    pub(crate) fn prepare(most: u64) -> io::Result<Self> {
        record_refusals()?;
        Ok(Self {
            status: File::open("/proc/self/status")?,
            descriptors: 0,
            threads: 0,
            most: i32::try_from(most).unwrap_or(i32::MAX).min(1 << 16),
        })
    }

    /// Starts counting.
    pub(crate) fn begin(&mut self) {
        self.descriptors = self.open_descriptors();
        self.threads = self.running_threads();
        for word in &REFUSED {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Descriptors and threads more than at the start, of which `own` threads
    /// are the worker's.
    pub(crate) fn left_over(&self, own: u64) -> (u64, u64) {
        let descriptors = self.open_descriptors().saturating_sub(self.descriptors);
        let deadline = Instant::now() + SETTLE;
        loop {
            let threads = self.running_threads().saturating_sub(self.threads + own);
            if threads == 0 || Instant::now() >= deadline {
                return (descriptors, threads);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn open_descriptors(&self) -> u64 {
        // SAFETY: F_GETFD only looks a number up.
        let open = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0;
        (0..self.most).filter(open).count() as u64
    }

    fn running_threads(&self) -> u64 {
        let mut text = [0; 4096];
        let length = self.status.read_at(&mut text, 0).unwrap_or(0);
        String::from_utf8_lossy(&text[..length])
            .lines()
            .find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok())
            .unwrap_or(0)
    }
}

/// The numbers of the system calls that were refused since the start.
pub(crate) fn refused() -> Vec<i64> {
    (0..i64::from(u64::BITS) * REFUSED.len() as i64)
        .filter(|call| {
            let (word, bit) = (call / 64, call % 64);
            REFUSED[word as usize].load(Ordering::Relaxed) & (1 << bit) != 0
        })
        .collect()
}

/// Has the filter's traps answered by [`refuse`].
fn record_refusals() -> io::Result<()> {
    // SAFETY: a zeroed sigaction is valid; the handler has the signature that
    // SA_SIGINFO asks for and does only what is safe in a signal handler.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = refuse as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut())
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Takes down the number of the call and answers it as the filter would have.
extern "C" fn refuse(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes the context of the interrupted call.
    let Some(context) = (unsafe { context.cast::<libc::ucontext_t>().as_mut() }) else {
        return;
    };
    let Some((call, answer)) = registers(context) else {
        return;
    };
    // These have an older way that programs take on ENOSYS.
    if super::syscalls::PRETEND_UNKNOWN.contains(&call) {
        *answer = -i64::from(libc::ENOSYS);
        return;
    }
    if let Ok(call) = u64::try_from(call)
        && let Some(word) = REFUSED.get((call / 64) as usize)
    {
        word.fetch_or(1 << (call % 64), Ordering::Relaxed);
    }
    *answer = -i64::from(libc::EPERM);
}

/// The number of the trapped call and where its answer goes.
#[cfg(target_arch = "x86_64")]
fn registers(context: &mut libc::ucontext_t) -> Option<(libc::c_long, &mut i64)> {
    let answer = context.uc_mcontext.gregs.get_mut(libc::REG_RAX as usize)?;
    Some((*answer, answer))
}

#[cfg(target_arch = "aarch64")]
fn registers(context: &mut libc::ucontext_t) -> Option<(libc::c_long, &mut i64)> {
    let call = context.uc_mcontext.regs[8] as libc::c_long;
    // SAFETY: the same size and any bits are valid.
    let answer = unsafe { &mut *(&raw mut context.uc_mcontext.regs[0]).cast::<i64>() };
    Some((call, answer))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn registers(_: &mut libc::ucontext_t) -> Option<(libc::c_long, &mut i64)> {
    None
}
