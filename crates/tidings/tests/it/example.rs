//! Does the example do what the README says? Run as a program, twice.

use std::path::Path;
use std::process::Command;

/// What it prints, run over this directory.
fn run_over(directory: &Path) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "--example", "record", "--"]).arg(directory);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_program_of_ten_lines_records_and_reads_back() {
    let directory = tempfile::tempdir().unwrap();

    let first = run_over(directory.path());
    let second = run_over(directory.path());

    assert!(first.starts_with("offered 1 = stored 1 "), "{first}");
    assert_eq!(first.matches("deploy api rolled out").count(), 1, "{first}");
    assert_eq!(second.matches("deploy api rolled out").count(), 2, "{second}");
}
