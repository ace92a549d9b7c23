//! What the module does while it runs: one loop over the kernel's records and
//! the host's messages.

use crate::configuration::{Configuration, Multicast, Wanted};
use crate::control::{Control, Keeper, Kernel, Obstacle};
use crate::events::{Assembler, Options};
use crate::netlink::{Error, Socket};
use crate::rules::{self, Names, Rules};
use crate::{module, sys};
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::{Failure, Message, Service, Start};
use serde::Serialize;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest alert that a host takes.
const MOST_ALERT: usize = 256 << 10;
/// The longest wait: the host wants to hear of the module more often than every
/// 30 seconds, and the kernel's counters are asked for as often.
const IDLE: Duration = Duration::from_secs(10);
/// How often the kernel is asked for its counters while records come.
const BUSY: Duration = Duration::from_secs(2);
/// How often the status is told at most.
const TELL: Duration = Duration::from_secs(2);

/// How many batches of records are still taken at the end.
const MOST_LAST_BATCHES: usize = 256;

/// What the status page shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Status {
    /// `daemon`, or `multicast` when it only listens.
    mode: &'static str,
    /// Why it only listens; empty otherwise.
    reason: String,
    /// Rules in the kernel.
    rules: u64,
    /// Records received.
    records: u64,
    /// Events handed over as alerts.
    alerts: u64,
    /// Events whose last record did not come in time.
    incomplete: u64,
    /// Records that could not be read and were handed over as they were.
    malformed: u64,
    /// Events longer than an alert may be, which were shortened.
    too_long: u64,
    /// Records that the kernel lost since the start: its rate or backlog limit
    /// was reached.
    lost: u64,
    /// Records that wait in the kernel.
    backlog: u64,
    /// How often the kernel found no room in the module's socket. Then the
    /// kernel keeps records of a daemon, and those of a listener are lost.
    overruns: u64,
    /// Messages that could not be understood.
    unreadable: u64,
    /// How often the kernel gave this daemon up because it took no records for
    /// too long.
    given_up: u64,
}

/// Runs until the host asks for the end.
///
/// # Errors
/// Rules, rights or kernel do not allow it to begin, or the kernel or the host
/// is gone.
pub(crate) fn serve(start: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
    let session = service.session();
    session.info("configuration received");
    let wanted = start.config.wanted()?;
    let rules = match &wanted.rules {
        Some(path) => read_rules(path)?,
        None => Rules::default(),
    };
    for line in &rules.skipped {
        session.warning(line);
    }
    if start.directory.is_none() {
        session.warning("this host gives the module no directory: after being killed it cannot restore the audit rules of before");
    }
    let keeper = Keeper::new(start.directory.as_deref());
    let mut watch = Watch::begin(&wanted, &rules, keeper, service)?;
    let outcome = service.ready().and_then(|()| watch.follow(service));
    watch.end(service);
    outcome
}

fn read_rules(path: &Path) -> Result<Rules, Failure> {
    let file = std::fs::File::open(path).map_err(|error| Failure::io(path, &error))?;
    let mut text = String::new();
    file.take(rules::MOST_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::io(path, &error))?;
    let wrong = |what: String| {
        Failure::bad_parameters("audit.rulespath", format!("{}: {what}", path.display()))
    };
    if text.len() as u64 > rules::MOST_BYTES {
        return Err(wrong(format!("longer than {} bytes", rules::MOST_BYTES)));
    }
    rules::compile(&text, &Names::read(Path::new("/etc"))).map_err(wrong)
}

/// The running module.
struct Watch {
    /// The records.
    socket: Socket,
    /// `None` when it only listens.
    control: Option<Control<Socket>>,
    /// What the kernel had lost before.
    lost_before: u32,
    assembler: Assembler,
    status: Status,
    told: Option<(Status, Instant)>,
    asked: Instant,
    /// Records that had been received then.
    asked_at: u64,
}

fn failure(error: &Error) -> Failure {
    let code = match error {
        Error::Absent => code::UNSUPPORTED,
        Error::Forbidden(_) => code::PERMISSION,
        _ => code::IO,
    };
    Failure::new(code, error.to_string())
}

impl Watch {
    fn begin(
        wanted: &Wanted,
        rules: &Rules,
        keeper: Keeper,
        service: &Service<'_>,
    ) -> Result<Self, Failure> {
        let session = service.session();
        let mut socket = Socket::open().map_err(|error| failure(&error))?;
        if wanted.multicast == Multicast::Yes {
            return Self::listen(wanted, socket, "so configured".into(), service);
        }
        let mut kernel = Socket::open().map_err(|error| failure(&error))?;
        // Without the right to control, a listener may still be possible.
        let lost_before = match kernel.status() {
            Ok(status) => status.lost,
            Err(error @ Error::Forbidden(_)) => {
                return match wanted.multicast {
                    Multicast::No => Err(failure(&error)),
                    _ => Self::listen(wanted, socket, error.to_string(), service)
                        .map_err(|_| failure(&error)),
                };
            }
            Err(error) => return Err(failure(&error)),
        };
        let register = || {
            let change = crate::control::Change {
                pid: Some(std::process::id()),
                ..crate::control::Change::default()
            };
            socket.set(change)
        };
        let taken = Control::take(kernel, keeper, wanted.limits, &rules.rules, register);
        let reason = match taken {
            Ok(mut control) => {
                for remark in control.remarks.drain(..) {
                    session.warning(&remark);
                }
                session.info("auditing enabled");
                session.info(&format!(
                    "auditing configured: {} rules, at most {} records a second, {} waiting",
                    rules.rules.len(),
                    wanted.limits.rate,
                    wanted.limits.backlog
                ));
                let mut watch = Self::new(wanted, socket, "daemon", String::new());
                watch.status.rules = rules.rules.len() as u64;
                watch.control = Some(control);
                watch.lost_before = lost_before;
                session.info("listening");
                return Ok(watch);
            }
            Err((Obstacle::Failed(reason), _)) => {
                return Err(Failure::new(code::IO, reason));
            }
            Err((Obstacle::Owned(pid), _)) => {
                let name = sys::process_name(pid).unwrap_or_else(|| "a program".into());
                format!(
                    "another audit daemon owns the kernel's audit trail: {name}, process {pid}; stop it to load the rules of audit.cfg"
                )
            }
            Err((Obstacle::Immutable, _)) => {
                "the kernel's audit configuration is locked until the next boot (enabled 2); the rules of audit.cfg are not loaded".into()
            }
        };
        match wanted.multicast {
            Multicast::No => Err(Failure::new(code::PERMISSION, reason)),
            _ => Self::listen(wanted, socket, reason, service),
        }
    }

    /// Listens beside whoever is the daemon.
    fn listen(
        wanted: &Wanted,
        socket: Socket,
        reason: String,
        service: &Service<'_>,
    ) -> Result<Self, Failure> {
        socket.join().map_err(|error| match error {
            Error::Forbidden(_) => Failure::new(
                code::PERMISSION,
                format!("{reason}; and listening needs CAP_AUDIT_READ: run the agent as root"),
            ),
            error => failure(&error),
        })?;
        service
            .session()
            .warning(&format!("only listening (multicast): {reason}"));
        Ok(Self::new(wanted, socket, "multicast", reason))
    }

    fn new(wanted: &Wanted, socket: Socket, mode: &'static str, reason: String) -> Self {
        Self {
            socket,
            control: None,
            lost_before: 0,
            assembler: Assembler::new(Options {
                include_raw: wanted.raw,
                ..Options::default()
            }),
            status: Status {
                mode,
                reason,
                ..Status::default()
            },
            told: None,
            asked: Instant::now(),
            asked_at: 0,
        }
    }

    /// Until the host asks for the end.
    fn follow(&mut self, service: &Service<'_>) -> Result<(), Failure> {
        self.ask_kernel(service)?;
        loop {
            self.tell(service)?;
            let now = Instant::now();
            let mut patience = self.interval().saturating_sub(now - self.asked);
            if let Some((_, told)) = self
                .told
                .as_ref()
                .filter(|(status, _)| *status != self.status)
            {
                patience = patience.min((*told + TELL).saturating_duration_since(now));
            }
            if let Some(deadline) = self.assembler.deadline() {
                patience = patience.min(deadline.saturating_duration_since(now));
            }
            // Rounded up: the time shall have passed afterwards.
            let patience = patience + Duration::from_millis(1);
            sys::wait([self.socket.descriptor(), service.descriptor()], patience)
                .map_err(Failure::from)?;
            while let Some(message) = service.next(Some(Duration::ZERO))? {
                if let Message::Query(query) = message {
                    let answer = query.parameters::<crate::Parameters>();
                    service.answer(query, answer.map(|_| module::alive()))?;
                }
            }
            self.receive(service)?;
            if self.asked.elapsed() >= self.interval() {
                self.ask_kernel(service)?;
            }
        }
    }

    /// How often to ask the kernel for its counters.
    fn interval(&self) -> Duration {
        match self.status.records == self.asked_at {
            true => IDLE,
            false => BUSY,
        }
    }

    /// Takes a batch of records and hands over the events that are finished.
    fn receive(&mut self, service: &Service<'_>) -> Result<bool, Failure> {
        let now = Instant::now();
        let assembler = &mut self.assembler;
        let any = self
            .socket
            .records(|kind, text| assembler.record(kind, text, now))
            .map_err(|error| failure(&error))?;
        self.assembler.due(now);
        self.deliver(service)?;
        Ok(any)
    }

    fn deliver(&mut self, service: &Service<'_>) -> Result<(), Failure> {
        while let Some(event) = self.assembler.next_event() {
            let (text, whole) = event.to_json_within(MOST_ALERT);
            if !whole {
                self.status.too_long += 1;
                service.session().warning(&format!(
                    "event {} is longer than the {MOST_ALERT} bytes that an alert may have: it is shortened and says so",
                    event.serial
                ));
            }
            service.alert(&text)?;
            self.status.alerts += 1;
        }
        let counters = self.assembler.counters();
        self.status.records = counters.records;
        self.status.incomplete = counters.incomplete;
        self.status.malformed = counters.malformed;
        let losses = self.socket.losses();
        self.status.overruns = losses.overruns;
        self.status.unreadable = losses.unreadable;
        Ok(())
    }

    /// Asks the kernel what it lost, and whether this process is its daemon still.
    fn ask_kernel(&mut self, service: &Service<'_>) -> Result<(), Failure> {
        self.asked = Instant::now();
        self.asked_at = self.status.records;
        let Some(mut status) = self.kernels_status()? else {
            return Ok(());
        };
        if status.pid == 0 {
            self.register_again(service)?;
            status = self.kernels_status()?.unwrap_or(status);
        }
        if status.pid != std::process::id() {
            if status.pid != 0
                && let Some(Err(problem)) = self.control.take().map(Control::abandon)
            {
                service.session().warning(&problem);
            }
            return Err(Failure::new(
                code::IO,
                format!(
                    "the kernel's audit daemon is process {} now, no longer this module",
                    status.pid
                ),
            ));
        }
        let lost = u64::from(status.lost.wrapping_sub(self.lost_before));
        if lost > self.status.lost {
            service.session().warning(&format!(
                "the kernel lost {} audit records, {lost} since the start; raise ratelimit or backloglimit in audit.cfg, or narrow the rules",
                lost - self.status.lost
            ));
        }
        self.status.lost = lost;
        self.status.backlog = u64::from(status.backlog);
        Ok(())
    }

    fn kernels_status(&mut self) -> Result<Option<crate::control::Status>, Failure> {
        let status = self.control.as_mut().map(Control::status).transpose();
        status.map_err(|error| failure(&error))
    }

    /// The kernel gives a daemon up whose socket was full for half a second, as
    /// when nobody took alerts. Its rules stand, so being its daemon again is
    /// all there is to do; a restart would leave a longer gap.
    fn register_again(&mut self, service: &Service<'_>) -> Result<(), Failure> {
        // A full socket has no room for the kernel's answer.
        for _ in 0..MOST_LAST_BATCHES {
            if !self.receive(service)? {
                break;
            }
        }
        let change = crate::control::Change {
            pid: Some(std::process::id()),
            ..crate::control::Change::default()
        };
        match self.socket.set(change) {
            Ok(()) => {
                self.status.given_up += 1;
                service.session().warning("the kernel gave the module up, because it took no records for half a second or longer: records of that time may be missing; is the module that takes alerts fast enough?");
            }
            // Somebody else was faster, which the next look at the status says.
            Err(error) => service.session().warning(&error.to_string()),
        }
        Ok(())
    }

    /// Tells the status when it is another one, not too often.
    fn tell(&mut self, service: &Service<'_>) -> Result<(), Failure> {
        let now = Instant::now();
        let due = self
            .told
            .as_ref()
            .is_none_or(|(status, told)| *status != self.status && now >= *told + TELL);
        if due {
            service.status(&self.status)?;
            self.told = Some((self.status.clone(), now));
        }
        Ok(())
    }

    /// Gives the kernel back as it was, and hands over what is left as far as
    /// the host takes it.
    fn end(mut self, service: &Service<'_>) {
        let session = service.session();
        if let Some(mut control) = self.control.take() {
            for problem in control.give_back() {
                session.warning(&problem);
            }
            session.info("the audit rules and settings of before are in place again");
        }
        // What the kernel had sent by then; a listener's records never end.
        for _ in 0..MOST_LAST_BATCHES {
            if !self.receive(service).unwrap_or(false) {
                break;
            }
        }
        self.assembler.flush(Instant::now());
        let mut left = 0u64;
        let mut gone = self.deliver(service).is_err();
        while self.assembler.next_event().is_some() {
            left += 1;
            gone = true;
        }
        if gone {
            session.warning(&format!(
                "at least {} events were not handed over at the end",
                left + 1
            ));
        }
    }
}
