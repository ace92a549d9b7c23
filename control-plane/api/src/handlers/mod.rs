//! What each endpoint does.

mod action;
mod create_action;
mod dashboard;
mod heartbeat;
mod investigator;
mod records;
mod search;

use ::http::StatusCode;

use crate::endpoints::Operation;
use crate::error::ApiResult;
use crate::http::{Answer, Call};
use crate::state::State;

/// Hands a call to its handler.
pub(crate) async fn handle(state: &State, operation: Operation, call: &Call) -> ApiResult<Answer> {
    match operation {
        Operation::Greet => heartbeat::greet(state, call),
        Operation::Heartbeat => heartbeat::accept(state, call).await,
        Operation::Ip => Ok(Answer::text(StatusCode::OK, call.client.to_string())),
        Operation::PublicKey => records::public_key(state, call).await,
        Operation::Dashboard => dashboard::show(state, call).await,
        Operation::Search => search::search(state, call).await,
        Operation::Action => action::show(state, call).await,
        Operation::CreateAction => create_action::create(state, call).await,
        Operation::Command => records::command(state, call).await,
        Operation::Agent => records::agent(state, call).await,
        Operation::Investigator => investigator::show(state, call).await,
        Operation::CreateInvestigator => investigator::create(state, call).await,
        Operation::UpdateInvestigator => investigator::update(state, call).await,
    }
}
