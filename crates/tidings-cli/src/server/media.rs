//! Which media type came, and which is wanted?

use axum::http::{HeaderMap, HeaderValue, header};

/// The media type of a request body, lower-cased, without its parameters;
/// `Err` if it is there and says another character set than UTF-8.
pub(super) fn content_type(headers: &HeaderMap) -> Result<Option<String>, ForeignCharset> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let text = value.to_str().map_err(|_| ForeignCharset)?;
    let mut parts = text.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    for parameter in parts {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        let known = matches!(value.as_str(), "utf-8" | "utf8" | "us-ascii");
        if name.trim().eq_ignore_ascii_case("charset") && !known {
            return Err(ForeignCharset);
        }
    }
    Ok((!essence.is_empty()).then_some(essence))
}

/// A character set that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ForeignCharset;

/// The best of `offered` that the client accepts (RFC 9110, section 12.5.1), the
/// first if it says nothing; `None` if it accepts none of them.
pub(super) fn negotiate<T: Copy>(headers: &HeaderMap, offered: &[(&str, T)]) -> Option<T> {
    let accept: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .collect();
    if accept.is_empty() {
        return offered.first().map(|(_, answer)| *answer);
    }
    let mut best: Option<(u16, T)> = None;
    for (media, answer) in offered {
        let quality = quality_of(media, &accept);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, *answer));
        }
    }
    best.map(|(_, answer)| answer)
}

/// In thousandths, by the most specific range that fits.
fn quality_of(media: &str, accept: &[&str]) -> u16 {
    let mut found = (0, 0);
    for range in accept {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let group = media.split('/').next().unwrap_or_default();
        let specific = match name.as_str() {
            "*/*" | "*" => 1,
            name if name.strip_suffix("/*") == Some(group) => 2,
            name if name == media => 3,
            _ => continue,
        };
        let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0));
        if specific > found.0 {
            found = (specific, thousandths(weight));
        }
    }
    found.1
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=1 before"
)]
fn thousandths(weight: f32) -> u16 {
    (weight.clamp(0.0, 1.0) * 1000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [(&str, u8); 3] =
        [("application/json", 1), ("application/x-ndjson", 2), ("text/plain", 3)];

    fn accept(value: &'static str) -> Option<u8> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(value));
        negotiate(&headers, &OFFERED)
    }

    #[test]
    fn the_most_wanted_type_is_given() {
        assert_eq!(negotiate(&HeaderMap::new(), &OFFERED), Some(1));
        assert_eq!(accept("*/*"), Some(1));
        assert_eq!(accept("text/html,application/xhtml+xml,*/*;q=0.8"), Some(1));
        assert_eq!(accept("application/x-ndjson"), Some(2));
        assert_eq!(accept("text/*, application/json;q=0.5"), Some(3));
        assert_eq!(accept("application/json;q=0, */*"), Some(2));
        assert_eq!(accept("image/png"), None);
    }

    #[test]
    fn a_character_set_other_than_utf_8_is_foreign() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            content_type(&headers)
        };

        assert_eq!(of("Text/Plain; charset=\"UTF-8\""), Ok(Some("text/plain".to_owned())));
        assert_eq!(of("text/plain; charset=latin1"), Err(ForeignCharset));
    }
}
