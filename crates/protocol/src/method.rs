use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::wire::{
    BadParameter, admin, authentication, enrollment, policy,
    service::{self, Error},
    session,
};

/// The parameters of a method, and so the call of it.
pub trait Call: Serialize {
    /// The method.
    const METHOD: Method;
    /// What one successful reply carries.
    type Reply: Serialize + DeserializeOwned;

    /// Parses the parameters; each must be known, present where it is required, and of its form.
    fn from_parameters(from: Map<String, Value>) -> Result<Self, BadParameter>
    where
        Self: Sized;
}

/// Declares every method: its variant, its name on the wire, its parameters.
macro_rules! methods {
    ($($variant:ident = $name:literal, $call:ty;)+) => {
        /// Every method of every interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
        }

        impl Method {
            /// Every method, sorted by interface.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The method of that name.
            #[must_use]
            pub fn find(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }

        /// A call whose method is known and whose parameters have their form.
        #[derive(Debug, PartialEq, Eq)]
        pub enum Invocation {
            $(#[doc = concat!("`", $name, "`.")] $variant($call),)+
        }

        impl Invocation {
            /// The method that is called.
            #[must_use]
            pub const fn method(&self) -> Method {
                match self { $(Self::$variant(_) => Method::$variant,)+ }
            }

            /// Parses a call.
            pub fn parse(method: &str, parameters: Map<String, Value>) -> Result<Self, Error> {
                let known = Method::find(method).ok_or_else(|| unknown(method))?;
                match known {
                    $(Method::$variant => <$call as Call>::from_parameters(parameters).map(Self::$variant),)+
                }
                .map_err(|bad| Error::InvalidParameter { parameter: bad.parameter })
            }
        }

        /// What a successful reply carries, of any method.
        #[derive(Debug, Serialize)]
        #[serde(untagged)]
        pub enum Reply {
            $(#[doc = concat!("To `", $name, "`.")] $variant(<$call as Call>::Reply),)+
        }
    };
}

methods! {
    Status = "io.signet.Admin.Status", admin::Status;
    Doctor = "io.signet.Admin.Doctor", admin::Doctor;
    Export = "io.signet.Admin.Export", admin::Export;
    Audit = "io.signet.Admin.Audit", admin::Audit;
    Start = "io.signet.Authentication.Start", authentication::Start;
    Respond = "io.signet.Authentication.Respond", authentication::Respond;
    Cancel = "io.signet.Authentication.Cancel", authentication::Cancel;
    CheckAccount = "io.signet.Authentication.CheckAccount", authentication::CheckAccount;
    Enroll = "io.signet.Enrollment.Enroll", enrollment::Enroll;
    ChangeSecret = "io.signet.Enrollment.ChangeSecret", enrollment::ChangeSecret;
    Delete = "io.signet.Enrollment.Delete", enrollment::Delete;
    Describe = "io.signet.Enrollment.Describe", enrollment::Describe;
    ListCredentials = "io.signet.Enrollment.List", enrollment::List;
    ShowCredential = "io.signet.Enrollment.Show", enrollment::Show;
    Methods = "io.signet.Enrollment.Methods", enrollment::Methods;
    Explain = "io.signet.Policy.Explain", policy::Explain;
    Reload = "io.signet.Policy.Reload", policy::Reload;
    CheckPolicy = "io.signet.Policy.Check", policy::Check;
    ShowPolicy = "io.signet.Policy.Show", policy::Show;
    Opened = "io.signet.Session.Opened", session::Opened;
    Closed = "io.signet.Session.Closed", session::Closed;
    ListSessions = "io.signet.Session.List", session::List;
    Lock = "io.signet.Session.Lock", session::Lock;
    Unlock = "io.signet.Session.Unlock", session::Unlock;
    GetInfo = "org.varlink.service.GetInfo", service::GetInfo;
    GetInterfaceDescription = "org.varlink.service.GetInterfaceDescription", service::GetInterfaceDescription;
}

/// What is unknown of a name: its interface, or only the method in it.
fn unknown(method: &str) -> Error {
    let interface = method.rsplit_once('.').map_or("", |(interface, _)| interface);
    match crate::interfaces::find(interface) {
        Some(_) => Error::MethodNotFound { method: method.to_owned() },
        None => Error::InterfaceNotFound { interface: interface.to_owned() },
    }
}

impl Method {
    /// Whether the method answers by a stream of events and so must be called with `more`.
    #[must_use]
    pub const fn streams(self) -> bool {
        matches!(
            self,
            Self::Start | Self::Respond | Self::Enroll | Self::ChangeSecret | Self::Delete | Self::Unlock
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error reply: the service's own errors, one of an interface, or one that is not known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(untagged)]
pub enum Refusal {
    /// Of every Varlink service.
    #[error(transparent)]
    Service(#[from] service::Error),
    /// Of `io.signet.Admin`.
    #[error(transparent)]
    Admin(#[from] admin::Error),
    /// Of `io.signet.Authentication`.
    #[error(transparent)]
    Authentication(#[from] authentication::Error),
    /// Of `io.signet.Enrollment`.
    #[error(transparent)]
    Enrollment(#[from] enrollment::Error),
    /// Of `io.signet.Policy`.
    #[error(transparent)]
    Policy(#[from] policy::Error),
    /// Of `io.signet.Session`.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// Of a newer daemon.
    #[error("the daemon refused with '{error}'")]
    Other {
        /// The error's name.
        error: String,
    },
}

impl Refusal {
    /// Reads an error reply; an error without parameters counts as one with none.
    #[must_use]
    pub fn parse(error: &str, parameters: Map<String, Value>) -> Self {
        let mut whole = Map::new();
        whole.insert("error".to_owned(), Value::String(error.to_owned()));
        whole.insert("parameters".to_owned(), Value::Object(parameters));
        let whole = Value::Object(whole);
        let interface = error.rsplit_once('.').map_or("", |(interface, _)| interface);
        match interface {
            "org.varlink.service" => read::<service::Error>(whole).map(Self::Service),
            "io.signet.Admin" => read::<admin::Error>(whole).map(Self::Admin),
            "io.signet.Authentication" => read::<authentication::Error>(whole).map(Self::Authentication),
            "io.signet.Enrollment" => read::<enrollment::Error>(whole).map(Self::Enrollment),
            "io.signet.Policy" => read::<policy::Error>(whole).map(Self::Policy),
            "io.signet.Session" => read::<session::Error>(whole).map(Self::Session),
            _ => None,
        }
        .unwrap_or_else(|| Self::Other {
            error: error.chars().filter(char::is_ascii_graphic).take(128).collect(),
        })
    }
}

fn read<E: for<'de> Deserialize<'de>>(whole: Value) -> Option<E> {
    serde_json::from_value(whole).ok()
}
