//! The suite that every driver runs, on both kinds of password.

#![allow(clippy::unwrap_used, reason = "a test's own failure")]

use signet_authn::{Authenticator, PasswordOutcome, PasswordSource, Question, Settings};
use signet_conformance::{World, conformance};
use signet_password::Password;
use signet_types::{Secret, Timestamp, UserName};

const RIGHT: &str = "canary correct horse";
const WRONG: &str = "canary battery staple";
const NEW: &str = "canary new password";

struct Passwords {
    source: PasswordSource,
    expired: bool,
    password: &'static str,
}

impl Passwords {
    fn of(source: PasswordSource) -> Self {
        Self { source, expired: false, password: RIGHT }
    }

    fn expired() -> Self {
        Self { expired: true, ..Self::of(PasswordSource::System) }
    }
}

fn secret(text: &str) -> Secret {
    Secret::try_from(text.to_owned()).unwrap()
}

impl World for Passwords {
    fn driver(&self) -> Box<dyn Authenticator> {
        Box::new(Password::new())
    }

    fn reset(&mut self) {
        self.password = RIGHT;
    }

    fn settings(&self) -> Settings {
        Settings { password_source: self.source, password_min_length: 8, ..Settings::default() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_795_456_800)
    }

    fn enrols(&self) -> bool {
        self.source == PasswordSource::Signet
    }

    fn secret(&self, question: &Question) -> Secret {
        match (question, self.source) {
            (Question::NewPassword | Question::NewPasswordAgain, PasswordSource::System) => secret(NEW),
            _ => secret(RIGHT),
        }
    }

    fn wrong_secret(&self, _: &Question) -> Secret {
        secret(WRONG)
    }

    fn system_password(&mut self, user: &UserName, password: &Secret) -> PasswordOutcome {
        if user.as_str() != "alice" || password.expose() != self.password.as_bytes() {
            PasswordOutcome::Wrong
        } else if self.expired && self.password == RIGHT {
            PasswordOutcome::Expired
        } else {
            PasswordOutcome::Right
        }
    }

    fn change_system_password(&mut self, _: &UserName, old: &Secret, new: &Secret) -> PasswordOutcome {
        if old.expose() == self.password.as_bytes() && new.expose() == NEW.as_bytes() {
            self.password = NEW;
            PasswordOutcome::Right
        } else {
            PasswordOutcome::Wrong
        }
    }
}

conformance!(system, Passwords::of(PasswordSource::System));
conformance!(expired, Passwords::expired());
conformance!(signet, Passwords::of(PasswordSource::Signet));
