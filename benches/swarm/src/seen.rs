//! What an agent did with one command.

/// Something that an agent does with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It was delivered.
    Received,
    /// A module that may run again begins.
    Executed,
    /// A module that must not run again begins.
    ExecutedOnce,
    /// What came of running it is in the journal.
    Answered,
    /// It was refused.
    Refused,
    /// The relay confirmed the answer.
    Confirmed,
}

/// Events as a diary writes them.
const WORDS: [(Event, &str); 6] = [
    (Event::Received, "received"),
    (Event::Executed, "executed"),
    (Event::ExecutedOnce, "executed-once"),
    (Event::Answered, "answered"),
    (Event::Refused, "refused"),
    (Event::Confirmed, "confirmed"),
];

impl Event {
    /// The event as a diary writes it.
    pub fn word(self) -> &'static str {
        let mut words = WORDS.iter();
        words
            .find(|(event, _)| *event == self)
            .map_or("", |(_, word)| word)
    }

    /// The event that a diary wrote.
    pub fn of(word: &str) -> Option<Self> {
        let mut words = WORDS.iter();
        words
            .find(|(_, known)| *known == word)
            .map(|(event, _)| *event)
    }
}

/// What an agent did with one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often it was delivered.
    pub received: u32,
    /// How often it was carried out.
    pub executed: u32,
    /// The most often within one life of the agent.
    pub executed_in_a_life: u32,
    /// How often it was carried out although its answer was in the journal.
    pub executed_after_answer: u32,
    /// Whether its module must not run twice.
    pub once: bool,
    /// How often it was carried out to the end.
    pub answered: u32,
    /// Whether it was refused.
    pub refused: bool,
    /// How often the relay confirmed the answer.
    pub confirmed: u32,
    /// Lives of the agent that began after it first was delivered.
    pub interruptions: u32,
    /// How often it was carried out in the life that lasts.
    pub(crate) now: u32,
}

impl Seen {
    pub(crate) fn note(&mut self, event: Event) {
        match event {
            Event::Received => self.received += 1,
            Event::Executed | Event::ExecutedOnce => {
                self.executed += 1;
                self.now += 1;
                self.executed_in_a_life = self.executed_in_a_life.max(self.now);
                self.once |= event == Event::ExecutedOnce;
                if self.answered > 0 {
                    self.executed_after_answer += 1;
                }
            }
            Event::Answered => self.answered += 1,
            Event::Refused => self.refused |= self.is_refusal(),
            Event::Confirmed => self.confirmed += 1,
        }
    }

    /// Whether an answer that was ready when the command arrived is a refusal;
    /// otherwise the stored answer is sent again, or it was refused before.
    pub(crate) fn is_refusal(&self) -> bool {
        self.executed == 0 && self.answered == 0 && !self.refused
    }

    /// The agent was killed and lives again.
    pub(crate) fn begin_life(&mut self) {
        self.interruptions += 1;
        self.now = 0;
    }

    /// Why this is more than an agent may do, whatever happened to it.
    pub(crate) fn excess(&self) -> Option<&'static str> {
        if self.executed_after_answer > 0 {
            Some("it ran again although its answer was in the journal")
        } else if self.executed_in_a_life > 1 {
            Some("it ran twice without an interruption between")
        } else if self.once && self.executed > 1 {
            Some("it ran twice and must not")
        } else {
            None
        }
    }
}
