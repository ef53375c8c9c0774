use signet_authn::Binding;

/// What a card signs in one ceremony: the binding and the host's nonce (security.md, R21).
pub(crate) struct Statement {
    message: Vec<u8>,
}

/// For what a signature counts besides the proof itself, so that none can be used for another.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Which card is this?
    Recognition,
    /// Is it still the same card, before it is given the PIN?
    BeforePin,
}

impl Statement {
    pub(crate) fn new(binding: &Binding, nonce: &[u8; 32]) -> Self {
        Self { message: binding.message(nonce) }
    }

    /// The message whose signature is the proof.
    pub(crate) fn proof(&self) -> &[u8] {
        &self.message
    }

    /// The message for a lesser purpose. It is longer than every proof with the same binding, and a
    /// binding's message says itself how long it is.
    pub(crate) fn lesser(&self, purpose: Purpose) -> Vec<u8> {
        let label: &[u8] = match purpose {
            Purpose::Recognition => b"recognition",
            Purpose::BeforePin => b"before-pin",
        };
        [&self.message, label].concat()
    }
}
