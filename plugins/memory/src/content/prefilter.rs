//! Where the automaton of a pattern need not look.

use regex_automata::MatchKind;
use regex_automata::util::prefilter::Prefilter;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// UTF-8 of U+FFFD. It also stands for bad bytes, so it is not looked for.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// How to skip memory in which a pattern cannot match.
#[derive(Debug)]
pub enum Skip {
    /// Every byte has to be looked at.
    Nothing,
    /// A match begins with one of a few literals and does not care what stands
    /// before it. As long as nothing has begun to match, only the literals
    /// count.
    ToPrefix {
        /// Finds the literals.
        literals: Prefilter,
        /// What every match begins with: cheaper to ask than the automaton.
        head: Head,
        /// A place of the head where rarer characters stand than at its
        /// beginning, and what finds them.
        rare: Option<(usize, Prefilter)>,
        /// Up to three bytes that occur in no match; perhaps none.
        borders: Vec<u8>,
    },
    /// A match contains one of a few literals, and certain bytes occur in no
    /// match: behind such a byte everything begins anew. Only what lies between
    /// two of them counts, and only where a literal is in it.
    ToStretch {
        /// Finds the literals.
        literals: Prefilter,
        /// Up to three bytes that occur in no match.
        borders: Vec<u8>,
    },
}

impl Skip {
    /// The way for a pattern over text, see
    /// [`mig_plugin_patterns::goregex::lower::text`].
    pub fn of(tree: &Hir) -> Self {
        let looks = tree.properties().look_set();
        let looks_back =
            looks.contains_word() || looks.contains(Look::Start) || looks.contains(Look::StartLF);
        if let Some(literals) = prefixes(tree) {
            if !looks_back {
                let borders = borders(tree).unwrap_or_default();
                let mut head = Head::default();
                head.extend(tree);
                let rare = head.rarest();
                return Skip::ToPrefix {
                    literals,
                    head,
                    rare,
                    borders,
                };
            }
            if let Some(borders) = borders(tree) {
                return Skip::ToStretch { literals, borders };
            }
            return Skip::Nothing;
        }
        match (inner(tree), borders(tree)) {
            (Some(literals), Some(borders)) => Skip::ToStretch { literals, borders },
            _ => Skip::Nothing,
        }
    }
}

/// The ASCII characters that may stand at the first places of a match.
#[derive(Debug, Default)]
pub struct Head(Vec<u128>);

impl Head {
    /// Most places.
    const MOST: usize = 16;
    /// Places that are looked for at a time: as many as a vectorised search of
    /// several literals compares at once.
    const WINDOW: usize = 3;
    /// Most literals to look for at a time.
    const VARIANTS: u32 = 16;

    /// False when no match begins at the start of `bytes`, as far as they go.
    pub fn may_begin(&self, bytes: &[u8]) -> bool {
        let mut pairs = self.0.iter().zip(bytes);
        pairs.all(|(set, &byte)| byte.is_ascii() && set >> byte & 1 == 1)
    }

    /// Number of places.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The place of the head whose characters are rarest in memory, and what
    /// finds them.
    pub fn rarest(&self) -> Option<(usize, Prefilter)> {
        let windows = self.0.windows(Self::WINDOW).enumerate();
        let few = |window: &[u128]| {
            let variants: u32 = window.iter().map(|set| set.count_ones()).product();
            (1..=Self::VARIANTS).contains(&variants)
        };
        let often = |window: &[u128]| window.iter().map(|set| frequency(*set)).product::<u64>();
        let (place, window) = windows
            .filter(|(_, window)| few(window))
            .min_by_key(|(_, window)| often(window))?;
        let prefilter = Prefilter::new(MatchKind::LeftmostFirst, &variants(window))?;
        prefilter.is_fast().then_some((place, prefilter))
    }

    /// Adds what the tree begins with; true when that is all of the tree.
    fn extend(&mut self, tree: &Hir) -> bool {
        match tree.kind() {
            HirKind::Capture(capture) => self.extend(&capture.sub),
            HirKind::Concat(parts) => parts.iter().all(|part| self.extend(part)),
            HirKind::Literal(literal) => literal.0.iter().all(|&byte| {
                let place = byte.is_ascii() && self.0.len() < Self::MOST;
                if place {
                    self.0.push(1 << byte);
                }
                place
            }),
            HirKind::Class(Class::Unicode(class)) => {
                let ascii = class
                    .ranges()
                    .last()
                    .is_some_and(|last| last.end().is_ascii());
                let place = ascii && self.0.len() < Self::MOST;
                if place {
                    let letters = class.ranges().iter().flat_map(|r| r.start()..=r.end());
                    self.0
                        .push(letters.fold(0, |set, c| set | 1 << u32::from(c)));
                }
                place
            }
            _ => false,
        }
    }
}

/// How often one of the characters occurs in memory, which is full of text: a
/// number to compare by.
fn frequency(set: u128) -> u64 {
    const COMMON: &[u8] = b" \0etaoinshrdlcumwfgypbv\n";
    (0..0x80_u8)
        .filter(|byte| set >> byte & 1 == 1)
        .map(|byte| {
            let rank = COMMON.iter().position(|&common| common == byte);
            rank.map_or(4, |rank| 4 * (COMMON.len() - rank) as u64)
        })
        .sum()
}

/// Every literal with one character of each set.
fn variants(sets: &[u128]) -> Vec<Vec<u8>> {
    let mut variants = vec![Vec::new()];
    for set in sets {
        let bytes = (0..0x80_u8).filter(|byte| set >> byte & 1 == 1);
        let longer = bytes.flat_map(|byte| {
            let with = |literal: &Vec<u8>| [literal.as_slice(), &[byte]].concat();
            variants.iter().map(with).collect::<Vec<_>>()
        });
        variants = longer.collect();
    }
    variants
}

/// Literals one of which every match of the tree begins with.
fn prefixes(tree: &Hir) -> Option<Prefilter> {
    let mut literals = Extractor::new().kind(ExtractKind::Prefix).extract(tree);
    literals.optimize_for_prefix_by_preference();
    let prefilter = Prefilter::new(MatchKind::LeftmostFirst, &cut(&literals)?)?;
    prefilter.is_fast().then_some(prefilter)
}

/// Literals one of which every match of the tree contains.
fn inner(tree: &Hir) -> Option<Prefilter> {
    let HirKind::Concat(parts) = uncaptured(tree).kind() else {
        return None;
    };
    (1..parts.len()).find_map(|first| prefixes(&Hir::concat(parts[first..].to_vec())))
}

fn uncaptured(mut tree: &Hir) -> &Hir {
    while let HirKind::Capture(capture) = tree.kind() {
        tree = &capture.sub;
    }
    tree
}

/// The literals, each ending before what may also be a bad byte.
fn cut(literals: &Seq) -> Option<Vec<Vec<u8>>> {
    let cut: Vec<Vec<u8>> = literals
        .literals()?
        .iter()
        .map(|literal| {
            let bytes = literal.as_bytes();
            let end = memchr::memmem::find(bytes, REPLACEMENT).unwrap_or(bytes.len());
            // A prefix that was shortened may itself end within U+FFFD.
            let partial = (1..REPLACEMENT.len())
                .rev()
                .find(|&length| end == bytes.len() && bytes.ends_with(&REPLACEMENT[..length]));
            bytes[..end - partial.unwrap_or(0)].to_vec()
        })
        .collect();
    let useful = !cut.is_empty() && cut.iter().all(|literal| !literal.is_empty());
    useful.then_some(cut)
}

/// Bytes below 0x80 that occur in no match, those that memory is full of first.
fn borders(tree: &Hir) -> Option<Vec<u8>> {
    let mut used = [false; 0x80];
    mark(tree, &mut used);
    let likely = [0, b'\n', b' '];
    let others = (0..0x80).filter(|byte| !likely.contains(byte));
    let borders: Vec<u8> = likely
        .into_iter()
        .chain(others)
        .filter(|&byte| !used[usize::from(byte)])
        .take(3)
        .collect();
    // Without the frequent ones there would be little to skip.
    borders
        .first()
        .is_some_and(|byte| likely.contains(byte))
        .then_some(borders)
}

/// Marks the ASCII characters that may be part of a match.
fn mark(tree: &Hir, used: &mut [bool; 0x80]) {
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            for &byte in literal.0.iter().filter(|byte| byte.is_ascii()) {
                used[usize::from(byte)] = true;
            }
        }
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.ranges() {
                for c in u32::from(range.start())..=u32::from(range.end()).min(0x7F) {
                    used[c as usize] = true;
                }
            }
        }
        HirKind::Class(Class::Bytes(class)) => {
            for range in class.ranges() {
                for byte in range.start()..=range.end().min(0x7F) {
                    used[usize::from(byte)] = true;
                }
            }
        }
        HirKind::Repetition(repetition) => mark(&repetition.sub, used),
        HirKind::Capture(capture) => mark(&capture.sub, used),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            for part in parts {
                mark(part, used);
            }
        }
    }
}
