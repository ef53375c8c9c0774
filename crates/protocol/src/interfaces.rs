//! The interface files, as `org.varlink.service.GetInterfaceDescription` gives them.

/// Who made the service (`org.varlink.service.GetInfo`).
pub const VENDOR: &str = "Signet";
/// The service's name.
pub const PRODUCT: &str = "signetd";
/// The service's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where the interfaces are described.
pub const URL: &str = "https://signet.example/varlink";

/// Where the daemon listens unless it is configured otherwise.
pub const SOCKET: &str = "/run/signet/io.signet";

/// One interface: its name and the text of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `io.signet.Authentication`.
    pub name: &'static str,
    /// The interface file, as <https://varlink.org/Interface-Definition> defines it.
    pub description: &'static str,
}

/// Declares an interface by its name.
macro_rules! interface {
    ($name:literal) => {
        Interface { name: $name, description: include_str!(concat!("../interfaces/", $name, ".varlink")) }
    };
}

/// `io.signet.Admin`.
pub const ADMIN: Interface = interface!("io.signet.Admin");
/// `io.signet.Authentication`.
pub const AUTHENTICATION: Interface = interface!("io.signet.Authentication");
/// `io.signet.Enrollment`.
pub const ENROLLMENT: Interface = interface!("io.signet.Enrollment");
/// `io.signet.Policy`.
pub const POLICY: Interface = interface!("io.signet.Policy");
/// `io.signet.Session`.
pub const SESSION: Interface = interface!("io.signet.Session");
/// `org.varlink.service`, which every service has (<https://varlink.org/Service>).
pub const SERVICE: Interface = interface!("org.varlink.service");

/// Every interface of the daemon, sorted by name.
pub const ALL: [Interface; 6] = [ADMIN, AUTHENTICATION, ENROLLMENT, POLICY, SESSION, SERVICE];

/// The interface of that name.
#[must_use]
pub fn find(name: &str) -> Option<Interface> {
    ALL.into_iter().find(|interface| interface.name == name)
}
