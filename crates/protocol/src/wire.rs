//! The types of parameters, replies and errors, one module for each interface.
//!
//! Names and ids are parsed types of `signet-types`, so a call with a wrong one is refused before
//! any handler sees it. Optional members are left out where they are not set; `null` is read as
//! not set.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub mod admin;
pub mod authentication;
pub mod enrollment;
mod event;
pub mod policy;
pub mod service;
pub mod session;

pub use event::{Begun, Choice, Event, Kind, Notice, Outcome, Prompt, Verdict};

/// A parameter that is missing, unknown or of a wrong form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameter '{parameter}': {reason}")]
pub struct BadParameter {
    /// The parameter's name.
    pub parameter: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Takes one parameter out of the object; a missing one is read as `null`.
fn take<T: DeserializeOwned>(from: &mut Map<String, Value>, name: &str) -> Result<T, BadParameter> {
    serde_json::from_value(from.remove(name).unwrap_or(Value::Null))
        .map_err(|error| BadParameter { parameter: name.to_owned(), reason: error.to_string() })
}

/// Refuses what no parameter took.
fn nothing_left(rest: &Map<String, Value>) -> Result<(), BadParameter> {
    match rest.keys().next() {
        None => Ok(()),
        Some(name) => Err(BadParameter { parameter: name.clone(), reason: "unknown parameter".to_owned() }),
    }
}

/// Declares the parameters of a method as a struct, and how it is called.
macro_rules! call {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty),* $(,)? }
     -> $reply:ty, $method:ident) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)*
        }

        impl crate::Call for $name {
            const METHOD: crate::Method = crate::Method::$method;
            type Reply = $reply;

            fn from_parameters(
                mut from: serde_json::Map<String, serde_json::Value>,
            ) -> Result<Self, crate::wire::BadParameter> {
                $(let $field = crate::wire::take(&mut from, stringify!($field))?;)*
                crate::wire::nothing_left(&from)?;
                // One statement whatever the number of fields, so that none stays unused.
                let _ = &mut from;
                Ok(Self { $($field),* })
            }
        }
    };
}
use call;
