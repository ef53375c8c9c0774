//! What the tests share: drivers written with `script()`, and a stage that carries outputs out.

mod driver;
mod stage;

pub(crate) use driver::drivers;
pub(crate) use stage::{Stage, Token, Trouble, about, named, unnamed};

use signet_types::{CredentialId, DeviceId, Method, UserName};

use crate::{Credential, MethodRule, Rules, UserProfile};

pub(crate) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(crate) fn device(name: &str) -> DeviceId {
    name.parse().unwrap()
}

pub(crate) fn id(byte: u8) -> CredentialId {
    CredentialId::from_bytes([byte; 16])
}

/// Every method enabled, any one proven factor.
pub(crate) fn rules() -> Rules {
    let enabled = MethodRule { enabled: true, ..MethodRule::default() };
    Rules { methods: Method::ALL.map(|m| (m, enabled.clone())).into(), ..Rules::default() }
}

pub(crate) fn without(disabled: &[Method]) -> Rules {
    let mut rules = rules();
    for method in disabled {
        rules.methods.get_mut(method).unwrap().enabled = false;
    }
    rules
}

/// A credential whose token says the id's first byte.
pub(crate) fn credential(method: Method, byte: u8) -> Credential {
    Credential { id: id(byte), method, label: format!("{method} {byte}"), data: vec![byte] }
}

pub(crate) fn profile(name: &str, rules: Rules, credentials: Vec<Credential>) -> UserProfile {
    UserProfile {
        user: user(name),
        known: true,
        rules,
        credentials,
        last_method: None,
        failures: std::collections::BTreeMap::new(),
    }
}
