//! The suite that every driver runs.
//!
//! A driver's test makes a [`World`]: its token or its password service, and a person who knows the
//! secret. [`checks`] then bends that world at every step of every ceremony: pulls the token, feeds
//! events that answer nothing, stops, lies, replays. Nothing but the right world may end in a proof.
//! `conformance!` makes one `#[test]` of each check.
//!
//! It is a test tool: it panics where a driver fails.

#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a failed check is a panic")]

pub mod checks;
mod host;
mod kdf;
mod world;

pub use host::{Bend, Ending, Host, Moment, Run};
pub use world::World;

/// Makes one `#[test]` of each check; `$world` is an expression that gives a fresh [`World`].
#[macro_export]
macro_rules! conformance {
    ($module:ident, $world:expr) => {
        mod $module {
            use super::*;

            $crate::conformance!(@ $world;
                the_right_world_completes
                a_completed_enrolment_verifies
                an_enrolment_stopped_at_any_step_gives_nothing
                a_stop_at_any_step_is_interrupted_and_over
                a_token_pulled_at_any_step_never_proves
                a_reader_lost_at_any_step_never_proves
                a_bad_reply_never_proves
                an_endless_reply_ends
                a_wrong_secret_is_one_try
                an_answer_of_the_wrong_kind_never_proves
                an_event_that_answers_nothing_never_proves
                no_short_sequence_without_the_secret_proves
                two_nonces_both_verify
                replies_of_another_conversation_never_prove
                failed_work_never_proves
                nothing_secret_is_printed
            );
        }
    };
    (@ $world:expr; $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::checks::$check(&mut $world);
            }
        )*
    };
}
