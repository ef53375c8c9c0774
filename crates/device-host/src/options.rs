use std::time::Duration;

use crate::{Probe, Sandbox};

/// What `signet-device-host` was asked to do.
#[derive(Debug)]
pub struct Options {
    /// What it may do.
    pub sandbox: Sandbox,
    /// How long a card may take for one answer.
    pub exchange: Duration,
    /// How long another program may hold a card.
    pub open: Duration,
    /// Try one forbidden thing from inside the sandbox instead of serving.
    pub probe: Option<Probe>,
}

/// The command line is wrong.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// No such option.
    #[error(
        "no such option: {0}; allowed are --user NAME, --keep-user, --no-sandbox, --exchange-timeout MS, --open-timeout MS"
    )]
    Unknown(String),
    /// An option lacks its value, or it is not one.
    #[error("the option {0} needs {1}")]
    Value(&'static str, &'static str),
}

impl Options {
    /// Reads the arguments after the program's name.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, OptionsError> {
        let mut options = Self {
            sandbox: Sandbox::default(),
            exchange: Duration::from_secs(10),
            open: Duration::from_secs(5),
            probe: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--user" => {
                    let name = arguments.next().ok_or(OptionsError::Value("--user", "a user's name"))?;
                    options.sandbox = Sandbox::User(name);
                }
                "--keep-user" => options.sandbox = Sandbox::SameUser,
                "--no-sandbox" => options.sandbox = Sandbox::None,
                "--exchange-timeout" => {
                    options.exchange = milliseconds("--exchange-timeout", arguments.next())?;
                }
                "--open-timeout" => options.open = milliseconds("--open-timeout", arguments.next())?,
                "--probe-sandbox" => {
                    let wanted = OptionsError::Value("--probe-sandbox", Probe::NAMES);
                    let probe = arguments.next().and_then(|name| Probe::named(&name));
                    options.probe = Some(probe.ok_or(wanted)?);
                }
                _ => return Err(OptionsError::Unknown(argument)),
            }
        }
        Ok(options)
    }
}

fn milliseconds(option: &'static str, value: Option<String>) -> Result<Duration, OptionsError> {
    match value.and_then(|text| text.parse().ok()) {
        Some(milliseconds @ 1..=600_000) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(OptionsError::Value(option, "milliseconds from 1 to 600000")),
    }
}
