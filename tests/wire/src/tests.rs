use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::{Map, Value};
use signet_protocol::interfaces;
use zlink_idl::Field;

use crate::{
    idl::Seen,
    messages::{Golden, calls, errors, replies},
};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn all() -> Vec<Golden> {
    [calls(), replies(), errors()].into_iter().flatten().collect()
}

#[test]
fn the_wire_is_what_the_golden_files_say() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for golden in all() {
        let path = directory().join(format!("{}.json", golden.name));
        let line = [golden.bytes.as_slice(), b"\n"].concat();
        if update {
            fs::write(&path, &line).unwrap();
        }
        let file = fs::read(&path).unwrap_or_default();
        if file != line {
            let (file, line) = (String::from_utf8_lossy(&file), String::from_utf8_lossy(&line));
            wrong.push(format!("{}:\n  file: {file}  wire: {line}", golden.name));
        }
    }
    assert!(wrong.is_empty(), "the wire changed (UPDATE_GOLDEN=1 writes the files):\n{}", wrong.join("\n"));
}

#[test]
fn no_golden_file_is_left_over() {
    let names: BTreeSet<String> = all().into_iter().map(|golden| format!("{}.json", golden.name)).collect();
    let files: BTreeSet<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, names);
}

#[test]
fn every_message_is_read_back_as_it_was_written() {
    for golden in all() {
        let again = (golden.again)(&golden.bytes);
        assert_eq!(String::from_utf8(again), String::from_utf8(golden.bytes), "{}", golden.name);
    }
}

/// The interface of a golden message, the member it belongs to, and its parameters.
fn split(golden: &Golden, kind: &str) -> Option<(String, String, Map<String, Value>)> {
    let (name, _) = golden.name.rsplit_once(kind)?;
    let (interface, member) = name.rsplit_once('.')?;
    let message: Value = serde_json::from_slice(&golden.bytes).unwrap();
    Some((interface.to_owned(), member.to_owned(), message["parameters"].as_object().unwrap().clone()))
}

#[test]
fn every_message_fits_its_interface_and_every_promise_is_shown() {
    for interface in interfaces::ALL {
        let mut seen = Seen::new(interface.description);
        assert_eq!(seen.interface.name().as_str(), interface.name);
        for golden in all() {
            for kind in [".call", ".reply", ".error"] {
                let Some((of, member, parameters)) = split(&golden, kind) else { continue };
                if of != interface.name {
                    continue;
                }
                let fields: Vec<Field<'_>> = match kind {
                    ".error" => seen
                        .interface
                        .errors()
                        .find(|e| e.name().as_str() == member)
                        .unwrap()
                        .fields()
                        .cloned()
                        .collect(),
                    kind => {
                        let method = seen.interface.methods().find(|m| m.name().as_str() == member).unwrap();
                        if kind == ".call" {
                            method.inputs().cloned().collect()
                        } else {
                            method.outputs().cloned().collect()
                        }
                    }
                };
                seen.object(&format!("{member}{kind}"), &fields, &parameters);
            }
        }
        let missing: Vec<String> = seen.promised().difference(&seen.seen).cloned().collect();
        assert!(missing.is_empty(), "{}: no message shows {missing:?}", interface.name);
    }
}

#[test]
fn every_method_and_error_of_the_interfaces_has_its_messages() {
    let names: BTreeSet<String> = all().into_iter().map(|golden| golden.name).collect();
    for interface in interfaces::ALL {
        let seen = Seen::new(interface.description);
        for method in seen.interface.methods() {
            let prefix = format!("{}.{}", interface.name, method.name());
            assert!(names.contains(&format!("{prefix}.call")), "{prefix}");
            assert!(names.iter().any(|name| name.starts_with(&format!("{prefix}.reply"))), "{prefix}");
        }
        for error in seen.interface.errors() {
            assert!(
                names.contains(&format!("{}.{}.error", interface.name, error.name())),
                "{}",
                error.name()
            );
        }
    }
}

#[test]
fn streams_go_on_after_notices_and_nothing_else() {
    for golden in replies() {
        let message: Value = serde_json::from_slice(&golden.bytes).unwrap();
        let goes_on = message.get("continues").is_some_and(|c| c.as_bool().unwrap());
        assert_eq!(goes_on, golden.name.ends_with("-notice"), "{}", golden.name);
    }
    for golden in calls() {
        let message: Value = serde_json::from_slice(&golden.bytes).unwrap();
        let method = signet_protocol::Method::find(message["method"].as_str().unwrap()).unwrap();
        assert_eq!(message.get("more").is_some(), method.streams(), "{}", golden.name);
    }
}
