/// Why a target was refused: one line that says where and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target: column {column}: {message}")]
pub struct TargetError {
    column: usize,
    message: String,
}

impl TargetError {
    /// An error at the byte `offset` of `text`.
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> TargetError {
        let before = text.get(..offset).unwrap_or(text);
        // Pieces of the target are quoted in messages, and targets come from others.
        let message = message
            .into()
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        TargetError {
            column: before.chars().count() + 1,
            message,
        }
    }

    /// Where, in characters from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}
