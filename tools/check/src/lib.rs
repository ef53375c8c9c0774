//! Checks of the project itself, run by `make check`:
//!
//! - [`directions`]: which crate may depend on which, and who may use `unsafe`
//!   (ARCHITECTURE.md, "Directions that never turn round");
//! - [`requirements`]: which requirements of `docs/behaviour.md` are proven by which tests;
//! - [`documents`]: whether what the documents point to exists.
//!
//! Everything here takes text and gives findings; reading files and running cargo is
//! `main.rs`'s part.

pub mod directions;
pub mod documents;
pub mod metadata;
pub mod requirements;
