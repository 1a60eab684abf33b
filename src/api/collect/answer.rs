//! A page of metrics as the answer of a request: compressed, if the caller takes that.

use std::io::Write;

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Answers with a page.
pub(super) async fn answer(page: String, headers: &HeaderMap) -> Response {
    let zipped = if takes_gzip(headers) { zipped(page.clone()).await } else { None };
    let is_zipped = zipped.is_some();
    let mut response = Response::new(zipped.map_or_else(|| Body::from(page), Body::from));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if is_zipped {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// A page in gzip; `None` when it cannot be written so, and is sent as it is.
async fn zipped(page: String) -> Option<Vec<u8>> {
    // A page of some MiB takes tens of milliseconds that no request should wait for.
    let zip = tokio::task::spawn_blocking(move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(page.as_bytes()).and_then(|()| encoder.finish())
    });
    zip.await.ok()?.ok()
}

/// Whether the caller takes gzip, and has not said that it does not.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = quality.trim().strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && quality.is_none_or(|quality| quality > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::body::to_bytes;
    use flate2::read::GzDecoder;

    use super::*;

    async fn sent(encodings: &str) -> (Option<String>, Vec<u8>) {
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, encodings.parse().unwrap())]);
        let response = answer("innkeeper_sessions 1\n".repeat(1_000), &headers).await;
        let encoding = response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned());
        (encoding, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn a_page_is_zipped_for_whom_takes_that_and_no_other() {
        let (encoding, bytes) = sent("deflate, gzip;q=0.5").await;
        assert_eq!(encoding.as_deref(), Some("gzip"));
        let mut page = String::new();
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut page).unwrap();
        assert!(page.len() == 21_000 && bytes.len() < 1_000, "{} bytes", bytes.len());
        for refused in ["identity", "gzip;q=0", "deflate"] {
            let (encoding, bytes) = sent(refused).await;
            assert_eq!((encoding, bytes.len()), (None, 21_000), "{refused}");
        }
    }
}
