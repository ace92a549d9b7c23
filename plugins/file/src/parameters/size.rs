//! `sizes`: `<10k`, `>1g`, `4096`.

/// A window of file sizes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Least size in bytes.
    pub min: u64,
    /// Greatest size in bytes.
    pub max: u64,
}

impl Size {
    /// Reads a size; powers of 1024, lower-case suffixes only.
    ///
    /// # Errors
    /// When it has no digits, another form, or does not fit 64 bits. The text
    /// completes "… is not a size: ".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (prefix, rest) = match text.as_bytes().first() {
            Some(b'<' | b'>') => text.split_at(1),
            _ => ("", text),
        };
        let (digits, factor) = match rest.as_bytes().last() {
            Some(b'k') => (&rest[..rest.len() - 1], 1 << 10),
            Some(b'm') => (&rest[..rest.len() - 1], 1 << 20),
            Some(b'g') => (&rest[..rest.len() - 1], 1 << 30),
            Some(b't') => (&rest[..rest.len() - 1], 1u64 << 40),
            _ => (rest, 1),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("write <N, >N or N with one of k, m, g, t behind it, for example <100k");
        }
        let value = digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .ok_or("it does not fit 64 bits")?;
        Ok(match prefix {
            "<" => Self { min: 0, max: value },
            ">" => Self {
                min: value,
                max: i64::MAX as u64,
            },
            _ => Self {
                min: value,
                max: value,
            },
        })
    }

    /// Whether a file of this many bytes lies in the window.
    pub fn contains(self, size: u64) -> bool {
        self.min <= size && size <= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_windows_with_both_ends_included() {
        let top = i64::MAX as u64;
        let cases = [
            ("10", 10, 10),
            ("<10", 0, 10),
            (">10", 10, top),
            ("<1k", 0, 1024),
            (">2m", 2 << 20, top),
            ("3g", 3 << 30, 3 << 30),
            ("<1t", 0, 1 << 40),
            ("007", 7, 7),
        ];
        for (text, min, max) in cases {
            assert_eq!(Size::parse(text), Ok(Size { min, max }), "{text}");
        }
        let size = Size::parse("<10").unwrap();
        assert!(size.contains(10) && !size.contains(11) && size.contains(0));
    }

    #[test]
    fn what_the_original_let_crash_is_refused() {
        for text in [
            "",
            "k",
            "<",
            ">",
            "<k",
            "10K",
            "10kb",
            "1.5k",
            "-1",
            "<>1",
            "+1",
            " 1",
            "1 ",
            "16777216t",
            "99999999999999999999",
            "18446744073709551616",
            "١",
        ] {
            assert!(Size::parse(text).is_err(), "{text:?}");
        }
    }
}
