//! Collection+JSON as the original writes it.

use mig_protocol::{Action, Agent, Command, Id, Investigator};
use serde::Serialize;
use serde_json::Value;

/// The outermost object of an answer.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    collection: Collection,
}

#[derive(Debug, Serialize)]
struct Collection {
    version: &'static str,
    href: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item>,
    template: Empty,
    error: Error,
}

#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Default, Serialize)]
struct Error {
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

/// One item.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    pub(crate) href: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) data: Vec<Data>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<Link>,
}

/// One named value of an item.
#[derive(Debug, Serialize)]
pub(crate) struct Data {
    pub(crate) name: String,
    pub(crate) value: DataValue,
}

/// The documents that stand in items.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum DataValue {
    Action(Box<Action>),
    Command(Box<Command>),
    Agent(Box<Agent>),
    Investigator(Box<Investigator>),
    Other(Value),
}

/// One link of an item.
#[derive(Debug, Serialize)]
pub(crate) struct Link {
    pub(crate) rel: &'static str,
    pub(crate) href: String,
}

impl Document {
    /// An answer to the request with this URL.
    pub(crate) fn new(href: String, items: Vec<Item>) -> Document {
        Document {
            collection: Collection {
                version: "1.0",
                href,
                items,
                template: Empty {},
                error: Error::default(),
            },
        }
    }

    /// The same with an error, under which the log says more.
    pub(crate) fn with_error(mut self, operation: Id, message: String) -> Document {
        self.collection.error = Error {
            code: operation.to_string(),
            message,
        };
        self
    }
}

impl Item {
    /// An item without links.
    pub(crate) fn new(href: String, name: impl Into<String>, value: DataValue) -> Item {
        Item {
            href,
            data: vec![Data {
                name: name.into(),
                value,
            }],
            links: Vec::new(),
        }
    }

    /// Adds a named value.
    pub(crate) fn and(mut self, name: &str, value: Value) -> Item {
        self.data.push(Data {
            name: name.to_owned(),
            value: DataValue::Other(value),
        });
        self
    }

    /// Adds a link.
    pub(crate) fn linked(mut self, rel: &'static str, href: String) -> Item {
        self.links.push(Link { rel, href });
        self
    }
}

/// Makes items whose addresses start with the API's own.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    /// Host and base route.
    pub(crate) base: String,
}

impl Items {
    pub(crate) fn action(&self, action: Action) -> Item {
        let href = format!("{}/action?actionid={}", self.base, action.id);
        Item::new(href, "action", DataValue::Action(Box::new(action)))
    }

    pub(crate) fn command(&self, command: Command) -> Item {
        let href = format!("{}/command?commandid={}", self.base, command.id);
        let action = format!("{}/action?actionid={}", self.base, command.action.id);
        Item::new(href, "command", DataValue::Command(Box::new(command))).linked("action", action)
    }

    pub(crate) fn agent(&self, agent: Agent) -> Item {
        let href = format!("{}/agent?agentid={}", self.base, agent.id);
        Item::new(href, "agent", DataValue::Agent(Box::new(agent)))
    }

    pub(crate) fn investigator(&self, investigator: Investigator) -> Item {
        let id = investigator.id;
        let history = format!(
            "{}/search?type=action&investigatorid={id}&limit=100",
            self.base
        );
        Item::new(
            self.investigator_address(id),
            "investigator",
            DataValue::Investigator(Box::new(investigator)),
        )
        .linked("investigator history", history)
    }

    pub(crate) fn investigator_address(&self, id: Id) -> String {
        format!("{}/investigator?investigatorid={id}", self.base)
    }
}
