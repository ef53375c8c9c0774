//! `org.varlink.service`: what every Varlink service answers (<https://varlink.org/Service>).

use serde::{Deserialize, Serialize};

use super::call;
use crate::interfaces;

call! {
    /// Who the service is.
    GetInfo {} -> Info, GetInfo
}

call! {
    /// The text of an interface.
    GetInterfaceDescription {
        /// Its name.
        interface: String,
    } -> Description, GetInterfaceDescription
}

/// Reply to [`GetInfo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Who made it.
    pub vendor: String,
    /// Its name.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Where it is described.
    pub url: String,
    /// Its interfaces.
    pub interfaces: Vec<String>,
}

impl Info {
    /// What signetd answers.
    #[must_use]
    pub fn of_daemon() -> Self {
        Self {
            vendor: interfaces::VENDOR.to_owned(),
            product: interfaces::PRODUCT.to_owned(),
            version: interfaces::VERSION.to_owned(),
            url: interfaces::URL.to_owned(),
            interfaces: interfaces::ALL.into_iter().map(|i| i.name.to_owned()).collect(),
        }
    }
}

/// Reply to [`GetInterfaceDescription`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The text.
    pub description: String,
}

impl GetInterfaceDescription {
    /// What signetd answers.
    pub fn answer(&self) -> Result<Description, Error> {
        interfaces::find(&self.interface)
            .map(|found| Description { description: found.description.to_owned() })
            .ok_or_else(|| Error::InterfaceNotFound { interface: self.interface.clone() })
    }
}

/// The errors of every Varlink service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum Error {
    /// No such interface.
    #[error("there is no interface '{interface}' here")]
    #[serde(rename = "org.varlink.service.InterfaceNotFound")]
    InterfaceNotFound {
        /// The name that was given.
        interface: String,
    },
    /// No such method.
    #[error("there is no method '{method}' here")]
    #[serde(rename = "org.varlink.service.MethodNotFound")]
    MethodNotFound {
        /// The name that was given.
        method: String,
    },
    /// Known, but not here.
    #[error("the method '{method}' is not implemented here")]
    #[serde(rename = "org.varlink.service.MethodNotImplemented")]
    MethodNotImplemented {
        /// The name that was given.
        method: String,
    },
    /// Missing, unknown or of a wrong form.
    #[error("the parameter '{parameter}' is missing, unknown or not of the form that the interface gives")]
    #[serde(rename = "org.varlink.service.InvalidParameter")]
    InvalidParameter {
        /// The parameter's name.
        parameter: String,
    },
    /// The caller may not call this.
    #[error("permission denied")]
    #[serde(rename = "org.varlink.service.PermissionDenied")]
    PermissionDenied {},
    /// The method streams and was called without `more`.
    #[error("this method must be called with 'more'")]
    #[serde(rename = "org.varlink.service.ExpectedMore")]
    ExpectedMore {},
}
