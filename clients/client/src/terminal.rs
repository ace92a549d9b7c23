//! What a person sees while waiting: a bar on a terminal, plain lines otherwise.

use console::{Style, Term};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes notices and progress to stderr; results go to stdout elsewhere.
pub struct Terminal {
    interactive: bool,
    bar: Option<ProgressBar>,
    last: Option<(u64, u64)>,
}

/// Colours of the original's lines.
#[derive(Clone, Copy)]
pub enum Tone {
    /// Something is about to happen.
    Notice,
    /// Something is under way.
    Progress,
    /// The outcome.
    Summary,
    /// Agents that did not answer well.
    Trouble,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            interactive: Term::stderr().is_term(),
            bar: None,
            last: None,
        }
    }
}

impl Terminal {
    /// One line, coloured where colours are shown.
    pub fn say(&self, tone: Tone, text: &str) {
        let text = painted(tone, text);
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    /// Part of a line: the countdown.
    pub fn say_inline(&self, tone: Tone, text: &str) {
        eprint!("{}", painted(tone, text));
    }

    /// How far the action is.
    pub fn progress(&mut self, done: u64, total: u64) {
        if self.last == Some((done, total)) {
            return;
        }
        self.last = Some((done, total));
        let percent = if total == 0 {
            0.0
        } else {
            done as f64 * 100.0 / total as f64
        };
        if !self.interactive {
            eprintln!("{done} / {total} {percent:.2}%");
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            if let Ok(template) =
                ProgressStyle::with_template("{pos} / {len} [{bar:30}] {percent}% {per_sec} {eta}")
            {
                bar.set_style(template.progress_chars("=> "));
            }
            bar
        });
        bar.set_length(total);
        bar.set_position(done);
    }

    /// The bar has done its work.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.last = None;
    }
}

fn painted(tone: Tone, text: &str) -> String {
    let look = match tone {
        Tone::Notice => Style::new().yellow(),
        Tone::Progress => Style::new().blue(),
        Tone::Summary => Style::new().red(),
        Tone::Trouble => Style::new().magenta(),
    };
    look.for_stderr().apply_to(text).to_string()
}

/// Replaces control characters: names of files and machines come from hosts
/// that may be hostile, and a terminal obeys escape sequences. A tab stays:
/// lines that continue another one begin with it.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| {
            let is_order = letter.is_control() && letter != '\t';
            if is_order || is_direction_override(letter) {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}

/// As [`printable`] for a text of several lines, such as a module's help.
pub fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .trim_end()
        .lines()
        .map(|line| printable(&line.replace('\t', "    ")))
        .collect();
    lines.join("\n")
}

/// Characters that reorder what is shown without being control characters.
fn is_direction_override(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_lines};

    #[test]
    fn nothing_in_a_name_reaches_the_terminal_as_an_order() {
        assert_eq!(
            printable("a\u{1b}[31mb\nc\u{7f}\u{9b}d"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}\u{fffd}d"
        );
        assert_eq!(printable("\u{202e}fdp.exe"), "\u{fffd}fdp.exe");
        assert_eq!(
            printable("/etc/passwd [mode:-rw-r--r--]"),
            "/etc/passwd [mode:-rw-r--r--]"
        );
        assert_eq!(printable("Übung/文件"), "Übung/文件");
        assert_eq!(printable("\t[true] identifier"), "\t[true] identifier");
    }

    #[test]
    fn the_lines_of_a_help_stay_lines() {
        assert_eq!(
            printable_lines("-x\tsets \u{1b}[2J\n\n-y\n"),
            "-x    sets \u{fffd}[2J\n\n-y"
        );
    }
}
