//! Bodies of POST requests: urlencoded forms and multipart forms.

use std::convert::Infallible;

use ::http::HeaderMap;
use ::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::stream;

use crate::error::{ApiError, ApiResult};

/// Most fields a form may have.
const MOST_FIELDS: usize = 64;

/// The fields of a form, in their order.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, Vec<u8>)>);

impl Form {
    /// Reads a body by its content type; one without a type is urlencoded.
    pub(crate) async fn read(headers: &HeaderMap, body: Bytes) -> ApiResult<Form> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        match multer::parse_boundary(content_type) {
            Ok(boundary) => read_multipart(body, boundary).await,
            Err(_) => Ok(read_urlencoded(&body)),
        }
    }

    /// The first value of a field, as bytes.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        let field = self.0.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_slice())
    }

    /// The first value of a field, as text.
    ///
    /// # Errors
    /// The value is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> ApiResult<Option<&str>> {
        self.bytes(name)
            .map(|value| {
                std::str::from_utf8(value).map_err(|_| {
                    ApiError::bad_request(format!("the form field `{name}` is not UTF-8"))
                })
            })
            .transpose()
    }
}

fn read_urlencoded(body: &[u8]) -> Form {
    let fields = url::form_urlencoded::parse(body).take(MOST_FIELDS);
    Form(
        fields
            .map(|(name, value)| (name.into_owned(), value.into_owned().into_bytes()))
            .collect(),
    )
}

async fn read_multipart(body: Bytes, boundary: String) -> ApiResult<Form> {
    let bad =
        |error: multer::Error| ApiError::bad_request(format!("the form cannot be read: {error}"));
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = multer::Multipart::new(body, boundary);
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(bad)? {
        if form.0.len() == MOST_FIELDS {
            return Err(ApiError::bad_request(format!(
                "the form has more than {MOST_FIELDS} fields"
            )));
        }
        let name = part.name().unwrap_or_default().to_owned();
        form.0
            .push((name, part.bytes().await.map_err(bad)?.to_vec()));
    }
    Ok(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().expect("a value"));
        headers
    }

    #[tokio::test]
    async fn both_kinds_of_form_are_understood() {
        let encoded = Bytes::from_static(b"name=Ada+L&permissions=%7B%7D");
        let form = Form::read(&headers("application/x-www-form-urlencoded"), encoded)
            .await
            .expect("a form");
        assert_eq!(form.text("name").expect("UTF-8"), Some("Ada L"));
        assert_eq!(form.text("permissions").expect("UTF-8"), Some("{}"));
        assert_eq!(form.bytes("other"), None);

        let multipart = Bytes::from_static(
            b"--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n\
              --XX\r\nContent-Disposition: form-data; name=\"publickey\"; filename=\"k\"\r\n\r\n\xff\r\n--XX--\r\n",
        );
        let form = Form::read(&headers("multipart/form-data; boundary=XX"), multipart)
            .await
            .expect("a form");
        assert_eq!(form.text("name").expect("UTF-8"), Some("Ada"));
        assert_eq!(form.bytes("publickey"), Some(&[0xff][..]));
        assert!(form.text("publickey").is_err());
    }

    #[tokio::test]
    async fn a_broken_multipart_form_is_refused_with_a_reason() {
        let body =
            Bytes::from_static(b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n");
        let error = Form::read(&headers("multipart/form-data; boundary=XX"), body)
            .await
            .expect_err("no end");
        assert!(error.message.starts_with("the form cannot be read"));
    }
}
