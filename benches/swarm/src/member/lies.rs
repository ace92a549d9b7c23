//! What a lying agent tells: none of it may change anything but its own
//! command's answer, which it gives as it should.

use lapin::{Confirmation, Connection};
use mig_protocol::{Command, CommandStatus, Id, ModuleResult, parse_command, to_go_json};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use super::Member;
use super::session::{HEARTBEATS, RESULTS, open_channel, publish};

/// Choices of what to lie about.
const LIES: u64 = 1 << 32;
/// More than a heartbeat may have.
const LONG: usize = 200_000;

/// One message.
struct Lie {
    kind: &'static str,
    key: &'static str,
    body: Vec<u8>,
}

/// Tells lies over a connection.
pub(super) struct Liar<'a> {
    member: &'a Member,
    connection: &'a Connection,
    life: u64,
}

impl<'a> Liar<'a> {
    pub fn new(member: &'a Member, connection: &'a Connection, life: u64) -> Self {
        Self {
            member,
            connection,
            life,
        }
    }

    /// What it tells before it answers a command.
    pub async fn before(&self, command: &Command) {
        let mut choices = self.member.choices(LIES + self.life + command.id.0);
        self.tell(self.about(command, &mut choices)).await;
        let first = self.member.notes().counts.executed == 0;
        if first && self.member.common.braggart == Some(self.member.number) {
            // The relay closes the channel for it, so it goes alone.
            self.tell(vec![self.oversized(command)]).await;
        }
    }

    /// What it tells after the relay has its answer: the same once more, and
    /// another one for the same command.
    pub async fn after(&self, answer: &[u8]) {
        let mut lies = vec![Lie {
            kind: "answer replayed",
            key: RESULTS,
            body: answer.to_vec(),
        }];
        if let Ok(mut command) = parse_command(answer) {
            command.status = CommandStatus::Failed;
            command.results = Some(vec![ModuleResult::from_error("changed my mind")]);
            lies.push(written("answer changed afterwards", &command));
        }
        self.tell(lies).await;
    }

    fn about(&self, command: &Command, choices: &mut StdRng) -> Vec<Lie> {
        let own = &self.member.agent.identity().queueloc;
        let (victim, victims_queue) = self.victim(choices);
        let lie = |kind, change: &dyn Fn(&mut Command)| {
            let mut lie = command.clone();
            lie.status = CommandStatus::Success;
            lie.agent.queueloc.clone_from(own);
            lie.results = Some(vec![ModuleResult {
                success: true,
                foundanything: true,
                elements: json!({"agent": own, "lie": kind}),
                ..ModuleResult::default()
            }]);
            change(&mut lie);
            written(kind, &lie)
        };
        let invented = choices.random_range(1..1 << 40);
        let mut lies = vec![
            lie("forged command", &|lie| lie.id = Id(invented)),
            lie("own command, wrong queue", &|lie| {
                lie.agent.queueloc = format!("linux.{}", "z".repeat(100));
            }),
            lie("own command, another's name and no queue", &|lie| {
                lie.agent.name = victim.to_owned();
                lie.agent.queueloc.clear();
            }),
            lie("own command, a status no agent gives", &|lie| {
                lie.status = CommandStatus::Expired;
            }),
        ];
        // Commands of one action are numbered one after the other.
        for step in 1..=4 {
            for id in [
                command.id.0.wrapping_add(step),
                command.id.0.wrapping_sub(step),
            ] {
                lies.push(lie("another agent's command", &|lie| lie.id = Id(id)));
                lies.push(lie("another agent's command, as NUL", &|lie| {
                    lie.id = Id(id);
                    lie.agent.name = "\0".into();
                    lie.agent.queueloc = format!("{own}\0");
                }));
            }
        }
        let cut = lies[0].body[..lies[0].body.len() / 2].to_vec();
        let not_json = [br#"{"id":1e999,"status":[[[[{}]]]],}"#.to_vec(), cut];
        lies.extend(not_json.map(|body| Lie {
            kind: "malformed answer",
            key: RESULTS,
            body,
        }));
        lies.extend(self.heartbeats(victim, victims_queue));
        lies
    }

    fn heartbeats(&self, victim: &str, victims_queue: &str) -> Vec<Lie> {
        let own = self.member.agent.record();
        let lie = |kind, record: &mig_protocol::Agent| Lie {
            kind,
            key: HEARTBEATS,
            body: to_go_json(record).unwrap_or_default(),
        };
        let mut stolen = own.clone();
        stolen.name = victim.to_owned();
        stolen.queueloc = victims_queue.to_owned();
        let mut long = own.clone();
        long.tags.insert("x".into(), "x".repeat(LONG));
        let mut control = own.clone();
        control.queueloc.push('\0');
        let mut mode = own;
        mode.mode = "owner".into();
        vec![
            lie("another agent's heartbeat", &stolen),
            lie("oversized heartbeat", &long),
            lie("heartbeat with NUL", &control),
            lie("heartbeat of no known mode", &mode),
            Lie {
                kind: "malformed heartbeat",
                key: HEARTBEATS,
                body: b"{\"name\":\"x\",\"queueloc\":".to_vec(),
            },
        ]
    }

    fn oversized(&self, command: &Command) -> Lie {
        let mut lie = command.clone();
        lie.status = CommandStatus::Success;
        lie.agent
            .queueloc
            .clone_from(&self.member.agent.identity().queueloc);
        lie.results = Some(vec![ModuleResult {
            success: true,
            elements: "x"
                .repeat(self.member.common.configuration.oversized)
                .into(),
            ..ModuleResult::default()
        }]);
        written("oversized answer", &lie)
    }

    /// Somebody else; itself where it is alone.
    fn victim(&self, choices: &mut StdRng) -> (&str, &str) {
        let known = &self.member.common.known;
        let step = choices.random_range(0..known.len().max(2) - 1) + 1;
        let (name, queue) = &known[(self.member.number + step) % known.len()];
        (name, queue)
    }

    /// Tells lies, each until the relay says that it has it or refuses it.
    async fn tell(&self, lies: Vec<Lie>) {
        let Ok(channel) = open_channel(self.connection).await else {
            return;
        };
        for lie in lies {
            let outcome = publish(&channel, lie.key, &lie.body).await;
            let mut notes = self.member.notes();
            if matches!(outcome, Ok(Confirmation::Ack(None))) {
                notes.counts.lies += 1;
                *notes.lies.entry(lie.kind).or_default() += 1;
            } else {
                notes.counts.refused_lies += 1;
                *notes.lies.entry("refused by the relay").or_default() += 1;
            }
        }
        let _ = channel.close(200, "OK".into()).await;
    }
}

fn written(kind: &'static str, command: &Command) -> Lie {
    Lie {
        kind,
        key: RESULTS,
        body: to_go_json(command).unwrap_or_default(),
    }
}
