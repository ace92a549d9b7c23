//! What the status page shows.

use std::fmt::Write;

use crate::history::Past;

/// Everything on the page. Nothing in it may be a secret: every local user can
/// read it, and the identity would let them stop the agent.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Version, host name, program, directories: in order of display.
    pub facts: Vec<(&'static str, String)>,
    /// Environment and tags as indented JSON.
    pub environment: String,
    /// Labels as indented JSON.
    pub tags: String,
    /// Effective settings, in order of display.
    pub settings: Vec<(&'static str, String)>,
    /// Plugins that were refused, with the reason.
    pub refused: Vec<(String, String)>,
    /// Persistent modules, and their alerts: what there is to say of each.
    pub persistent: Vec<(String, Vec<(String, String)>)>,
    /// The last actions, oldest first.
    pub history: Vec<Past>,
}

impl Page {
    /// The page as HTML. Everything is escaped: names of actions come from far
    /// away.
    pub fn to_html(&self) -> String {
        let mut out = String::with_capacity(4096);
        out.push_str(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>MIG agent</title>\
             <style>body{font-family:sans-serif;margin:2em}td,th{text-align:left;padding:.2em 1em .2em 0}</style>\
             </head><body><h1>MIG agent</h1>",
        );
        table(
            &mut out,
            self.facts.iter().map(|(name, value)| [*name, value]),
        );
        heading(&mut out, "Environment");
        preformatted(&mut out, &self.environment);
        heading(&mut out, "Tags");
        preformatted(&mut out, &self.tags);
        heading(&mut out, "Settings");
        table(
            &mut out,
            self.settings.iter().map(|(name, value)| [*name, value]),
        );
        if !self.refused.is_empty() {
            heading(&mut out, "Refused plugins");
            table(
                &mut out,
                self.refused
                    .iter()
                    .map(|(path, reason)| [path.as_str(), reason]),
            );
        }
        if !self.persistent.is_empty() {
            heading(&mut out, "Persistent modules");
            for (name, rows) in &self.persistent {
                let _ = write!(out, "<h3>{}</h3>", Escaped(name));
                table(
                    &mut out,
                    rows.iter().map(|(name, value)| [name.as_str(), value]),
                );
            }
        }
        heading(&mut out, "Last actions");
        let rows = self.history.iter().map(|past| {
            let verdict = if past.accepted {
                "Accepted"
            } else {
                "Rejected"
            };
            [
                past.at.to_utc().to_string(),
                past.name.clone(),
                past.modules.join(","),
                verdict.to_owned(),
            ]
        });
        table(&mut out, rows);
        out.push_str("</body></html>\n");
        out
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = write!(out, "<h2>{}</h2>", Escaped(text));
}

fn preformatted(out: &mut String, text: &str) {
    let _ = write!(out, "<pre>{}</pre>", Escaped(text));
}

fn table<const N: usize, T: AsRef<str>>(out: &mut String, rows: impl Iterator<Item = [T; N]>) {
    out.push_str("<table>");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", Escaped(cell.as_ref()));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}

/// Text that HTML does not take for anything else.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use mig_protocol::Time;

    use super::*;

    #[test]
    fn names_from_far_away_are_only_text() {
        let page = Page {
            facts: vec![("version", "1\"".into())],
            environment: "{\"ident\": \"<b>\"}".into(),
            history: vec![Past {
                at: Time::from_unix(1_709_287_200),
                name: "<script>alert('x')</script>".into(),
                modules: vec!["file".into(), "pkg".into()],
                accepted: false,
            }],
            persistent: vec![("audit".into(), vec![("<b>lost".into(), "<script>1".into())])],
            ..Page::default()
        };
        let html = page.to_html();
        assert!(
            !html.contains("<script>") && !html.contains("<b>"),
            "{html}"
        );
        assert!(
            html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            "{html}"
        );
        assert!(html.contains("<td>2024-03-01T10:00:00Z</td>"), "{html}");
        assert!(
            html.contains("<td>file,pkg</td><td>Rejected</td>"),
            "{html}"
        );
    }
}
