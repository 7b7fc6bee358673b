//! A cursor over JSON text: it checks the grammar and copies nothing; values are ranges of the text.
//!
//! The text is UTF-8 already (checked as a whole, which is faster). Nesting is limited, so hostile text cannot exhaust
//! the stack.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

/// The text is not JSON, or nests deeper than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A place in JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
    nesting_left: usize,
}

/// Whether an object or array has been entered just now, so that no comma is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    First,
    Next,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t [u8], nesting_limit: usize) -> Self {
        Self { text, at: 0, nesting_left: nesting_limit }
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Result<u8, Malformed> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Malformed),
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// Goes into an object (`{`) or array (`[`).
    pub(crate) fn enter(&mut self, bracket: u8) -> Result<Turn, Malformed> {
        self.expect(bracket)?;
        self.nesting_left = self.nesting_left.checked_sub(1).ok_or(Malformed)?;
        Ok(Turn::First)
    }

    /// Goes to the next key of the object that was entered; false, and out of it, where there is none.
    pub(crate) fn next_key(&mut self, turn: &mut Turn) -> Result<bool, Malformed> {
        if !self.next_element(turn, b'}')? {
            return Ok(false);
        }
        if self.peek()? == b'"' { Ok(true) } else { Err(Malformed) }
    }

    /// Goes to the next item of the array that was entered; false, and out of it, where there is none.
    pub(crate) fn next_item(&mut self, turn: &mut Turn) -> Result<bool, Malformed> {
        self.next_element(turn, b']')
    }

    fn next_element(&mut self, turn: &mut Turn, closing: u8) -> Result<bool, Malformed> {
        let byte = self.peek()?;
        if byte == closing {
            self.at += 1;
            self.nesting_left += 1;
            return Ok(false);
        }
        if std::mem::replace(turn, Turn::Next) == Turn::Next {
            self.expect(b',')?;
            // `[1,]` is no JSON.
            if self.peek()? == closing {
                return Err(Malformed);
            }
        }
        Ok(true)
    }

    /// Passes the key here where it is the given one (with its quotes), and the colon.
    pub(crate) fn take_key(&mut self, quoted: &[u8]) -> Result<bool, Malformed> {
        if !self.text[self.at..].starts_with(quoted) {
            return Ok(false);
        }
        self.at += quoted.len();
        self.expect(b':')?;
        Ok(true)
    }

    /// Passes the key here, whatever it is, and the colon. The range has the quotes.
    pub(crate) fn key(&mut self) -> Result<Range<usize>, Malformed> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Passes a value of any kind.
    pub(crate) fn value(&mut self) -> Result<Range<usize>, Malformed> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => return self.string(),
            b'{' => {
                let mut turn = self.enter(b'{')?;
                while self.next_key(&mut turn)? {
                    self.key()?;
                    self.value()?;
                }
            }
            b'[' => {
                let mut turn = self.enter(b'[')?;
                while self.next_item(&mut turn)? {
                    self.value()?;
                }
            }
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Ok(start..self.at)
    }

    /// Passes a value and gives its text.
    pub(crate) fn take_value(&mut self) -> Result<&'t [u8], Malformed> {
        let range = self.value()?;
        Ok(&self.text[range])
    }

    /// Passes a key and gives its text, with the quotes.
    pub(crate) fn take_key_text(&mut self) -> Result<&'t [u8], Malformed> {
        let range = self.key()?;
        Ok(&self.text[range])
    }

    /// How many more objects and arrays may be entered.
    pub(crate) fn nesting_left(&self) -> usize {
        self.nesting_left
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn string(&mut self) -> Result<Range<usize>, Malformed> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let plain = memchr2(b'"', b'\\', rest).ok_or(Malformed)?;
            // The smallest byte, without an early exit: the compiler makes vector instructions of it.
            if rest[..plain].iter().fold(u8::MAX, |least, &byte| least.min(byte)) < b' ' {
                return Err(Malformed);
            }
            self.at += plain + 1;
            if rest[plain] == b'"' {
                return Ok(start..self.at);
            }
            self.escape()?;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<(), Malformed> {
        let escaped = *self.text.get(self.at).ok_or(Malformed)?;
        self.at += 1;
        match escaped {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4).ok_or(Malformed)?;
                self.at += 4;
                if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(Malformed) }
            }
            _ => Err(Malformed),
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Malformed) }
    }

    /// Nothing but white space may be left.
    pub(crate) fn finish(mut self) -> Result<(), Malformed> {
        if self.peek().is_err() { Ok(()) } else { Err(Malformed) }
    }
}

/// What a JSON string (with its quotes) says; `None` where an escape is half a surrogate pair.
pub(crate) fn unescape(quoted: &[u8]) -> Option<Cow<'_, str>> {
    let inner = &quoted[1..quoted.len() - 1];
    if inner.contains(&b'\\') {
        serde_json::from_slice(quoted).ok().map(Cow::Owned)
    } else {
        std::str::from_utf8(inner).ok().map(Cow::Borrowed)
    }
}

/// Whether a JSON value is an integer, written as one, of any size.
pub(crate) fn is_integer(json: &[u8]) -> bool {
    json.strip_prefix(b"-").unwrap_or(json).iter().all(u8::is_ascii_digit)
}

/// The 32-bit integer that a JSON value is, however it is written: `1.0` is one.
pub(crate) fn as_int(json: &[u8]) -> Option<i32> {
    // What has nine digits or fewer cannot be too large.
    if json.len() <= 9 && !json.is_empty() && json.iter().all(u8::is_ascii_digit) {
        return Some(json.iter().fold(0, |int, digit| int * 10 + i32::from(digit - b'0')));
    }
    let text = std::str::from_utf8(json).ok()?;
    if is_integer(json) {
        return text.parse().ok();
    }
    let number: f64 = text.parse().ok().filter(|_| is_number(json))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number within the bounds is exact"
    )]
    (number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX)).then_some(number as i32)
}

/// Whether a JSON value is a number.
pub(crate) fn is_number(json: &[u8]) -> bool {
    json.first().is_some_and(|byte| *byte == b'-' || byte.is_ascii_digit())
}

/// Appends text as a JSON string.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string can be written to memory");
}

/// A name as a JSON string: GraphQL names need no escapes.
pub(crate) fn quoted(name: &str) -> Box<[u8]> {
    format!("\"{name}\"").into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether the cursor takes the whole text for one value.
    fn accepts(text: &str) -> bool {
        let mut cursor = Cursor::new(text.as_bytes(), 8);
        cursor.value().is_ok() && cursor.finish().is_ok()
    }

    #[test]
    fn accepts_what_the_grammar_allows() {
        for text in [
            "null",
            " true ",
            "-0",
            "0.10",
            "1e-7",
            "12345678901234567890.5",
            r#""""#,
            r#""\u00e9\n\"""#,
            "[]",
            "{}",
            "[ 1 , [ ] ]",
            r#"{"a":{"b":[null]}}"#,
            "\"é\"",
        ] {
            assert!(accepts(text), "{text}");
        }
    }

    #[test]
    fn refuses_what_the_grammar_does_not_allow() {
        for text in [
            "",
            "nul",
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
            "-",
            "\"a",
            "\"\u{1}\"",
            r#""\x""#,
            r#""\u12g4""#,
            "[1,]",
            "[,1]",
            "[1 2]",
            r#"{"a"}"#,
            r#"{"a":1,}"#,
            "{a:1}",
            "1 2",
            "[1}",
            "[[[[[[[[[]]]]]]]]]",
        ] {
            assert!(!accepts(text), "{text}");
        }
    }

    #[test]
    fn unescapes_only_where_there_is_an_escape() {
        assert!(matches!(unescape(br#""plain""#), Some(Cow::Borrowed("plain"))));
        assert_eq!(unescape(br#""\u0041\"""#).as_deref(), Some("A\""));
        assert_eq!(unescape(br#""\ud800""#), None);
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"\\a0-9eE.+\- tfn]{0,24}|\[("[^"]{0,4}"|-?[0-9]{1,3}(\.[0-9])?|true)(,null){0,3}\]"#) {
            prop_assert_eq!(accepts(&text), serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        }
    }
}
