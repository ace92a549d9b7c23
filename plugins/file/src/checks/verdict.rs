//! From what is known about a file to the verdict of a check.

/// Verdict of a check other than content: match, inverted by `!`, inverted by
/// `mismatch`.
pub fn plain(found: bool, inverted: bool, mismatch: bool) -> bool {
    found ^ inverted ^ mismatch
}

/// A content check, as far as its verdict goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentCheck {
    /// The search wants every line to satisfy the pattern.
    pub every_line: bool,
    /// The pattern is inverted by `!`.
    pub inverted: bool,
    /// The verdict is inverted by `mismatch`.
    pub mismatch: bool,
}

/// What is known about the lines of a file for one pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lines {
    /// Some line matches.
    pub some_match: bool,
    /// Some line does not match. Only known when asked for.
    pub some_fail: bool,
    /// The file ended, and whether it had any line.
    pub ended: Option<bool>,
}

impl ContentCheck {
    /// Whether the verdict depends on a line that does not match, rather than
    /// on one that does.
    pub fn looks_for_failing_line(self) -> bool {
        self.every_line && !self.inverted
    }

    /// The verdict, or `None` while lines still to come may change it.
    pub fn verdict(self, lines: Lines) -> Option<bool> {
        let Self {
            every_line,
            inverted,
            mismatch,
        } = self;
        if !every_line {
            let found = lines.some_match;
            return (found || lines.ended.is_some()).then(|| plain(found, inverted, mismatch));
        }
        if inverted {
            if lines.some_match {
                return Some(mismatch);
            }
            // Without any line there is nothing to hold against the file,
            // whichever way the question is put.
            return lines.ended.map(|any_line| !mismatch || !any_line);
        }
        if lines.some_fail {
            return Some(mismatch);
        }
        lines.ended.map(|any_line| any_line ^ mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file contains, seen by one pattern.
    const EVERY: Lines = Lines {
        some_match: true,
        some_fail: false,
        ended: Some(true),
    };
    const SOME: Lines = Lines {
        some_match: true,
        some_fail: true,
        ended: Some(true),
    };
    const NONE: Lines = Lines {
        some_match: false,
        some_fail: true,
        ended: Some(true),
    };
    const EMPTY: Lines = Lines {
        some_match: false,
        some_fail: false,
        ended: Some(false),
    };

    #[test]
    fn content_verdicts_follow_the_table() {
        // every_line, inverted, mismatch: every line, some lines, no line, empty.
        let table = [
            ((false, false, false), [true, true, false, false]),
            ((false, true, false), [false, false, true, true]),
            ((true, false, false), [true, false, false, false]),
            ((true, true, false), [false, false, true, true]),
            ((false, false, true), [false, false, true, true]),
            ((true, false, true), [false, true, true, true]),
            ((false, true, true), [true, true, false, false]),
            ((true, true, true), [true, true, false, true]),
        ];
        for ((every_line, inverted, mismatch), wanted) in table {
            let check = ContentCheck {
                every_line,
                inverted,
                mismatch,
            };
            for (lines, wanted) in [EVERY, SOME, NONE, EMPTY].into_iter().zip(wanted) {
                assert_eq!(check.verdict(lines), Some(wanted), "{check:?} {lines:?}");
                // An early verdict is never taken back.
                let early = Lines {
                    ended: None,
                    ..lines
                };
                assert!(
                    check.verdict(early).is_none_or(|early| early == wanted),
                    "{check:?} {lines:?}"
                );
            }
        }
    }

    #[test]
    fn one_telling_line_settles_a_check() {
        let check = |every_line, inverted| ContentCheck {
            every_line,
            inverted,
            mismatch: false,
        };
        let seen = |some_match, some_fail| Lines {
            some_match,
            some_fail,
            ended: None,
        };
        assert_eq!(check(false, false).verdict(seen(true, false)), Some(true));
        assert_eq!(check(false, true).verdict(seen(true, false)), Some(false));
        assert_eq!(check(true, false).verdict(seen(true, true)), Some(false));
        assert_eq!(check(true, true).verdict(seen(true, false)), Some(false));
        for every_line in [false, true] {
            for inverted in [false, true] {
                assert_eq!(
                    check(every_line, inverted).verdict(seen(false, false)),
                    None
                );
            }
        }
    }
}
