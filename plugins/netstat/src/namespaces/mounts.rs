//! Namespaces that are kept by a mount, from `/proc/self/mountinfo`.

use super::number;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The file system that such mounts are of.
const NAMESPACES: &[u8] = b"nsfs";

/// Numbers of the mounted network namespaces and where they are. Lines that are
/// not what they should be are passed over.
///
/// A line has the columns: number, parent, device, root, mount point, options,
/// any number of tags, a dash, type, source, more options (proc(5)).
pub fn mounted(mountinfo: &[u8]) -> Vec<(u64, PathBuf)> {
    mountinfo
        .split(|byte| *byte == b'\n')
        .filter_map(entry)
        .collect()
}

fn entry(line: &[u8]) -> Option<(u64, PathBuf)> {
    let columns: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = columns.iter().skip(6).position(|column| *column == b"-")? + 6;
    if *columns.get(dash + 1)? != NAMESPACES {
        return None;
    }
    let root = std::str::from_utf8(columns.get(3)?).ok()?;
    let number = number(Path::new(root))?;
    let point = unescaped(columns.get(4)?);
    Some((number, std::ffi::OsString::from_vec(point).into()))
}

/// Spaces, tabs, line feeds and backslashes are written as three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        out.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() {
            &after[3..]
        } else {
            after
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn mounted_network_namespaces_are_found() {
        let table = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
600 22 0:4 net:[4026532301] /run/netns/blue rw shared:2 master:1 - nsfs nsfs rw
601 22 0:4 mnt:[4026532302] /run/mnt/a rw - nsfs nsfs rw
602 22 0:4 net:[4026532303] /tmp/a\\040b\\134c\\012 rw - nsfs nsfs rw
603 22 0:4 net:[1] /not/one rw - ext4 nsfs rw
604 22 0:4 net:[x] /not/one rw - nsfs nsfs rw
605 22 0:4 net:[2]
nonsense - nsfs
";
        let wanted: Vec<(u64, PathBuf)> = vec![
            (4_026_532_301, "/run/netns/blue".into()),
            (4_026_532_303, "/tmp/a b\\c\n".into()),
        ];
        assert_eq!(mounted(table.as_bytes()), wanted);
    }

    #[test]
    fn names_need_not_be_text() {
        let mut line = b"1 2 0:4 net:[7] /run/\xff rw - nsfs nsfs rw".to_vec();
        let found = mounted(&line);
        assert_eq!(found[0].1.as_os_str().as_bytes(), b"/run/\xff");
        // An escape that is cut off, or beyond a byte, is none.
        line = b"1 2 0:4 net:[7] /a\\777\\04 rw - nsfs nsfs rw".to_vec();
        assert_eq!(mounted(&line)[0].1.as_os_str().as_bytes(), b"/a\\777\\04");
    }

    proptest! {
        #[test]
        fn no_table_is_too_strange(table in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = mounted(&table);
        }
    }
}
