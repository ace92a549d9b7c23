//! Streams of frames that no worker sends.

use proptest::prelude::*;

/// A frame of any kind, mostly of one that serving workers send.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![4 => 11..20u8, 1 => 1..12u8, 1 => any::<u8>()];
    let place = prop_oneof![
        2 => any::<u64>().prop_map(|number| number.to_le_bytes().to_vec()),
        2 => (0..3u64).prop_map(|number| number.to_le_bytes().to_vec()),
        2 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        Just(br#"{"user":"alice"}"#.to_vec()),
        Just(b"\xa1\x63two\x02".to_vec()),
        Just(b"\xa1\x67message\x62no".to_vec()),
        Just(0i32.to_le_bytes().to_vec()),
        Just(vec![b'x'; 70_000]),
    ];
    (kind, place, payload).prop_map(|(kind, place, payload)| {
        let mut bytes = vec![kind, 0];
        bytes.extend_from_slice(&(place.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&place);
        bytes.extend_from_slice(&payload);
        bytes
    })
}

proptest! {
    #[test]
    fn no_frames_of_a_serving_worker_do_harm(
        first in any::<u8>(),
        frames in prop::collection::vec(frame(), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut stream: Vec<u8> = frames.concat();
        mig_host::fuzz_serving(&stream);
        stream.truncate(cut.index(stream.len() + 1));
        mig_host::fuzz_serving(&stream);
        stream.insert(0, first);
        mig_host::fuzz_serving(&stream);
    }
}
