//! Collection+JSON, the envelope of the API's answers.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::ClientError;

/// An answer of the API.
#[derive(Debug, Default, Deserialize)]
pub struct Collection {
    /// What was asked for, one item per document.
    #[serde(default)]
    pub items: Vec<Item>,
    /// The reason when there is nothing.
    #[serde(default)]
    pub error: Failure,
}

/// One entry of an answer.
#[derive(Debug, Default, Deserialize)]
pub struct Item {
    /// Named values.
    #[serde(default)]
    pub data: Vec<Data>,
}

/// A named value.
#[derive(Debug, Deserialize)]
pub struct Data {
    /// What it is, for example `action`.
    pub name: String,
    /// The document, as text until somebody asks for it: a page may hold
    /// hundreds of megabytes of results, which as values take ten times that.
    #[serde(default)]
    pub value: Option<Box<RawValue>>,
}

/// Why a request failed; empty when it did not.
#[derive(Debug, Default, Deserialize)]
pub struct Failure {
    /// Identifier that finds the request in the server's log.
    #[serde(default)]
    pub code: String,
    /// One line for a person.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    collection: Collection,
}

impl Collection {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// When the body is not Collection+JSON.
    pub fn parse(body: &[u8]) -> Result<Self, ClientError> {
        serde_json::from_slice::<Envelope>(body)
            .map(|envelope| envelope.collection)
            .map_err(|source| ClientError::Answer {
                what: "Collection+JSON",
                source,
            })
    }

    /// A text that stands beside the documents, such as the reason why an
    /// action is invalid.
    pub fn text(&self, name: &str) -> Option<String> {
        let mut data = self.items.iter().flat_map(|item| &item.data);
        let value = data.find(|data| data.name == name)?.value.as_ref()?;
        serde_json::from_str(value.get()).ok()
    }

    /// All documents whose name starts with `name`, decoded.
    ///
    /// # Errors
    /// When one of them does not have the expected form.
    pub fn documents<T: DeserializeOwned>(self, name: &'static str) -> Result<Vec<T>, ClientError> {
        let documents = self.one_by_one(name);
        documents.map(|(_, document)| document).collect()
    }

    /// The same documents, each with the length of its text and decoded when it
    /// is asked for.
    pub fn one_by_one<T: DeserializeOwned>(
        self,
        name: &'static str,
    ) -> impl Iterator<Item = (usize, Result<T, ClientError>)> {
        self.items
            .into_iter()
            .flat_map(|item| item.data)
            .filter(move |data| data.name.starts_with(name))
            .map(move |data| {
                let text = data.value.as_ref().map_or("null", |value| value.get());
                let document = serde_json::from_str(text)
                    .map_err(|source| ClientError::Answer { what: name, source });
                (text.len(), document)
            })
    }

    /// The one document of that name.
    ///
    /// # Errors
    /// When there is none, or it does not have the expected form.
    pub fn document<T: DeserializeOwned>(self, name: &'static str) -> Result<T, ClientError> {
        self.documents(name)?
            .into_iter()
            .next()
            .ok_or(ClientError::Missing(name))
    }
}

#[cfg(test)]
mod tests {
    use super::Collection;

    const ANSWER: &[u8] = br#"{"collection":{"version":"1.0","href":"h","items":[
        {"href":"h","data":[{"name":"action ID 5","value":{"id":5}}]}],"template":{},"error":{}}}"#;

    #[test]
    fn a_document_is_found_by_the_beginning_of_its_name() {
        let value: serde_json::Value = Collection::parse(ANSWER)
            .unwrap()
            .document("action")
            .unwrap();
        assert_eq!(value["id"], 5);
    }

    #[test]
    fn a_missing_document_and_a_foreign_body_are_named() {
        let missing = Collection::parse(ANSWER)
            .unwrap()
            .document::<serde_json::Value>("agent");
        assert_eq!(
            missing.unwrap_err().to_string(),
            "the API's answer holds no agent"
        );
        let foreign = Collection::parse(b"<html>").unwrap_err().to_string();
        assert_eq!(
            foreign,
            "the API's answer is not Collection+JSON: is the URL right?"
        );
    }
}
