//! What is in a compressed body?

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tidings_cli::server::door::decoded;
use tidings_cli::server::limits::BODY_BYTES_MAX;

/// The first byte says how: as gzip, as zstd, or compressed by us first.
pub(crate) fn encoded(data: &[u8]) -> bool {
    let Some((how, data)) = data.split_first() else { return false };
    let encoding = if how % 2 == 0 { "gzip" } else { "zstd" };
    if how & 2 != 0 {
        let body = decoded(compressed(data, encoding), encoding).expect("we compressed it");
        assert_eq!(body, data, "{encoding}");
        return true;
    }
    match decoded(data.to_vec(), encoding) {
        Ok(body) => {
            assert!(body.len() <= BODY_BYTES_MAX, "{} bytes", body.len());
            true
        }
        Err(problem) => {
            assert!(problem.kind().status().is_client_error(), "{problem:?}");
            false
        }
    }
}

fn compressed(data: &[u8], encoding: &str) -> Vec<u8> {
    if encoding == "zstd" {
        return zstd::encode_all(data, 1).expect("memory takes it");
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).and_then(|()| encoder.finish()).expect("memory takes it")
}
