//! What a payload costs of the output limit.
//!
//! A byte of CBOR can be a value, and a value of the host's takes some seventy
//! bytes; so a limit on bytes alone would let a worker fill the host's memory
//! many times over. Worker and host charge alike, so that an honest module is
//! told to stop before the host has to leave anything out.

/// The least a key or value costs, in bytes.
const ITEM: u64 = 8;

/// What a payload costs: its bytes, or eight for each key and value in it,
/// whichever is more.
pub(crate) fn of(payload: &[u8]) -> u64 {
    (payload.len() as u64).max(ITEM.saturating_mul(count(payload)))
}

/// What a place costs with its first finding: the host keeps every place it has
/// seen, and a place can be much longer than a finding.
pub(crate) fn of_place(place: &[u8]) -> u64 {
    let keys = place.iter().filter(|byte| **byte == b'/').count();
    place.len() as u64 + ITEM.saturating_mul(keys as u64)
}

/// Counts keys, values, arrays and maps alike. Of bytes that are no payload it
/// counts something; the walk refuses them before they are decoded.
fn count(payload: &[u8]) -> u64 {
    let mut items = 0;
    let mut at = 0usize;
    while let Some(first) = payload.get(at) {
        items += 1;
        let (major, info) = (first >> 5, first & 0x1f);
        let extra = match info {
            24..=27 => 1usize << (info - 24),
            _ => 0,
        };
        at += 1;
        if major == 3 {
            let length = match payload.get(at..at + extra) {
                Some(_) if extra == 0 => usize::from(info),
                Some(bytes) => bytes
                    .iter()
                    .fold(0, |value, byte| value << 8 | usize::from(*byte)),
                None => break,
            };
            at = at.saturating_add(length);
        }
        at = at.saturating_add(extra);
    }
    items
}

#[cfg(test)]
mod tests {
    use mig_plugin_payload::encode;
    use serde_json::json;

    #[test]
    fn every_part_of_a_place_counts() {
        assert_eq!(super::of_place(b"/elements"), 9 + 8);
        assert_eq!(super::of_place(b"/elements/s1/even"), 17 + 3 * 8);
    }

    #[test]
    fn every_key_and_value_counts_once() {
        for (value, expected) in [
            (json!(null), 1),
            (json!(100_000), 1),
            (json!(1.5), 1),
            (json!("x".repeat(1000)), 1),
            (json!([1, [2, "three"], {}]), 6),
            (json!({"a": {"b": [true, false]}, "c": "d".repeat(30)}), 9),
        ] {
            let payload = encode(&value).expect("encode");
            assert_eq!(super::count(&payload), expected, "{value}");
        }
    }

    #[test]
    fn hostile_bytes_end_the_count() {
        for bytes in [
            &[0x7b, 1][..],
            &[0x7b, 255, 255, 255, 255, 255, 255, 255, 255],
            &[0x60],
        ] {
            assert!(super::count(bytes) <= 2);
        }
    }
}
