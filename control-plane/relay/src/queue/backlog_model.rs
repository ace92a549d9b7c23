//! The backlog against a model: a list of messages with a state each.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Publish { length: u8, ttl: Option<u8> },
    Deliver,
    Ack(usize),
    Requeue(usize),
    Pass(u8),
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<u8>(), proptest::option::of(0..40_u8))
            .prop_map(|(length, ttl)| Step::Publish { length, ttl }),
        4 => Just(Step::Deliver),
        2 => any::<usize>().prop_map(Step::Ack),
        2 => any::<usize>().prop_map(Step::Requeue),
        2 => (0..20_u8).prop_map(Step::Pass),
        1 => Just(Step::Purge),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Ready,
    Unacked,
    Gone,
}

struct Model {
    id: MessageId,
    length: u64,
    expires: Option<u64>,
    state: State,
}

fn entry(length: u64, expires: Option<u64>) -> Entry {
    Entry {
        envelope: Arc::new(Envelope {
            exchange: "".into(),
            routing_key: "q".into(),
            properties: Bytes::new(),
            persistent: false,
        }),
        body: None,
        length,
        expires,
        publisher: 1,
        redelivered: false,
        stored: Stored::No,
    }
}

fn of_state(model: &[Model], state: State) -> Vec<MessageId> {
    model
        .iter()
        .filter(|message| message.state == state)
        .map(|message| message.id)
        .collect()
}

fn set(model: &mut [Model], id: MessageId, state: State) {
    for message in model.iter_mut().filter(|message| message.id == id) {
        message.state = state;
    }
}

proptest! {
    #[test]
    fn the_backlog_does_what_a_list_does(steps in proptest::collection::vec(step(), 0..120)) {
        let mut backlog = Backlog::default();
        let mut model: Vec<Model> = Vec::new();
        let mut now = 0_u64;
        for step in steps {
            match step {
                Step::Publish { length, ttl } => {
                    let id = model.len() as MessageId;
                    let length = u64::from(length);
                    let expires = ttl.map(|ttl| now + u64::from(ttl));
                    backlog.insert(id, entry(length, expires));
                    model.push(Model { id, length, expires, state: State::Ready });
                }
                Step::Deliver => {
                    let expected = of_state(&model, State::Ready).first().copied();
                    let got = backlog.pop();
                    prop_assert_eq!(got.as_ref().map(|(id, _)| *id), expected);
                    if let Some((id, entry)) = got {
                        backlog.hold(id, entry);
                        set(&mut model, id, State::Unacked);
                    }
                }
                Step::Ack(pick) => {
                    let unacked = of_state(&model, State::Unacked);
                    if !unacked.is_empty() {
                        let id = unacked[pick % unacked.len()];
                        prop_assert!(backlog.settle(id).is_some());
                        prop_assert!(backlog.settle(id).is_none());
                        set(&mut model, id, State::Gone);
                    }
                }
                Step::Requeue(pick) => {
                    let unacked = of_state(&model, State::Unacked);
                    if !unacked.is_empty() {
                        let id = unacked[pick % unacked.len()];
                        let entry = backlog.settle(id).expect("an unacked message");
                        backlog.insert(id, entry);
                        set(&mut model, id, State::Ready);
                    }
                }
                Step::Pass(time) => {
                    now += u64::from(time);
                    let mut gone: Vec<_> =
                        backlog.expire(now, true).into_iter().map(|(id, _)| id).collect();
                    gone.sort_unstable();
                    let expected: Vec<_> = model
                        .iter()
                        .filter(|m| m.state == State::Ready && m.expires.is_some_and(|at| at <= now))
                        .map(|m| m.id)
                        .collect();
                    prop_assert_eq!(&gone, &expected);
                    for id in gone {
                        set(&mut model, id, State::Gone);
                    }
                }
                Step::Purge => {
                    let purged: Vec<_> = backlog.purge().into_iter().map(|(id, _)| id).collect();
                    prop_assert_eq!(&purged, &of_state(&model, State::Ready));
                    for id in purged {
                        set(&mut model, id, State::Gone);
                    }
                }
            }
            let ready: Vec<_> = model.iter().filter(|m| m.state == State::Ready).collect();
            prop_assert_eq!(backlog.ready(), ready.len());
            prop_assert_eq!(backlog.unacked(), of_state(&model, State::Unacked).len());
            prop_assert_eq!(backlog.ready_bytes(), ready.iter().map(|m| m.length).sum::<u64>());
            prop_assert_eq!(backlog.next_expiry(), ready.iter().filter_map(|m| m.expires).min());
        }
        let mut rest: Vec<_> = backlog.clear().into_iter().map(|(id, _)| id).collect();
        rest.sort_unstable();
        let mut expected = of_state(&model, State::Ready);
        expected.extend(of_state(&model, State::Unacked));
        expected.sort_unstable();
        prop_assert_eq!(rest, expected);
    }
}

#[test]
fn a_message_that_expires_now_may_still_be_delivered_now() {
    let mut backlog = Backlog::default();
    backlog.insert(1, entry(0, Some(100)));
    assert!(backlog.expire(100, false).is_empty());
    assert_eq!(backlog.expire(100, true).len(), 1);
}
