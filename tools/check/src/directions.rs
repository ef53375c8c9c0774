//! Which crate may depend on which, as tables. A place is a directory below the workspace;
//! `drivers/*` means each directory in `drivers`, `drivers/**` everything below.

use std::collections::BTreeMap;

use crate::metadata::{Member, Workspace};

/// What each production crate may name in `[dependencies]` and `[build-dependencies]` of the
/// project's own crates. The first row that fits a crate counts.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("crates/types", &[]),
    ("crates/authn", &["crates/types"]),
    ("crates/policy", &["crates/types"]),
    ("crates/session", &["crates/authn", "crates/policy", "crates/types"]),
    ("crates/store", &["crates/types"]),
    ("crates/protocol", &["crates/types"]),
    ("crates/pam", &["crates/protocol", "crates/types"]),
    ("crates/ctl", &["crates/protocol", "crates/policy", "crates/types"]),
    // The frames between signetd and the device host; the daemon links this instead of the host.
    ("crates/device-link", &["crates/authn", "crates/types"]),
    ("crates/device-host", &["crates/device-link", "crates/authn", "crates/types", "drivers/ports/*"]),
    (
        "crates/daemon",
        &[
            "crates/authn",
            "crates/device-link",
            "crates/policy",
            "crates/protocol",
            "crates/session",
            "crates/store",
            "crates/types",
            "drivers/*",
        ],
    ),
    ("drivers/ports/*", &["crates/device-link", "crates/authn", "crates/types"]),
    ("drivers/*", &["crates/authn", "crates/types"]),
];

/// Crates that are no part of the product: they may depend on everything, and nothing of the
/// product depends on them.
const DEVELOPMENT: &[&str] = &["simulators/**", "tests/**", "benches/**", "fuzz/**", "tools/**"];

/// Libraries that talk to devices.
const DEVICE_LIBRARIES: &[&str] = &[
    "pcsc",
    "pcsc-sys",
    "nfc1",
    "nfc1-sys",
    "hidapi",
    "rusb",
    "libusb1-sys",
    "nusb",
    "ctap-hid-fido2",
    "authenticator",
];
/// Runtimes and what brings one.
const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "async-io", "zbus", "zlink"];
/// Where time, randomness and I/O come from.
const OUTSIDE_WORLD: &[&str] =
    &["getrandom", "rand", "rustix", "libc", "nix", "tokio", "chrono", "time", "jiff"];

/// What a crate must not reach, directly or through others, in normal use.
const NEVER_REACHES: &[(&str, &[&str], &str)] = &[
    ("crates/daemon", DEVICE_LIBRARIES, "the daemon links no device library"),
    (
        "crates/daemon",
        &["pam-sys", "pam", "pam-client"],
        "the system's password is checked by a process of its own",
    ),
    ("crates/pam", RUNTIMES, "the PAM module brings no runtime and no thread into the host process"),
    ("crates/pam", DEVICE_LIBRARIES, "the PAM module links no device library"),
    ("crates/authn", RUNTIMES, "ceremonies need no runtime"),
    ("crates/session", RUNTIMES, "the decision needs no runtime"),
    ("crates/policy", RUNTIMES, "policy needs no runtime"),
    ("drivers/*", RUNTIMES, "a driver needs no runtime"),
    ("drivers/*", DEVICE_LIBRARIES, "a driver does no I/O"),
];

/// What a crate must not name itself.
const NEVER_NAMES: &[(&str, &[&str], &str)] = &[
    ("crates/policy", OUTSIDE_WORLD, "policy takes time, randomness and I/O as arguments only"),
    ("crates/session", OUTSIDE_WORLD, "session takes time, randomness and I/O as arguments only"),
];

/// Crates that may contain `unsafe`; every other one forbids it.
const MAY_BE_UNSAFE: &[&str] = &["crates/pam", "drivers/ports/*"];

fn fits(pattern: &str, place: &str) -> bool {
    if let Some(root) = pattern.strip_suffix("/**") {
        return place == root || place.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    }
    match pattern.strip_suffix("/*") {
        Some(root) => {
            place.strip_prefix(root).and_then(|r| r.strip_prefix('/')).is_some_and(|name| !name.contains('/'))
        }
        None => pattern == place,
    }
}

fn fits_any(patterns: &[&str], place: &str) -> bool {
    patterns.iter().any(|p| fits(p, place))
}

fn is_product(member: &Member) -> bool {
    !fits_any(DEVELOPMENT, &member.place)
}

/// Everything that breaks the tables, one sentence each, in the order of the crates.
#[must_use]
pub fn violations(workspace: &Workspace) -> Vec<String> {
    let by_name: BTreeMap<&str, &Member> = workspace.members.iter().map(|m| (m.name.as_str(), m)).collect();
    let mut found = Vec::new();
    for member in workspace.members.iter().filter(|m| is_product(m)) {
        found.extend(wrong_directions(member, &by_name));
        found.extend(wrong_libraries(member));
    }
    found
}

fn wrong_directions(member: &Member, by_name: &BTreeMap<&str, &Member>) -> Vec<String> {
    let place = &member.place;
    let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(pattern, _)| fits(pattern, place)) else {
        return vec![format!(
            "{place}: the table MAY_DEPEND_ON in tools/check/src/directions.rs has no row for this crate; add one"
        )];
    };
    let mut found = Vec::new();
    for other in member.direct.iter().filter_map(|name| by_name.get(name.as_str())) {
        if !is_product(other) {
            found.push(format!("{place} depends on {}, which is a tool of development only", other.place));
        } else if other.is_program {
            found.push(format!(
                "{place} depends on {}, which is a program: nothing depends on a program",
                other.place
            ));
        } else if !fits_any(allowed, &other.place) {
            found.push(format!("{place} depends on {}; allowed are: {}", other.place, words(allowed)));
        }
    }
    found
}

fn wrong_libraries(member: &Member) -> Vec<String> {
    let place = &member.place;
    let reached =
        NEVER_REACHES.iter().filter(|(pattern, ..)| fits(pattern, place)).flat_map(|(_, names, why)| {
            names.iter().filter_map(move |name| {
                let by = member.reached.get(*name)?;
                Some(format!("{place} reaches the library {name} (through {by}): {why}"))
            })
        });
    let named =
        NEVER_NAMES.iter().filter(|(pattern, ..)| fits(pattern, place)).flat_map(|(_, names, why)| {
            names
                .iter()
                .filter(|name| member.direct.contains(**name))
                .map(move |name| format!("{place} depends on the library {name}: {why}"))
        });
    reached.chain(named).collect()
}

fn words(places: &[&str]) -> String {
    if places.is_empty() { "none of the project's crates".to_owned() } else { places.join(", ") }
}

/// What is wrong with a member's `[lints]`, given the text of its manifest: each crate takes the
/// workspace's lints over, or, where the table lets it, writes `unsafe_code = "deny"`.
#[must_use]
pub fn unsafe_violation(place: &str, manifest: &str) -> Option<String> {
    let manifest: toml::Table = match manifest.parse() {
        Ok(table) => table,
        Err(error) => return Some(format!("{place}/Cargo.toml cannot be read: {}", error.message())),
    };
    let lints = manifest.get("lints");
    let inherits = lints.and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool) == Some(true);
    let unsafe_code = lints.and_then(|l| l.get("rust")).and_then(|r| r.get("unsafe_code")).and_then(level);
    match unsafe_code {
        _ if inherits => None,
        Some("forbid") => None,
        Some("deny") if fits_any(MAY_BE_UNSAFE, place) => None,
        _ if fits_any(MAY_BE_UNSAFE, place) => {
            Some(format!("{place}: its [lints.rust] must have unsafe_code = \"deny\" or \"forbid\""))
        }
        _ => Some(format!(
            "{place} does not forbid unsafe code: it needs '[lints] workspace = true'; unsafe is allowed in {}",
            words(MAY_BE_UNSAFE)
        )),
    }
}

/// What is wrong with the workspace's own lints, given the text of the root manifest.
#[must_use]
pub fn workspace_lint_violation(manifest: &str) -> Option<String> {
    let manifest: toml::Table = manifest.parse().ok()?;
    let unsafe_code = manifest
        .get("workspace")
        .and_then(|w| w.get("lints")?.get("rust")?.get("unsafe_code"))
        .and_then(level);
    (unsafe_code != Some("forbid"))
        .then(|| "Cargo.toml: [workspace.lints.rust] must have unsafe_code = \"forbid\"".to_owned())
}

/// A lint's level, written as a word or as a table.
fn level(value: &toml::Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("level")?.as_str())
}

#[cfg(test)]
mod tests;
