//! A persistent module that does what queries say: `say` answers with what it
//! knows, `wait` answers once the file `until` exists, `alert` raises `count`
//! alerts, `crash`, `fail` and `hang` end it in three ways, `log` writes a line.

use std::path::Path;
use std::time::Duration;

use mig_plugin_sdk::{
    Failure, Message, Module, PersistentModule, Query, ResultDocument, Service, Session, Start,
    Surroundings,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
pub struct Order {
    order: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    until: String,
}

pub struct Watcher;

impl Module for Watcher {
    type Parameters = Order;
    const MANIFEST: &'static [u8] = br#"{"name":"watcher","version":"1","persistent":true,"repeatable":true,
        "abi":{"major":1,"minor":0,"fingerprint":"99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc"},
        "capabilities":["filesystem-read"],
        "operations":{
            "run":{"parameters":{"type":"object","properties":{
                       "order":{"type":"string"},"text":{"type":"string"},
                       "count":{"type":"integer"},"until":{"type":"string"}}},
                   "result":{"properties":{"elements":{"type":["object","null"],"x-mig-privacy":"open","properties":{
                       "text":{"type":"string","x-mig-privacy":"name"},
                       "hostname":{"type":"string"},
                       "tags":{"type":"object"},
                       "environment":{"type":"object"},
                       "config":{"type":"object"}}}}}},
            "serve":{
                "parameters":{"type":"object","properties":{
                    "Watcher":{"type":"object","properties":{
                        "Interval":{"type":"integer"},
                        "Path":{"type":"array","items":{"type":"string"}},
                        "mode":{"type":"string","enum":["calm","eager"]}}}}},
                "result":{"type":"object","properties":{
                    "severity":{"type":"string","x-mig-privacy":"open"},
                    "alert":{"type":"string","x-mig-privacy":"text"}}}}}}"#;

    fn run(_: Order, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("it answers while it runs"))
    }
}

impl PersistentModule for Watcher {
    type Configuration = Value;

    fn serve(start: Start<Value>, service: &Service<'_>) -> Result<(), Failure> {
        let mut watching = Watching {
            config: start.config,
            surroundings: start.surroundings,
            waiting: Vec::new(),
            alerts: 0,
        };
        service.status(&json!({"alerts": 0, "note": "<b>at work"}))?;
        service.ready()?;
        loop {
            match service.next(Some(Duration::from_millis(20)))? {
                Some(Message::Query(query)) => watching.obey(query, service)?,
                Some(Message::Surroundings(news)) => watching.surroundings = news,
                Some(Message::Alert(_)) | None => {}
            }
            watching.answer_waiting(service)?;
        }
    }
}

struct Watching {
    config: Value,
    surroundings: Surroundings,
    waiting: Vec<(Query, String, ResultDocument)>,
    alerts: u64,
}

impl Watching {
    fn obey(&mut self, query: Query, service: &Service<'_>) -> Result<(), Failure> {
        let order: Order = match query.parameters() {
            Ok(order) => order,
            Err(failure) => return service.answer(query, Err(failure)),
        };
        match order.order.as_str() {
            "crash" => std::process::abort(),
            "fail" => return Err(Failure::limit(order.text)),
            "hang" => loop {
                std::thread::park();
            },
            "log" => service.session().info(&order.text),
            "alert" => {
                for index in 0..order.count {
                    let alert =
                        json!({"severity": "low", "alert": format!("{} {index}", order.text)});
                    service.alert(&alert.to_string())?;
                }
                self.alerts += order.count;
                service.status(&json!({"alerts": self.alerts}))?;
            }
            "raw" => service.alert(&order.text)?,
            _ => {}
        }
        let known = json!({"text": order.text, "hostname": self.surroundings.hostname,
                           "tags": self.surroundings.tags,
                           "environment": self.surroundings.environment, "config": self.config});
        let document = ResultDocument {
            foundanything: true,
            success: true,
            elements: known,
            ..ResultDocument::default()
        };
        if order.order == "wait" {
            self.waiting.push((query, order.until, document));
            return Ok(());
        }
        service.answer(query, Ok(document))
    }

    fn answer_waiting(&mut self, service: &Service<'_>) -> Result<(), Failure> {
        let (over, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, until, _)| Path::new(until).exists());
        self.waiting = waiting;
        for (query, _, document) in over {
            service.answer(query, Ok(document))?;
        }
        Ok(())
    }
}

mig_plugin_sdk::declare_plugin!(persistent Watcher);
