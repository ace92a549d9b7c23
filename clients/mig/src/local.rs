//! `mig MODULE -t local`: the module runs here, without any server.

use std::io::{self, Write};

use mig_client::ClientError;
use mig_client::configuration::module_options;
use mig_client::modules::{Modules, Options};
use mig_client::results::Show;
use mig_client::terminal::{printable, printable_lines};

use crate::arguments::{Arguments, Question};
use crate::exit;

/// Runs the question on this machine and prints the module's lines.
pub fn run(arguments: &Arguments) -> Result<u8, ClientError> {
    let Question::Module { module, words } = &arguments.question else {
        return Err(ClientError::Configuration(
            "-t local takes a module and its options, not a file; mig-agent -i runs a file here"
                .into(),
        ));
    };
    let modules = Modules::open(&module_options(arguments.configuration.as_deref())?);
    let parameters = match modules.options(module, words)? {
        Options::Help(text) => {
            println!("{}", printable_lines(&text));
            return Ok(exit::DONE);
        }
        Options::Parameters(parameters) => parameters,
    };
    let result = modules.run(module, parameters)?;
    let printed = modules.print(
        module,
        std::slice::from_ref(&result),
        arguments.show == Show::Found,
    )?;
    let lines = printed.into_iter().next().unwrap_or(Ok(Vec::new()))?;
    let mut out = io::stdout().lock();
    for line in &lines {
        match writeln!(out, "{}", printable(line)) {
            // Somebody like `head` has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            other => other.map_err(|source| ClientError::File {
                path: "standard output".to_owned(),
                source,
            })?,
        }
    }
    if !result.flag("success") {
        for error in result.errors() {
            eprintln!("error: {}", printable(error));
        }
        return Ok(exit::TROUBLED);
    }
    Ok(if arguments.exit_code && !result.flag("foundanything") {
        exit::NOTHING
    } else {
        exit::DONE
    })
}
