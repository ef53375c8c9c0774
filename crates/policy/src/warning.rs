use std::fmt;

use signet_types::{Method, PinType};

use crate::{
    effective::Effective,
    explain::{Explained, Standing},
    requirement::MethodChoice,
    section::{KeyPath, Section},
    words::{EnrollmentDemand, PasswordSource},
};

/// An allowed value in a file that has no effect, or takes a risk: told, so that nothing is
/// silently ignored (POL-10). The policy is good all the same.
///
/// `Display` gives one line: `FILE:LINE: KEY = VALUE: what to know`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The value and where it stands.
    pub given: Explained,
    /// What to know about it.
    pub note: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.given.place {
            write!(f, "{file}:{line}: ")?;
        }
        write!(f, "{} = {}: {}", self.given.key, self.given.value, self.note)
    }
}

/// The warnings about the values in force; built-in values need none.
pub(crate) fn warnings(explained: Vec<Explained>, effective: &Effective) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = Vec::new();
    for given in explained {
        if given.place.is_none() || given.standing != Standing::InForce {
            continue;
        }
        let note = given.key.parse().ok().and_then(|path: KeyPath| note(&path, effective));
        if let Some(note) = note {
            let warning = Warning { given, note };
            // A value of [service.default] is in force for many services; once is enough.
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

fn note(path: &KeyPath, effective: &Effective) -> Option<&'static str> {
    let key = path.info().name;
    match path.section() {
        Section::Method(method) => of_method(*method, key, effective),
        Section::Service(service) if key == "methods" => {
            let MethodChoice::Only(methods) = &effective.service(service).methods else { return None };
            let any = methods.iter().any(|m| effective.method(*m).enabled);
            (!any).then_some("every method that the service takes is disabled: nobody can use it")
        }
        Section::General if key == "min_methods" => {
            let enabled = Method::ALL.into_iter().filter(|m| effective.method(*m).enabled).count();
            let wanted = usize::try_from(effective.general().min_methods.get()).unwrap_or(usize::MAX);
            (wanted > enabled).then_some("fewer methods than that are enabled: nobody can enrol so many")
        }
        _ => None,
    }
}

fn of_method(method: Method, key: &str, effective: &Effective) -> Option<&'static str> {
    let settings = effective.method(method);
    match key {
        "pin_min_length" | "pin_allowed_characters" if settings.pin_type == PinType::Card => {
            Some("counts with pin_type = \"signet\" only")
        }
        "min_length" if settings.source == PasswordSource::System => {
            Some("counts with source = \"signet\" only: the system has its own rule")
        }
        "grace_days" if settings.enrollment != EnrollmentDemand::Required => {
            Some("counts with enrollment = \"required\" only")
        }
        "enrollment" if settings.enrollment == EnrollmentDemand::Required && !settings.enabled => {
            Some("the method is disabled, so that nobody is asked to enrol it")
        }
        "allow_identifier_only" if settings.allow_identifier_only && settings.require_cryptographic => {
            Some("has no effect: require_cryptographic refuses every card without a key")
        }
        "allow_identifier_only" if settings.allow_identifier_only => {
            Some("whoever copies a card's identifier, which needs one look at it, is let in as its owner")
        }
        _ => None,
    }
}
