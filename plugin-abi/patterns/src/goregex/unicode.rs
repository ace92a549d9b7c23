//! `\pN`, `\p{Greek}`: exactly the names that Go knows, in exactly its spelling.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// General categories of Go's `unicode.Categories`.
const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N",
    "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So",
    "Z", "Zl", "Zp", "Zs",
];

/// Scripts of Go's `unicode.Scripts`.
const SCRIPTS: &str = "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum \
    Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal \
    Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot \
    Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs \
    Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi \
    Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited \
    Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li \
    Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A \
    Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen \
    Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs \
    Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa \
    Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian \
    Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage \
    Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic \
    Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo \
    Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa \
    Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho \
    Warang_Citi Yezidi Yi Zanabazar_Square";

/// The characters of a category or script, `None` for a name Go does not know.
pub(super) fn table(name: &str) -> Option<ClassUnicode> {
    if name == "Any" {
        return Some(everything());
    }
    if name == "Cs" {
        // Surrogates: a valid name, but no text contains one.
        return Some(ClassUnicode::empty());
    }
    if name == "C" {
        // Without the unassigned code points that Rust's `\p{C}` includes.
        let mut set = ClassUnicode::empty();
        for part in ["Cc", "Cf", "Co"] {
            set.union(&property(&format!(r"\p{{gc={part}}}"))?);
        }
        return Some(set);
    }
    if CATEGORIES.contains(&name) {
        return property(&format!(r"\p{{gc={name}}}"));
    }
    if SCRIPTS
        .split_ascii_whitespace()
        .any(|script| script == name)
    {
        return property(&format!(r"\p{{sc={name}}}"));
    }
    None
}

/// Every character.
pub(super) fn everything() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
}

/// Asks the Unicode tables that `regex-syntax` carries.
fn property(query: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(query).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(set)) => Some(set),
        // A property with a single character is a literal.
        HirKind::Literal(literal) => {
            let c = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(ClassUnicode::new([ClassUnicodeRange::new(c, c)]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_go_knows_has_a_table() {
        for name in CATEGORIES.iter().copied().chain(SCRIPTS.split(' ')) {
            if name.is_empty() || name == "Cs" {
                continue;
            }
            let set = table(name).unwrap_or_else(|| panic!("{name} has no table"));
            assert!(!set.ranges().is_empty(), "{name} is empty");
        }
    }

    #[test]
    fn unassigned_code_points_are_not_in_c() {
        let set = table("C").unwrap();
        assert!(
            !set.iter()
                .any(|r| r.start() <= '\u{378}' && '\u{378}' <= r.end())
        );
    }
}
