//! How does a server's JSON become ours without changing a digit of it?
//!
//! The text is laid out anew and otherwise kept: order, numbers and spelling stay
//! as they came.

use std::io::{self, Write};

use super::escape::escaped_json;
use super::out;

/// Prints JSON that is laid out. On a terminal nothing hostile passes.
///
/// # Errors
///
/// The output cannot be written.
pub fn print(out: &mut dyn Write, json: &str) -> io::Result<()> {
    if out::is_terminal() {
        writeln!(out, "{}", escaped_json(json))
    } else {
        writeln!(out, "{json}")
    }
}

/// On one line, without spaces between the parts.
pub fn compact(json: &str) -> String {
    laid_out(json, None)
}

/// Over several lines, two spaces a level.
pub fn pretty(json: &str) -> String {
    laid_out(json, Some("  "))
}

fn laid_out(json: &str, indent: Option<&str>) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escape, mut opened) = (0_usize, false, false, false);
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    };
    for c in json.chars() {
        if in_text {
            out.push(c);
            in_text = escape || c != '"';
            escape = c == '\\' && !escape;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        // An empty object or list stays on its line.
        if opened != closes {
            line(&mut out, depth);
        }
        opened = matches!(c, '{' | '[');
        out.push(c);
        match c {
            '{' | '[' => depth += 1,
            ',' => line(&mut out, depth),
            ':' if indent.is_some() => out.push(' '),
            '"' => in_text = true,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{ "b":1.0e+2, "a" : ["x, {\"y\": 1}\\", {}, [ ]],
        "c":{"d":12345678901234567890}}"#;

    #[test]
    fn compact_takes_out_space_between_the_parts_only() {
        assert_eq!(
            compact(JSON),
            r#"{"b":1.0e+2,"a":["x, {\"y\": 1}\\",{},[]],"c":{"d":12345678901234567890}}"#
        );
    }

    #[test]
    fn pretty_keeps_order_and_numbers() {
        assert_eq!(
            pretty(JSON),
            r#"{
  "b": 1.0e+2,
  "a": [
    "x, {\"y\": 1}\\",
    {},
    []
  ],
  "c": {
    "d": 12345678901234567890
  }
}"#
        );
    }

    #[test]
    fn both_are_the_same_value() {
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();

        assert_eq!(value(&compact(JSON)), value(JSON));
        assert_eq!(value(&pretty(JSON)), value(JSON));
    }
}
