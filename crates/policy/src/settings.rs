//! The table of settings. Parsing, errors, explanations, `reference_markdown` and the tests all
//! read it; nothing about a key is said twice.

use std::time::Duration;

use signet_types::{CharacterSet, Method, PinRule, PinType, ReaderLoss, RemovalAction};

use crate::{
    kind::{AuthorityPaths, Count, PinLength},
    requirement::{FactorRequirement, MethodChoice},
    table::section,
    words::{EnrollmentDemand, Language, LockFallback, PasswordSource},
};

const fn always<S: Copy>(_: S) -> bool {
    true
}

const fn has_signet_pin(method: Method) -> bool {
    matches!(method, Method::Smartcard | Method::Proximity | Method::Fingerprint)
}

const fn may_drop_pin(method: Method) -> bool {
    matches!(method, Method::Proximity | Method::Fingerprint | Method::Fido2)
}

const fn may_lack_key(method: Method) -> bool {
    matches!(method, Method::Smartcard | Method::Proximity)
}

fn is_enrolled(method: Method) -> bool {
    method != Method::Password
}

section! {
    /// What the programs show.
    DisplaySettings / DisplayValue for () {
        /// Language of messages and prompts; `system` takes the operating system's.
        language / Language: Language = |()| Language::System, if always;
    }
}

section! {
    /// What holds for all methods together.
    GeneralSettings / GeneralValue for () {
        /// How many different methods a user must have enrolled.
        min_methods / MinMethods: Count<0, 9> = |()| Count::of::<1>(), if always;
    }
}

section! {
    /// Where this group stands among a user's groups.
    GroupSettings / GroupValue for () {
        /// Of several groups the one with the highest priority wins; of equal ones the name that comes first in the alphabet.
        priority / Priority: Count<0, 1000> = |()| Count::of::<0>(), if always;
    }
}

section! {
    /// The settings of one method. A field that the method does not have holds the value that
    /// changes nothing: no removal action, no PIN, no prompt.
    MethodSettings / MethodValue for Method {
        /// Whether the method may be enrolled and used.
        enabled / Enabled: bool = |m| m != Method::Code, if always;
        /// What happens to the session when the token that opened it goes away (proximity: is tapped a second time).
        removal_action / Removal: RemovalAction
            = |m| if m.is_token() { RemovalAction::Lock } else { RemovalAction::None }, if Method::is_token;
        /// Whether the loss of the reader, of pcscd or of the bus counts as removal.
        on_reader_loss / OnReaderLoss: ReaderLoss
            = |m| if m.is_token() { ReaderLoss::Remove } else { ReaderLoss::Ignore }, if Method::is_token;
        /// Whose PIN is asked for: the card's own, or one that Signet keeps.
        pin_type / PinKind: PinType
            = |m| if m == Method::Smartcard { PinType::Card } else { PinType::Signet },
            if |m| m == Method::Smartcard;
        /// Whether a PIN is asked for (fido2: the key's PIN or its own fingerprint reader).
        pin_required / PinRequired: bool = |m| has_signet_pin(m) || may_drop_pin(m), if may_drop_pin;
        /// Least number of characters of a new Signet PIN (smartcard: with `pin_type = "signet"` only).
        pin_min_length / PinMinLength: PinLength = |_| PinLength::default(), if has_signet_pin;
        /// Characters that a new Signet PIN may have (smartcard: with `pin_type = "signet"` only).
        pin_allowed_characters / PinCharacters: CharacterSet = |_| CharacterSet::Any, if has_signet_pin;
        /// Files of certificate authorities (PEM), one of which the card's certificate must lead to; an empty list asks for no chain.
        trusted_authorities / TrustedAuthorities: AuthorityPaths
            = |_| AuthorityPaths::default(), if |m| m == Method::Smartcard;
        /// Takes the risk that a card without a key, which anybody can copy, counts as one proof by itself, without a PIN.
        allow_identifier_only / AllowIdentifierOnly: bool = |_| false, if may_lack_key;
        /// Whether only cards that prove themselves by a key can be enrolled and used.
        require_cryptographic / RequireCryptographic: bool = |_| false, if |m| m == Method::Proximity;
        /// How many fingers an enrolment takes, exactly.
        fingers / Fingers: Count<1, 10> = |_| Count::of::<1>(), if |m| m == Method::Fingerprint;
        /// Which password is checked: the system's through PAM, or one that Signet keeps.
        source / Source: PasswordSource = |_| PasswordSource::System, if |m| m == Method::Password;
        /// Least number of characters of a new Signet password.
        min_length / MinLength: Count<8, 64> = |_| Count::of::<8>(), if |m| m == Method::Password;
        /// Sum of the weights of rightly answered questions that suffices to enrol and to pass.
        required_weight / RequiredWeight: Count<1, 1000> = |_| Count::of::<100>(), if |m| m == Method::Challenge;
        /// How strongly enrolling is asked for.
        enrollment / EnrollmentDemanded: EnrollmentDemand
            = |m| if is_enrolled(m) { EnrollmentDemand::Optional } else { EnrollmentDemand::Off }, if is_enrolled;
        /// Days in which a required enrolment may be put off.
        grace_days / GraceDays: Count<0, 365> = |_| Count::of::<7>(), if is_enrolled;
        /// Whether a logon prompts for a missing enrolment.
        prompt_at_logon / PromptAtLogon: bool = is_enrolled, if is_enrolled;
        /// Whether the client's start prompts for a missing enrolment.
        prompt_at_start / PromptAtStart: bool = is_enrolled, if is_enrolled;
    }
}

section! {
    /// The settings of one PAM service, or of `default`: of every service, where a layer names
    /// no own value for it.
    ServiceSettings / ServiceValue for () {
        /// Proofs that the service asks for: `any` one proven factor, `two-factor` two different ones, `hardware-two-factor` two in one proof by a key in hardware, a list every factor in it.
        factors / Required: FactorRequirement = |()| FactorRequirement::Any, if always;
        /// Methods that the service takes, `any` being every enabled one.
        methods / Methods: MethodChoice = |()| MethodChoice::Any, if always;
        /// Whether a line of information is shown before the first prompt.
        info_text / InfoText: bool = |()| true, if always;
    }
}

section! {
    /// When failures lock a user out, and for how long (LCK-02). Zero is no value: it would
    /// switch the limit off.
    LockoutSettings / LockoutValue for () {
        /// Failed tries within the window that lock out.
        threshold / Threshold: Count<1, 100> = |()| Count::of::<5>(), if always;
        /// Seconds in which failures are counted together.
        window_seconds / WindowSeconds: Count<1, 86_400> = |()| Count::of::<300>(), if always;
        /// Seconds that a lockout lasts.
        lockout_seconds / LockoutSeconds: Count<1, 86_400> = |()| Count::of::<300>(), if always;
    }
}

section! {
    /// How the desktop session is locked and unlocked.
    SessionSettings / SessionValue for () {
        /// Seconds in which logind must report the session as locked.
        lock_confirm_seconds / LockConfirmSeconds: Count<1, 60> = |()| Count::of::<5>(), if always;
        /// What happens where it does not: nothing but the audit record, or the end of the session. Lockers that never report themselves are common, so ending is not the default.
        lock_fallback / Fallback: LockFallback = |()| LockFallback::Nothing, if always;
        /// Whether authentication with a token unlocks the session through logind, besides the locker's own PAM conversation.
        unlock_by_token / UnlockByToken: bool = |()| false, if always;
    }
}

/// How enrolling a method is asked for (POL-08).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrollment {
    /// Optional, required or off.
    pub demand: EnrollmentDemand,
    /// Days in which a required enrolment may be put off, counted from the first prompt.
    pub grace_days: u32,
    /// Whether a logon prompts.
    pub prompt_at_logon: bool,
    /// Whether the client's start prompts.
    pub prompt_at_start: bool,
}

impl MethodSettings {
    /// The rule for a new Signet PIN; `None` where the method asks for the device's own PIN, so
    /// that the rule does not count (POL-06). Only for methods that can have a Signet PIN.
    #[must_use]
    pub fn pin_rule(&self) -> Option<PinRule> {
        let rule = self.pin_min_length.rule(self.pin_allowed_characters);
        (self.pin_type == PinType::Signet).then_some(rule)
    }

    /// How enrolling is asked for.
    #[must_use]
    pub fn enrollment(&self) -> Enrollment {
        Enrollment {
            demand: self.enrollment,
            grace_days: self.grace_days.get(),
            prompt_at_logon: self.prompt_at_logon,
            prompt_at_start: self.prompt_at_start,
        }
    }
}

impl LockoutSettings {
    /// The window as a duration.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds.get().into())
    }

    /// The lockout's length as a duration.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_secs(self.lockout_seconds.get().into())
    }
}

impl SessionSettings {
    /// The time in which the lock must be confirmed, as a duration.
    #[must_use]
    pub fn lock_confirm(&self) -> Duration {
        Duration::from_secs(self.lock_confirm_seconds.get().into())
    }
}
