use std::{fs::File, io::Read, path::Path};

use serde::Serialize;
use signet_policy::{Layer, Policy, Source, reference_markdown};
use signet_protocol::{
    CallError,
    wire::policy::{Check, Explain, Finding, Lockout, Reload, Show, Value},
};
use signet_types::{Method, ServiceName, UserName};

use super::Task;
use crate::{
    Exit,
    cli::PolicyCommand,
    fault::Fault,
    output::print,
    plain::{plain, plain_lines},
    table::Table,
};

pub(super) fn carry_out(task: &Task, command: PolicyCommand) -> Result<Exit, Fault> {
    match command {
        PolicyCommand::Check { file, offline } => check(task, &file, offline),
        PolicyCommand::Show => show(task),
        PolicyCommand::Explain { user, method, service } => explain(task, user, method, service),
        PolicyCommand::Reload => reload(task),
        PolicyCommand::Reference => reference(task),
    }
}

/// What a check found. `lockouts` is `null` where the daemon could not be asked.
#[derive(Serialize)]
struct Report {
    findings: Vec<Finding>,
    warnings: Vec<String>,
    lockouts: Option<Vec<Lockout>>,
    note: Option<String>,
}

fn check(task: &Task, file: &Path, offline: bool) -> Result<Exit, Fault> {
    let text = read(file)?;
    let name = file.display().to_string();
    let layer = layer(file)?;
    let (findings, warnings) = examined(&layer, &name, &text);
    let mut report = Report { findings, warnings, lockouts: None, note: None };
    if report.findings.is_empty() {
        match (&layer, offline) {
            (_, true) => report.note = Some("Who would be locked out was not asked (--offline).".to_owned()),
            (Layer::Machine, false) => ask_daemon(task, name.clone(), text, &mut report)?,
            _ => report.note = Some(elsewhere(&layer)),
        }
    }
    task.output.give(&report, || verdict(&report, &plain(&name)))?;
    Ok(Exit::of(report.findings.is_empty() && report.lockouts.as_ref().is_none_or(Vec::is_empty)))
}

fn elsewhere(layer: &Layer) -> String {
    format!("Who would be locked out is told for the machine's file only, this is the one of the {layer}.")
}

/// The daemon knows who has enrolled what. A check must work without it too, and says so then.
fn ask_daemon(task: &Task, name: String, text: String, report: &mut Report) -> Result<(), Fault> {
    let asked = task.daemon().and_then(|mut daemon| daemon.call(&Check { name, text }));
    match asked {
        Ok(checked) => {
            report.findings = checked.findings;
            report.lockouts = Some(checked.lockouts);
        }
        Err(fault @ Fault::Call(CallError::Unreachable(_))) => {
            report.note = Some(format!("Who would be locked out is not known: {fault}."));
        }
        Err(fault) if fault.code() == "permission-denied" => {
            report.note = Some("Who would be locked out is told to root only.".to_owned());
        }
        Err(fault) => return Err(fault),
    }
    Ok(())
}

/// The file's faults, or, where it has none, what to know about its values.
fn examined(layer: &Layer, name: &str, text: &str) -> (Vec<Finding>, Vec<String>) {
    let source = Source { layer: layer.clone(), file: name, text };
    let (user, groups) = match layer {
        Layer::User(user) => (Some(user), Vec::new()),
        Layer::Group(group) => (None, vec![group.clone()]),
        _ => (None, Vec::new()),
    };
    match Policy::load([source]) {
        Ok(policy) => {
            let warnings = policy.warnings(user, &groups);
            (Vec::new(), warnings.iter().map(|warning| plain(&warning.to_string())).collect())
        }
        Err(findings) => (findings.into_iter().map(wire).collect(), Vec::new()),
    }
}

fn wire(finding: signet_policy::Finding) -> Finding {
    Finding {
        file: finding.file,
        line: finding.at.line,
        column: finding.at.column,
        problem: finding.problem.to_string(),
        allowed: String::new(),
    }
}

/// `groups/NAME.toml` and `users/NAME.toml` belong to those layers, every other file to the machine.
fn layer(file: &Path) -> Result<Layer, Fault> {
    let directory = file.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let stem = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let bad = |what: &str| {
        Fault::request(
            format!("the file's name is no name of a {what}"),
            format!("Name it as the {what}, with '.toml'."),
        )
    };
    match directory {
        Some("groups") => stem.parse().map(Layer::Group).map_err(|_| bad("group")),
        Some("users") => stem.parse().map(Layer::User).map_err(|_| bad("user")),
        _ => Ok(Layer::Machine),
    }
}

/// Reads a policy file; one byte more than allowed is enough to see that it is too large.
fn read(file: &Path) -> Result<String, Fault> {
    let most = u64::try_from(Source::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    let opened = File::open(file).map_err(Fault::file(file))?;
    opened.take(most).read_to_string(&mut text).map_err(Fault::file(file))?;
    Ok(text)
}

fn verdict(report: &Report, name: &str) -> String {
    let mut lines: Vec<String> = report.findings.iter().map(finding).collect();
    lines.extend(report.warnings.iter().map(|warning| format!("warning: {warning}")));
    for lockout in report.lockouts.iter().flatten() {
        lines.push(format!("would lock out {}: {}", lockout.user, plain(&lockout.reason)));
    }
    if report.findings.is_empty() {
        lines.push(format!("{name}: every key and value is allowed."));
    } else {
        lines.push("The file was not applied; the policy in force stays.".to_owned());
    }
    lines.extend(report.note.as_deref().map(plain));
    lines.join("\n")
}

fn finding(finding: &Finding) -> String {
    let Finding { file, line, column, problem, allowed } = finding;
    // Most problems say it themselves.
    let said = allowed.is_empty() || problem.contains(allowed.as_str());
    let allowed = if said { String::new() } else { format!("; allowed are {allowed}") };
    plain(&format!("{file}:{line}:{column}: {problem}{allowed}"))
}

const BUILT_IN_ONLY: &str = "The machine's policy sets nothing: every value is built in. 'signetctl policy reference' \
                             lists them.";

fn show(task: &Task) -> Result<Exit, Fault> {
    let shown = task.daemon()?.call(&Show {})?;
    task.output.give(&shown, || {
        let sets_nothing = shown.text.trim().is_empty();
        let mut out = if sets_nothing { BUILT_IN_ONLY.to_owned() } else { plain_lines(&shown.text) };
        if !shown.findings.is_empty() {
            let faults: Vec<_> = shown.findings.iter().map(finding).collect();
            out = format!(
                "{}\n\nA newer file is not in force, because:\n{}",
                out.trim_end(),
                faults.join("\n")
            );
        }
        out
    })?;
    Ok(Exit::of(shown.findings.is_empty()))
}

fn explain(
    task: &Task,
    user: UserName,
    method: Option<Method>,
    service: Option<ServiceName>,
) -> Result<Exit, Fault> {
    let call = Explain { user: Some(user), method: method.map(|m| m.to_string()), service };
    let explained = task.daemon()?.call(&call)?;
    task.output.give(&explained, || values(&explained.values))?;
    Ok(Exit::Yes)
}

fn values(values: &[Value]) -> String {
    let mut table = Table::new(["KEY", "VALUE", "LAYER", "FROM", "HIDES"]);
    for value in values {
        let from = match (&value.file, value.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => String::new(),
        };
        table.row([&value.key, &value.value, &value.layer, &from, &value.shadowed.join("; ")]);
    }
    table.to_string()
}

fn reload(task: &Task) -> Result<Exit, Fault> {
    let reloaded = task.daemon()?.call(&Reload {})?;
    task.output.give(&reloaded, || {
        let mut lines: Vec<String> = reloaded.findings.iter().map(finding).collect();
        for lockout in &reloaded.lockouts {
            lines.push(format!("locks out {}: {}", lockout.user, plain(&lockout.reason)));
        }
        lines.push(match (reloaded.in_force, reloaded.lockouts.is_empty()) {
            (true, true) => "The policy is in force.".to_owned(),
            (true, false) => "The policy is in force, and locks users out: undo it in the policy.".to_owned(),
            (false, _) => "Nothing changed: the last good policy stays in force.".to_owned(),
        });
        lines.join("\n")
    })?;
    Ok(Exit::of(reloaded.in_force))
}

#[derive(Serialize)]
struct Reference {
    markdown: String,
}

fn reference(task: &Task) -> Result<Exit, Fault> {
    let reference = Reference { markdown: reference_markdown() };
    match task.output.form {
        crate::output::Form::Human => print(&reference.markdown)?,
        crate::output::Form::Json => crate::output::Output::json(&reference)?,
    }
    Ok(Exit::Yes)
}
