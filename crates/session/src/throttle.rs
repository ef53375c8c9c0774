use std::time::Duration;

use serde::{Deserialize, Serialize};
use signet_types::Timestamp;

use crate::LockoutRule;

/// Failed tries of one user with one method from one kind of origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Tries that were charged and not cleared by a success.
    pub count: u32,
    /// When the last of them was charged.
    pub last: Timestamp,
}

/// Whether a try may be made.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// Now.
    Allow,
    /// After this many seconds, at least one.
    Wait {
        /// Seconds.
        seconds: u64,
    },
}

/// What became of a charge. A try is looked at only after [`Charged::Taken`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// The try is counted, and the counter is durable.
    Taken(Failures),
    /// It comes too early; nothing was counted.
    Wait {
        /// Seconds, at least one.
        seconds: u64,
    },
    /// The counter could not be stored: the try must not be looked at.
    Failed,
}

/// No lockout is longer than a day: an attacker must not be able to shut a user out for good.
const LONGEST: Duration = Duration::from_secs(86_400);
/// Failures that cost no time: slips of a person who knows the secret.
const FREE: u32 = 2;

impl Failures {
    /// How long after the last failure the next try is taken: nothing for the first two, then 1, 2, 4
    /// ... seconds; from the threshold on the lockout's length, doubled with each more.
    fn delay(self, rule: &LockoutRule) -> Duration {
        let threshold = rule.threshold.max(1);
        let doubled = |base: Duration, times: u32| {
            base.checked_mul(2_u32.checked_pow(times).unwrap_or(u32::MAX)).unwrap_or(LONGEST).min(LONGEST)
        };
        let lockout = rule.length.min(LONGEST);
        match self.count {
            count if count >= threshold => doubled(lockout, count - threshold),
            count if count > FREE => doubled(Duration::from_secs(1), count - FREE - 1).min(lockout),
            _ => Duration::ZERO,
        }
    }

    /// Whether a try may be made now. A clock that has gone back makes the wait start again, so it
    /// never shortens it.
    pub fn check(self, rule: &LockoutRule, now: Timestamp) -> Throttle {
        let left = self.delay(rule).saturating_sub(now.since(self.last)).as_secs();
        if left == 0 { Throttle::Allow } else { Throttle::Wait { seconds: left } }
    }

    /// Counts one try, where it may be made: the counter to store before the try is looked at. The
    /// host runs this and the write as one transaction, so that tries side by side cannot share one
    /// charge.
    pub fn charge(self, rule: &LockoutRule, now: Timestamp) -> Charged {
        if let Throttle::Wait { seconds } = self.check(rule, now) {
            return Charged::Wait { seconds };
        }
        // The window, and for long lockouts their own length again, must have passed quietly.
        let forgotten = now.since(self.last) > rule.window.max(self.delay(rule).saturating_mul(2));
        let count = if forgotten { 1 } else { self.count.saturating_add(1) };
        Charged::Taken(Self { count, last: now })
    }

    /// The counter to store where the clock has gone back: the wait then starts now. Without this a
    /// lockout would last until the clock has caught up, which can be never.
    #[must_use]
    pub fn rebased(self, now: Timestamp) -> Option<Self> {
        (self.count > 0 && now < self.last).then_some(Self { last: now, ..self })
    }
}

#[cfg(test)]
mod tests;
