//! `tidings serve --check-config`: what would the server run with?

use std::io::Write as _;
use std::path::Path;
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
    let mut lines = vec![
        ("listen", list(settings.listen.iter().map(ToString::to_string).collect())),
        ("data", quoted(&settings.data.display().to_string())),
        ("member", quoted(&settings.member)),
        ("retention", quoted(&exact_span(settings.retention))),
        ("retention_size", settings.retention_bytes.to_string()),
        ("query_events_max", settings.query_events_max.to_string()),
        ("allowed_host", list(settings.allowed_hosts.clone())),
    ];
    if let Some(etcd) = &settings.etcd {
        let path = |path: &Path| quoted(&path.display().to_string());
        lines.push(("etcd", list(etcd.endpoints.clone())));
        lines.push(("etcd_prefix", quoted(&etcd.prefix)));
        if let Some((name, password_file)) = &etcd.user {
            lines.push(("etcd_user", quoted(name)));
            lines.push(("etcd_password_file", path(password_file)));
        }
        lines.extend(etcd.ca_file.as_deref().map(|ca| ("etcd_ca", path(ca))));
        if let Some((cert, key)) = &etcd.identity_files {
            lines.extend([("etcd_cert", path(cert)), ("etcd_key", path(key))]);
        }
        lines.push(("etcd_linger", quoted(&exact_span(etcd.linger))));
        lines.push(("etcd_quota", etcd.quota_bytes.to_string()));
    }
    let lines: Vec<_> = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
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
    use crate::settings::EtcdSettings;

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
            query_events_max: 7,
            allowed_hosts: vec!["events.example.org".into()],
            etcd: Some(EtcdSettings {
                endpoints: vec!["https://a:2379".into()],
                prefix: "tidings".into(),
                user: Some(("db1".into(), "/etc/tidings/password".into())),
                ca_file: Some("/etc/tidings/ca.pem".into()),
                identity_files: Some(("/c.pem".into(), "/k.pem".into())),
                linger: Duration::from_millis(1500),
                quota_bytes: 8 << 30,
            }),
        };

        assert_eq!(
            as_toml(&settings),
            r#"listen = ["127.0.0.1:8434", "[::1]:1"]
data = "/var/lib/tidings"
member = 'db "1"'
retention = "25h"
retention_size = 2147483648
query_events_max = 7
allowed_host = ["events.example.org"]
etcd = ["https://a:2379"]
etcd_prefix = "tidings"
etcd_user = "db1"
etcd_password_file = "/etc/tidings/password"
etcd_ca = "/etc/tidings/ca.pem"
etcd_cert = "/c.pem"
etcd_key = "/k.pem"
etcd_linger = "1500ms"
etcd_quota = 8589934592
"#
        );
    }
}
