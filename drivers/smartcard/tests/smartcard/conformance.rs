//! The suite that every driver runs, on every kind of card and PIN.

use signet_conformance::conformance;
use signet_types::PinType;

use crate::support::Reader;

conformance!(p256_card_pin, Reader::holding("alg=p256", PinType::Card));
conformance!(p384_card_pin_gzip, Reader::holding("alg=p384,gzip", PinType::Card));
conformance!(p256_with_card_authentication, Reader::holding("alg=p256,9e=p256", PinType::Card));
conformance!(p384_signet_pin, Reader::holding("alg=p384,9e=p384", PinType::Signet));
conformance!(rsa_card_pin, Reader::holding("alg=rsa2048", PinType::Card));
conformance!(rsa_signet_pin, Reader::holding("alg=rsa2048,9e=rsa2048", PinType::Signet));
conformance!(identifier_only, Reader::holding_identifier());
