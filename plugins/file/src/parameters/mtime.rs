//! `mtimes`: `<90d`, `>12h`, `<30m`.

/// Modified since, or before, a time counted back from the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mtime {
    /// `<`: newer than that; otherwise older.
    pub newer: bool,
    /// How far back, in nanoseconds; at most what fits 63 bits.
    pub age: i64,
}

impl Mtime {
    /// Reads a period: days of 24 hours, hours or minutes.
    ///
    /// # Errors
    /// When it has another form, no digits, or reaches back more than 106751
    /// days. The text completes "… is not a period: ".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "write <N or >N with one of d, h, m behind it, for example <90d";
        let newer = match text.as_bytes().first() {
            Some(b'<') => true,
            Some(b'>') => false,
            _ => return Err(FORM),
        };
        let minutes: i64 = match text.as_bytes().last() {
            Some(b'd') => 24 * 60,
            Some(b'h') => 60,
            Some(b'm') => 1,
            _ => return Err(FORM),
        };
        let digits = &text[1..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM);
        }
        let age = digits
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(minutes * 60))
            .and_then(|seconds| seconds.checked_mul(1_000_000_000))
            .ok_or("it reaches back more than 106751 days")?;
        Ok(Self { newer, age })
    }

    /// Whether a file modified at `mtime` satisfies it; both times in
    /// nanoseconds since the epoch. The bound itself satisfies neither.
    pub fn holds(self, mtime: i128, now: i128) -> bool {
        let bound = now - i128::from(self.age);
        if self.newer {
            mtime > bound
        } else {
            mtime < bound
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_strict_on_both_sides() {
        let hour = 3_600_000_000_000;
        let newer = Mtime::parse("<1h").unwrap();
        let older = Mtime::parse(">1h").unwrap();
        assert_eq!(newer.age, hour);
        let now = 1_000_000 * i128::from(hour);
        let bound = now - i128::from(hour);
        assert!(!newer.holds(bound, now) && newer.holds(bound + 1, now));
        assert!(!older.holds(bound, now) && older.holds(bound - 1, now));
        assert!(newer.holds(now + 5, now), "the future is newer");
        assert_eq!(Mtime::parse("<2d").unwrap().age, 48 * hour);
        assert_eq!(Mtime::parse(">60m").unwrap().age, hour);
        assert!(Mtime::parse(">106751d").is_ok());
    }

    #[test]
    fn what_the_original_let_crash_is_refused() {
        for text in [
            "",
            "<",
            ">",
            "<d",
            "90d",
            "<90",
            "<90s",
            "<90D",
            "<-1d",
            "<1.5d",
            "<>1d",
            ">106752d",
            ">9999999999999999999h",
            "d",
        ] {
            assert!(Mtime::parse(text).is_err(), "{text:?}");
        }
    }
}
