//! The socket on which a module in the foreground takes queries: a message of
//! class `parameters` in, one line with a result out.

use std::io::{self, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mig_host::{Cancel, Mailbox};
use mig_protocol::ModuleResult;
use mig_protocol::json::to_go_json;

use super::messages::{Message, line, understand};
use crate::sys;

/// Time an asker has for each read and write.
const PATIENCE: Duration = Duration::from_secs(10);
/// At the end: time for askers who may not have asked yet.
const LAST_ASKERS: Duration = Duration::from_secs(2);
/// At the end: time for the answers to those who have. On a busy machine it is
/// long before the threads that write them come to it.
const LAST_ANSWERS: Duration = Duration::from_secs(20);
/// Askers served at one time.
const MOST: usize = 16;

/// A socket in the file system. When this is dropped it is gone, and whoever has
/// asked has an answer.
pub(super) struct Socket {
    path: PathBuf,
    /// Askers without an answer.
    open: Arc<AtomicUsize>,
    /// Those of them who have asked.
    asked: Arc<AtomicUsize>,
}

impl Socket {
    /// Listens at `path`, for this user alone, and answers with what the module
    /// says. What an earlier run left there is replaced.
    pub(super) fn open(path: &Path, asking: Asking) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = sys::listen_privately(path)?;
        let open = Arc::new(AtomicUsize::new(0));
        let socket = Self {
            path: path.to_owned(),
            open: Arc::clone(&open),
            asked: Arc::clone(&asking.asked),
        };
        // Ends with the process.
        std::thread::Builder::new()
            .name("mig-queries".into())
            .spawn(move || serve(&listener, &Arc::new(asking), &open))?;
        Ok(socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let began = Instant::now();
        let longest = || match self.asked.load(Ordering::SeqCst) {
            0 => LAST_ASKERS,
            _ => LAST_ANSWERS,
        };
        while self.open.load(Ordering::SeqCst) > 0 && began.elapsed() < longest() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// How the module is asked.
pub(super) struct Asking {
    pub(super) mailbox: Mailbox,
    pub(super) wall: Duration,
    pub(super) cancel: Cancel,
    /// Askers whose question was read and who have no answer yet.
    pub(super) asked: Arc<AtomicUsize>,
}

fn serve(listener: &UnixListener, asking: &Arc<Asking>, open: &Arc<AtomicUsize>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of descriptors, most likely: a pause lets some go.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if open.fetch_add(1, Ordering::SeqCst) >= MOST {
            open.fetch_sub(1, Ordering::SeqCst);
            let reason = format!("{MOST} queries are open already; ask again later");
            reply(&stream, &failure(reason));
            continue;
        }
        let (asking, count) = (Arc::clone(asking), Arc::clone(open));
        let spawned = std::thread::Builder::new().spawn(move || {
            answer(&stream, &asking);
            count.fetch_sub(1, Ordering::SeqCst);
        });
        if spawned.is_err() {
            open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// One malformed line costs one answer, not the module.
fn answer(stream: &UnixStream, asking: &Asking) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let asked = match line(&mut BufReader::new(stream)) {
        Ok(Some(line)) => understand(&line),
        Ok(None) => return,
        Err(error) => Err(error.to_string()),
    };
    asking.asked.fetch_add(1, Ordering::SeqCst);
    let result = match asked {
        Ok(Message::Parameters(parameters)) => {
            let outcome = asking
                .mailbox
                .query(&parameters, asking.wall, &asking.cancel);
            to_go_json(&outcome.answer.in_order()).unwrap_or_default()
        }
        Ok(_) => failure("send a message of class `parameters`".into()),
        Err(reason) => failure(reason),
    };
    reply(stream, &result);
    asking.asked.fetch_sub(1, Ordering::SeqCst);
}

fn failure(reason: String) -> Vec<u8> {
    to_go_json(&ModuleResult::from_error(reason)).unwrap_or_default()
}

fn reply(mut stream: &UnixStream, result: &[u8]) {
    let _ = stream.set_write_timeout(Some(PATIENCE));
    // Whoever asked may be gone.
    let _ = stream
        .write_all(result)
        .and_then(|()| stream.write_all(b"\n"));
}
