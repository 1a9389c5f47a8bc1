//! How does an event look to a spreadsheet?
//!
//! RFC 4180: commas, CRLF, quotes doubled. A cell that a spreadsheet would take
//! for a formula (`=`, `+`, `-`, `@`, tab or CR in front) gets a `'` before it:
//! CSV is for people with spreadsheets, JSON is the exact form.

use tidings::{Fields, StoredEvent};

use super::row::RowEvent;

/// The first row.
pub const HEADER: &str =
    "id,timestamp,memberid,type,severity,subject,source,message,fields,received\r\n";

/// The first row where events stand for groups of them.
pub const COLLAPSED_HEADER: &str = "id,timestamp,memberid,type,severity,subject,source,message,\
    fields,received,count,first,last,members\r\n";

/// An event of which a row can be made: one that a server sent, or one of a log.
pub trait Record {
    /// Its cells, in the order of [`HEADER`]. Times are UTC; `fields` is JSON.
    fn cells(&self) -> [String; 10];

    /// What [`COLLAPSED_HEADER`] has besides, if it stands for a group.
    fn group_cells(&self) -> Option<[String; 4]> {
        None
    }
}

impl Record for RowEvent {
    fn cells(&self) -> [String; 10] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            self.id.clone(),
            self.timestamp.to_string(),
            self.memberid.clone(),
            self.event_type.clone(),
            self.severity.clone(),
            text(&self.subject),
            text(&self.source),
            self.message.clone(),
            json(&self.fields),
            self.received.map(|at| at.to_string()).unwrap_or_default(),
        ]
    }

    fn group_cells(&self) -> Option<[String; 4]> {
        self.collapsed.map(|group| {
            [
                group.count.to_string(),
                group.first.to_string(),
                group.last.to_string(),
                group.members.to_string(),
            ]
        })
    }
}

impl Record for StoredEvent {
    fn cells(&self) -> [String; 10] {
        let event = &self.event;
        [
            self.id.to_string(),
            self.timestamp.to_string(),
            self.member().to_owned(),
            event.event_type().to_owned(),
            event.severity().to_string(),
            event.subject().unwrap_or_default().to_owned(),
            event.source().unwrap_or_default().to_owned(),
            event.message().to_owned(),
            json(event.fields()),
            self.received.to_string(),
        ]
    }
}

fn json(fields: &Fields) -> String {
    // Names and JSON values always serialise.
    let json = || serde_json::to_string(fields).unwrap_or_default();
    if fields.is_empty() { String::new() } else { json() }
}

/// One event as a row.
pub fn row(event: &impl Record) -> String {
    let (cells, group) = (event.cells(), event.group_cells());
    let cells = cells.iter().chain(group.iter().flatten());
    let cells: Vec<String> = cells.map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_quotes_and_line_ends_are_quoted() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"hi\"\r\n"), "\"say \"\"hi\"\"\r\n\"");
    }

    #[test]
    fn nothing_is_a_formula() {
        for text in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        assert_eq!(cell("=1,2"), "\"'=1,2\"");
        assert_eq!(cell("\rx"), "\"'\rx\"");
        assert_eq!(cell("a=b"), "a=b");
    }

    #[test]
    fn a_row_has_a_cell_for_each_name_of_the_header() {
        let event: RowEvent = serde_json::from_str(
            r#"{"id":"i","type":"t","message":"m","timestamp":"2026-11-22T09:45:57Z",
                "memberid":"db1","severity":"info","fields":{"a":"x","b":1}}"#,
        )
        .unwrap();

        assert_eq!(
            row(&event),
            "i,2026-11-22T09:45:57Z,db1,t,info,,,m,\"{\"\"a\"\":\"\"x\"\",\"\"b\"\":1}\",\r\n"
        );
        assert_eq!(HEADER.matches(',').count(), 9);
    }

    #[test]
    fn a_group_has_cells_of_its_own() {
        let event: RowEvent = serde_json::from_str(
            r#"{"id":"i","type":"t","timestamp":"2026-11-22T09:45:57Z","severity":"info",
                "collapsed":{"count":3,"first":"2026-11-22T09:00:00Z",
                "last":"2026-11-22T09:45:57Z","members":2}}"#,
        )
        .unwrap();

        assert_eq!(
            row(&event),
            "i,2026-11-22T09:45:57Z,,t,info,,,,,,3,2026-11-22T09:00:00Z,2026-11-22T09:45:57Z,2\r\n"
        );
        assert!(COLLAPSED_HEADER.starts_with(HEADER.trim_end()));
        assert_eq!(COLLAPSED_HEADER.matches(',').count(), 13);
    }
}
