//! The arrows between the crates are those of ARCHITECTURE.md, and each outside crate that the
//! project must be able to replace is named by one crate only.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Package};
use cellwright_hil_tests::{metadata, root};

/// Every arrow of the house: a crate and what it is built upon (normal dependencies). `cellwright`
/// is the composition root. Exact both ways: an arrow that is not here is not allowed, one that
/// nobody uses any more is taken out.
const ARROWS: &[(&str, &[&str])] = &[
    // The composition root: with `sim`, it alone sees both sides of the wire and joins them.
    (
        "cellwright",
        &[
            "approval",
            "bus",
            "cobot-ros2",
            "controller",
            "driver-api",
            "editor",
            "model",
            "recipe",
            "rt",
            "sim",
            "station",
            "trace",
            "twin",
        ],
    ),
    ("model", &[]),
    // Geometry alone: it knows arms, and nothing of a cell.
    ("kinematics", &[]),
    ("approval", &["model"]),
    ("recipe", &["model"]),
    ("steps", &["model", "recipe"]),
    ("editor", &["model", "recipe", "steps"]),
    ("engine", &["model"]),
    ("rt", &["driver-api", "model"]),
    ("bus", &["model", "rt"]),
    ("controller", &["driver-api", "engine", "model", "rt"]),
    ("station", &["camera", "cobot-ros2", "controller", "driver-api", "model", "scanner", "trace"]),
    ("trace", &["model"]),
    // A cell in virtual time, and the wiring that it shares with the composition root.
    (
        "sim",
        &[
            "analog-in",
            "bus",
            "camera",
            "controller",
            "digital-io",
            "driver-api",
            "engine",
            "model",
            "printer",
            "recipe",
            "rt",
            "scanner",
            "servo-cia402",
            "station",
            "steps",
            "trace",
            "twin",
        ],
    ),
    (
        "twin",
        &[
            "analog-in",
            "camera",
            "cobot-ros2",
            "digital-io",
            "driver-api",
            "model",
            "printer",
            "scanner",
            "servo-cia402",
        ],
    ),
    ("driver-api", &["model"]),
    ("servo-cia402", &["driver-api", "model"]),
    ("digital-io", &["driver-api", "model"]),
    ("analog-in", &["driver-api", "model"]),
    ("cobot-ros2", &["driver-api", "model"]),
    ("camera", &["driver-api", "model"]),
    ("scanner", &["driver-api", "model"]),
    ("printer", &["driver-api", "model"]),
    // Its fuzz targets stand on both sides of the wire, and read recipes.
    (
        "hil-tests",
        &[
            "analog-in",
            "bus",
            "controller",
            "digital-io",
            "driver-api",
            "engine",
            "model",
            "recipe",
            "rt",
            "servo-cia402",
            "sim",
            "steps",
            "twin",
        ],
    ),
];

/// Arrows of tests only (dev-dependencies): a test may look at what stands on the other side of the
/// wire. Allowed, not required.
const TEST_ARROWS: &[(&str, &[&str])] = &[
    // Bring-up is tested against the twin's segment.
    ("bus", &["analog-in", "digital-io", "driver-api", "servo-cia402", "twin"]),
    // The cycle is tested with the real drivers.
    ("rt", &["analog-in", "digital-io", "servo-cia402"]),
    // A recipe is compiled with the real step kinds.
    ("recipe", &["steps"]),
    // A Plan of the real recipe runs in the controller's and the engine's tests.
    ("controller", &["recipe", "steps", "bus", "twin"]),
    ("engine", &["recipe", "steps"]),
    // Requests name what a real cell has.
    ("station", &["recipe"]),
    // plant.yaml is read where its plant is tested.
    ("twin", &["bus", "recipe", "rt"]),
];

/// Outside crates that one crate alone may name, so that they can be replaced there: (prefix of the
/// name, that crate). A prefix that nobody names yet is held all the same.
const NAMED_ONCE: &[(&str, &str)] = &[
    ("ethercrab", "bus"),
    ("embassy-", "bus"),
    ("statig", "engine"),
    ("zenoh", "trace"),
    ("rusqlite", "trace"),
    ("tokio-postgres", "trace"),
    ("sqlx", "trace"),
    ("r2r", "cobot-ros2"),
    ("saphyr", "recipe"),
    ("ed25519", "approval"),
    ("argon2", "approval"),
    ("chacha20poly1305", "approval"),
    ("clap", "cellwright"),
    ("lsp-types", "editor"),
    ("lsp-server", "cellwright"),
    ("quick-xml", "kinematics"),
    ("ratatui", "cellwright"),
    ("crossterm", "cellwright"),
];

/// What must not even be reached through others: (crate, outside or own crates, why).
const NEVER_REACHES: &[(&str, &[&str], &str)] = &[
    (
        "cellwright-rt",
        &["ethercrab", "tokio", "cellwright-recipe", "cellwright-engine"],
        "the cycle knows no bus and no recipe",
    ),
    (
        "cellwright-engine",
        &["tokio", "libc", "rusqlite", "zenoh", "cellwright-rt"],
        "the engine has no clock and no I/O",
    ),
    ("cellwright-model", &["tokio", "libc", "statig"], "the vocabulary has no I/O"),
    ("cellwright-kinematics", &["tokio", "libc", "cellwright-model"], "poses and postures are geometry"),
    ("cellwright-recipe", &["tokio", "cellwright-engine", "cellwright-rt"], "text to Plan is pure"),
    ("cellwright-controller", &["tokio", "zenoh", "rusqlite", "ethercrab"], "the controller is sans-I/O"),
    ("cellwright-bus", &["tokio", "cellwright-twin"], "the bus does not know what answers its frames"),
    (
        "cellwright-twin",
        &["ethercrab", "tokio", "cellwright-engine", "cellwright-rt"],
        "the twin stands below the wire",
    ),
];

fn short(name: &str) -> &str {
    name.strip_prefix("cellwright-").unwrap_or(name)
}

fn members(metadata: &Metadata) -> Vec<&Package> {
    metadata.workspace_packages()
}

/// Our own crates that `package` names in dependencies of that kind, by short name.
fn own_dependencies(metadata: &Metadata, package: &Package, kinds: &[DependencyKind]) -> BTreeSet<String> {
    let own: BTreeSet<&str> = members(metadata).iter().map(|p| p.name.as_str()).collect();
    let wanted = package.dependencies.iter().filter(|d| kinds.contains(&d.kind));
    wanted.filter(|d| own.contains(d.name.as_str())).map(|d| short(&d.name).to_owned()).collect()
}

#[test]
fn the_arrows_are_those_of_the_house() {
    let metadata = metadata();
    let drawn: BTreeMap<&str, BTreeSet<String>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().map(|t| (*t).to_owned()).collect())).collect();
    let mut wrong = Vec::new();
    for package in members(&metadata) {
        let name = short(&package.name);
        let Some(allowed) = drawn.get(name) else {
            wrong.push(format!("crate {name} stands nowhere in ARROWS"));
            continue;
        };
        let actual = own_dependencies(&metadata, package, &[DependencyKind::Normal, DependencyKind::Build]);
        wrong.extend(actual.difference(allowed).map(|to| format!("{name} -> {to} is no arrow of the house")));
        wrong.extend(allowed.difference(&actual).map(|to| format!("{name} -> {to} is drawn and not there")));
    }
    let names: BTreeSet<&str> = members(&metadata).iter().map(|p| short(&p.name)).collect();
    wrong.extend(drawn.keys().filter(|n| !names.contains(*n)).map(|n| format!("there is no crate {n}")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn tests_look_across_the_wire_only_where_listed() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in members(&metadata) {
        let name = short(&package.name);
        let of = |table: &[(&str, &[&'static str])]| -> BTreeSet<String> {
            let row = table.iter().find(|(from, _)| *from == name);
            row.map(|(_, to)| to.iter().map(|t| (*t).to_owned()).collect()).unwrap_or_default()
        };
        let allowed: BTreeSet<String> = of(TEST_ARROWS).union(&of(ARROWS)).cloned().collect();
        let actual = own_dependencies(&metadata, package, &[DependencyKind::Development]);
        wrong
            .extend(actual.difference(&allowed).map(|to| format!("test arrow {name} -> {to} is not listed")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn replaceable_crates_are_named_once() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in members(&metadata) {
        for dependency in &package.dependencies {
            let rule = NAMED_ONCE.iter().find(|(prefix, _)| dependency.name.starts_with(prefix));
            if let Some((_, home)) = rule.filter(|(_, home)| *home != short(&package.name)) {
                wrong.push(format!("{} names {}, which only {home} may", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_must_not_be_known_is_not_reached_through_others() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for (from, never, why) in NEVER_REACHES {
        let reached = normal_closure(&metadata, from);
        let hits = never.iter().filter(|n| reached.contains(**n));
        wrong.extend(hits.map(|n| format!("{from} reaches {n}: {why}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Names of all packages that `name` is built upon, itself left out.
fn normal_closure(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves");
    let start = metadata.packages.iter().find(|p| p.name.as_str() == name);
    let mut open = vec![start.unwrap_or_else(|| panic!("there is no crate {name}")).id.clone()];
    let (mut seen, mut names) = (BTreeSet::new(), BTreeSet::new());
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|n| n.id == id).expect("every package has its node");
        for dependency in &node.deps {
            let normal = dependency.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
            if normal && seen.insert(dependency.pkg.clone()) {
                names.insert(metadata[&dependency.pkg].name.to_string());
                open.push(dependency.pkg.clone());
            }
        }
    }
    names
}

/// Cargo unifies features: any crate that asked for ethercrab's `std` would bring its timers, a
/// mutex and a helper thread under the real-time thread.
#[test]
fn ethercrab_is_built_without_std() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves");
    let nodes = resolve.nodes.iter().filter(|n| metadata[&n.id].name.as_str() == "ethercrab");
    let features: Vec<_> = nodes.map(|n| n.features.clone()).collect();
    assert_eq!(features.len(), 1, "one ethercrab is linked");
    assert!(features[0].iter().all(|f| f.as_str() != "std"), "features of ethercrab: {:?}", features[0]);
}

/// Every crate under `src/` by its folder's name; the device families by `drivers/`.
#[test]
fn architecture_md_names_every_crate() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let metadata = metadata();
    let word = |p: &Package| {
        let path = p.manifest_path.strip_prefix(root()).expect("a member lies below the root");
        let mut parts = path.components().map(|c| c.as_str().to_owned());
        match (parts.next().as_deref(), parts.next()) {
            (Some("src"), Some(crate_folder)) => crate_folder,
            (Some(top), _) => top.to_owned(),
            (None, _) => String::new(),
        }
    };
    let in_house = members(&metadata).into_iter().filter(|p| p.name.as_str() != "cellwright");
    let missing: Vec<String> = in_house.map(word).filter(|name| !text.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md says nothing of {missing:?}");
}
