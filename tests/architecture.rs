//! The order of the modules, held as data: a module imports only what its row allows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and what it may import of the crate. `docs/architecture.md` says why.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &["model"]),
    ("shutdown", &[]),
    ("grant", &["model"]),
    ("pairing", &["model", "grant"]),
    ("share", &["model"]),
    ("schedule", &["model"]),
    ("freshness", &["model", "schedule"]),
    ("notify", &["model", "clock"]),
    ("crypto", &["model"]),
    ("reconcile", &["model"]),
    ("wire", &["model", "grant", "reconcile"]),
    ("session", &["model", "grant", "pairing", "crypto", "reconcile", "wire"]),
    ("api", &["model"]),
    ("config", &["model", "clock", "shutdown", "grant", "pairing", "schedule", "notify", "crypto"]),
    ("import", &["model", "clock", "config"]),
    ("store", &["model", "clock", "grant", "pairing", "schedule", "reconcile", "wire"]),
    ("restic", &["model", "clock", "shutdown"]),
    (
        "job",
        &[
            "model",
            "clock",
            "shutdown",
            "schedule",
            "freshness",
            "notify",
            "config",
            "store",
            "restic",
        ],
    ),
    (
        "net",
        &[
            "model",
            "clock",
            "shutdown",
            "grant",
            "pairing",
            "crypto",
            "reconcile",
            "wire",
            "session",
            "config",
            "store",
        ],
    ),
    ("web", &["model", "clock", "shutdown", "api", "config", "store", "net"]),
    (
        "daemon",
        &[
            "model",
            "clock",
            "shutdown",
            "grant",
            "pairing",
            "share",
            "schedule",
            "freshness",
            "notify",
            "crypto",
            "reconcile",
            "wire",
            "session",
            "api",
            "config",
            "import",
            "store",
            "restic",
            "job",
            "net",
            "web",
        ],
    ),
    ("telemetry", &[]),
    (
        "cli",
        &[
            "model",
            "clock",
            "shutdown",
            "grant",
            "pairing",
            "notify",
            "schedule",
            "crypto",
            "reconcile",
            "wire",
            "api",
            "config",
            "import",
            "store",
            "restic",
            "job",
            "net",
            "web",
            "daemon",
            "telemetry",
        ],
    ),
];

fn files_of(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let single = src.join(format!("{module}.rs"));
    let mut found = if single.is_file() { vec![single] } else { Vec::new() };
    let mut folders = vec![src.join(module)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.expect("a folder of src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The modules that a line names by `crate::`, in code and not in a comment.
fn named(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with('$'))
        .map(|(at, found)| {
            let rest = &code[at + found.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

#[test]
fn a_module_imports_only_what_stands_above_it() {
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_USE {
        let files = files_of(module);
        assert!(!files.is_empty(), "module {module} of the table does not exist");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                for used in named(line) {
                    if known.contains(used) && used != *module && !allowed.contains(&used) {
                        wrong.push(format!("{}:{} uses {used}", file.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the order:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_goes_down_only_and_names_every_module() {
    for (row, (module, allowed)) in MAY_USE.iter().enumerate() {
        for used in *allowed {
            let above = MAY_USE[..row].iter().any(|(name, _)| name == used);
            assert!(above, "{module} may use {used}, which does not stand above it");
        }
    }
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let listed: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
        .map(|rest| rest.trim_end_matches(';'))
        .collect();
    let table: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    assert_eq!(listed, table, "src/lib.rs and the table name the same modules in the same order");
}
