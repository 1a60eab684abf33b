//! What an answer is by its first bytes: a stream of events, or one document.

/// The fields a line of a stream can begin with; a comment begins with a colon.
const FIELDS: [&[u8]; 5] = [b"event", b"data", b"id", b"retry", b":"];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Form {
    /// Server-sent events.
    Stream,
    /// A document, which is understood as a whole.
    Document,
}

/// What an answer is that begins with `bytes`; `None` while that is open. What is neither JSON nor begins like a stream is
/// what its content type says.
pub(super) fn form_of(bytes: &[u8], is_called_stream: bool) -> Option<Form> {
    let bytes = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest,
        None if BYTE_ORDER_MARK.starts_with(bytes) => return None,
        None => bytes,
    };
    let text = bytes.trim_ascii_start();
    match text.first() {
        None => None,
        Some(b'{' | b'[') => Some(Form::Document),
        Some(_) if is_called_stream || FIELDS.iter().any(|field| text.starts_with(field)) => Some(Form::Stream),
        Some(_) if FIELDS.iter().any(|field| field.starts_with(text)) => None,
        Some(_) => Some(Form::Document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_an_answer_say_what_it_is() {
        for (bytes, called_stream, expected) in [
            (&b""[..], false, None),
            (b" \r\n", true, None),
            (b"\xef\xbb", true, None),
            (b"\xef\xbb\xbf{", true, Some(Form::Document)),
            (b"\xef\xbb\xbfdata", false, Some(Form::Stream)),
            (b"\n\n{\"type\"", true, Some(Form::Document)),
            (b"[", true, Some(Form::Document)),
            (b"eve", false, None),
            (b"event: message_start", false, Some(Form::Stream)),
            (b": ping", false, Some(Form::Stream)),
            (b"retry: 3", false, Some(Form::Stream)),
            (b"<html>", false, Some(Form::Document)),
            (b"upstream connect error", false, Some(Form::Document)),
            (b"unheard: of", true, Some(Form::Stream)),
        ] {
            assert_eq!(form_of(bytes, called_stream), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
