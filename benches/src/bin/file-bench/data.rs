//! The files to search.

use crate::BenchError;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Small files in one directory.
const PER_DIRECTORY: u32 = 100;
/// One small file in so many holds the line that is searched.
const NEEDLE_EVERY: u32 = 1000;
/// Bytes of text that the files are cut from.
const TEXT: usize = 1 << 20;

/// A directory with files.
pub struct Data {
    root: PathBuf,
    /// Removes the directory at the end.
    _temporary: Option<tempfile::TempDir>,
}

impl Data {
    /// Makes the files, or takes those that a former run of the same size left.
    pub fn prepare(directory: Option<&Path>, files: u32, large: u64) -> Result<Self, BenchError> {
        let (base, temporary) = match directory {
            Some(directory) => (directory.to_path_buf(), None),
            None => {
                let temporary = tempfile::tempdir().map_err(|source| BenchError::Data {
                    path: std::env::temp_dir(),
                    source,
                })?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let root = base.join(format!("file-bench-{files}-{large}"));
        let complete = base.join(format!("file-bench-{files}-{large}.complete"));
        if !complete.is_file() {
            make(&root, files, large)
                .and_then(|()| fs::write(&complete, b""))
                .map_err(|source| BenchError::Data {
                    path: root.clone(),
                    source,
                })?;
        }
        Ok(Self {
            root,
            _temporary: temporary,
        })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn make(root: &Path, files: u32, large: u64) -> io::Result<()> {
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(root)?,
    }
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let text = text(&mut random);
    let mut directory = root.to_path_buf();
    for number in 0..files {
        if number % PER_DIRECTORY == 0 {
            let (outer, inner) = (number / PER_DIRECTORY / 10, number / PER_DIRECTORY % 10);
            directory = root.join(format!("d{outer:03}/e{inner}"));
            fs::create_dir_all(&directory)?;
        }
        let size = 1024 + random.below(15 * 1024 + 1);
        let start = random.below(text.len() - size);
        let mut content = text[start..start + size].to_vec();
        if number % NEEDLE_EVERY == 7 {
            writeln!(content, "\nkey = needle-{number:06};")?;
        }
        let suffix = if number % 3 == 0 { "log" } else { "dat" };
        fs::write(directory.join(format!("file{number:06}.{suffix}")), content)?;
    }
    for number in 0..2 {
        let mut file = io::BufWriter::new(fs::File::create(root.join(format!("large{number}")))?);
        let mut left = large;
        while left > 0 {
            let size = left.min(text.len() as u64);
            file.write_all(&text[..usize::try_from(size).unwrap_or(text.len())])?;
            left -= size;
        }
        // Of the two, one holds the line, at its end.
        if number == 1 {
            writeln!(file, "\nkey = needle-999999;")?;
        }
        file.flush()?;
    }
    Ok(())
}

/// Lines of words.
fn text(random: &mut Random) -> Vec<u8> {
    let words: Vec<String> = (0..2000)
        .map(|_| {
            let length = 2 + random.below(9);
            (0..length)
                .map(|_| char::from(b'a' + u8::try_from(random.below(26)).unwrap_or(0)))
                .collect()
        })
        .collect();
    let mut text = Vec::with_capacity(TEXT + 200);
    while text.len() < TEXT {
        for _ in 0..3 + random.below(14) {
            text.extend_from_slice(words[random.below(words.len())].as_bytes());
            text.push(b' ');
        }
        text.push(b'\n');
    }
    text
}

/// The same numbers every time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap_or(0)
    }
}
