//! The house rules that a compiler does not know: layers, sizes, names, and who may use what.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module below `src`, from the ground up, with what it may import. Nobody is listed before what it uses.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("metrics", &[]),
    ("fair", &["domain"]),
    ("telemetry", &["config", "domain", "metrics"]),
    ("lifecycle", &["telemetry"]),
    ("instance", &[]),
    ("net", &["lifecycle"]),
    ("store", &["domain", "fair", "lifecycle"]),
    ("engine", &["domain"]),
    ("agent", &["config", "domain"]),
    ("admission", &["domain", "fair", "metrics", "store"]),
    ("spawner", &["config", "domain", "engine", "fair", "instance", "lifecycle", "metrics", "net"]),
    ("sandbox", &["config", "domain", "fair", "lifecycle", "metrics", "spawner", "telemetry"]),
    (
        "gateway",
        &["admission", "config", "domain", "fair", "lifecycle", "metrics", "net", "sandbox", "store", "telemetry"],
    ),
    (
        "session",
        &[
            "admission",
            "agent",
            "config",
            "domain",
            "fair",
            "lifecycle",
            "metrics",
            "sandbox",
            "spawner",
            "store",
            "telemetry",
        ],
    ),
    ("drill", &["agent", "config", "domain", "lifecycle", "metrics", "net", "sandbox", "spawner", "telemetry"]),
    ("admin", &["config", "domain", "gateway", "lifecycle", "metrics", "session", "spawner", "store"]),
    (
        "api",
        &[
            "admin",
            "admission",
            "config",
            "domain",
            "fair",
            "gateway",
            "lifecycle",
            "metrics",
            "net",
            "sandbox",
            "session",
            "spawner",
            "store",
            "telemetry",
        ],
    ),
    (
        "app",
        &[
            "admin",
            "api",
            "config",
            "domain",
            "drill",
            "engine",
            "fair",
            "gateway",
            "instance",
            "lifecycle",
            "metrics",
            "net",
            "sandbox",
            "session",
            "spawner",
            "store",
        ],
    ),
    (
        "cli",
        &[
            "admin",
            "api",
            "app",
            "config",
            "domain",
            "drill",
            "instance",
            "lifecycle",
            "metrics",
            "net",
            "spawner",
            "store",
            "telemetry",
        ],
    ),
];

/// What only one place may name, and why.
const KEPT: &[(&str, &str, &str)] = &[
    ("sqlx::", "src/store/", "all SQL is in the store"),
    ("bollard::", "src/engine/docker/", "only the Docker engine knows Docker"),
    ("SystemTime::now", "src/domain/clock.rs", "time comes from a Clock"),
    ("Timestamp::now", "src/domain/clock.rs", "time comes from a Clock"),
    ("tokio::spawn", "src/lifecycle.rs", "shutdown waits for every task"),
    (".set_state(", "src/session/", "only its supervisor writes a session's state"),
    (".turns().end(", "src/session/", "only its supervisor ends a turn"),
    ("counter!(", "src/metrics/", "a family is recorded by its declaration"),
    ("gauge!(", "src/metrics/", "a family is recorded by its declaration"),
    ("histogram!(", "src/metrics/", "a family is recorded by its declaration"),
    ("api_key.expose", "src/gateway/", "only the gateway reads the model's key"),
];

/// Files named after nothing.
const NAMELESS: &[&str] = &["utils", "util", "helpers", "helper", "common", "types", "misc", "shared"];

const MAX_LINES: usize = 400;
const MAX_MOD_LINES: usize = 120;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The module directly below `src` that the file belongs to.
    fn module(&self) -> Option<String> {
        let path = self.path.strip_prefix("src").ok()?;
        let first = path.components().next()?.as_os_str().to_str()?;
        Some(first.trim_end_matches(".rs").to_owned())
    }

    /// The text without its tests, which may know more than the code does.
    fn code(&self) -> &str {
        let code = self.text.split("#[cfg(test)]\nmod tests {").next();
        code.unwrap_or(&self.text)
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut directories: Vec<PathBuf> = ["src", "shim", "tests", "benches"].map(PathBuf::from).into();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file can be read");
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.len() > 100, "the sources were not found");
    found
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
}

/// The modules of ours that `code` names.
fn imports(code: &str) -> BTreeSet<String> {
    let names = code.match_indices("crate::").map(|(at, _)| &code[at + "crate::".len()..]);
    names
        .map(|rest| rest.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

#[test]
fn imports_point_down_the_layers() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        let Some(module) = source.module().filter(|module| !matches!(module.as_str(), "main" | "lib")) else {
            continue;
        };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{} is in no layer", source.name()));
            continue;
        };
        for import in imports(source.code()) {
            if import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", source.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_layer_stands_on_those_below() {
    for (at, (name, allowed)) in LAYERS.iter().enumerate() {
        for below in *allowed {
            assert!(
                LAYERS[..at].iter().any(|(lower, _)| lower == below),
                "{name} may import {below}, which is above it"
            );
        }
    }
}

#[test]
fn what_is_kept_in_one_place_is_named_nowhere_else() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src") && !is_test(&source.path)) {
        for (words, home, why) in KEPT {
            if !source.path.starts_with(home) && source.code().contains(words) {
                wrong.push(format!("{} names `{words}`: {why}", source.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_is_small_and_is_named_after_something() {
    let mut wrong = Vec::new();
    for source in sources() {
        let (name, lines) = (source.name(), source.text.lines().count());
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{name} does not say on its first line what it is for"));
        }
        if lines > MAX_LINES || (name.ends_with("/mod.rs") && lines > MAX_MOD_LINES) {
            wrong.push(format!("{name} has {lines} lines"));
        }
        if NAMELESS.contains(&source.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()) {
            wrong.push(format!("{name} is named after nothing"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
