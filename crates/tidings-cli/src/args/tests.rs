use clap::CommandFactory;

use super::select::Lines;
use super::*;

#[track_caller]
fn parse(line: &[&str]) -> Command {
    Cli::try_parse_from([&["tidings"], line].concat()).unwrap().command
}

#[track_caller]
fn refusal(line: &[&str]) -> String {
    let error = Cli::try_parse_from([&["tidings"], line].concat()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_explains_itself_by_example() {
    for command in Cli::command().get_subcommands_mut().filter(|c| c.get_name() != "version") {
        let name = command.get_name().to_owned();
        let help = command.render_help().to_string();

        assert!(help.contains(&format!("Examples:\n  tidings {name}")), "{help}");
    }
}

#[test]
fn the_shared_flags_are_journalctls() {
    let line = "ls -n 5 -S yesterday -U -10m -r -p warn..error -g x -t a,!b -t c -m db1 --for s \
                --source o -a k=v=w -q words -o json --tz UTC --no-pager --exit-code";
    let Command::List(list) = parse(&line.split_whitespace().collect::<Vec<_>>()) else {
        panic!("ls is list");
    };

    let select = list.select;
    assert_eq!(select.lines, Some(Lines::Last(5)));
    let which = &select.which;
    assert_eq!(which.until.as_deref(), Some("-10m"));
    assert_eq!(which.severity.as_deref(), Some("warn..error"));
    assert_eq!(which.types, ["a,!b", "c"]);
    assert_eq!(which.subjects, ["s"]);
    assert_eq!(which.fields, [("k".to_owned(), "v=w".to_owned())]);
    assert!(list.reverse && select.exit_code && select.no_pager);
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_flag_named() {
    for line in [
        &["list", "-p", "loud"][..],
        &["list", "-p", "error..warn"],
        &["list", "-p", ".."],
        &["list", "-n", "some"],
        &["list", "-a", "novalue"],
        &["list", "-o", "xml"],
        &["list", "--utc", "--tz", "UTC"],
        &["show", "not-an-id"],
        &["add", "-p", "loud"],
        &["add", "-a", "=v"],
        &["add", "-a", "n:=oops"],
        &["add", "--stdin", "words"],
        &["run", "-t", "build"],
        &["tail", "-f", "-r"],
        &["tail", "-f", "-x"],
        &["stats", "--step", "0s"],
        &["stats", "--step", "1500ms"],
        &["stats", "--by", "subject"],
        &["members", "--silent", "soon"],
        &["salvage"],
    ] {
        let said = refusal(line);
        assert!(said.contains("error:"), "{line:?}: {said}");
    }
}

#[test]
fn flags_of_work_not_yet_done_are_absent() {
    for line in [["tail", "--exec"], ["serve", "--tls-cert"], ["add", "--token-file"]] {
        assert!(refusal(&line).contains("unexpected argument"), "{line:?}");
    }
}

#[test]
fn fields_are_texts_or_json() {
    let Command::Add(add) = parse(&["add", "-a", "v=1.42", "-a", "n:=[1,2]", "-a", "e=", "x", "y"])
    else {
        panic!("add is add");
    };

    let json = serde_json::to_string(&add.event.fields).unwrap();
    assert_eq!(json, r#"[["v","1.42"],["n",[1,2]],["e",""]]"#);
    assert_eq!(add.message, ["x", "y"]);
}

#[test]
fn everything_after_the_command_belongs_to_the_command() {
    let Command::Run(run) = parse(&["run", "-t", "build", "--", "make", "-t", "--only-failures"])
    else {
        panic!("run is run");
    };

    assert_eq!(run.command, ["make", "-t", "--only-failures"]);
    assert!(!run.only_failures);
}

#[test]
fn the_manual_names_every_command_flag_and_setting() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let manual = std::fs::read_to_string(path).unwrap();
    // These are in the help alone, or are settings, whose keys are checked below.
    let elsewhere = ["help", "version", "dir", "id", "cmd"];

    for command in Cli::command().get_subcommands() {
        assert!(manual.contains(&format!("| `{}", command.get_name())), "{}", command.get_name());
        for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
            let setting = crate::settings::KEYS.contains(&flag.replace('-', "_").as_str());
            let named =
                setting || elsewhere.contains(&flag) || manual.contains(&format!("--{flag}"));
            assert!(named, "--{flag} of {}", command.get_name());
        }
    }
    for key in crate::settings::KEYS {
        assert!(manual.contains(&format!("\n| `{key}` |")), "{key} has no row");
        assert!(manual.contains(&format!("\n{key} = ")), "{key} has no example");
    }
}
