//! Paths as bytes: cleaning, joining, nesting.

/// Removes `.`, `..` where something stands before it, double and trailing
/// separators. The empty path is the working directory.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let absolute = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(&last) if last != b".." => {
                    parts.pop();
                }
                _ if absolute => {}
                _ => parts.push(b".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (absolute, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// [`clean`] for a path that is text.
pub fn clean_text(path: &str) -> String {
    // Whole names are left out, so what remains is text.
    String::from_utf8(clean(path.as_bytes())).unwrap_or_default()
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
pub fn below<'p>(upper: &[u8], lower: &'p [u8]) -> Option<Vec<&'p [u8]>> {
    let rest = match upper {
        b"/" => lower.strip_prefix(b"/")?,
        b"." => return None,
        upper => lower.strip_prefix(upper)?.strip_prefix(b"/")?,
    };
    let names: Vec<&[u8]> = rest.split(|byte| *byte == b'/').collect();
    (!rest.is_empty() && !names.contains(&b"..".as_slice())).then_some(names)
}

/// The directories that a cleaned path lies in by its text, the uppermost
/// first.
pub fn uppers(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = memchr::memchr_iter(b'/', path);
    slashes.map(|at| if at == 0 { &path[..1] } else { &path[..at] })
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
            assert_eq!(clean_text(path), wanted, "{path:?}");
        }
    }

    #[test]
    fn nesting_goes_by_components_not_by_letters() {
        let below = |upper: &str, lower: &'static str| {
            let names = below(upper.as_bytes(), lower.as_bytes())?;
            let texts = names
                .into_iter()
                .map(|name| std::str::from_utf8(name).unwrap());
            Some(texts.collect::<Vec<_>>())
        };
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
    fn the_directories_above_are_named_from_the_top() {
        let uppers = |path: &'static str| {
            let texts = uppers(path.as_bytes()).map(|upper| std::str::from_utf8(upper).unwrap());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(uppers("/srv/a/b"), ["/", "/srv", "/srv/a"]);
        assert_eq!(uppers("a/b"), ["a"]);
        assert_eq!(uppers("a"), [""; 0]);
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
