//! Parameters of a request as the body of a form.

/// A form that grows.
#[derive(Debug, Default)]
pub(super) struct Form {
    text: String,
}

impl Form {
    /// One more field.
    pub fn add(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        encode(name, &mut self.text);
        self.text.push('=');
        encode(value, &mut self.text);
    }

    /// The body.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Percent-encodes everything that RFC 3986 does not leave alone.
fn encode(text: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte));
            }
            other => {
                into.push('%');
                into.push(char::from(DIGITS[usize::from(other >> 4)]));
                into.push(char::from(DIGITS[usize::from(other & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_special_is_encoded() {
        let mut form = Form::default();
        form.add("a.1", "x y+z&=%/~ü");
        form.add("b", "");
        assert_eq!(form.finish(), "a.1=x%20y%2Bz%26%3D%25%2F~%C3%BC&b=");
    }
}
