//! What every database has to do, as tests over [`Store`].
//!
//! A crate that brings a store calls [`contract_tests!`](crate::contract_tests!)
//! in a test file with an async function that makes an empty one.

pub mod actions;
pub mod agents;
pub mod commands;
pub mod deadlines;
pub mod duties;
pub mod fixtures;
pub mod holding;
pub mod investigators;
pub mod searches;

/// One test per promise of the contract. The argument is called for an empty
/// store; what it returns beside the store is kept until the test ends. `None`
/// when there cannot be one here and the test was reported as skipped.
#[macro_export]
macro_rules! contract_tests {
    ($make:expr) => {
        $crate::contract_tests!(@all $make;
            actions: identifiers_never_repeat_and_look_like_the_originals
                an_action_comes_back_as_it_was_stored
                a_duplicate_action_or_signer_stores_nothing
                actions_are_claimed_once_and_only_inside_their_window
                many_schedulers_never_share_an_action
                an_abandoned_claim_is_taken_again
                a_claim_of_the_future_is_taken_again
                an_action_is_invalidated_with_a_reason
                the_latest_actions_come_newest_first;
            commands: a_started_action_puts_its_commands_into_the_outbox
                an_action_starts_once_and_completely
                the_outbox_is_read_in_pages_and_emptied_by_confirmation
                an_answer_is_stored_exactly_once
                a_crowd_repeating_one_answer_stores_it_once
                an_answer_counts_only_from_the_agent_it_was_asked_of
                a_late_answer_replaces_expired_once
                an_answer_of_an_unknown_status_ends_its_command
                a_command_is_read_with_its_action_and_agent;
            holding: what_one_scheduler_publishes_no_other_does
                what_a_scheduler_held_that_is_gone_another_takes
                what_a_scheduler_held_whose_clock_was_ahead_another_takes
                many_schedulers_never_share_a_command;
            deadlines: what_is_past_its_time_ends
                the_next_deadline_is_the_next_start_or_expiry
                what_finished_long_ago_is_deleted;
            agents: a_heartbeat_adds_or_updates_a_row
                silent_agents_become_idle_then_offline
                a_target_selects_one_row_per_endpoint
                a_target_reaches_agents_by_what_they_found
                statistics_count_agents_and_endpoints
                rare_versions_are_counted_together;
            duties: statistics_are_recorded_once_a_round
                statistics_of_a_clock_that_was_ahead_are_no_round
                agents_of_one_endpoint_are_found_and_ended_once
                duplicates_are_looked_at_in_small_pieces
                a_destroyed_agent_that_lives_on_is_online_again
                queues_of_agents_that_are_gone_are_named_until_deleted
                an_agent_is_remembered_until_its_queue_is_deleted
                what_is_no_news_any_more_is_forgotten_as_news
                a_new_agent_is_announced_once;
            searches: actions_are_found_by_every_filter
                commands_are_found_by_every_filter
                agents_are_found_by_every_filter
                investigators_are_found_by_every_filter
                patterns_are_data;
            investigators: investigators_are_stored_and_found
                one_key_belongs_to_one_investigator
                the_last_manager_stays
                an_api_key_is_set_replaced_and_removed;
        );
    };
    (@all $make:expr; $($module:ident: $($name:ident)+;)+) => {
        $(mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let Some((store, _kept)) = ($make)().await else {
                    return;
                };
                $crate::contract_tests::$module::$name(store).await;
            })+
        })+
    };
}
