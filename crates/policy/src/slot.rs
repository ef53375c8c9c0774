use std::sync::Arc;

use crate::{finding::Finding, policy::Policy};

/// The policy in force. A reload that fails leaves the last good one in force and is remembered
/// (POL-10).
#[derive(Clone, Debug, Default)]
pub struct PolicySlot {
    current: Arc<Policy>,
    last_error: Vec<Finding>,
}

impl PolicySlot {
    /// A slot with this policy in force.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { current: Arc::new(policy), last_error: Vec::new() }
    }

    /// Puts a freshly loaded policy in force, or keeps the last good one.
    pub fn replace(&mut self, loaded: Result<Policy, Vec<Finding>>) -> Result<(), &[Finding]> {
        match loaded {
            Ok(policy) => {
                *self = Self::new(policy);
                Ok(())
            }
            Err(findings) => {
                self.last_error = findings;
                Err(&self.last_error)
            }
        }
    }

    /// The policy in force. Who holds it keeps it over a reload, so that one decision is made
    /// under one policy.
    #[must_use]
    pub fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.current)
    }

    /// What was wrong with the last load; empty where it was good.
    #[must_use]
    pub fn last_error(&self) -> &[Finding] {
        &self.last_error
    }
}
