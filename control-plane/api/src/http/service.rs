//! The warp filter that every request passes.

use std::net::SocketAddr;
use std::sync::Arc;

use ::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use mig_protocol::Investigator;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::call::{Answer, Call, Query};
use super::log::Seen;
use crate::auth::authorize;
use crate::endpoints::{Access, Endpoint, find};
use crate::error::{ApiError, ApiResult};
use crate::handlers;
use crate::state::State;

/// The other end of a connection, put into each request by the listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) version: Version,
}

/// The head of a request.
struct Head {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    peer: Peer,
}

/// Everything the API answers.
pub(super) fn filter(state: Arc<State>) -> BoxedFilter<(Response,)> {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::body::stream())
        .then(
            move |method: Method, path: warp::path::FullPath, query, headers, peer, body| {
                let state = Arc::clone(&state);
                let head = Head {
                    method,
                    path: path.as_str().to_owned(),
                    query,
                    headers,
                    peer,
                };
                async move { answer(&state, head, Box::pin(body)).await }
            },
        )
        .boxed()
}

async fn answer<B: Buf>(
    state: &State,
    head: Head,
    body: impl Stream<Item = Result<B, warp::Error>> + Unpin,
) -> Response {
    let operation = state.next_operation();
    let uri = match head.query.as_str() {
        "" => head.path.clone(),
        query => format!("{}?{query}", head.path),
    };
    let client = state
        .config
        .client_address
        .of(head.peer.address.ip(), &head.headers);
    let found = find(&head.method, &head.path, &state.config.base_route);
    let seen = Seen {
        operation,
        client,
        access: found.as_ref().map(|(endpoint, _)| endpoint.access),
        method: head.method,
        version: head.peer.version,
        uri,
        user_agent: Seen::user_agent(&head.headers),
    };
    let Some((endpoint, last_part)) = found else {
        return finish(
            &seen,
            None,
            Answer::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        );
    };
    let href = format!("{}{}", state.host, seen.uri);
    let mut call = Call {
        operation,
        href: href.clone(),
        last_part,
        query: Query::parse(&head.query),
        headers: head.headers,
        body: Bytes::new(),
        client,
        caller: None,
    };
    let outcome = match authorize(state, endpoint, &call.headers).await {
        Ok(caller) => {
            call.caller = caller;
            handle(state, endpoint, &mut call, body).await
        }
        Err(error) => Err(error),
    };
    let answer = outcome.unwrap_or_else(|error| {
        if error.status.is_server_error() {
            tracing::error!(op = operation.0, "{}", error.for_log());
        } else {
            tracing::debug!(op = operation.0, "{}", error.for_log());
        }
        Answer::error(&href, operation, error)
    });
    finish(&seen, call.caller.as_ref(), answer)
}

async fn handle<B: Buf>(
    state: &State,
    endpoint: &Endpoint,
    call: &mut Call,
    body: impl Stream<Item = Result<B, warp::Error>> + Unpin,
) -> ApiResult<Answer> {
    if endpoint.body > 0 {
        // Only now: nobody who is not let in makes us read a body.
        call.body = tokio::time::timeout(state.config.body_timeout, read(body, endpoint.body))
            .await
            .map_err(|_| {
                ApiError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "the body of the request took too long to arrive",
                )
            })??;
    }
    handlers::handle(state, endpoint.operation, call).await
}

/// Reads a body up to a limit.
async fn read<B: Buf>(
    mut body: impl Stream<Item = Result<B, warp::Error>> + Unpin,
    limit: usize,
) -> ApiResult<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| {
            ApiError::bad_request(format!("the body of the request broke off: {error}"))
        })?;
        if whole.len() + part.remaining() > limit {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body of the request is larger than {limit} bytes"),
            ));
        }
        bytes::BufMut::put(&mut whole, part);
    }
    Ok(whole.freeze())
}

/// Logs a request and gives its answer the headers all of them have, plain text
/// included.
fn finish(seen: &Seen, caller: Option<&Investigator>, answer: Answer) -> Response {
    seen.write(caller, answer.status.as_u16(), answer.body.len());
    let mut response = Response::new(answer.body.into());
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Connections are kept for investigators. Agents of the original open one for each
    // heartbeat and leave it open, which would take all the places there are.
    let known = caller.is_some() && matches!(seen.access, Some(Access::Investigator(_)));
    if !known {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
