//! Turns the Rust declarations of the tables into C. It understands the few
//! forms that file uses, and fails on others rather than leaving them out.

/// The whole header for the source of the tables.
pub fn header(source: &str, fingerprint: &str) -> String {
    let mut out = String::from("/* Generated from plugin-abi/abi/src/lib.rs; do not edit.\n *\n");
    let about = source.lines().take_while(|line| line.starts_with("//!"));
    for line in about {
        out.push_str(&format!(" *{}\n", plain(line.trim_start_matches("//!"))));
    }
    out.push_str(
        " */\n#ifndef MIG_PLUGIN_H\n#define MIG_PLUGIN_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n\
         #ifdef __cplusplus\nextern \"C\" {\n#endif\n\n\
         /* Fingerprint of the tables below (64-bit); a manifest repeats it in\n\
          \x20* abi.fingerprint. */\n",
    );
    out.push_str(&format!("#define MIG_ABI_FINGERPRINT \"{fingerprint}\"\n"));
    let mut reader = Reader {
        lines: source.lines().collect(),
        at: 0,
        docs: Vec::new(),
        module: String::new(),
    };
    while reader.at < reader.lines.len() {
        reader.step(&mut out);
    }
    out.push_str(
        "\n/* What a plugin exports, under the name MIG_ENTRY_SYMBOL. */\n\
         const MigPlugin *mig_plugin_draft_1(void);\n\n\
         #ifdef __cplusplus\n}\n#endif\n\n#endif /* MIG_PLUGIN_H */\n",
    );
    out
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    docs: Vec<&'a str>,
    /// Upper-case prefix of the constants of the module we are in.
    module: String,
}

impl Reader<'_> {
    fn step(&mut self, out: &mut String) {
        let line = self.lines[self.at];
        let text = line.trim();
        self.at += 1;
        if let Some(doc) = text.strip_prefix("///") {
            self.docs.push(doc);
        } else if let Some(name) = text
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(" {"))
        {
            out.push('\n');
            self.comment(out, "");
            self.module = format!("{}_", name.to_uppercase());
        } else if let Some(rest) = text.strip_prefix("pub const ") {
            self.constant(rest, out);
        } else if text.starts_with("pub struct ") {
            self.structure(text, out);
        } else if text.starts_with("pub type ") {
            let declaration = self.joined(text, ';');
            self.alias(&declaration, out);
        } else if text.contains("impl ") && text.ends_with('{') {
            // Methods are Rust's own.
            while self.lines[self.at] != "}" {
                self.at += 1;
            }
            self.docs.clear();
        } else if line == "}" {
            self.module.clear();
        } else if !(text.is_empty()
            || text.starts_with("//")
            || text.starts_with("#[")
            || text.starts_with("use ")
            || text.starts_with("pub mod ")
            || text.starts_with("unsafe impl ")
            || text == "}")
        {
            panic!("line {} is of no known form: {line}", self.at);
        }
    }

    /// Collects lines until one ends with `end`.
    fn joined(&mut self, first: &str, end: char) -> String {
        let mut text = first.to_owned();
        while !text.ends_with(end) {
            text.push(' ');
            text.push_str(self.lines[self.at].trim());
            self.at += 1;
        }
        text
    }

    fn comment(&mut self, out: &mut String, indent: &str) {
        let docs = std::mem::take(&mut self.docs);
        for (index, doc) in docs.iter().enumerate() {
            let start = if index == 0 { "/*" } else { " *" };
            let end = if index + 1 == docs.len() { " */" } else { "" };
            let doc = plain(doc);
            out.push_str(&format!("{indent}{start}{doc}{end}\n"));
        }
    }

    fn constant(&mut self, rest: &str, out: &mut String) {
        let (name, rest) = rest.split_once(": ").expect("a typed constant");
        let (kind, value) = rest.split_once(" = ").expect("a value");
        let value = value.trim_end_matches(';');
        if self.module.is_empty() {
            out.push('\n');
        }
        self.comment(out, "");
        let value = match kind {
            "u64" => format!("UINT64_C({value})"),
            "u32" => format!("{value}u"),
            _ => value.to_owned(),
        };
        out.push_str(&format!("#define MIG_{}{name} {value}\n", self.module));
    }

    fn structure(&mut self, text: &str, out: &mut String) {
        let name = text
            .trim_start_matches("pub struct ")
            .trim_end_matches(" {")
            .to_owned();
        out.push('\n');
        self.comment(out, "");
        out.push_str(&format!("typedef struct {name} {{\n"));
        loop {
            let line = self.lines[self.at].trim();
            self.at += 1;
            if line == "}" {
                break;
            } else if let Some(doc) = line.strip_prefix("///") {
                self.docs.push(doc);
            } else {
                let mut field = line.to_owned();
                while !field.ends_with(',')
                    || field.matches('(').count() != field.matches(')').count()
                {
                    field.push(' ');
                    field.push_str(self.lines[self.at].trim());
                    self.at += 1;
                }
                let field = field.trim_end_matches(',').trim_start_matches("pub ");
                let (field, kind) = field.split_once(": ").expect("a typed field");
                self.comment(out, "    ");
                out.push_str(&format!("    {};\n", declare(kind, field)));
            }
        }
        out.push_str(&format!("}} {name};\n"));
    }

    fn alias(&mut self, declaration: &str, out: &mut String) {
        let rest = declaration
            .trim_start_matches("pub type ")
            .trim_end_matches(';');
        let (name, kind) = rest.split_once(" = ").expect("an alias");
        out.push('\n');
        self.comment(out, "");
        out.push_str(&format!("typedef {};\n", declare(kind, &alias_name(name))));
    }
}

/// `CallFn` is `MigCall` in C.
fn alias_name(name: &str) -> String {
    format!("Mig{}", name.trim_end_matches("Fn"))
}

/// A C declaration of `name` with a Rust type.
fn declare(kind: &str, name: &str) -> String {
    if let Some(inner) = kind
        .strip_prefix("Option<")
        .and_then(|rest| rest.strip_suffix('>'))
    {
        return declare(inner, name);
    }
    if let Some(rest) = kind.strip_prefix("unsafe extern \"C\" fn(") {
        let (arguments, result) = rest.rsplit_once(')').expect("closing parenthesis");
        let result = result.trim().strip_prefix("-> ");
        let arguments: Vec<String> = arguments
            .split(',')
            .map(str::trim)
            .filter(|argument| !argument.is_empty())
            .map(|argument| {
                let (name, kind) = argument.split_once(": ").expect("a named argument");
                declare(kind, name)
            })
            .collect();
        let arguments = if arguments.is_empty() {
            "void".to_owned()
        } else {
            arguments.join(", ")
        };
        let pointer = format!("(*{name})({arguments})");
        return declare(result.unwrap_or("()"), &pointer);
    }
    if let Some(target) = kind.strip_prefix("*const ") {
        return format!("const {}", declare(target, &format!("*{name}")));
    }
    if let Some(target) = kind.strip_prefix("*mut ") {
        return declare(target, &format!("*{name}"));
    }
    let kind = match kind {
        "()" | "c_void" => "void",
        "usize" => "size_t",
        "u8" => "uint8_t",
        "u16" => "uint16_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        "i32" => "int32_t",
        table if table.starts_with("Mig") => table,
        function if function.ends_with("Fn") => &alias_name(function),
        other => panic!("no C type for {other}"),
    };
    format!("{kind} {name}")
}

/// A line of documentation without Rust's markup.
fn plain(doc: &str) -> String {
    // Brackets of links hug backticks; those of JSON do not.
    doc.replace("[`", "")
        .replace("`]", "")
        .replace('`', "")
        .replace("::", ".")
}
