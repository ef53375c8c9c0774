use std::collections::BTreeMap;

use signet_types::{Method, ServiceName};

use crate::{
    section::{Section, Setting},
    settings::{
        DisplaySettings, GeneralSettings, LockoutSettings, MethodSettings, ServiceSettings, SessionSettings,
    },
    words::Language,
};

/// One value for each method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PerMethod<T>([T; 9]);

impl<T> PerMethod<T> {
    pub(crate) fn new(of: impl FnMut(Method) -> T) -> Self {
        Self(Method::ALL.map(of))
    }

    pub(crate) fn get(&self, method: Method) -> &T {
        let [smartcard, proximity, fido2, fingerprint, challenge, password, totp, recovery, code] = &self.0;
        match method {
            Method::Smartcard => smartcard,
            Method::Proximity => proximity,
            Method::Fido2 => fido2,
            Method::Fingerprint => fingerprint,
            Method::Challenge => challenge,
            Method::Password => password,
            Method::Totp => totp,
            Method::Recovery => recovery,
            Method::Code => code,
        }
    }

    fn get_mut(&mut self, method: Method) -> &mut T {
        let [smartcard, proximity, fido2, fingerprint, challenge, password, totp, recovery, code] =
            &mut self.0;
        match method {
            Method::Smartcard => smartcard,
            Method::Proximity => proximity,
            Method::Fido2 => fido2,
            Method::Fingerprint => fingerprint,
            Method::Challenge => challenge,
            Method::Password => password,
            Method::Totp => totp,
            Method::Recovery => recovery,
            Method::Code => code,
        }
    }
}

/// The values in force for one user: every layer is settled, every getter succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    display: DisplaySettings,
    general: GeneralSettings,
    methods: PerMethod<MethodSettings>,
    services: BTreeMap<ServiceName, ServiceSettings>,
    default_service: ServiceSettings,
    lockout: LockoutSettings,
    session: SessionSettings,
}

impl Effective {
    /// The language that policy asks for (POL-01).
    #[must_use]
    pub fn language(&self) -> Language {
        self.display.language
    }

    /// What holds for all methods together.
    #[must_use]
    pub fn general(&self) -> &GeneralSettings {
        &self.general
    }

    /// The settings of a method.
    #[must_use]
    pub fn method(&self, method: Method) -> &MethodSettings {
        self.methods.get(method)
    }

    /// The rule of a service; one that no layer names has the rule of `[service.default]`, which
    /// is any one proven factor where no layer says otherwise.
    #[must_use]
    pub fn service(&self, service: &ServiceName) -> &ServiceSettings {
        self.services.get(service).unwrap_or(&self.default_service)
    }

    /// The services that some layer names, `default` not among them.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.services.keys()
    }

    /// When failures lock out.
    #[must_use]
    pub fn lockout(&self) -> &LockoutSettings {
        &self.lockout
    }

    /// How the desktop session is locked and unlocked.
    #[must_use]
    pub fn session(&self) -> &SessionSettings {
        &self.session
    }

    /// Settles a stack of layers, each the values of one file, the strongest last.
    pub(crate) fn settle(layers: &[Vec<&Setting>]) -> Self {
        let mut effective = Self {
            display: DisplaySettings::built_in(()),
            general: GeneralSettings::built_in(()),
            methods: PerMethod::new(MethodSettings::built_in),
            services: BTreeMap::new(),
            default_service: service_of(layers, Section::DEFAULT_SERVICE),
            lockout: LockoutSettings::built_in(()),
            session: SessionSettings::built_in(()),
        };
        for setting in layers.iter().flatten() {
            effective.assign(layers, setting);
        }
        effective
    }

    fn assign(&mut self, layers: &[Vec<&Setting>], setting: &Setting) {
        match setting {
            Setting::Display(value) => self.display.assign(value),
            Setting::General(value) => self.general.assign(value),
            Setting::Method(method, value) => self.methods.get_mut(*method).assign(value),
            Setting::Lockout(value) => self.lockout.assign(value),
            Setting::Session(value) => self.session.assign(value),
            // Ranks the groups' files; settled before this.
            Setting::Group(_) => {}
            Setting::Service(name, _) if name.as_str() == Section::DEFAULT_SERVICE => {}
            Setting::Service(name, _) => {
                self.services.entry(name.clone()).or_insert_with(|| service_of(layers, name.as_str()));
            }
        }
    }
}

/// Within one layer the service's own value wins over the one of `default`; a higher layer's
/// `default` wins over a lower layer's own value, as everywhere.
fn service_of(layers: &[Vec<&Setting>], name: &str) -> ServiceSettings {
    let mut settings = ServiceSettings::built_in(());
    for layer in layers {
        for wanted in [Section::DEFAULT_SERVICE, name] {
            for setting in layer {
                if let Setting::Service(service, value) = setting
                    && service.as_str() == wanted
                {
                    settings.assign(value);
                }
            }
        }
    }
    settings
}
