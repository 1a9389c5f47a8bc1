//! What does the program say of itself to shells, to `man`, and to who configured it?

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory as _;
use tidings_cli::args::Cli;

use crate::commands::{assert_code, stderr, stdout};
use crate::server::tidings;

fn run(args: &[&str]) -> Output {
    tidings().args(args).output().unwrap()
}

/// What a tool of the system says to this input; `None`, said aloud, without it.
fn fed(tool: &mut Command, input: &[u8]) -> Option<Output> {
    let piped = tool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = piped.spawn() else {
        // Not through `eprintln`, which cargo keeps to itself when a test passes.
        let words = format!("skipped: {} is not here\n", tool.get_program().display());
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn every_shell_completes_every_command_and_long_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert_code(&script, 0);
        let script = stdout(&script);

        let mut program = Cli::command();
        program.build();
        for command in program.get_subcommands() {
            assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                // fish spells them `-l flag`.
                let dashed = format!("--{flag}");
                let spelled = script.contains(&dashed) || script.contains(&format!("-l {flag}"));
                assert!(spelled, "{shell}: {dashed} of {}", command.get_name());
            }
        }
    }
}

#[test]
fn bash_completes_with_the_script() {
    let mut script = run(&["completions", "bash"]).stdout;
    script.extend_from_slice(
        b"\nCOMP_WORDS=(tidings list --rev); COMP_CWORD=2\n\
          _tidings tidings --rev list && echo \"${COMPREPLY[@]}\"\n",
    );

    let Some(output) = fed(&mut Command::new("bash"), &script) else { return };

    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("--reverse\n", ""));
}

#[test]
fn every_man_page_renders_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    assert_code(&run(&["man", dir.path().to_str().unwrap()]), 0);
    let program = std::fs::read(dir.path().join("tidings.1")).unwrap();
    assert_eq!(run(&["man"]).stdout, program);

    for page in std::fs::read_dir(dir.path()).unwrap() {
        let (page, mut groff) = (page.unwrap().path(), Command::new("groff"));
        let groff = groff.args(["-man", "-Tutf8", "-ww", "-P-cbou"]);
        let Some(output) = fed(groff, &std::fs::read(&page).unwrap()) else { return };
        assert_eq!(stderr(&output), "", "{page:?}");
        let name = page.file_stem().unwrap().to_str().unwrap().replace("tidings-", "tidings ");
        assert!(stdout(&output).contains("SYNOPSIS\n"), "{name}: {}", stdout(&output));
    }
}

#[test]
fn a_man_page_keeps_its_examples_as_they_are_typed() {
    let Some(output) =
        fed(Command::new("groff").args(["-man", "-Tascii", "-P-cbou"]), &run(&["man"]).stdout)
    else {
        return;
    };

    let page = stdout(&output);
    assert!(page.contains("tidings tail -f -t 'deploy.*'                follow all"), "{page}");
}

#[test]
fn a_broken_configuration_stands_in_the_way_of_neither_shells_nor_help() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broken.toml");
    std::fs::write(&file, "retension = '1h'").unwrap();
    let with = |args: &[&str]| tidings().args(args).arg("--config").arg(&file).output().unwrap();

    assert_code(&with(&["completions", "bash"]), 0);
    assert_code(&with(&["man"]), 0);
    let path = with(&["config", "path"]);
    assert_code(&path, 2);
    let told = format!("configuration  {} (--config)\n", file.display());
    assert_eq!(stdout(&path), told);
    assert!(stderr(&path).contains("did you mean `retention`?"), "{}", stderr(&path));
}

#[test]
fn config_says_what_is_set_and_by_whom_and_no_password() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "\nretention = '3d'\nserver = 'http://op:hunter2@db1:8434'").unwrap();

    let mut config = tidings();
    config.args(["config", "show", "--color", "never", "--config"]).arg(&file);
    let output = config.env("TIDINGS_DATA", dir.path()).output().unwrap();

    // The server's address has a password, which makes it none.
    assert_code(&output, 2);
    let (shown, told) = (stdout(&output), stderr(&output));
    for (line, origin) in [
        ("retention = \"3d\"", format!("{}, line 2", file.display())),
        ("color = \"never\"", "--color".to_owned()),
        ("listen = [\"127.0.0.1:8434\"]", "the default".to_owned()),
    ] {
        let found = shown.lines().find(|shown| shown.starts_with(line));
        assert!(found.is_some_and(|found| found.ends_with(&origin)), "{line}: {shown}");
    }
    assert!(!shown.contains("hunter2") && !told.contains("hunter2"), "{shown}{told}");
    assert!(told.contains("server = \"http://…@db1:8434\""), "{told}");
}

#[test]
fn config_path_says_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let output = tidings()
        .args(["config", "path"])
        .env("XDG_CONFIG_HOME", dir.path())
        .env("TIDINGS_DATA", dir.path())
        .output()
        .unwrap();

    assert_code(&output, 0);
    let dir = dir.path().display();
    let told = format!(
        "configuration  {dir}/tidings/config.toml (the default, not there)\n\
         data           {dir} (TIDINGS_DATA)\n"
    );
    assert_eq!(stdout(&output), told);
}
