//! Numbers as Go prints doubles.

/// The text Go's JSON writer prints for a double: the shortest digits that read
/// back as the same value, plain when it is 0 or 1e-6 <= |x| < 1e21, otherwise
/// with an exponent that has a sign and no padding (`1e+21`, `1e-7`).
///
/// The value must be finite, as every JSON number is.
pub fn format_double(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}
