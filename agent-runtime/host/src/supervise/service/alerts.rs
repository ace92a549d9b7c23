//! Alerts of a serving module on their way to whoever takes them.
//!
//! The worker may raise as many as its credit allows, which is renewed as they
//! are taken: so at most a window of them waits here, and nothing else that the
//! worker says has to wait behind them.

use std::collections::VecDeque;
use std::time::Instant;

use mig_plugin_payload::{Manifest, Schema, Strictness};
use serde_json::Value;

use super::Attendant;
use crate::frame::MAX_ALERT;
use crate::message::alert_cost;
use crate::rate::Rate;
use crate::supervise::answer::Fault;

/// What alerts that nobody has taken yet may cost, in bytes.
const WINDOW: u64 = 256 << 10;
/// What alerts may cost each second: tens of thousands of them, so that a module
/// that raises nothing but alerts does not keep this program busy with nothing
/// else.
const PER_SECOND: u32 = 64 << 20;

/// Deepest nesting of an alert that is masked, as of payloads.
const MAX_DEPTH: usize = 32;

const NOT_UTF8: &str = "not UTF-8";
const UNDECLARED: &str =
    "not what the manifest declares for alerts, and so nothing that may leave in privacy mode";

/// The alerts of one worker.
pub(super) struct Alerts {
    /// In privacy mode, by what they are masked; there is nothing to let through
    /// when the manifest declares nothing.
    mask: Option<Option<Schema>>,
    /// Texts with what they cost.
    held: VecDeque<(String, u64)>,
    /// The attendant had no room when it was asked last.
    full: bool,
    granted: u64,
    received: u64,
    done: u64,
    rate: Rate,
    dropped: Vec<(&'static str, u64)>,
}

impl Alerts {
    pub(super) fn new(manifest: &Manifest, privacy: bool, now: Instant) -> Self {
        Self {
            mask: privacy.then(|| manifest.alert().cloned()),
            held: VecDeque::new(),
            full: false,
            granted: 0,
            received: 0,
            done: 0,
            rate: Rate::new(PER_SECOND, PER_SECOND, now),
            dropped: Vec::new(),
        }
    }

    /// Takes one from the worker.
    pub(super) fn accept(&mut self, text: &[u8]) -> Result<(), Fault> {
        let cost = alert_cost(text.len());
        self.received += cost;
        if self.received > self.granted + alert_cost(MAX_ALERT) {
            return Err("sends alerts although it was told that there is no room".to_owned());
        }
        match self.form(text) {
            Ok(text) => self.held.push_back((text, cost)),
            Err(why) => {
                self.done += cost;
                self.drop(why, 1);
            }
        }
        Ok(())
    }

    /// The form in which an alert may leave.
    fn form(&self, text: &[u8]) -> Result<String, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_| NOT_UTF8)?;
        let Some(schema) = &self.mask else {
            return Ok(text.to_owned());
        };
        let schema = schema.as_ref().ok_or(UNDECLARED)?;
        if depth(text) > MAX_DEPTH {
            return Err(UNDECLARED);
        }
        let alert: Value = serde_json::from_str(text).map_err(|_| UNDECLARED)?;
        if !alert.is_object() || schema.validate(&alert, Strictness::PrivateResult).is_err() {
            return Err(UNDECLARED);
        }
        let masked = schema.mask(alert).ok_or(UNDECLARED)?;
        Ok(masked.to_string())
    }

    fn drop(&mut self, why: &'static str, count: u64) {
        match self.dropped.iter_mut().find(|(known, _)| *known == why) {
            Some((_, dropped)) => *dropped += count,
            None => self.dropped.push((why, count)),
        }
    }

    /// Hands over what the attendant takes.
    pub(super) fn deliver(&mut self, attendant: &mut dyn Attendant) {
        while !self.full
            && let Some((text, cost)) = self.held.front()
        {
            if attendant.take_alert(text) {
                self.done += cost;
                self.held.pop_front();
            } else {
                self.full = true;
            }
        }
        if self.held.is_empty() {
            self.held.shrink_to(64);
        }
    }

    /// There is room again.
    pub(super) fn woken(&mut self) {
        self.full = false;
    }

    /// Whether alerts wait for room: then the worker may be blocked by that.
    pub(super) fn waiting(&self) -> bool {
        self.full
    }

    /// What the worker's alerts may cost in all from now on, when it is time to
    /// tell it.
    pub(super) fn credit(&mut self, now: Instant) -> Option<u64> {
        let more = self.wanted()?;
        if !self.rate.take(more as f64, now) {
            return None;
        }
        self.granted += more;
        Some(self.granted)
    }

    /// When to ask for credit again, if it is held back.
    pub(super) fn next_credit(&self) -> Option<Instant> {
        self.wanted().map(|more| self.rate.next(more as f64))
    }

    fn wanted(&self) -> Option<u64> {
        let more = (self.done + WINDOW).saturating_sub(self.granted);
        (more >= WINDOW / 2).then_some(more)
    }

    /// What was dropped since the last time, with the reasons.
    pub(super) fn take_dropped(&mut self) -> Vec<(&'static str, u64)> {
        std::mem::take(&mut self.dropped)
    }

    /// The worker has ended, and nobody will call again for what is left.
    pub(super) fn give_up(&mut self) {
        let left = self.held.len() as u64;
        if left > 0 {
            self.held = VecDeque::new();
            self.drop(
                "raised when there was no room, by a module that ended",
                left,
            );
        }
    }
}

/// How deep the brackets of a JSON text are nested: looking at one takes stack
/// for each level.
fn depth(text: &str) -> usize {
    let (mut level, mut deepest) = (0usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use mig_plugin_payload::Manifest;

    use super::*;
    use crate::supervise::service::ServiceEvent;

    /// Takes so many alerts.
    struct Taker(usize, Vec<String>);

    impl Attendant for Taker {
        fn event(&mut self, _: ServiceEvent) {}
        fn take_alert(&mut self, text: &str) -> bool {
            let room = self.1.len() < self.0;
            if room {
                self.1.push(text.to_owned());
            }
            room
        }
    }

    fn manifest() -> Manifest {
        Manifest::parse(
            br#"{"name":"a","version":"1","abi":{"major":1,"fingerprint":"-"},"persistent":true,
            "operations":{"serve":{"result":{"type":"object","properties":{
                "user":{"type":"string","x-mig-privacy":"name"},
                "count":{"type":"integer","x-mig-privacy":"open"},
                "secret":{"type":"string","x-mig-privacy":"hidden"}}}}}}"#,
        )
        .expect("manifest")
    }

    fn alerts(privacy: bool) -> Alerts {
        let now = Instant::now();
        let mut alerts = Alerts::new(&manifest(), privacy, now);
        assert_eq!(alerts.credit(now), Some(WINDOW));
        alerts
    }

    #[test]
    fn alerts_pass_as_they_are_and_wait_when_there_is_no_room() {
        let mut alerts = alerts(false);
        for text in ["%s", "{\"a\": 1 }", "third"] {
            alerts.accept(text.as_bytes()).expect("within the credit");
        }
        alerts.accept(b"\xff").expect("counted, not held");
        let mut taker = Taker(2, Vec::new());
        alerts.deliver(&mut taker);
        assert_eq!(taker.1, ["%s", "{\"a\": 1 }"]);
        assert!(alerts.waiting());
        taker.0 = 9;
        alerts.deliver(&mut taker);
        assert_eq!(taker.1.len(), 2, "not before it was woken");
        alerts.woken();
        alerts.deliver(&mut taker);
        assert_eq!(taker.1[2], "third");
        assert_eq!(alerts.take_dropped(), [(NOT_UTF8, 1)]);
        assert_eq!(alerts.take_dropped(), []);
    }

    #[test]
    fn credit_comes_back_with_what_is_taken_and_no_sooner() {
        let now = Instant::now();
        let mut alerts = alerts(false);
        let long = vec![b'x'; 64 << 10];
        let mut taker = Taker(0, Vec::new());
        for _ in 0..4 {
            alerts.accept(&long).expect("within the credit");
        }
        alerts.deliver(&mut taker);
        assert_eq!(alerts.credit(now), None);
        taker.0 = 4;
        alerts.woken();
        alerts.deliver(&mut taker);
        assert_eq!(alerts.credit(now), Some(WINDOW + 4 * alert_cost(64 << 10)));
        assert_eq!(alerts.credit(now), None);
    }

    #[test]
    fn a_worker_that_knows_no_credit_is_not_listened_to() {
        let mut alerts = alerts(false);
        let accepted = (0..100_000).take_while(|_| alerts.accept(b"x").is_ok());
        let most = (WINDOW + alert_cost(MAX_ALERT)) / alert_cost(1);
        assert_eq!(accepted.count() as u64, most);
    }

    #[test]
    fn in_privacy_mode_nothing_leaves_that_is_not_declared() {
        let mut alerts = alerts(true);
        for text in [
            r#"{"user":"alice","count":3,"secret":"x","more":"y"}"#,
            r#"{"user":7}"#,
            r#"["alice"]"#,
            "alice",
            &format!(
                r#"{{"user":"x","more":{}{}}}"#,
                "[".repeat(40),
                "]".repeat(40)
            ),
        ] {
            alerts.accept(text.as_bytes()).expect("within the credit");
        }
        let mut taker = Taker(9, Vec::new());
        alerts.deliver(&mut taker);
        let [only] = &taker.1[..] else {
            panic!("{:?}", taker.1);
        };
        let masked: Value = serde_json::from_str(only).expect("JSON");
        assert_eq!(masked, serde_json::json!({"user": "masked", "count": 3}));
        assert_eq!(alerts.take_dropped(), [(UNDECLARED, 4)]);
    }

    #[test]
    fn brackets_in_texts_are_no_depth() {
        for (text, expected) in [
            (r#"{"a":[{}],"b":{}}"#, 3),
            (r#"{"a":"[[[[\"{{{{","b":[]}"#, 2),
            ("]]]][", 1),
        ] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_left_at_the_end_is_counted() {
        let mut alerts = alerts(false);
        alerts.accept(b"one").expect("within the credit");
        alerts.deliver(&mut Taker(0, Vec::new()));
        alerts.give_up();
        assert_eq!(alerts.take_dropped()[0].1, 1);
        alerts.give_up();
        assert_eq!(alerts.take_dropped(), []);
    }
}
