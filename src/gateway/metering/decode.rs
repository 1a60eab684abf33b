//! Undoes a compression that was not asked for, in the copy that is metered. The caller gets the bytes as they came.

use std::borrow::Cow;
use std::io::Write;

use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// Bytes that are decoded at a time, which bounds how far they can expand at once.
const STEP_BYTES: usize = 4 * 1024;

/// How an answer is encoded, and how far it is decoded.
#[derive(Debug)]
pub(super) enum Decoder {
    /// Not at all, as far as its headers say; its first byte is still to come.
    Plain { has_begun: bool },
    /// With gzip.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    /// With zlib, which HTTP calls `deflate`.
    Zlib(Box<ZlibDecoder<Vec<u8>>>),
    /// In a way that is not known, or wrongly.
    Unknown,
}

impl Decoder {
    /// The decoder for an answer with `headers`.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let named = encodings.next().map(|value| value.as_bytes().trim_ascii().to_ascii_lowercase());
        match named.as_deref() {
            _ if encodings.next().is_some() => Self::Unknown,
            None | Some(b"" | b"identity") => Self::Plain { has_begun: false },
            Some(b"gzip" | b"x-gzip") => Self::gzip(),
            Some(b"deflate") => Self::Zlib(Box::new(ZlibDecoder::new(Vec::new()))),
            Some(_) => Self::Unknown,
        }
    }

    fn gzip() -> Self {
        Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
    }

    /// Decodes the next piece and gives the text to `sink`, which says whether it takes more. Returns whether the piece could
    /// be decoded.
    pub(super) fn decode(&mut self, piece: &[u8], mut sink: impl FnMut(&[u8]) -> bool) -> bool {
        if let (Self::Plain { has_begun: false }, [first, ..]) = (&*self, piece) {
            // No text begins with the first byte of gzip, whatever the headers say.
            *self = if *first == 0x1f { Self::gzip() } else { Self::Plain { has_begun: true } };
        }
        if matches!(self, Self::Plain { .. }) {
            return sink(piece);
        }
        for step in piece.chunks(STEP_BYTES) {
            let Ok(text) = self.step(step) else {
                *self = Self::Unknown;
                return false;
            };
            if !sink(&text) {
                return false;
            }
        }
        true
    }

    fn step<'a>(&mut self, bytes: &'a [u8]) -> std::io::Result<Cow<'a, [u8]>> {
        match self {
            Self::Plain { .. } => Ok(Cow::Borrowed(bytes)),
            Self::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            Self::Zlib(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            Self::Unknown => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    fn decoded(encoding: Option<&'static str>, bytes: &[u8], piece: usize) -> Option<Vec<u8>> {
        let mut headers = HeaderMap::new();
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, http::HeaderValue::from_static(encoding));
        }
        let (mut coding, mut text) = (Decoder::new(&headers), Vec::new());
        for piece in bytes.chunks(piece) {
            let is_decoded = coding.decode(piece, |more| {
                text.extend_from_slice(more);
                true
            });
            if !is_decoded {
                return None;
            }
        }
        Some(text)
    }

    #[test]
    fn decodes_what_was_compressed_unasked() {
        let text = b"data: {\"type\":\"ping\"}\n\n".repeat(500);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let zlib = zlib.finish().unwrap();
        for piece in [1, 7, 100_000] {
            assert_eq!(decoded(None, &text, piece).unwrap(), text);
            assert_eq!(decoded(Some("identity"), &text, piece).unwrap(), text);
            assert_eq!(decoded(Some("GZIP"), &gzip, piece).unwrap(), text);
            assert_eq!(decoded(None, &gzip, piece).unwrap(), text, "gzip is known without a header");
            assert_eq!(decoded(Some("deflate"), &zlib, piece).unwrap(), text);
            for unknown in ["br", "zstd", "gzip, gzip"] {
                assert_eq!(decoded(Some(unknown), &gzip, piece), None, "{unknown}");
            }
        }
        assert_eq!(decoded(Some("gzip"), &text, 100), None, "text is no gzip");
    }

    #[test]
    fn stops_when_no_more_is_taken() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&vec![0; 50_000_000]).unwrap();
        let bomb = gzip.finish().unwrap();
        let (mut decoder, mut seen) = (Decoder::new(&HeaderMap::new()), 0);
        let all = decoder.decode(&bomb, |more| {
            seen += more.len();
            seen < 1_000_000
        });
        assert!(!all && seen < 10_000_000, "{seen} bytes were decoded");
    }
}
