//! The options of `mig memory`.

use super::{Parameters, Search, SearchOptions};
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, Options};

/// The label of the single search that a command line describes.
const LABEL: &str = "s1";

/// What `mig memory help` prints.
pub const HELP: &str = "\
Search parameters (repeat an option to give several values)
-----------------------------------------------------------
-name <regex>     pattern for the path of the executable; kernel threads are
                  called [like this]. ex: -name '/sshd$'
-lib <regex>      pattern for the path of any other mapped file, and for the
                  name a library gives itself. ex: -lib 'libssl\\.so\\.3$'
-bytes <hex>      byte sequence in memory, without 0x. ex: -bytes 7f454c46
-content <regex>  pattern for memory. ex: -content '(?i)begin rsa private key'

Patterns are Go regular expressions (RE2) and match anywhere unless anchored;
^ and $ are the borders of a stretch of readable memory.

Options
-------
-matchall         a process must satisfy every parameter (default)
-matchany         each parameter reports on its own
-offset <n>       lowest virtual address to read (-maxdepth is the same)
-maxlength <n>    read at most so many bytes of each process, 0 for no limit
                  (-matchlimit is the same)
-logfailures      name every piece of memory that could not be read

Names are looked at first: with -matchall the memory of other processes is not
read at all. The searching processes and those that called them never match.
Foreign processes can only be read with the rights of root.

ex: -name '/sshd$' -content 'sshd_config'
";

/// Turns words into parameters with one search.
///
/// # Errors
/// When a word is no option, an option is unknown, or a value is missing or of
/// the wrong kind.
pub fn parse(words: &[String], defaults: Defaults) -> Result<Options<Parameters>, Failure> {
    if Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut search = Search {
        options: SearchOptions {
            matchall: matches!(defaults, Defaults::Mig),
            ..SearchOptions::default()
        },
        ..Search::default()
    };
    let mut match_any = false;
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        let options = &mut search.options;
        match name {
            "name" => search.names.push(words.value()?),
            "lib" => search.libraries.push(words.value()?),
            "bytes" => search.bytes.push(words.value()?),
            "content" => search.contents.push(words.value()?),
            // What the original's help says, and what it understood.
            "offset" | "maxdepth" => options.offset = number(&mut words)?,
            "maxlength" | "matchlimit" => options.maxlength = number(&mut words)?,
            "logfailures" => options.logfailures = words.switch()?,
            "matchall" => options.matchall = words.switch()?,
            "matchany" => match_any = words.switch()?,
            "h" | "help" => return Ok(Options::Help(HELP.to_owned())),
            _ => return Err(words.unknown()),
        }
    }
    // Whatever the order, `-matchany` wins.
    if match_any {
        search.options.matchall = false;
    }
    let mut parameters = Parameters::default();
    parameters.searches.insert(LABEL.to_owned(), search);
    Ok(Options::Parameters(parameters))
}

/// An address or a length: decimal, or hexadecimal with `0x` as maps show it.
fn number(words: &mut Words<'_>) -> Result<f64, Failure> {
    let value = words.value()?;
    let parsed = match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    };
    let written = words.written();
    parsed.map(|number: u64| number as f64).ok_or_else(|| {
        Failure::bad_parameters(
            written,
            format!("option {written}: `{value}` is not a whole number from 0 on"),
        )
    })
}
