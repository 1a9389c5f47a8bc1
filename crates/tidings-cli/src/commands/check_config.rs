//! `tidings serve --check-config`: what would the server run with?

use std::io::Write as _;
use std::time::Duration;

use crate::exit::Failure;
use crate::settings::ServeSettings;
use crate::times::{format_span, parse_span};
use crate::view::out::Out;

/// Prints the settings as a configuration file.
///
/// # Errors
///
/// The output cannot be written.
pub(super) fn run(settings: &ServeSettings) -> Result<(), Failure> {
    let mut out = Out::plain();
    out.write_all(as_toml(settings).as_bytes()).map_err(|error| Failure::output(&error))?;
    out.finish().map_err(|error| Failure::output(&error))
}

fn as_toml(settings: &ServeSettings) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let list = |items: Vec<String>| {
        let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
        format!("[{}]", items.join(", "))
    };
    let lines = [
        ("listen", list(settings.listen.iter().map(ToString::to_string).collect())),
        ("data", quoted(&settings.data.display().to_string())),
        ("member", quoted(&settings.member)),
        ("retention", quoted(&exact_span(settings.retention))),
        ("retention_size", settings.retention_bytes.to_string()),
        ("allowed_host", list(settings.allowed_hosts.clone())),
    ];
    let lines = lines.map(|(key, value)| format!("{key} = {value}\n"));
    lines.concat()
}

/// The span in words if they say all of it, else in milliseconds.
fn exact_span(span: Duration) -> String {
    let words = format_span(span);
    let exact = parse_span(&words) == Ok(span);
    if exact { words } else { format!("{}ms", span.as_millis()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_never_rounded() {
        assert_eq!(exact_span(Duration::from_millis(90_061_001)), "90061001ms");
    }

    #[test]
    fn what_it_prints_is_a_configuration_file() {
        let settings = ServeSettings {
            listen: vec!["127.0.0.1:8434".parse().unwrap(), "[::1]:1".parse().unwrap()],
            data: "/var/lib/tidings".into(),
            member: "db \"1\"".into(),
            retention: std::time::Duration::from_hours(25),
            retention_bytes: 2 << 30,
            allowed_hosts: vec!["events.example.org".into()],
        };

        assert_eq!(
            as_toml(&settings),
            r#"listen = ["127.0.0.1:8434", "[::1]:1"]
data = "/var/lib/tidings"
member = 'db "1"'
retention = "25h"
retention_size = 2147483648
allowed_host = ["events.example.org"]
"#
        );
    }
}
