//! The rig for end-to-end tests, the demo and the benches: private namespaces with real services.
//!
//! [`in_sandbox`] runs a test's body as root in namespaces of its own: private mounts (an overlay on
//! `/etc`, `/var` and `/home`, an empty `/run`), a network that is only `lo`, and processes that all
//! die with the test. In there [`Pcscd`], [`CardSimulator`], [`SystemBus`] and [`StandInLogind`] start
//! the real pcscd with vpcd, a simulated card, a private system bus and a stand-in for logind, at the
//! paths where every client looks for them, and [`account`] makes real users.
//!
//! ```no_run
//! #[test]
//! fn a_card_is_seen() {
//!     signet_rig::in_sandbox("a_card_is_seen", || {
//!         let pcscd = signet_rig::Pcscd::start(1).unwrap();
//!         let card = signet_rig::CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
//!         card.insert("anna").unwrap();
//!     });
//! }
//! ```

pub mod account;
mod bus;
mod card;
mod error;
mod line;
mod pcscd;
mod process;
mod sandbox;

pub use bus::{StandInLogind, SystemBus};
pub use card::{CardSimulator, ThirdPartyCard};
pub use error::RigError;
pub use line::CommandSocket;
pub use pcscd::Pcscd;
pub use process::{Child, program};
pub use sandbox::{Entered, enter, in_sandbox};
