use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry as Slot},
};

use signet_types::{Method, ServiceName, UserName};

use crate::{
    document::Document,
    effective::Effective,
    explain::{Explained, trail},
    finding::{Finding, Position, Problem},
    layer::{GroupName, Layer},
    section::{KeyPath, Section, Setting},
    settings::GroupSettings,
    warning::{Warning, warnings},
};

/// All layers together. `Policy::default()` is the built-in layer alone.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    documents: BTreeMap<Layer, Document>,
}

impl Policy {
    /// Puts the layers together; refused where two documents are for the same layer.
    pub fn build(documents: impl IntoIterator<Item = Document>) -> Result<Self, Vec<Finding>> {
        let mut policy = Self::default();
        let mut findings = Vec::new();
        for document in documents {
            match policy.documents.entry(document.layer.clone()) {
                Slot::Vacant(slot) => {
                    slot.insert(document);
                }
                Slot::Occupied(slot) => {
                    let (layer, first) = (document.layer.to_string(), slot.get().file.clone());
                    let at = Position { line: 1, column: 1 };
                    findings.push(Finding {
                        file: document.file,
                        at,
                        problem: Problem::SecondFile { layer, first },
                    });
                }
            }
        }
        if findings.is_empty() { Ok(policy) } else { Err(findings) }
    }

    /// Parses the files and puts them together; what is wrong in any of them is reported.
    pub fn load<'s>(sources: impl IntoIterator<Item = crate::Source<'s>>) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut documents = Vec::new();
        for source in sources {
            match Document::parse(&source) {
                Ok(document) => documents.push(document),
                Err(more) => findings.extend(more),
            }
        }
        match Self::build(documents) {
            Ok(policy) if findings.is_empty() => Ok(policy),
            Ok(_) => Err(findings),
            Err(more) => Err(findings.into_iter().chain(more).collect()),
        }
    }

    /// The document of a layer, where there is one.
    #[must_use]
    pub fn document(&self, layer: &Layer) -> Option<&Document> {
        self.documents.get(layer)
    }

    /// Whether a group has a document: if none has, nobody's groups matter.
    #[must_use]
    pub fn names_groups(&self) -> bool {
        self.documents.keys().any(|layer| matches!(layer, Layer::Group(_)))
    }

    /// The values in force for a user who is in these groups.
    #[must_use]
    pub fn effective(&self, user: &UserName, groups: &[GroupName]) -> Effective {
        settle(&self.stack(Some(user), groups))
    }

    /// The values in force on this workstation where no user is known yet: a card identifies one.
    #[must_use]
    pub fn effective_for_nobody(&self) -> Effective {
        settle(&self.stack(None, &[]))
    }

    /// Where each value for `method`, and for `service` where one is given, comes from (POL-11).
    /// Of each key the value in force comes first, then those that it covers, the strongest first.
    #[must_use]
    pub fn explain(
        &self,
        user: &UserName,
        groups: &[GroupName],
        method: Method,
        service: Option<&ServiceName>,
    ) -> Vec<Explained> {
        let stack = self.stack(Some(user), groups);
        let sections = [Some(Section::Method(method)), service.cloned().map(Section::Service)];
        sections.iter().flatten().flat_map(|section| explained(&stack, section)).collect()
    }

    /// Where every value comes from: all sections, all methods, `default` and all named services.
    #[must_use]
    pub fn explain_everything(&self, user: Option<&UserName>, groups: &[GroupName]) -> Vec<Explained> {
        let stack = self.stack(user, groups);
        sections(&stack).iter().flat_map(|section| explained(&stack, section)).collect()
    }

    /// What to know about the values that files give: those without effect, those with a risk.
    #[must_use]
    pub fn warnings(&self, user: Option<&UserName>, groups: &[GroupName]) -> Vec<Warning> {
        let effective = settle(&self.stack(user, groups));
        warnings(self.explain_everything(user, groups), &effective)
    }

    /// The documents that count for a user, the weakest first.
    pub(crate) fn stack(&self, user: Option<&UserName>, groups: &[GroupName]) -> Vec<&Document> {
        let mut groups: Vec<_> =
            groups.iter().filter_map(|group| self.documents.get(&Layer::Group(group.clone()))).collect();
        groups.sort_by_key(|document| (priority(document), Reverse(document.layer.clone())));
        groups.dedup_by(|a, b| a.layer == b.layer);
        let user = user.and_then(|user| self.documents.get(&Layer::User(user.clone())));
        self.documents
            .get(&Layer::Machine)
            .into_iter()
            .chain(groups)
            .chain(user)
            .chain(self.documents.get(&Layer::Enterprise))
            .collect()
    }
}

fn settle(stack: &[&Document]) -> Effective {
    let layers: Vec<Vec<_>> = stack.iter().map(|d| d.entries.iter().map(|e| &e.setting).collect()).collect();
    Effective::settle(&layers)
}

fn priority(document: &Document) -> u32 {
    let mut settings = GroupSettings::built_in(());
    for entry in &document.entries {
        if let Setting::Group(value) = &entry.setting {
            settings.assign(value);
        }
    }
    settings.priority.get()
}

fn explained(stack: &[&Document], section: &Section) -> Vec<Explained> {
    let keys = section.keys();
    keys.iter()
        .filter_map(|info| KeyPath::new(section.clone(), info.name))
        .flat_map(|path| trail(stack, &path))
        .collect()
}

/// Every section that holds values for a user with this stack, in the order of the reference.
pub(crate) fn sections(stack: &[&Document]) -> Vec<Section> {
    let named = stack.iter().flat_map(|d| &d.entries).filter_map(|entry| match &entry.setting {
        Setting::Service(name, _) => Some(name.clone()),
        _ => None,
    });
    let mut services: Vec<ServiceName> = Section::DEFAULT_SERVICE.parse().into_iter().chain(named).collect();
    services.sort_by_key(|name| (name.as_str() != Section::DEFAULT_SERVICE, name.clone()));
    services.dedup();
    [Section::Display, Section::General]
        .into_iter()
        .chain(Method::ALL.map(Section::Method))
        .chain(services.into_iter().map(Section::Service))
        .chain([Section::Lockout, Section::Session])
        .collect()
}
