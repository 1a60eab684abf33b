//! How many tokens an image costs at most, from the pixels its header names.
//!
//! Only what every decoder reads alike is believed: a header with anything odd about it, and every format in which a
//! frame may be larger than the header says, costs as much as the largest image there is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of base64 in which a header is looked for.
const HEADER_LETTERS: usize = 256 * 1024;

/// Pixels of one token, by the provider's rule of thumb.
const PIXELS_PER_TOKEN: u64 = 750;

/// The edge of the squares an image is cut into, one token each.
const PATCH_PIXELS: u64 = 28;

/// Tokens around an image.
const AROUND: u64 = 16;

/// The most tokens of the image whose base64 text is `data`, when no image costs more than `max`.
pub(super) fn tokens(data: &str, max: u64) -> u64 {
    let tokens = dimensions(data).map_or(max, |(width, height)| {
        let by_area = width.saturating_mul(height).div_ceil(PIXELS_PER_TOKEN);
        let by_patches = width.div_ceil(PATCH_PIXELS).saturating_mul(height.div_ceil(PATCH_PIXELS));
        by_area.max(by_patches).min(max)
    });
    tokens.saturating_add(AROUND)
}

fn dimensions(data: &str) -> Option<(u64, u64)> {
    let letters = data.as_bytes();
    let whole = letters.len().min(HEADER_LETTERS) / 4 * 4;
    let header = STANDARD.decode(letters.get(..whole)?).ok()?;
    let (width, height) = png(&header).or_else(|| jpeg(&header)).or_else(|| webp(&header))?;
    (width > 0 && height > 0).then_some((width, height))
}

fn big_endian(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn little_endian(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The header is the first chunk, and of one length.
fn png(image: &[u8]) -> Option<(u64, u64)> {
    let header = image.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
    Some((big_endian(header, 0, 4)?, big_endian(header, 4, 4)?))
}

/// The first frame header in a row of segments with nothing between them.
fn jpeg(image: &[u8]) -> Option<(u64, u64)> {
    image.strip_prefix(b"\xff\xd8")?;
    let mut at = 2;
    loop {
        let marker = big_endian(image, at, 2)?;
        let length = usize::try_from(big_endian(image, at + 2, 2)?).ok()?;
        match marker {
            0xFFC0..=0xFFC3 | 0xFFC5..=0xFFC7 | 0xFFC9..=0xFFCB | 0xFFCD..=0xFFCF => {
                return Some((big_endian(image, at + 7, 2)?, big_endian(image, at + 5, 2)?));
            }
            0xFFC4 | 0xFFCC | 0xFFDB..=0xFFDD | 0xFFE0..=0xFFEF | 0xFFFE if length >= 2 => at += 2 + length,
            _ => return None,
        }
    }
}

/// A still image of one frame. An extended file may hold others, so it is not believed.
fn webp(image: &[u8]) -> Option<(u64, u64)> {
    image.strip_prefix(b"RIFF")?;
    let chunk = image.get(8..)?.strip_prefix(b"WEBP")?;
    if let Some(frame) = chunk.strip_prefix(b"VP8 ") {
        (frame.get(7..10)? == b"\x9d\x01\x2a").then_some(())?;
        return Some((little_endian(frame, 10, 2)? & 0x3FFF, little_endian(frame, 12, 2)? & 0x3FFF));
    }
    let frame = chunk.strip_prefix(b"VP8L")?;
    (frame.get(4)? == &0x2f).then_some(())?;
    let bits = little_endian(frame, 5, 4)?;
    Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 4_784;

    fn of(image: &[u8]) -> u64 {
        tokens(&STANDARD.encode(image), MAX)
    }

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), b"\x08\x02\0\0\0"]
            .concat()
    }

    #[test]
    fn an_image_costs_its_pixels() {
        assert_eq!(of(&png_of(447, 447)), 267 + 16);
        assert_eq!(of(&png_of(1, 10_000)), 358 + 16);
        assert_eq!(of(&png_of(8_000, 8_000)), MAX + 16);
        assert_eq!(of(&png_of(u32::MAX, u32::MAX)), MAX + 16);
        let frame = b"\xff\xc2\0\x11\x08\x01\xbf\x01\xbf\x03";
        let exif = b"\xff\xe1\0\x06\xff\xc0\0\0";
        assert_eq!(of(&[b"\xff\xd8".as_slice(), exif, frame, b"\0\0"].concat()), 267 + 16);
        assert_eq!(of(b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\xbf\x01\xbf\x01\0"), 267 + 16);
        let bits = 446_u32 + (446 << 14);
        assert_eq!(
            of(&[b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f".as_slice(), &bits.to_le_bytes(), b"\0"].concat()),
            267 + 16
        );
    }

    #[test]
    fn what_cannot_be_read_for_sure_costs_the_most() {
        for odd in [
            b"".as_slice(),
            b"not an image at all",
            b"GIF89a\x01\0\x01\0\0\0\0",
            b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x01\0\0\x01\0\0",
            b"\xff\xd8\xff\xe1\0\x04\0\0garbage\xff\xc0\0\x11\x08\0\x01\0\x01\x03",
            b"\xff\xd8\xff\xff\xff\xc0\0\x11\x08\0\x01\0\x01\x03",
            &png_of(0, 5),
        ] {
            assert_eq!(of(odd), MAX + 16, "{odd:?}");
        }
        let broken = format!("!{}", STANDARD.encode(png_of(1, 1)));
        assert_eq!(tokens(&broken, MAX), MAX + 16);
    }
}
