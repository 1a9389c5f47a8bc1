//! Does the list of seeded mistakes still fit? Each patch in `mutants/` applies,
//! names a test that is there, and is told in docs/testing.md. Whether that test
//! catches it is what `./x mutants` finds out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{read, root, table};

/// As many mistakes as the list has at least.
const MISTAKES_MIN: usize = 20;

/// A seeded mistake.
struct Mutant {
    name: String,
    header: BTreeMap<String, String>,
    hunks: Vec<Hunk>,
}

/// One place that a patch changes.
struct Hunk {
    path: String,
    /// The lines that are there, changed ones and those around them.
    before: String,
    /// As many lines as it says that it takes away and puts there.
    counts: [usize; 2],
    /// As many as it has.
    lines: [usize; 2],
    changes: bool,
}

impl Mutant {
    fn read(path: &Path) -> Mutant {
        let text = fs::read_to_string(path).unwrap();
        let header = text.lines().map_while(|line| line.strip_prefix("# ")?.split_once(": "));
        let header = header.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (mut hunks, mut file): (Vec<Hunk>, _) = (Vec::new(), String::new());
        for line in text.lines().skip_while(|line| line.starts_with('#')) {
            if let Some(path) = line.strip_prefix("+++ b/") {
                path.clone_into(&mut file);
            } else if let Some(ranges) = line.strip_prefix("@@ ") {
                hunks.push(Hunk::begin(&file, ranges));
            } else if !line.starts_with("--- ") {
                hunks.last_mut().unwrap().take(line);
            }
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Mutant { name, header, hunks }
    }

    fn says(&self, name: &str) -> &str {
        self.header.get(name).unwrap_or_else(|| panic!("{}: no line `# {name}: …`", self.name))
    }
}

impl Hunk {
    /// `-12,5 +12,6 @@`
    fn begin(file: &str, ranges: &str) -> Hunk {
        let count = |range: &str| range.split_once(',').map_or(1, |(_, it)| it.parse().unwrap());
        let mut ranges = ranges.split(' ');
        let counts = [(); 2].map(|()| count(ranges.next().unwrap()));
        let path = file.to_owned();
        Hunk { path, before: String::new(), counts, lines: [0; 2], changes: false }
    }

    fn take(&mut self, line: &str) {
        let (sign, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        self.changes |= sign != " ";
        if sign != "+" {
            self.lines[0] += 1;
            self.before.push_str(text);
            self.before.push('\n');
        }
        self.lines[1] += usize::from(sign != "-");
    }
}

fn mutants() -> Vec<Mutant> {
    let folder = fs::read_dir(root().join("mutants")).unwrap();
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "patch"));
    paths.sort();
    assert!(paths.len() >= MISTAKES_MIN, "{} mistakes", paths.len());
    paths.iter().map(|path| Mutant::read(path)).collect()
}

#[test]
fn every_patch_fits_one_place_of_the_sources() {
    let mut stale = Vec::new();
    for mutant in mutants() {
        assert!(!mutant.hunks.is_empty(), "{}: changes nothing", mutant.name);
        for hunk in &mutant.hunks {
            let at = format!("{}: {}", mutant.name, hunk.path);
            assert!(hunk.path.contains("/src/"), "{at}: a mistake is made in the sources");
            assert!(hunk.changes && hunk.counts == hunk.lines, "{at}: a broken patch");
            let source = fs::read_to_string(root().join(&hunk.path)).unwrap_or_default();
            let places = source.matches(&hunk.before).count();
            if places != 1 {
                stale.push(format!("{at}: fits {places} places, make it anew:\n{}", hunk.before));
            }
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

/// Files of a test target, with the modules that they stand for.
fn test_files(package: &str, target: &str) -> Vec<(PathBuf, String)> {
    let package = root().join("crates").join(package);
    let mut open = match target {
        "lib" => vec![(package.join("src"), String::new())],
        _ => vec![(package.join("tests").join(target), String::new())],
    };
    let mut files = vec![(package.join("tests").join(format!("{target}.rs")), String::new())];
    while let Some((folder, inside)) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let module = match name.as_str() {
                "mod" | "lib" | "main" => inside.clone(),
                name => format!("{inside}{name}::"),
            };
            if path.is_dir() {
                open.push((path, module));
            } else {
                files.push((path, module));
            }
        }
    }
    files
}

/// Whether a source of this target has the test: in the module of its file, or in
/// one inside it. A target without a harness names its tests without modules.
fn is_there(package: &str, target: &str, filter: &str) -> bool {
    let name = format!("fn {}(", filter.rsplit("::").next().unwrap());
    let in_module = |module: &str| {
        // `lines_tests.rs` is the module `tests` of `lines.rs`.
        filter.starts_with(&module.replace("_tests::", "::")) || !filter.contains("::")
    };
    test_files(package, target)
        .iter()
        .filter(|(_, module)| in_module(module))
        .any(|(path, _)| fs::read_to_string(path).is_ok_and(|source| source.contains(&name)))
}

#[test]
fn every_test_that_a_patch_names_is_there() {
    for mutant in mutants() {
        let [package, target, filter] = ["package", "target", "filter"].map(|it| mutant.says(it));
        assert!(is_there(package, target, filter), "{}: no test {filter}", mutant.name);
    }
}

#[test]
fn the_list_of_mistakes_is_told_as_it_is() {
    let told = table(&read("docs/testing.md"), "## Seeded mistakes");

    let list: Vec<Vec<String>> = mutants()
        .iter()
        .map(|mutant| {
            let name = format!("`{}`", mutant.name);
            let noticed_by = format!("`{}`", mutant.says("filter"));
            let [mistake, breaks] = ["mistake", "breaks"].map(|it| mutant.says(it).to_owned());
            vec![name, mistake, breaks, noticed_by]
        })
        .collect();

    assert_eq!(told, list, "docs/testing.md on the left, the patches on the right");
}
