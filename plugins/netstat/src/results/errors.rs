//! What went wrong on the way.

/// Errors that a result carries. A host with a thousand namespaces that are all
/// closed says the same a thousand times.
const MOST: usize = 100;

/// Collects errors; above a limit they are only counted.
#[derive(Debug, Default)]
pub struct ErrorLog {
    kept: Vec<String>,
    withheld: usize,
}

impl ErrorLog {
    /// Notes an error: one line.
    pub fn add(&mut self, line: String) {
        if self.kept.len() < MOST {
            self.kept.push(line);
        } else {
            self.withheld += 1;
        }
    }

    /// The errors in the order in which they came, and a last line that counts
    /// the others. `None` without any.
    pub fn finish(mut self) -> Option<Vec<String>> {
        if self.withheld > 0 {
            self.kept.push(format!("and {} more errors", self.withheld));
        }
        Some(self.kept).filter(|kept| !kept.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_limit_is_counted() {
        assert_eq!(ErrorLog::default().finish(), None);
        let mut log = ErrorLog::default();
        for number in 0..MOST + 2 {
            log.add(number.to_string());
        }
        let lines = log.finish().unwrap();
        assert_eq!(lines.len(), MOST + 1);
        assert_eq!(lines[0], "0");
        assert_eq!(lines[MOST], "and 2 more errors");
    }
}
