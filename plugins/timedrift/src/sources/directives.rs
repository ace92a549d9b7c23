//! Files whose lines are a word and what belongs to it.

/// One line.
pub struct Line<'a> {
    /// Counted from 1.
    pub number: usize,
    /// The first word, lower case.
    pub name: String,
    /// The other words.
    pub words: Vec<&'a str>,
}

/// The lines that say something. A word that starts with one of the characters
/// in `comments` begins a comment.
pub fn lines<'a>(text: &'a str, comments: &'static str) -> impl Iterator<Item = Line<'a>> {
    text.lines().enumerate().filter_map(move |(index, line)| {
        let mut words = line
            .split_whitespace()
            .take_while(move |word| !word.starts_with(|c| comments.contains(c)));
        let name = words.next()?.to_ascii_lowercase();
        Some(Line {
            number: index + 1,
            name,
            words: words.collect(),
        })
    })
}
