//! What can be wrong with a pattern, in the words of Go's `regexp/syntax`.

/// A pattern that Go would refuse. Displays like Go's error, without the
/// `error parsing regexp:` in front.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: `{fragment}`")]
pub struct SyntaxError {
    /// The rule that is broken.
    pub kind: ErrorKind,
    /// The part of the pattern that breaks it.
    pub fragment: String,
}

impl SyntaxError {
    pub(super) fn new(kind: ErrorKind, fragment: &str) -> Self {
        Self {
            kind,
            fragment: fragment.to_owned(),
        }
    }
}

/// The rules that a pattern can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// A class range that runs backwards, or an unknown class name.
    #[error("invalid character class range")]
    CharRange,
    /// `\Z`, `\u0041`, a lone `\E`, a back-reference, …
    #[error("invalid escape sequence")]
    Escape,
    /// `(?P<name>` without `>` or with a name that is not a word.
    #[error("invalid named capture")]
    NamedCapture,
    /// `(?x)`, look-around, `(?<name>`, …
    #[error("invalid or unsupported Perl syntax")]
    PerlOperator,
    /// `a**`, `a{2}{3}`.
    #[error("invalid nested repetition operator")]
    RepeatOperator,
    /// A count above 1000, `a{2,1}`, or nested counts multiplying to more.
    #[error("invalid repeat count")]
    RepeatSize,
    /// `[` without `]`.
    #[error("missing closing ]")]
    MissingBracket,
    /// `(` without `)`.
    #[error("missing closing )")]
    MissingParen,
    /// `)` without `(`.
    #[error("unexpected )")]
    UnexpectedParen,
    /// A repetition operator with nothing to repeat.
    #[error("missing argument to repetition operator")]
    MissingRepeatArgument,
    /// A pattern ending in a single backslash.
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    /// More than a thousand levels.
    #[error("expression nests too deeply")]
    NestingDepth,
    /// The compiled program would take too much memory.
    #[error("expression too large")]
    TooLarge,
}
