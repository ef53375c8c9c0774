mod draft;
mod layers;
mod lockout;
mod parsing;
mod shipped;
mod values;

use signet_types::{Method, ServiceName, UserName};

use crate::{Document, Finding, GroupName, Layer, Policy, Section, Source};

fn machine(text: &str) -> Result<Document, Vec<Finding>> {
    Document::parse(&Source { layer: Layer::Machine, file: "policy.toml", text })
}

/// What is said about a machine's file, one line a finding.
fn said(text: &str) -> Vec<String> {
    machine(text).expect_err(text).iter().map(ToString::to_string).collect()
}

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

fn service(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn policy(files: &[(Layer, &str, &str)]) -> Policy {
    Policy::load(files.iter().map(|(layer, file, text)| Source { layer: layer.clone(), file, text }))
        .unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// Every section of the table, with a service of its own and the group's section.
fn all_sections() -> Vec<Section> {
    let plain = [Section::Display, Section::General, Section::Group, Section::Lockout, Section::Session];
    let services = ["default", "sudo"].map(|name| Section::Service(service(name)));
    plain.into_iter().chain(Method::ALL.map(Section::Method)).chain(services).collect()
}

/// The layer whose files can have the section.
fn layer_of(section: &Section) -> Layer {
    if *section == Section::Group { Layer::Group(group("staff")) } else { Layer::Machine }
}
