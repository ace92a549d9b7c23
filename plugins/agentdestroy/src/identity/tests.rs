//! Program files made here, byte by byte.

use super::{Finding, identify, original};
use goblin::elf::program_header::{PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE};
use proptest::prelude::*;

const VERSION: &str = "20190913-0.9e7e4f52.dev";
/// Where the first segment of every program here is loaded.
const BASE: u64 = 0x40_0000;

/// The kinds of programs that agents exist for.
#[derive(Clone, Copy)]
struct Machine {
    wide: bool,
    little: bool,
}

const MACHINES: [Machine; 4] = [
    Machine {
        wide: true,
        little: true,
    },
    Machine {
        wide: false,
        little: true,
    },
    Machine {
        wide: true,
        little: false,
    },
    Machine {
        wide: false,
        little: false,
    },
];

impl Machine {
    fn word(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    fn number(self, value: u64, size: usize) -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..size].to_vec();
        if !self.little {
            bytes.reverse();
        }
        bytes
    }

    fn note(self, owner: &[u8], kind: u64, text: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for value in [owner.len() as u64, text.len() as u64, kind] {
            note.extend(self.number(value, 4));
        }
        for part in [owner, text] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    /// A program with these segments: type, rights and content. Each is loaded
    /// where it stands in the file, plus `BASE`.
    fn program(self, segments: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
        let word = self.word();
        let (header, entry) = if self.wide { (64, 56) } else { (52, 32) };
        let start = header + entry * segments.len();
        let mut file = vec![0x7F, b'E', b'L', b'F', if self.wide { 2 } else { 1 }];
        file.extend([if self.little { 1 } else { 2 }, 1]);
        file.resize(16, 0);
        let mut put = |value: u64, size: usize| file.extend(self.number(value, size));
        put(2, 2); // an executable
        put(62, 2);
        put(1, 4);
        put(BASE, word);
        put(header as u64, word);
        put(0, word);
        put(0, 4);
        put(header as u64, 2);
        put(entry as u64, 2);
        put(segments.len() as u64, 2);
        for _ in 0..3 {
            put(0, 2);
        }
        let mut place = start.next_multiple_of(16) as u64;
        for (kind, rights, content) in segments {
            put(u64::from(*kind), 4);
            if self.wide {
                put(u64::from(*rights), 4);
            }
            put(place, word);
            put(BASE + place, word);
            put(BASE + place, word);
            put(content.len() as u64, word);
            put(content.len() as u64, word);
            if !self.wide {
                put(u64::from(*rights), 4);
            }
            put(4, word);
            place += content.len().next_multiple_of(16) as u64;
        }
        for (_, _, content) in segments {
            file.resize(file.len().next_multiple_of(16), 0);
            file.extend(content);
        }
        file
    }

    /// A Go program with a source file name and a version as the linker leaves
    /// them, `far` bytes into its segments.
    fn original(self, source: &str, version: &str, far: usize) -> Vec<u8> {
        let note = self.note(b"Go\0\0", 4, b"abc/def");
        let mut text = vec![b'.'; far];
        text.extend(format!("\0/build/src/{source}\0").as_bytes());
        let at = text.len();
        text.extend(version.as_bytes());
        // As far into the file as `program` puts it.
        let (header, entry) = if self.wide { (64, 56) } else { (52, 32) };
        let start = (header + 3 * entry as usize).next_multiple_of(16);
        let text_start = start + note.len().next_multiple_of(16);
        let address = BASE + (text_start + at) as u64;
        let word = self.word();
        let mut data = vec![0; far.next_multiple_of(word)];
        data.extend(self.number(address, word));
        data.extend(self.number(version.len() as u64, word));
        data.extend(vec![0; 40]);
        self.program(&[
            (PT_NOTE, PF_R, note),
            (PT_LOAD, PF_R | PF_X, text),
            (PT_LOAD, PF_R | PF_W, data),
        ])
    }
}

fn finding(file: &[u8], version: &str) -> Finding {
    identify(&file, version, &|| false).expect("bytes in memory are readable")
}

#[test]
fn our_agents_say_their_version_in_a_note() {
    for machine in MACHINES {
        let mut notes = machine.note(b"GNU\0", 3, &[7; 20]);
        notes.extend(machine.note(b"MIG\0", 1, b"mig-agent 1.2.3"));
        let file = machine.program(&[(PT_LOAD, PF_R, vec![1; 50]), (PT_NOTE, PF_R, notes)]);
        assert_eq!(finding(&file, "1.2.3"), Finding::Agent);
        for other in ["1.2", "1.2.3.4", "", "mig-agent 1.2.3"] {
            assert_eq!(finding(&file, other), Finding::OtherVersion("1.2.3".into()));
        }
    }
}

#[test]
fn notes_of_others_say_nothing() {
    let machine = MACHINES[0];
    for (owner, kind, text) in [
        (&b"GNU\0"[..], 1, &b"mig-agent 1.2.3"[..]),
        (b"MIG\0", 2, b"mig-agent 1.2.3"),
        (b"MIG\0", 1, b"mig-server 1.2.3"),
        (b"MIG\0", 1, b"mig-agent "),
        (b"MIG\0", 1, b"mig-agent \xFF"),
        // Versions that no agent has, for whoever reads the message.
        (b"MIG\0", 1, b"mig-agent 1.2.3\n[error] 4"),
        (b"MIG\0", 1, b"mig-agent \x1b[31m1.2.3"),
        (b"MIG\0", 1, &[&b"mig-agent "[..], &[b'1'; 129]].concat()),
    ] {
        let note = machine.note(owner, kind, text);
        let file = machine.program(&[(PT_NOTE, PF_R, note)]);
        assert_eq!(finding(&file, "1.2.3"), Finding::NoAgent, "{text:?}");
    }
    // The same words outside a note: any program that knows them.
    let text = machine.note(b"MIG\0", 1, b"mig-agent 1.2.3");
    let file = machine.program(&[(PT_LOAD, PF_R, text)]);
    assert_eq!(finding(&file, "1.2.3"), Finding::NoAgent);
}

#[test]
fn original_agents_are_known_by_source_file_and_version() {
    for machine in MACHINES {
        for source in [
            "github.com/mozilla/mig/mig-agent/agent.go",
            "mig.ninja/mig/mig-agent/agent.go",
            "mig/agent/agent.go",
        ] {
            let file = machine.original(source, VERSION, 100);
            assert_eq!(finding(&file, VERSION), Finding::Agent);
            for other in [&VERSION[1..], &VERSION[..22], "20190913-0.9e7e4f52.prod"] {
                assert_eq!(finding(&file, other), Finding::OtherOriginal, "{other}");
            }
            assert_eq!(finding(&file, "dev"), Finding::Unrecognisable);
            assert_eq!(finding(&file, "developer"), Finding::Unrecognisable);
        }
    }
}

#[test]
fn other_programs_in_go_are_no_agents() {
    for source in [
        "github.com/mozilla/mig/mig-loader/loader.go",
        "github.com/mozilla/mig/mig-agent/agentcontext/env.go",
        "github.com/mozilla/mig/mig-agent/agent.gox",
    ] {
        let file = MACHINES[0].original(source, VERSION, 8);
        assert_eq!(finding(&file, VERSION), Finding::NoAgent, "{source}");
    }
}

#[test]
fn the_version_must_be_a_variable_not_just_words() {
    let machine = MACHINES[0];
    let note = machine.note(b"Go\0\0", 4, b"abc");
    let text = format!("/mig/mig-agent/agent.go\0{VERSION}\0").into_bytes();
    let file = machine.program(&[
        (PT_NOTE, PF_R, note),
        (PT_LOAD, PF_R, text.clone()),
        (PT_LOAD, PF_R | PF_W, vec![0; 400]),
    ]);
    assert_eq!(finding(&file, VERSION), Finding::OtherOriginal);
    // And without the note of the Go linker it is nothing at all.
    let file = machine.program(&[(PT_LOAD, PF_R, text)]);
    assert_eq!(finding(&file, VERSION), Finding::NoAgent);
}

#[test]
fn what_is_no_program_is_no_agent() {
    for file in [
        &b""[..],
        b"\x7FELF",
        b"#!/bin/sh\nmig-agent 1\n",
        &[0x7F; 200],
    ] {
        assert_eq!(finding(file, "1"), Finding::NoAgent);
    }
    let whole = MACHINES[0].original("mig/mig-agent/agent.go", VERSION, 8);
    for length in 0..200 {
        assert_eq!(finding(&whole[..length], VERSION), Finding::NoAgent);
    }
}

#[test]
fn a_cancelled_search_says_so() {
    let file = MACHINES[0].original("mig/mig-agent/agent.go", VERSION, 8);
    let outcome = identify(&&file[..], VERSION, &|| true);
    assert!(matches!(outcome, Err(super::Error::Cancelled)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Wherever both marks stand, also across the borders of blocks.
    #[test]
    fn marks_are_found_at_every_place(
        near in 0usize..200,
        blocks in 0usize..3,
        wide in any::<bool>(),
    ) {
        let machine = Machine { wide, little: true };
        let far = (blocks * original::BLOCK + near).saturating_sub(100);
        let file = machine.original("mig/mig-agent/agent.go", VERSION, far);
        prop_assert_eq!(finding(&file, VERSION), Finding::Agent);
    }

    #[test]
    fn damage_never_makes_an_agent_of_another_version(
        place in 0usize..600,
        value in any::<u8>(),
    ) {
        let mut file = MACHINES[0].original("mig/mig-agent/agent.go", VERSION, 8);
        if let Some(byte) = file.get_mut(place) {
            *byte = value;
        }
        let other = "20240101-0.0123abcd.prod";
        prop_assert_ne!(finding(&file, other), Finding::Agent);
    }
}
