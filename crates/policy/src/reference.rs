use std::fmt::Write as _;

use signet_types::Method;

use crate::section::Section;

/// The reference of all settings, in Markdown: one table a section, one row a key.
#[must_use]
pub fn reference_markdown() -> String {
    let mut out = String::from(
        "# Settings\n\nMade from the program's own table of settings. Layers: built-in < machine < group < user < \
         enterprise; the later wins.\n",
    );
    let service = Section::DEFAULT_SERVICE.parse().ok().map(Section::Service);
    let sections = [Section::Display, Section::General, Section::Group]
        .into_iter()
        .chain(Method::ALL.map(Section::Method))
        .chain(service)
        .chain([Section::Lockout, Section::Session]);
    for section in sections {
        let header = match &section {
            Section::Service(_) => "service.NAME".to_owned(),
            other => other.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n## [{header}]\n\n{}\n\n| key | allowed | default | meaning |\n|---|---|---|---|\n",
            section.about()
        );
        for info in section.keys() {
            let default = section.built_in(info.name).map(|s| s.toml()).unwrap_or_default();
            let _ = writeln!(out, "| `{}` | {} | `{default}` | {} |", info.name, info.kind, info.doc);
        }
    }
    out
}
