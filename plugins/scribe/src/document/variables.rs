//! Variables: plain text in place of plain text.

use super::Variable;

/// The variable that chains set: the directory of the file that the importing
/// object found, with a separator behind it.
pub const CHAIN_ROOT: &str = "${chain_root}";

/// Longest text that variables may make.
const MAX_EXPANDED: usize = 64 << 10;

/// Puts the values of variables into a text, one variable after the other, so
/// that a value may name later variables.
///
/// # Errors
/// When the text grows beyond all use: values that repeat each other double it
/// with every variable.
pub fn expand(text: &str, variables: &[Variable]) -> Result<String, String> {
    let mut text = text.to_owned();
    for variable in variables {
        if !text.contains("${") {
            break;
        }
        let name = format!("${{{}}}", variable.key);
        let count = text.matches(&name).count();
        if count == 0 {
            continue;
        }
        if text.len() + count * variable.value.len() > MAX_EXPANDED {
            return Err(format!(
                "variable {} makes a text of more than {MAX_EXPANDED} bytes",
                super::shown(&variable.key)
            ));
        }
        text = text.replace(&name, &variable.value);
    }
    Ok(text)
}

/// Whether a text names the directory that chains start from.
pub fn refers_to_root(text: &str) -> bool {
    text.contains(CHAIN_ROOT)
}

/// Puts the directory of a chain into a path. The directory need not be text.
pub fn expand_root(path: &str, root: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.split(CHAIN_ROOT).map(str::as_bytes).collect();
    parts.join(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<Variable> {
        let variable = |(key, value): &(&str, &str)| Variable {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        pairs.iter().map(variable).collect()
    }

    #[test]
    fn keys_are_literal_and_values_may_name_later_variables() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: &[Case<'_>] = &[
            ("${root}/etc", &[("root", "/srv")], "/srv/etc"),
            ("${a}${a}", &[("a", "x")], "xx"),
            ("${axb} ${a.b}", &[("a.b", "1")], "${axb} 1"),
            ("${a+}", &[("a+", "1")], "1"),
            ("${(}", &[("(", "1")], "1"),
            ("${a}", &[("a", "${b}"), ("b", "2")], "2"),
            ("${b}", &[("a", "1"), ("b", "${a}")], "${a}"),
            ("${a", &[("a", "1")], "${a"),
            ("$a {a}", &[("a", "1")], "$a {a}"),
            ("${a}", &[("a", "")], ""),
            ("${a}", &[("a", "${a}")], "${a}"),
            ("${a}", &[("a", "1"), ("a", "2")], "1"),
            ("${}", &[("", "e")], "e"),
        ];
        for (text, pairs, wanted) in cases {
            assert_eq!(
                expand(text, &variables(pairs)).as_deref(),
                Ok(*wanted),
                "{text}"
            );
        }
    }

    #[test]
    fn a_text_that_doubles_and_doubles_is_an_error() {
        let doubling: Vec<Variable> = (0..64)
            .map(|number| Variable {
                key: number.to_string(),
                value: format!("${{{0}}}${{{0}}}", number + 1),
            })
            .collect();
        assert!(expand("${0}", &doubling).unwrap_err().contains("bytes"));
    }

    #[test]
    fn the_root_of_a_chain_may_be_any_bytes() {
        assert!(refers_to_root("${chain_root}../x") && !refers_to_root("${root}"));
        assert_eq!(expand_root("${chain_root}x", b"/a\xFF/"), b"/a\xFF/x");
        assert_eq!(expand_root("/fixed", b"/a/"), b"/fixed");
    }
}
