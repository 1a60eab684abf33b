//! Where a text stops being JSON, and what was expected there, in the words of Python's `json` module, which the API's
//! clients know. Only asked about a text the parser has refused, so it need not build the value.

/// Why a text is no JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Which character is at fault, from 0.
    pub(super) place: usize,
    /// What is wrong with it.
    pub(super) error: &'static str,
}

/// What a value may lie in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

/// A walk over the text. It keeps its own stack: the text decides how deep it goes.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Container>,
}

/// A fault at a byte of the text.
type Step<T = ()> = Result<T, (usize, &'static str)>;

/// Finds the first fault; `None` when the text is JSON.
pub(super) fn find(text: &str) -> Option<Broken> {
    let mut walk = Walk { bytes: text.as_bytes(), at: 0, open: Vec::new() };
    let (at, error) = walk.document().err()?;
    let place = text.char_indices().take_while(|(start, _)| *start < at).count();
    Some(Broken { place, error })
}

impl Walk<'_> {
    fn document(&mut self) -> Step {
        self.skip_space();
        loop {
            self.value()?;
            if !self.further_value()? {
                return Ok(());
            }
        }
    }

    /// Walks over a scalar or an empty container, entering the containers it lies in.
    fn value(&mut self) -> Step {
        loop {
            let (container, close) = match self.peek() {
                Some(b'{') => (Container::Object, b'}'),
                Some(b'[') => (Container::Array, b']'),
                _ => return self.scalar(),
            };
            self.at += 1;
            self.skip_space();
            if self.take(close) {
                return Ok(());
            }
            self.open.push(container);
            if container == Container::Object {
                self.name()?;
            }
        }
    }

    /// Closes what ends after a value and goes to the next one; `false` when there is none.
    fn further_value(&mut self) -> Step<bool> {
        loop {
            self.skip_space();
            let Some(container) = self.open.last().copied() else {
                return if self.at == self.bytes.len() { Ok(false) } else { self.fault("Extra data") };
            };
            if self.take(if container == Container::Object { b'}' } else { b']' }) {
                self.open.pop();
                continue;
            }
            if !self.take(b',') {
                return self.fault("Expecting ',' delimiter");
            }
            self.skip_space();
            if container == Container::Object {
                self.name()?;
            }
            return Ok(true);
        }
    }

    /// Walks over a member's name and the colon after it.
    fn name(&mut self) -> Step {
        if self.peek() != Some(b'"') {
            return self.fault("Expecting property name enclosed in double quotes");
        }
        self.string()?;
        self.skip_space();
        if !self.take(b':') {
            return self.fault("Expecting ':' delimiter");
        }
        self.skip_space();
        Ok(())
    }

    fn scalar(&mut self) -> Step {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let rest = &self.bytes[self.at..];
                let literal = [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word));
                let Some(literal) = literal else { return self.fault("Expecting value") };
                self.at += literal.len();
                Ok(())
            }
        }
    }

    fn string(&mut self) -> Step {
        let start = self.at;
        let unterminated = Err((start, "Unterminated string starting at"));
        self.at += 1;
        loop {
            match self.peek() {
                None => return unterminated,
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(0..=0x1f) => return self.fault("Invalid control character at"),
                Some(b'\\') => match self.bytes.get(self.at + 1) {
                    None => return unterminated,
                    Some(b'u') => self.code_point()?,
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
                    Some(_) => return self.fault("Invalid \\escape"),
                },
                Some(_) => self.at += 1,
            }
        }
    }

    /// Walks over `\uXXXX`, after which the string must go on.
    fn code_point(&mut self) -> Step {
        let letter = self.at + 1;
        let digits = self.bytes.get(letter + 1..letter + 5);
        let goes_on = letter + 5 < self.bytes.len();
        if !goes_on || !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err((letter, "Invalid \\uXXXX escape"));
        }
        self.at = letter + 5;
        Ok(())
    }

    /// Walks over as much of a number as there is; what follows is judged by where the number stands.
    fn number(&mut self) -> Step {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err((start, "Expecting value"));
        }
        let whole = self.at;
        if !self.take(b'.') || self.digits() == 0 {
            self.at = whole;
        }
        let mantissa = self.at;
        let exponent = self.take(b'e') || self.take(b'E');
        let _signed = exponent && (self.take(b'+') || self.take(b'-'));
        if !exponent || self.digits() == 0 {
            self.at = mantissa;
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        digits
    }

    fn skip_space(&mut self) {
        let space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.bytes[self.at..].iter().take_while(space).count();
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over `byte` if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn fault<T>(&self, error: &'static str) -> Step<T> {
        Err((self.at, error))
    }
}
