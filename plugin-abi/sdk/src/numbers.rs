//! Numbers of documents. They are doubles in the original, but whole ones are
//! written without a fraction.

use serde::Serializer;

/// Below this every whole number is a double, and an integer of a payload.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes a double, for `#[serde(serialize_with = …)]`: `3`, `2.5`.
///
/// # Errors
/// Those of the serializer.
pub fn whole_when_possible<S: Serializer>(value: &f64, out: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && value.abs() < EXACT {
        // Exact: it is whole and within 53 bits.
        out.serialize_i64(*value as i64)
    } else {
        out.serialize_f64(*value)
    }
}

/// True for zero, for `#[serde(skip_serializing_if = …)]`.
pub fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// The whole part of a number, if it fits: fractions are cut off as a
/// conversion to an integer cuts them off, what is no number is `None`.
pub fn whole_part(value: f64) -> Option<i64> {
    (value.abs() < EXACT).then(|| value.trunc() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    struct Document {
        #[serde(
            serialize_with = "whole_when_possible",
            skip_serializing_if = "is_zero"
        )]
        number: f64,
    }

    #[test]
    fn whole_numbers_have_no_fraction_and_zero_is_left_out() {
        let cases = [
            (3.0, r#"{"number":3}"#),
            (-1.0, r#"{"number":-1}"#),
            (2.5, r#"{"number":2.5}"#),
            (EXACT - 1.0, r#"{"number":9007199254740991}"#),
            (EXACT, r#"{"number":9007199254740992.0}"#),
            (1e300, r#"{"number":1e+300}"#),
            (0.0, "{}"),
        ];
        for (number, wanted) in cases {
            let written = serde_json::to_string(&Document { number }).expect("JSON");
            assert_eq!(written.replace("1e300", "1e+300"), wanted);
        }
    }

    #[test]
    fn fractions_are_cut_off() {
        let cases = [
            (2.9, Some(2)),
            (-2.9, Some(-2)),
            (0.0, Some(0)),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1e16, None),
        ];
        for (number, wanted) in cases {
            assert_eq!(whole_part(number), wanted);
        }
    }
}
