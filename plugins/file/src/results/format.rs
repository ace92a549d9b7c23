//! Modes as the original prints them.

/// `-rw-r--r--`, `urwxr-xr-x`, `dtrwxrwxrwx`, `Dcrw-rw-rw-`: letters for the
/// type and the special bits, then the permissions, which the special bits do
/// not change.
pub fn mode_string(mode: u32) -> String {
    let mut out = String::with_capacity(12);
    let kind = mode & libc::S_IFMT;
    match kind {
        libc::S_IFDIR => out.push('d'),
        libc::S_IFLNK => out.push('L'),
        libc::S_IFBLK | libc::S_IFCHR => out.push('D'),
        libc::S_IFIFO => out.push('p'),
        libc::S_IFSOCK => out.push('S'),
        _ => {}
    }
    if mode & libc::S_ISUID != 0 {
        out.push('u');
    }
    if mode & libc::S_ISGID != 0 {
        out.push('g');
    }
    if kind == libc::S_IFCHR {
        out.push('c');
    }
    if mode & libc::S_ISVTX != 0 {
        out.push('t');
    }
    if out.is_empty() {
        out.push('-');
    }
    for (position, letter) in "rwxrwxrwx".chars().enumerate() {
        let set = mode & (0o400 >> position) != 0;
        out.push(if set { letter } else { '-' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_carry_type_and_special_letters_in_front() {
        let cases = [
            (libc::S_IFREG | 0o644, "-rw-r--r--"),
            (libc::S_IFREG | 0o4755, "urwxr-xr-x"),
            (libc::S_IFREG | 0o2755, "grwxr-xr-x"),
            (libc::S_IFREG | 0o6755, "ugrwxr-xr-x"),
            (libc::S_IFREG | 0o4644, "urw-r--r--"),
            (libc::S_IFDIR | 0o755, "drwxr-xr-x"),
            (libc::S_IFDIR | 0o1777, "dtrwxrwxrwx"),
            (libc::S_IFCHR | 0o666, "Dcrw-rw-rw-"),
            (libc::S_IFBLK | 0o660, "Drw-rw----"),
            (libc::S_IFIFO | 0o600, "prw-------"),
            (libc::S_IFSOCK | 0o700, "Srwx------"),
            (libc::S_IFLNK | 0o777, "Lrwxrwxrwx"),
            (libc::S_IFREG, "----------"),
        ];
        for (mode, wanted) in cases {
            assert_eq!(mode_string(mode), wanted);
        }
    }
}
