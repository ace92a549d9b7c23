//! A rule as the kernel takes it: `struct audit_rule_data` of `linux/audit.h`.

/// Number of 32-bit words in each table of the structure; at most so many
/// fields, and 32 times as many system calls.
pub(crate) const WORDS: usize = 64;
/// The most fields of one rule. One less than the structure has room for, as in
/// the original.
pub(crate) const MOST_FIELDS: usize = WORDS - 1;
/// Bytes before the strings.
const FIXED: usize = 4 * (3 + 4 * WORDS + 1);

/// Lists of rules.
pub(crate) mod list {
    /// Messages that programs of users send.
    pub(crate) const USER: u32 = 0;
    /// Creation of processes.
    pub(crate) const TASK: u32 = 1;
    /// Ends of system calls.
    pub(crate) const EXIT: u32 = 4;
    /// Kinds of records that are not wanted.
    pub(crate) const EXCLUDE: u32 = 5;
}

/// What a matching rule does.
pub(crate) mod action {
    /// No record.
    pub(crate) const NEVER: u32 = 0;
    /// A record.
    pub(crate) const ALWAYS: u32 = 2;
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Number of the field.
    pub(crate) field: u32,
    /// Number of the comparison.
    pub(crate) operator: u32,
    /// What the field is compared with.
    pub(crate) value: Operand,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    /// A number.
    Number(u32),
    /// A text, of a field that takes one.
    Text(Vec<u8>),
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KernelRule {
    /// One of [`list`].
    pub(crate) list: u32,
    /// One of [`action`].
    pub(crate) action: u32,
    /// A bit for each system call.
    pub(crate) mask: [u32; WORDS],
    /// All must hold.
    pub(crate) conditions: Vec<Condition>,
}

impl KernelRule {
    /// The structure, in the byte order of this machine.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut texts: Vec<u8> = Vec::new();
        let (mut fields, mut values, mut operators) = ([0u32; WORDS], [0; WORDS], [0; WORDS]);
        let slots = fields.iter_mut().zip(&mut values).zip(&mut operators);
        for (((field, value), operator), condition) in slots.zip(&self.conditions) {
            (*field, *operator) = (condition.field, condition.operator);
            *value = match &condition.value {
                Operand::Number(number) => *number,
                Operand::Text(text) => {
                    texts.extend(text);
                    text.len() as u32
                }
            };
        }
        let counted = self.conditions.len().min(WORDS) as u32;
        let head = [self.list, self.action, counted];
        let words = head.iter().chain(&self.mask);
        let words = words.chain(&fields).chain(&values).chain(&operators);
        let mut bytes: Vec<u8> = words.flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend((texts.len() as u32).to_ne_bytes());
        bytes.extend(texts);
        bytes
    }

    /// Reads the structure. `None` when it contradicts itself.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (fixed, texts) = bytes.split_at_checked(FIXED)?;
        let words: Vec<u32> = fixed
            .chunks_exact(4)
            .filter_map(|word| word.try_into().ok().map(u32::from_ne_bytes))
            .collect();
        let table = |number: usize| words.get(3 + number * WORDS..3 + (number + 1) * WORDS);
        let mut texts = texts.get(..usize::try_from(*words.last()?).ok()?)?;
        let (fields, values, operators) = (table(1)?, table(2)?, table(3)?);
        let count = usize::try_from(*words.get(2)?).ok()?;
        let mut conditions = Vec::new();
        for at in 0..count {
            let (field, value) = (*fields.get(at)?, *values.get(at)?);
            let value = match takes_text(field) {
                false => Operand::Number(value),
                true => {
                    let (text, rest) = texts.split_at_checked(usize::try_from(value).ok()?)?;
                    texts = rest;
                    Operand::Text(text.to_vec())
                }
            };
            conditions.push(Condition {
                field,
                operator: *operators.get(at)?,
                value,
            });
        }
        Some(Self {
            list: *words.first()?,
            action: *words.get(1)?,
            mask: table(0)?.try_into().ok()?,
            conditions,
        })
    }
}

/// True for fields whose value is the length of a text.
pub(crate) fn takes_text(field: u32) -> bool {
    matches!(field, 13..=17 | 19..=23 | 105 | 107 | 112 | 210)
}
