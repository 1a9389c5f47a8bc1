//! Is the house tidy? Reads the sources and the docs, and holds them against
//! each other: imports against the table of rooms, the code map against the
//! files, the limits table against the constants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "tidy/mutants.rs"]
mod mutants;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below `folder` with one of these endings, as paths from the root.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files under {folder}");
    found
}

fn sources() -> Vec<String> {
    let mut all = files("crates", &[".rs"]);
    all.extend(files("bench", &[".rs"]));
    all.extend(files("fuzz", &[".rs"]));
    all
}

/// Whether this file only tests another.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// The rows of the first Markdown table after this heading, as cells.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let after = text.split(&format!("{heading}\n")).nth(1);
    let rows: Vec<Vec<String>> = after
        .unwrap_or_else(|| panic!("no heading {heading:?}"))
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    assert!(!rows.is_empty(), "no table after {heading:?}");
    rows
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The room of a file of the library: the first step of its path.
fn room(path: &str) -> String {
    let inside = path.strip_prefix("crates/tidings/src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

/// The rooms that a source names after `crate::`.
fn imports(source: &str, rooms: &BTreeSet<String>) -> BTreeSet<String> {
    let code: String = source
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut named = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let inside = match after.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or(list),
            None => after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""),
        };
        let words = inside.split(|c: char| !c.is_alphanumeric() && c != '_');
        named.extend(words.filter(|word| rooms.contains(*word)).map(str::to_owned));
    }
    named
}

#[test]
fn imports_follow_the_table_of_rooms() {
    let allowed: BTreeMap<String, BTreeSet<String>> =
        table(&read("ARCHITECTURE.md"), "### Which room may import which")
            .into_iter()
            .map(|row| (quoted(&row[0]).remove(0), quoted(&row[1]).into_iter().collect()))
            .collect();
    let rooms: BTreeSet<String> = allowed.keys().cloned().collect();
    let mut wrong = Vec::new();
    for path in files("crates/tidings/src", &[".rs"]) {
        let room = room(&path);
        if room == "lib" {
            continue;
        }
        let Some(may) = allowed.get(&room) else {
            wrong.push(format!("{path}: the room `{room}` is not in the table"));
            continue;
        };
        // What a file's tests need is not an arrow of the house.
        let source = read(&path);
        if is_test(&path) {
            continue;
        }
        let source = source.split("#[cfg(test)]").next().unwrap();
        for import in imports(source, &rooms) {
            if import != room && !may.contains(&import) {
                wrong.push(format!("{path}: imports `{import}`, which the table does not allow"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_room_knows_time_locks_environment_and_block_bytes() {
    let owners: [(&str, &[&str]); 4] = [
        ("std::time::{Instant, SystemTime", &["crates/tidings/src/clock.rs"]),
        ("std::sync::Mutex", &["crates/tidings/src/sync.rs"]),
        // Where a test's programs are, is not a setting.
        ("env::var", &["crates/tidings-cli/src/settings.rs", "crates/tidings/src/testing/etcd.rs"]),
        ("b\"TDB", &["crates/tidings/src/block/format/"]),
    ];
    for path in sources() {
        let in_sources = path.contains("/src/") && path.starts_with("crates") && !is_test(&path);
        for (what, may) in owners {
            let allowed = !in_sources || may.iter().any(|owner| path.starts_with(owner));
            let code = read(&path);
            let code = code.split("#[cfg(test)]").next().unwrap();
            assert!(allowed || !code.contains(what), "{path} uses {what}: that is for {may:?}");
        }
    }
}

/// The code map: `### `folder/`` headings, and under each the files as `- `name``.
fn mapped() -> BTreeSet<String> {
    let mut folder = String::new();
    let mut named = BTreeSet::new();
    for line in read("ARCHITECTURE.md").lines() {
        if let Some(heading) = line.strip_prefix("### `") {
            heading.split('`').next().unwrap().clone_into(&mut folder);
        } else if line.starts_with('#') {
            folder.clear();
        } else if line.starts_with("- `") && !folder.is_empty() {
            let files = line.split(" — ").next().unwrap();
            named.extend(quoted(files).into_iter().map(|file| format!("{folder}{file}")));
        }
    }
    assert!(!named.is_empty(), "ARCHITECTURE.md has no code map");
    named
}

#[test]
fn the_code_map_names_every_file_and_no_other() {
    let mut there: BTreeSet<String> = sources().into_iter().filter(|path| !is_test(path)).collect();
    there.extend(files("web", &[".js", ".css", ".html"]));

    let mapped = mapped();

    let unnamed: Vec<_> = there.difference(&mapped).collect();
    let gone: Vec<_> = mapped.difference(&there).collect();
    assert!(unnamed.is_empty(), "files that ARCHITECTURE.md does not name: {unnamed:#?}");
    assert!(gone.is_empty(), "files that ARCHITECTURE.md names and nobody has: {gone:#?}");
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let mut there = sources();
    there.extend(files("web", &[".js", ".css", ".html"]));
    there.extend(files(".", &[".md", ".toml"]));
    let endings = [".rs", ".js", ".css", ".html", ".md", ".toml"];
    let named = quoted(&read("ARCHITECTURE.md"));
    let paths: Vec<_> =
        named.iter().filter(|name| endings.iter().any(|ending| name.ends_with(ending))).collect();

    let gone: Vec<_> = paths
        .iter()
        .filter(|path| !there.iter().any(|file| format!("/{file}").ends_with(&format!("/{path}"))))
        .collect();

    assert!(paths.len() > 100, "{paths:?}");
    assert!(gone.is_empty(), "paths that ARCHITECTURE.md names and nobody has: {gone:?}");
}

/// Every constant that bounds something, with its value as written.
fn limits() -> BTreeSet<(String, String)> {
    let mut limits = BTreeSet::new();
    for path in sources().iter().filter(|path| path.contains("/src/") && !is_test(path)) {
        for line in read(path).lines().map(str::trim_start) {
            let public = line.strip_prefix("pub").map_or(line, |rest| {
                rest.split_once(") ").map_or(rest, |(_, rest)| rest).trim_start()
            });
            let Some((name, rest)) =
                public.strip_prefix("const ").and_then(|declared| declared.split_once(':'))
            else {
                continue;
            };
            let value = rest.split_once('=').map_or("", |(_, value)| value);
            if name.ends_with("_MAX") || name.ends_with("_LIMIT") {
                limits.insert((name.to_owned(), value.trim().trim_end_matches(';').to_owned()));
            }
        }
    }
    limits
}

#[test]
fn the_limits_table_has_every_limit_with_its_value() {
    let told: BTreeSet<(String, String)> = table(&read("ARCHITECTURE.md"), "## Limits")
        .into_iter()
        .map(|row| (quoted(&row[0]).remove(0), quoted(&row[1]).remove(0)))
        .collect();
    let limits = limits();

    let untold: Vec<_> = limits.difference(&told).collect();
    let gone: Vec<_> = told.difference(&limits).collect();

    assert!(untold.is_empty(), "limits that the table does not have: {untold:#?}");
    assert!(gone.is_empty(), "limits that only the table has: {gone:#?}");
}

#[test]
fn every_source_opens_with_what_it_is_for_and_stays_readable() {
    for path in sources() {
        let source = read(&path);
        let lines = source.lines().count();
        let opens = source.starts_with("//! ") || is_test(&path);
        assert!(opens, "{path}: the first line says what it is for");
        assert!(lines <= LINES_MAX, "{path}: {lines} lines; is there a second noun in it?");
    }
    for path in files("web", &[".js", ".css", ".html"]) {
        let lines = read(&path).lines().count();
        assert!(lines <= LINES_MAX, "{path}: {lines} lines; is there a second noun in it?");
    }
}

#[test]
fn nothing_is_left_lying_about() {
    let leftovers = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX", "#[ignore"];
    for path in sources().iter().filter(|path| !path.ends_with("tidy.rs")) {
        let source = read(path);
        for leftover in leftovers {
            assert!(!source.contains(leftover), "{path}: {leftover}");
        }
    }
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let manifest = read("Cargo.toml");
    let table = manifest.split("[workspace.dependencies]\n").nth(1).unwrap();
    for line in table.lines().take_while(|line| !line.starts_with('[')) {
        let depends = line.contains(" = ") && !line.starts_with('#');
        assert!(!depends || line.contains("# "), "say what this dependency is for: {line}");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let documents = files(".", &[".md"]);
    for document in &documents {
        let folder = root().join(document).parent().unwrap().to_owned();
        let text = read(document);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let outside = target.contains("://") || file.is_empty() || file.contains(' ');
            if !outside && !folder.join(file).exists() {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(documents.len() >= 5, "{documents:?}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
