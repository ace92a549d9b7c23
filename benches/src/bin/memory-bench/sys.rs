//! Reading the memory of another process on Linux.

use std::io;

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// Reads a part of a process's memory and looks at none of it.
pub fn read_all(pid: i32, address: usize, size: usize) -> io::Result<()> {
    let mut block = vec![0_u8; BLOCK];
    let mut done = 0;
    while done < size {
        let length = BLOCK.min(size - done);
        let local = libc::iovec {
            iov_base: block.as_mut_ptr().cast(),
            iov_len: length,
        };
        let remote = libc::iovec {
            iov_base: std::ptr::without_provenance_mut(address + done),
            iov_len: length,
        };
        // SAFETY: the local range is `block`, which lives through the call; the
        // remote one is checked by the kernel.
        let count = unsafe { libc::process_vm_readv(pid, &local, 1, &remote, 1, 0) };
        match usize::try_from(count) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(_) => return Err(io::Error::last_os_error()),
        }
    }
    std::hint::black_box(&block);
    Ok(())
}
