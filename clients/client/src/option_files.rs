//! Files that the words of a module's command line name.
//!
//! The operation `options` runs without access to files; the client reads for
//! it what the person named, and nothing else: a plugin must not choose which
//! of the person's files become part of an action.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;

use serde_json::{Map, Value};

/// Largest file in bytes.
const MAX_FILE: u64 = 16 << 20;
/// All files of one command line together, in bytes.
const MAX_TOTAL: usize = 32 << 20;

/// What was read for one command line.
pub struct OptionFiles<'a> {
    words: &'a [String],
    texts: Map<String, Value>,
    total: usize,
}

impl<'a> OptionFiles<'a> {
    /// Nothing read yet.
    pub fn new(words: &'a [String]) -> Self {
        Self {
            words,
            texts: Map::new(),
            total: 0,
        }
    }

    /// True before anything was read.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Texts by path, as the operation takes them.
    pub fn to_value(&self) -> Value {
        Value::Object(self.texts.clone())
    }

    /// Reads what the module asks for. Every call must bring something new, so
    /// there are never more of them than words.
    ///
    /// # Errors
    /// One line that names the file and says what to do.
    pub fn read<'p>(&mut self, paths: impl Iterator<Item = &'p str>) -> Result<(), String> {
        let known = self.texts.len();
        let mut last = None;
        for path in paths {
            last = Some(path);
            if self.texts.contains_key(path) {
                continue;
            }
            if !self.is_named(path) {
                return Err(format!(
                    "asks for the file `{}`, which the options do not name; it is not read",
                    shown(path)
                ));
            }
            let text = read(path).map_err(|why| format!("{}: {why}", shown(path)))?;
            self.total += text.len();
            if self.total > MAX_TOTAL {
                return Err(format!(
                    "{}: the files of these options are larger than 32 MiB together; ask in several actions",
                    shown(path)
                ));
            }
            self.texts.insert(path.to_owned(), Value::String(text));
        }
        match last {
            Some(path) if self.texts.len() == known => Err(format!(
                "asks for the file `{}` again, which it was given; tell the author of the module",
                shown(path)
            )),
            _ => Ok(()),
        }
    }

    fn is_named(&self, path: &str) -> bool {
        self.words.iter().any(|word| {
            word == path
                || word.starts_with('-')
                    && word.split_once('=').is_some_and(|(_, value)| value == path)
        })
    }
}

/// A whole text file or pipe, as `<(command)` gives one.
fn read(path: &str) -> Result<String, String> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read; check its permissions".to_owned(),
        _ => error.to_string(),
    };
    // Before it is opened, which alone does something to many a device; the word
    // may have been meant for something else than reading.
    readable(&std::fs::metadata(path).map_err(refused)?)?;
    let file = File::open(path).map_err(refused)?;
    // It may have been replaced meanwhile.
    readable(&file.metadata().map_err(refused)?)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err("it is larger than 16 MiB; split it".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 text (byte {at}); convert it, for example with iconv")
    })
}

/// Refuses what has no end, or none that is known.
fn readable(metadata: &Metadata) -> Result<(), String> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err("it is a directory; name a file in it".to_owned());
    }
    if !kind.is_file() && !kind.is_fifo() {
        return Err("it is neither a regular file nor a pipe; name one".to_owned());
    }
    Ok(())
}

fn shown(path: &str) -> String {
    path.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// A directory with files that can and cannot be read.
    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(directory.path().join(name), bytes).expect("write");
        };
        write("good", "tests: [é]\n".as_bytes());
        write("binary", b"tests: \xff\n");
        let large = File::create(directory.path().join("large")).expect("create");
        large.set_len(MAX_FILE + 1).expect("grow");
        let limit = File::create(directory.path().join("limit")).expect("create");
        limit.set_len(MAX_FILE).expect("grow");
        directory
    }

    #[test]
    fn a_file_that_the_words_name_is_read_once() {
        let directory = directory();
        let path = directory.path().join("good");
        let path = path.to_str().expect("UTF-8");
        let attached = format!("-path={path}");
        for words in [words(&["-path", path]), words(&[&attached])] {
            let mut files = OptionFiles::new(&words);
            files.read([path, path].into_iter()).expect("readable");
            assert_eq!(files.to_value()[path], "tests: [é]\n");
            let again = files.read([path].into_iter()).expect_err("nothing new");
            assert!(again.contains("again"), "{again}");
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        use std::io::Write;
        let (reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(b"from a command").expect("write");
        drop(writer);
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read(&path).expect("a pipe"), "from a command");
    }

    #[test]
    fn what_nobody_named_stays_unread() {
        let words = words(&["-path", "/etc/hosts", "see", "x=/etc/passwd"]);
        for path in ["/etc/passwd", "/etc/host", "etc/hosts", ""] {
            let why = OptionFiles::new(&words).read([path].into_iter());
            let why = why.expect_err(path);
            assert!(why.contains("do not name"), "{why}");
        }
    }

    #[test]
    fn every_unreadable_file_has_its_line() {
        let directory = directory();
        for (name, remedy) in [
            ("missing", "check the path"),
            ("binary", "not UTF-8 text (byte 7); convert it"),
            ("large", "larger than 16 MiB; split it"),
            (".", "a directory; name a file in it"),
        ] {
            let path = directory.path().join(name);
            let words = words(&["-path", path.to_str().expect("UTF-8")]);
            let mut files = OptionFiles::new(&words);
            let why = files.read(words[1..].iter().map(String::as_str));
            let why = why.expect_err(name);
            assert!(why.starts_with(&words[1]) && why.contains(remedy), "{why}");
            assert!(!why.contains('\n'));
        }
        // Opening a socket fails otherwise: it is not even tried.
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bind");
        for path in ["/dev/null", socket.to_str().expect("UTF-8")] {
            let why = read(path).expect_err(path);
            assert!(why.contains("neither a regular file nor a pipe"), "{why}");
        }
    }

    #[test]
    fn all_files_together_are_bounded() {
        let directory = directory();
        let limit = directory.path().join("limit");
        let paths: Vec<_> = (0..3)
            .map(|number| {
                let path = directory.path().join(format!("limit{number}"));
                std::fs::hard_link(&limit, &path).expect("link");
                path.to_str().expect("UTF-8").to_owned()
            })
            .collect();
        let mut files = OptionFiles::new(&paths);
        files
            .read(paths[..2].iter().map(String::as_str))
            .expect("32 MiB");
        let why = files.read(paths[2..].iter().map(String::as_str));
        assert!(why.expect_err("48 MiB").contains("32 MiB together"));
    }
}
