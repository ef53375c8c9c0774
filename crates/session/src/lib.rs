//! The decision: policy x ceremonies x counters x clock -> [`Verdict`].
//!
//! Everything here is pure: no I/O, no clock, no randomness but what the caller passes in. A
//! [`Conversation`] takes [`Input`]s and gives [`Output`]s that its host carries out; a [`Watch`]
//! takes device events and gives [`Action`]s on sessions. Only [`decide`] makes a [`Grant`].

mod conversation;
mod decision;
mod methods;
mod profile;
mod removal;
mod rules;
mod throttle;

pub use conversation::{
    CeremonyId, Change, Charge, Conclusion, Conversation, Facts, GrantRecord, Input, NonceSource, Output,
    PromptId, Purpose, Request, StoreRefusal, Timer, Use,
};
pub use decision::{Case, Denial, Evidence, Grant, Verdict, decide};
pub use methods::{Circumstances, MethodStatus, Origin, Reason, offered, standing, status};
pub use profile::{Credential, Drivers, UserProfile};
pub use removal::{Action, LockRule, RemovalRule, SessionToken, Surroundings, Watch, Watched};
pub use rules::{LockoutRule, MethodRule, Rules};
pub use throttle::{Charged, Failures, Throttle};

#[cfg(test)]
mod testing;
