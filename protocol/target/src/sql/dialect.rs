//! Where the two databases differ.

/// Whose SQL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// What a parameter is; PostgreSQL is told, since it would guess.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ParamType {
    Text,
    Position,
    Integer,
    Real,
    Time,
}

impl Dialect {
    /// The placeholder of parameter `number`.
    pub(crate) fn placeholder(self, number: usize, kind: ParamType) -> String {
        match self {
            Dialect::Sqlite => format!("?{number}"),
            Dialect::Postgres => {
                let name = match kind {
                    ParamType::Text => "text",
                    // The driver sends 64 bits, the operator takes 32.
                    ParamType::Position => "bigint::int",
                    ParamType::Integer => "bigint",
                    ParamType::Real => "float8",
                    ParamType::Time => "timestamptz",
                };
                format!("${number}::{name}")
            }
        }
    }

    /// The table of a command's results: one row for each.
    pub(crate) fn results(self) -> &'static str {
        match self {
            Dialect::Sqlite => {
                "json_each(CASE WHEN json_type(commands.results) = 'array' \
                 THEN commands.results ELSE '[]' END) AS r"
            }
            Dialect::Postgres => {
                "json_array_elements(CASE WHEN json_typeof(commands.results) = 'array' \
                 THEN commands.results ELSE '[]' END) AS r(value)"
            }
        }
    }
}
