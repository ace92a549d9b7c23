//! Which texts may be looked up.

/// Why `name` is not a valid DNS name; `None` when it is one.
///
/// Letters, digits, hyphens and underscores in labels of at most 63 characters
/// that neither begin nor end with a hyphen; at most 253 in all; one final dot
/// is allowed.
pub fn objection(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > 253 {
        return Some("is longer than 253 characters");
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Some("has an empty label");
        }
        if label.len() > 63 {
            return Some("has a label longer than 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("has a label with a hyphen at its edge");
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !label.bytes().all(allowed) {
            return Some("has a character that no DNS name has");
        }
    }
    None
}
