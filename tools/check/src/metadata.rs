//! What is needed of `cargo metadata --format-version 1`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Output of `cargo metadata` that could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// No JSON of the expected form.
    #[error("the output of 'cargo metadata' has an unexpected form")]
    Form(#[from] serde_json::Error),
    /// The output has no dependency graph.
    #[error("the output of 'cargo metadata' has no dependency graph; leave '--no-deps' out")]
    NoGraph,
    /// A package lies outside of the workspace's directory.
    #[error("the member {0} lies outside of the workspace")]
    Outside(String),
}

/// One crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its directory below the workspace, with `/`: `drivers/ports/pcsc`.
    pub place: String,
    /// The package's name.
    pub name: String,
    /// Its manifest.
    pub manifest: PathBuf,
    /// Whether it makes something that is run or loaded by others: a program or a `cdylib`.
    pub is_program: bool,
    /// Direct dependencies for normal use and for build scripts.
    pub direct: BTreeSet<String>,
    /// Every package that normal and build dependencies lead to, the member itself left out, each with
    /// the name of the package that asks for it.
    pub reached: BTreeMap<String, String>,
}

/// The workspace's members, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The directory.
    pub root: PathBuf,
    /// The members.
    pub members: Vec<Member>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    workspace_root: PathBuf,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    /// `null` for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
}

impl Edge {
    fn is_for_use(&self) -> bool {
        self.dep_kinds.iter().any(|k| k.kind.as_deref() != Some("dev"))
    }
}

impl Workspace {
    /// Reads the output of `cargo metadata --format-version 1`.
    pub fn parse(json: &str) -> Result<Self, MetadataError> {
        let metadata: Metadata = serde_json::from_str(json)?;
        let nodes = metadata.resolve.ok_or(MetadataError::NoGraph)?.nodes;
        let graph = Graph {
            names: metadata.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect(),
            edges: nodes
                .iter()
                .map(|n| {
                    (
                        n.id.as_str(),
                        n.deps.iter().filter(|e| e.is_for_use()).map(|e| e.pkg.as_str()).collect(),
                    )
                })
                .collect(),
        };
        let mut members = metadata
            .packages
            .iter()
            .filter(|p| metadata.workspace_members.contains(&p.id))
            .map(|p| member(p, &metadata.workspace_root, &graph))
            .collect::<Result<Vec<_>, _>>()?;
        members.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(Self { root: metadata.workspace_root.clone(), members })
    }
}

struct Graph<'a> {
    names: HashMap<&'a str, &'a str>,
    edges: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn name(&self, id: &'a str) -> String {
        (*self.names.get(id).unwrap_or(&id)).to_owned()
    }

    fn next(&self, id: &str) -> &[&'a str] {
        self.edges.get(id).map_or(&[], Vec::as_slice)
    }

    fn reached(&self, start: &'a str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut seen = BTreeSet::from([start]);
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            for next in self.next(id) {
                if seen.insert(next) {
                    found.insert(self.name(next), self.name(id));
                    open.push(next);
                }
            }
        }
        found
    }
}

fn member(package: &Package, root: &Path, graph: &Graph<'_>) -> Result<Member, MetadataError> {
    let place = package
        .manifest_path
        .parent()
        .and_then(|dir| dir.strip_prefix(root).ok())
        .ok_or_else(|| MetadataError::Outside(package.name.clone()))?
        .to_string_lossy()
        .into_owned();
    let is_program = package.targets.iter().flat_map(|t| &t.kind).any(|k| k == "bin" || k == "cdylib");
    let direct =
        graph.edges.get(package.id.as_str()).into_iter().flatten().map(|id| graph.name(id)).collect();
    let reached =
        graph.names.get_key_value(package.id.as_str()).map(|(id, _)| graph.reached(id)).unwrap_or_default();
    Ok(Member {
        place,
        name: package.name.clone(),
        manifest: package.manifest_path.clone(),
        is_program,
        direct,
        reached,
    })
}
