//! Signet's policy: typed TOML files in layers, with an origin for each value.
//!
//! The crate is pure: callers read the files and pass their names and texts. A [`Source`] is
//! parsed into a [`Document`], or refused with a [`Finding`] for each thing that is wrong;
//! documents are put together into a [`Policy`]; [`Policy::effective`] settles the layers
//! (built-in < machine < group < user < enterprise) for a user, and [`Policy::explain`] tells
//! where each value came from. What keys there are stands in one table, `settings.rs`.

mod document;
mod draft;
mod effective;
mod explain;
mod finding;
mod kind;
mod layer;
mod lockout;
mod policy;
mod reference;
mod requirement;
mod rule;
mod section;
mod settings;
mod slot;
mod table;
mod warning;
mod words;

pub use document::Document;
pub use draft::{Draft, DraftError, Lock, Shown};
pub use effective::Effective;
pub use explain::{Explained, Standing};
pub use finding::{Finding, Position, Problem};
pub use kind::{AuthorityPaths, Count, Kind, PinLength};
pub use layer::{GroupName, Layer, Source};
pub use lockout::{Lockout, LockoutReason, UserEnrolments, check_lockouts};
pub use policy::Policy;
pub use reference::reference_markdown;
pub use requirement::{FactorRequirement, MethodChoice};
pub use rule::{Admission, Evidence, Outcome, Rule, strongest};
pub use section::{KeyPath, Section, UnknownKey};
pub use settings::{
    DisplaySettings, Enrollment, GeneralSettings, GroupSettings, LockoutSettings, MethodSettings,
    ServiceSettings, SessionSettings,
};
pub use slot::PolicySlot;
pub use table::KeyInfo;
pub use warning::Warning;
pub use words::{EnrollmentDemand, Language, LockFallback, PasswordSource, UnknownWord};

#[cfg(test)]
mod tests;
