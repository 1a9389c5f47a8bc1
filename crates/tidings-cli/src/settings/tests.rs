use super::*;

fn settings(variables: &[(&str, &str)], toml: &str) -> Settings {
    let environment = variables.iter().copied().collect();
    Settings::of_text(Path::new("config.toml"), toml, environment).unwrap()
}

#[track_caller]
fn assert_refused(result: Result<impl std::fmt::Debug, Failure>, message: &str) {
    let failure = result.unwrap_err();
    assert_eq!(failure.message, message);
    assert_eq!(failure.exit, Exit::Usage);
}

fn retention_seconds(settings: &Settings, flag: Option<&str>) -> u64 {
    let flags = ServeFlags { retention: flag.map(str::to_owned), ..ServeFlags::default() };
    settings.serve(&flags).unwrap().retention.as_secs()
}

const HOME: (&str, &str) = ("HOME", "/home/op");

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let variable = ("TIDINGS_RETENTION", "2h");
    let file = r#"retention = "3h""#;

    assert_eq!(retention_seconds(&settings(&[HOME, variable], file), Some("1h")), 3_600);
    assert_eq!(retention_seconds(&settings(&[HOME, variable], file), None), 2 * 3_600);
    assert_eq!(retention_seconds(&settings(&[HOME], file), None), 3 * 3_600);
    assert_eq!(retention_seconds(&settings(&[HOME], ""), None), 86_400);
}

#[test]
fn an_empty_variable_is_not_set() {
    let settings = settings(&[HOME, ("TIDINGS_RETENTION", "")], r#"retention = "3h""#);

    assert_eq!(retention_seconds(&settings, None), 3 * 3_600);
}

#[test]
fn an_error_says_the_value_and_where_it_is_from() {
    let why =
        "not a span of time \"24x\": use numbers with ms, s, m, h, d or w, such as `24h`, `2d3h`";
    let flags = ServeFlags { retention: Some("24x".into()), ..ServeFlags::default() };
    let nothing = ServeFlags::default();
    let file = settings(&[HOME], "\nretention = \"24x\"");

    let said = |origin: &str| format!("retention = \"24x\" (from {origin}): {why}");
    assert_refused(settings(&[HOME], "").serve(&flags), &said("--retention"));
    let variable = settings(&[HOME, ("TIDINGS_RETENTION", "24x")], "");
    assert_refused(variable.serve(&nothing), &said("TIDINGS_RETENTION"));
    assert_refused(file.serve(&nothing), &said("config.toml, line 2"));
}

#[test]
fn the_defaults_are_those_of_the_manual() {
    let serve = settings(&[HOME], "").serve(&ServeFlags::default()).unwrap();

    assert_eq!(serve.listen, ["127.0.0.1:8434".parse().unwrap()]);
    assert_eq!(serve.data, Path::new("/home/op/.local/state/tidings"));
    assert_eq!(serve.member, host_name());
    assert_eq!(serve.retention_bytes, 2 << 30);
    assert!(serve.allowed_hosts.is_empty());
}

#[test]
fn the_data_directory_is_given_or_systemds_or_the_users() {
    let data = |variables: &[(&str, &str)], toml: &str| settings(variables, toml).data(None);
    let systemd = ("STATE_DIRECTORY", "/var/lib/tidings:/var/lib/other");

    let file = r#"data = "/srv/t""#;
    assert_eq!(data(&[HOME, systemd], file).unwrap(), Path::new("/srv/t"));
    assert_eq!(data(&[HOME, systemd], "").unwrap(), Path::new("/var/lib/tidings"));
    let xdg = ("XDG_STATE_HOME", "/state");
    assert_eq!(data(&[HOME, xdg], "").unwrap(), Path::new("/state/tidings"));
    let relative = ("XDG_STATE_HOME", "state");
    assert_eq!(data(&[HOME, relative], "").unwrap(), Path::new("/home/op/.local/state/tidings"));
    assert_refused(data(&[], ""), "no data directory: neither --data nor HOME is set");
}

#[test]
fn lists_are_flags_repeated_commas_in_variables_and_arrays_in_the_file() {
    let nothing = ServeFlags::default();
    let two = ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()];

    let flags =
        ServeFlags { listen: vec!["localhost:1".into(), "[::1]:2".into()], ..nothing.clone() };
    assert_eq!(settings(&[HOME], "").serve(&flags).unwrap().listen, two);
    let variable = ("TIDINGS_LISTEN", "127.0.0.1:1, [::1]:2");
    assert_eq!(settings(&[HOME, variable], "").serve(&nothing).unwrap().listen, two);
    let file = r#"listen = ["127.0.0.1:1", "[::1]:2"]"#;
    assert_eq!(settings(&[HOME], file).serve(&nothing).unwrap().listen, two);
    assert_refused(
        settings(&[HOME], r#"retention = ["1h", "2h"]"#).serve(&nothing),
        "retention = \"1h\" (from config.toml, line 1): one value is wanted, 2 are given",
    );
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let flags = ServeFlags { listen: vec!["0.0.0.0:8434".into()], ..ServeFlags::default() };

    assert_refused(
        settings(&[HOME], "").serve(&flags),
        "listen = \"0.0.0.0:8434\" (from --listen): only loopback addresses are served: use 127.0.0.1 or [::1]",
    );
}

#[test]
fn sizes_have_units_of_1000_and_of_1024() {
    let bytes = |text: &str| {
        let flags = ServeFlags { retention_size: Some(text.into()), ..ServeFlags::default() };
        settings(&[HOME], "").serve(&flags).map(|serve| serve.retention_bytes)
    };

    assert_eq!(bytes("2GiB").unwrap(), 2 << 30);
    assert_eq!(bytes("500 MB").unwrap(), 500_000_000);
    assert_eq!(bytes("1048576").unwrap(), 1 << 20);
    for text in ["1048575", "0", "", "2G B", "GiB", "-1MB", "99999999999GiB"] {
        assert!(bytes(text).unwrap_err().message.contains("(from --retention-size)"), "{text}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_a_suggestion() {
    let parse = |toml: &str| ConfigFile::parse(Path::new("config.toml"), toml).unwrap_err();

    let mistyped = parse("member = \"a\"\nretension = \"1h\"\n");
    assert_eq!(mistyped.message, "config.toml, line 2: unknown setting `retension`");
    assert_eq!(mistyped.hint.as_deref(), Some("did you mean `retention`?"));
    assert_eq!(mistyped.exit, Exit::Usage);
    let dashed = parse("retention-size = 1");
    assert_eq!(dashed.hint.as_deref(), Some("did you mean `retention_size`?"));
    assert!(parse("colour_of_my_hair = 1").hint.unwrap().starts_with("the settings are listen,"));
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    let parse = |toml: &str| ConfigFile::parse(Path::new("c"), toml).unwrap_err().message;

    assert!(parse("member = \"a\"\nretention = \n").starts_with("c, line 2: "));
    assert_eq!(parse("retention = true"), "c, line 1: `retention` must be text or a list of texts");
    assert!(parse("member = \"a\"\nmember = \"b\"").starts_with("c, line 2: "));
}

#[test]
fn a_configuration_that_was_asked_for_must_be_there() {
    let missing = Path::new("no/such/config.toml");

    let failure = Settings::load(Some(missing), Environment::default()).unwrap_err();

    assert!(failure.message.starts_with("cannot read the configuration no/such/config.toml: "));
    assert_eq!(failure.exit, Exit::Usage);
}

#[test]
fn the_pager_is_ours_then_the_users_then_less() {
    let pager = |variables: &[(&str, &str)]| settings(variables, "").pager();

    assert_eq!(pager(&[("TIDINGS_PAGER", "most"), ("PAGER", "more")]).as_deref(), Some("most"));
    assert_eq!(pager(&[("PAGER", "more")]).as_deref(), Some("more"));
    assert_eq!(pager(&[]).as_deref(), Some("less -FRX"));
    assert_eq!(pager(&[("PAGER", "cat")]), None);
}

#[test]
fn a_server_is_an_address_without_secrets_or_queries() {
    let server = |text: &str| settings(&[("TIDINGS_SERVER", text)], "").server(None);

    assert_eq!(server("http://[::1]:1/").unwrap(), "http://[::1]:1");
    for text in ["127.0.0.1:8434", "https://x", "http://", "http://a:b@x", "http://x/?a"] {
        assert!(server(text).unwrap_err().message.contains("TIDINGS_SERVER"), "{text}");
    }
}
