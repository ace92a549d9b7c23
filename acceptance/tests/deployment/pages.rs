//! The pages of `docs/deployment` as a list of what is to be done.

use std::path::{Path, PathBuf};

/// A way to a site: a list of pages in `README.md`, and sections in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `mig-server`.
    Embedded,
    /// PostgreSQL and RabbitMQ.
    Large,
    /// What is other than that where the database belongs to others.
    Remote,
    /// The same as the large one, where the original was before.
    Original,
}

impl Way {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Embedded, Self::Large, Self::Remote, Self::Original];

    /// The heading of its list of pages.
    fn heading(self) -> &'static str {
        match self {
            Self::Embedded => "## Embedded",
            Self::Large => "## Large",
            Self::Remote => "## Large, with a database that others run",
            Self::Original => "## Moving a site of the original MIG",
        }
    }

    /// Whether a section counts on this way.
    fn covers(self, heading: &str) -> bool {
        match self {
            Self::Embedded => !heading.contains("on a large site"),
            Self::Remote => Self::ALL[..2].iter().all(|way| way.covers(heading)),
            Self::Large | Self::Original => !heading.contains("on an embedded site"),
        }
    }
}

/// What a block of a page is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Commands, with what they print, in parts that come in this order.
    Commands {
        /// To be asked again until they succeed and print that.
        repeat: bool,
        /// Lines of the block of text that follows.
        output: Vec<String>,
    },
    /// A file.
    File(String),
}

/// A block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// `PAGE:LINE`
    pub place: String,
    /// Whether it is for another machine than the first one.
    pub second: bool,
    /// What to do with it.
    pub kind: Kind,
    /// What stands in it.
    pub text: String,
}

/// The folder of the pages.
pub fn folder() -> PathBuf {
    documentation().join("deployment")
}

/// The folder of all documentation.
pub fn documentation() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The pages of a way, in order.
pub fn of(way: Way) -> Vec<String> {
    let contents = read("README.md");
    let list = contents
        .lines()
        .skip_while(|line| *line != way.heading())
        .skip(1)
        .take_while(|line| !line.starts_with('#'));
    let pages: Vec<_> = list
        .filter_map(|line| Some(line.split_once("](")?.1.split_once(')')?.0.to_owned()))
        .collect();
    assert!(!pages.is_empty(), "README.md has no list {way:?}");
    pages
}

/// The text of a page.
pub fn read(page: &str) -> String {
    let path = folder().join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a page has to do on a way.
///
/// # Errors
/// When a block of the page, on any way, is none that can be executed, written or
/// compared.
pub fn blocks(page: &str, text: &str, way: Way) -> Result<Vec<Block>, String> {
    let all = all_blocks(page, text)?.into_iter();
    let covered = all.filter(|(heading, _)| way.covers(heading));
    Ok(covered.map(|(_, block)| block).collect())
}

/// All that a page has to do, with the headings that it stands under.
fn all_blocks(page: &str, text: &str) -> Result<Vec<(String, Block)>, String> {
    let mut blocks: Vec<(String, Block)> = Vec::new();
    let (mut heading, mut before) = (String::new(), String::new());
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let place = format!("{page}:{}", number + 1);
        if line.starts_with('#') {
            heading = line.to_lowercase();
        }
        let Some(fence) = line.strip_prefix("```") else {
            if line.trim_start().starts_with("```") || line.starts_with("    ") {
                return Err(format!("{place}: a block that does not begin its line"));
            }
            if !line.trim().is_empty() {
                line.clone_into(&mut before);
            }
            continue;
        };
        let mut text = String::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some((_, line)) => text.extend([line, "\n"]),
                None => return Err(format!("{place}: a block without end")),
            }
        }
        let kind = match fence {
            "sh" | "sh repeat" => Kind::Commands {
                repeat: fence == "sh repeat",
                output: Vec::new(),
            },
            "ini" | "json" | "erlang" => Kind::File(file_in(&before, &place)?),
            "text" => {
                match blocks.last_mut().map(|(_, block)| &mut block.kind) {
                    Some(Kind::Commands { output, .. }) if output.is_empty() => {
                        output.extend(text.lines().map(str::to_owned));
                    }
                    _ => return Err(format!("{place}: output of nothing")),
                }
                continue;
            }
            other => return Err(format!("{place}: nobody knows what `{other}` is")),
        };
        let block = Block {
            place,
            second: heading.contains("on the second machine"),
            kind,
            text,
        };
        blocks.push((heading.clone(), block));
    }
    Ok(blocks)
}

/// The path that the line before a file names.
fn file_in(line: &str, place: &str) -> Result<String, String> {
    let named = line.split('`').skip(1).step_by(2);
    let mut paths = named.filter(|name| name.starts_with(['/', '~']));
    match (paths.next(), paths.next(), line.ends_with(':')) {
        (Some(path), None, true) => Ok(path.to_owned()),
        _ => Err(format!(
            "{place}: the line before a file names one path and ends with a colon"
        )),
    }
}

/// The first of these parts of output that is missing; parts of a line that stand
/// apart (`…`) may have anything between them, and lines anything between them.
pub fn missing<'a>(output: &str, expected: &'a [String]) -> Option<&'a str> {
    let mut lines = output.lines();
    expected
        .iter()
        .map(String::as_str)
        .find(|wanted| !lines.any(|line| contains(line, wanted)))
}

fn contains(line: &str, wanted: &str) -> bool {
    let mut rest = line;
    wanted.split('…').all(|part| {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
        true
    })
}
