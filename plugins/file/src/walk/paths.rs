//! Paths as text: cleaning, joining, nesting.

/// Removes `.`, `..` where something stands before it, double and trailing
/// separators. The empty path is the working directory.
pub fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if absolute => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// What stands in front of the names in a directory: its cleaned path and a
/// separator.
pub fn prefix_of(directory: &[u8]) -> Vec<u8> {
    let mut prefix = directory.to_vec();
    if prefix.last() != Some(&b'/') {
        prefix.push(b'/');
    }
    prefix
}

/// Splits a cleaned path into what stands in front of its last name, and the
/// name: `/etc/passwd` into `/etc/` and `passwd`, `passwd` into nothing and
/// `passwd`.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'/', path) {
        // The root has the name `/`.
        Some(at) if path.len() > 1 => path.split_at(at + 1),
        _ => (b"", path),
    }
}

/// The names that lead from a cleaned path down to another one, if it lies
/// below it. Nothing lies below the working directory in this sense: what is
/// found there is reported as `./name`, and as `name` when asked for itself.
pub fn below<'p>(upper: &str, lower: &'p str) -> Option<Vec<&'p str>> {
    let rest = match upper {
        "/" => lower.strip_prefix('/')?,
        "." => return None,
        upper => lower.strip_prefix(upper)?.strip_prefix('/')?,
    };
    let names: Vec<&str> = rest.split('/').collect();
    (!rest.is_empty() && !names.contains(&"..")).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_follows_go() {
        let cases = [
            ("", "."),
            (".", "."),
            ("./", "."),
            ("/", "/"),
            ("//", "/"),
            ("/etc/", "/etc"),
            ("/etc//ssl/./certs/", "/etc/ssl/certs"),
            ("/a/b/../c", "/a/c"),
            ("/..", "/"),
            ("/../a", "/a"),
            ("..", ".."),
            ("../../a", "../../a"),
            ("a/..", "."),
            ("a/../..", ".."),
            ("./a", "a"),
            ("/usr/bin/*", "/usr/bin/*"),
            ("/a\n/b", "/a\n/b"),
        ];
        for (path, wanted) in cases {
            assert_eq!(clean(path), wanted, "{path:?}");
        }
    }

    #[test]
    fn nesting_goes_by_components_not_by_letters() {
        assert_eq!(below("/srv/a", "/srv/a/b/c"), Some(vec!["b", "c"]));
        assert_eq!(below("/srv/a", "/srv/ab"), None);
        assert_eq!(below("/srv/a", "/srv/a"), None);
        assert_eq!(below("/", "/etc"), Some(vec!["etc"]));
        assert_eq!(below("/", "/"), None);
        assert_eq!(below(".", "a/b"), None);
        assert_eq!(below("a", "a/b"), Some(vec!["b"]));
        assert_eq!(below("..", "../.."), None);
    }

    #[test]
    fn the_last_name_is_split_off() {
        let cases: [(&str, &str, &str); 4] = [
            ("/etc/passwd", "/etc/", "passwd"),
            ("/etc", "/", "etc"),
            ("passwd", "", "passwd"),
            ("/", "", "/"),
        ];
        for (path, front, name) in cases {
            assert_eq!(split(path.as_bytes()), (front.as_bytes(), name.as_bytes()));
        }
        assert_eq!(prefix_of(b"/"), b"/");
        assert_eq!(prefix_of(b"."), b"./");
        assert_eq!(prefix_of(b"/etc"), b"/etc/");
    }
}
