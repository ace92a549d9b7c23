use super::*;

type Owned = (Kind, Vec<u8>, Vec<u8>);

fn frames(stream: &[u8], step: usize, output: u64) -> Result<Vec<Owned>, FrameError> {
    let mut reader = Reader::new(output);
    let mut seen = Vec::new();
    for chunk in stream.chunks(step) {
        reader.push(chunk);
        while let Some(frame) = reader.next()? {
            seen.push((frame.kind, frame.place.to_vec(), frame.payload.to_vec()));
        }
    }
    reader.finish()?;
    Ok(seen)
}

#[test]
fn frames_survive_any_splitting_of_the_stream() {
    let mut stream = Vec::new();
    append(&mut stream, Kind::Ready, b"", b"{}");
    append(&mut stream, Kind::Element, b"/elements/s1", &[7; 300]);
    append(&mut stream, Kind::End, b"", &0i32.to_le_bytes());
    let expected = vec![
        (Kind::Ready, b"".to_vec(), b"{}".to_vec()),
        (Kind::Element, b"/elements/s1".to_vec(), vec![7; 300]),
        (Kind::End, b"".to_vec(), vec![0; 4]),
    ];
    for step in [1, 2, 7, 8, 9, 100, 10_000] {
        assert_eq!(
            frames(&stream, step, 1000),
            Ok(expected.clone()),
            "step {step}"
        );
    }
}

#[test]
fn hostile_streams_are_refused_without_buffering_them() {
    let end = {
        let mut end = Vec::new();
        append(&mut end, Kind::End, b"", &[0; 4]);
        end
    };
    let cases: [(&str, Vec<u8>, FrameError); 8] = [
        (
            "text",
            b"hello, world".to_vec(),
            FrameError::UnknownKind(b'h'),
        ),
        ("zero", vec![0; 20], FrameError::UnknownKind(0)),
        (
            "reserved byte",
            vec![2, 1, 0, 0, 0, 0, 0, 0],
            FrameError::Oversized,
        ),
        (
            "huge payload",
            vec![3, 0, 0, 0, 255, 255, 255, 255],
            FrameError::Oversized,
        ),
        (
            "huge place",
            vec![2, 0, 255, 255, 1, 0, 0, 0],
            FrameError::Oversized,
        ),
        (
            "long log",
            vec![5, 0, 0, 0, 1, 0, 1, 0],
            FrameError::Oversized,
        ),
        (
            "cut",
            vec![2, 0, 0, 0, 9, 0, 0, 0, 1],
            FrameError::Truncated,
        ),
        ("trailing", [end, vec![1]].concat(), FrameError::Trailing),
    ];
    for (name, stream, expected) in cases {
        for step in [1, 1000] {
            assert_eq!(frames(&stream, step, 1000), Err(expected.clone()), "{name}");
        }
    }
}
