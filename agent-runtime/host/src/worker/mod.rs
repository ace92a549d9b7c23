//! The other end: this program, re-executed to run one operation of one module,
//! on one input or on several that are there from the start, or to have it serve
//! for as long as the host wants.
//!
//! Order matters. First everything the host had is left behind, then the
//! request is read, then the guards go up, and only then foreign code is
//! loaded.

mod emitter;
mod load;
mod serving;
mod table;

pub(crate) use load::{check as check_table, manifest_of, serve_of};

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use mig_plugin_abi::{MigBytes, MigPlugin};

use crate::frame::Kind;
use crate::job::{Diagnosis, Operation};
use crate::request::Request;
use crate::sandbox::SandboxReport;
use crate::sys::diagnosis::{self, Counts};
use crate::sys::seccomp::Refusal;
use crate::sys::spawn::{WORKER_NAME, WORKER_VARIABLE};
use crate::sys::{confine, descriptors, process, seccomp, signals};
use emitter::Emitter;

/// A module linked into this program: the function that gives its table.
#[derive(Debug, Clone, Copy)]
pub struct StaticModule(pub fn() -> *const MigPlugin);

/// Exit status of a worker that could not even speak to its host.
const NO_HOST: i32 = 70;
/// Where the answer's descriptor goes, out of the way of sloppy modules.
const ANSWER_FD: i32 = 64;

/// Call first in `main`, before threads exist: if this process was started by a
/// [`ModuleStore`](crate::ModuleStore) as a worker, runs the one operation it
/// was started for and never returns. `statics` are the modules linked into the
/// program, the same that the store gets.
pub fn run_worker_if_asked(statics: &[StaticModule]) {
    let named = std::env::args_os()
        .next()
        .is_some_and(|name| name.as_bytes() == WORKER_NAME.as_bytes());
    let host = std::env::var(WORKER_VARIABLE)
        .ok()
        .and_then(|host| host.parse::<i32>().ok());
    if let (true, Some(host)) = (named, host) {
        let status = match work(host, statics) {
            Ok(()) => 0,
            Err(_) => NO_HOST,
        };
        process::exit_now(status);
    }
}

/// An error means that there is no host to report anything to.
fn work(host: i32, statics: &[StaticModule]) -> std::io::Result<()> {
    signals::prepare_worker(host)?;
    // SAFETY: nothing has been opened yet; whatever is there was left open by
    // the host and is used by nobody here.
    unsafe { descriptors::close_from(3) };
    let stdin = std::io::stdin();
    let (request, module) = Request::receive(stdin.as_fd())?;
    let inputs = request.receive_inputs(stdin.as_fd())?;
    let messages = match request.operation {
        Operation::Serve => Some(out_of_the_way(stdin.as_fd())?),
        _ => None,
    };
    let answer = take_standard_descriptors()?;

    let mut report = SandboxReport::default();
    if !confine::leave_host(host, &request.profile, &mut report) {
        return Err(std::io::ErrorKind::NotConnected.into());
    }
    let emitter = Emitter::start(answer, request.limits.output);
    // Their files must be reached before the file system is closed. They come
    // from the system's own directories, which are trusted like the kernel.
    let preloaded = load::libraries(&request.libraries);
    let counts = match request.diagnose {
        true => Some(Counts::prepare(request.limits.descriptors)?),
        false => None,
    };
    let files = confine::Files {
        module: module.as_ref().map(AsFd::as_fd),
        readable: &request.readable,
        directory: request.directory.as_deref(),
    };
    confine::restrict(
        &request.profile,
        &request.limits,
        &files,
        refusal(&request),
        &mut report,
    );
    let report = serde_json::to_vec(&report).unwrap_or_default();
    if let Some(messages) = messages {
        serving::begin(messages, emitter, request.limits.output)?;
    }
    emitter.send_now(Kind::Ready, b"", &report);
    if let Err(why) =
        preloaded.and_then(|()| perform(&request, &inputs, module, statics, emitter, counts))
    {
        emitter.send_now(Kind::Refused, b"", why.as_bytes());
    }
    Ok(())
}

fn refusal(request: &Request) -> Refusal {
    match request.diagnose {
        true => Refusal::Recorded,
        false => Refusal::Error,
    }
}

/// What is there that was not there before the operation, as JSON.
fn diagnose(counts: &Counts, emitter: &Emitter) -> Vec<u8> {
    let refused_calls = diagnosis::refused();
    let (descriptors, threads) = counts.left_over(emitter.threads());
    let left = Diagnosis {
        descriptors,
        threads,
        refused_calls,
    };
    // Numbers: this cannot fail.
    serde_json::to_vec(&left).unwrap_or_default()
}

/// Frees descriptors 0 to 2 for the module: an empty input, and stray output
/// for both of the others. Returns the one for the answer.
fn take_standard_descriptors() -> std::io::Result<OwnedFd> {
    let answer = out_of_the_way(std::io::stdout().as_fd())?;
    descriptors::replace_standard(std::io::stderr().as_fd(), 1)?;
    descriptors::replace_standard(descriptors::empty_input()?.as_fd(), 0)?;
    Ok(answer)
}

/// Duplicates a standard descriptor to where sloppy modules do not close it.
fn out_of_the_way(fd: BorrowedFd<'_>) -> std::io::Result<OwnedFd> {
    descriptors::duplicate_above(fd, ANSWER_FD)
        // Beyond the host's own limit.
        .or_else(|_| descriptors::duplicate_above(fd, 3))
}

/// Loads the module and runs the operation on each input.
fn perform(
    request: &Request,
    inputs: &[Vec<u8>],
    module: Option<OwnedFd>,
    statics: &[StaticModule],
    emitter: &'static Emitter,
    mut counts: Option<Counts>,
) -> Result<(), String> {
    let plugin = match module {
        Some(file) => load::dynamic(file, request)?,
        None => load::linked(statics, request)?,
    };
    if request.profile.without_files() {
        // Where seccomp is missing the report already says so.
        let _unavailable = seccomp::forbid_files(refusal(request));
    }
    let host = table::host(emitter);
    if let Some(counts) = &mut counts {
        counts.begin();
    }
    let call = match request.operation {
        Operation::Serve => load::serve_of(plugin)?,
        _ => plugin.call,
    };
    let mut inputs = inputs.iter().peekable();
    while let Some(input) = inputs.next() {
        // SAFETY: `load` checked the table; the host table and both byte ranges
        // outlive the call. Nothing of the plugin is ever unloaded.
        let code = unsafe {
            call(
                &host,
                MigBytes::new(request.operation.as_str().as_bytes()),
                MigBytes::new(input),
            )
        };
        match inputs.peek() {
            Some(_) => emitter.next(code),
            None => {
                serving::report();
                if let Some(counts) = &counts {
                    let left = diagnose(counts, emitter);
                    emitter.send_now(Kind::Diagnosis, b"", &left);
                }
                emitter.send_now(Kind::End, b"", &code.to_le_bytes());
            }
        }
    }
    Ok(())
}
