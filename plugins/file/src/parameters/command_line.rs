//! The options of `mig file`.

use super::{Parameters, Search, SearchOptions};
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, Options};

/// The label of the single search that a command line describes.
const LABEL: &str = "s1";

/// What `mig file help` prints.
pub const HELP: &str = "\
Search parameters (repeat an option to give several values)
-----------------------------------------------------------
-path <path>      directory to search, or file to look at; at least one
-name <regex>     pattern for the base name; !<regex> for names without it
-size <size>      <N at most, >N at least, N exactly; suffix k, m, g or t
                  for powers of 1024. ex: -size '<10m'
-mode <regex>     pattern for the mode string. ex: -mode '^-r(w|-)xr-x---'
-mtime <period>   <N modified within, >N before the last N; suffix d, h or m
                  for days, hours or minutes. ex: -mtime '<90d'
-content <regex>  pattern for a line of the content; !<regex> for files
                  without such a line. ex: -content '^root:'
-md5 <hash>       checksums in hexadecimal
-sha1 <hash>
-sha2 <hash>      SHA-256, SHA-384 or SHA-512
-sha3 <hash>      SHA3-224, SHA3-256, SHA3-384 or SHA3-512

Patterns are Go regular expressions (RE2) and match anywhere unless anchored.

Options
-------
-maxdepth <n>     directory levels, the path itself being the first (1000)
-matchall         a file must satisfy every parameter (default)
-matchany         each parameter reports on its own
-macroal          every line of a file must satisfy the content patterns
-mismatch <kind>  invert one kind of check: name, size, mode, mtime, content,
                  md5, sha1, sha2 or sha3
-matchlimit <n>   stop after so many hits, 0 for no limit (1000)
-maxerrors <n>    return at most so many errors, 0 for no limit (30)
-returnsha256     add the SHA-256 of each file found; with -matchall
-decompress       look at the inside of gzip files
-verbose          print what the module does

ex: -path /etc -name '^passwd$' -content '^root'
";

fn default_options(defaults: Defaults) -> SearchOptions {
    let (maxdepth, maxerrors, matchall, matchlimit) = match defaults {
        Defaults::Mig => (1000.0, 30.0, true, 1000.0),
        Defaults::Json => (0.0, 0.0, false, 0.0),
        Defaults::Console => (30.0, 0.0, true, 1000.0),
    };
    SearchOptions {
        maxdepth,
        maxerrors,
        matchall,
        matchlimit,
        ..SearchOptions::default()
    }
}

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
        options: default_options(defaults),
        ..Search::default()
    };
    let mut match_any = false;
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        let options = &mut search.options;
        match name {
            "path" => search.paths.push(words.value()?),
            "name" => search.names.push(words.value()?),
            "size" => search.sizes.push(words.value()?),
            "mode" => search.modes.push(words.value()?),
            "mtime" => search.mtimes.push(words.value()?),
            "content" => search.contents.push(words.value()?),
            "md5" => search.md5.push(words.value()?),
            "sha1" => search.sha1.push(words.value()?),
            "sha2" => search.sha2.push(words.value()?),
            "sha3" => search.sha3.push(words.value()?),
            "mismatch" => options
                .mismatch
                .get_or_insert_default()
                .push(words.value()?),
            "maxdepth" => options.maxdepth = words.number()?,
            "maxerrors" => options.maxerrors = words.number()?,
            "matchlimit" => options.matchlimit = words.number()?,
            "matchall" => options.matchall = words.switch()?,
            "matchany" => match_any = words.switch()?,
            "macroal" => options.macroal = words.switch()?,
            "returnsha256" => options.returnsha256 = words.switch()?,
            "decompress" => options.decompress = words.switch()?,
            "verbose" => {
                // A matter of the client alone: nothing is sent.
                words.switch()?;
            }
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
