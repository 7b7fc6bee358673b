//! Texts that are nearly a subgraph's answer: its fields in any order and number, odd values in their places, any white
//! space and escapes, and bytes that are cut off, overwritten or doubled.

use crate::random::Random;

const KEYS: [&str; 12] = [
    "any",
    "text",
    "id",
    "int",
    "float",
    "flag",
    "kind",
    "object",
    "objects",
    "grid",
    "surplus",
    "__typename",
];
const LEAVES: [&str; 44] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "7",
    "-1",
    "1.0",
    "0.10",
    "1e3",
    "1E-7",
    "-2.5e+10",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890.123456789",
    "1e308",
    "1e999",
    "\"\"",
    "\"BOOK\"",
    "\"FILM\"",
    "\"\\u0042OOK\"",
    "\"NONE\"",
    "\"plain\"",
    "\"é😀\u{7f}\u{2028}\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\udc00x\"",
    "\"\\u0000\"",
    "\"{}[],:\"",
    "[]",
    "{}",
    "[[]]",
    "{\"a\":[{\"b\":null}]}",
    "[1,\"two\",{\"three\":3.0}]",
    "{\"\":{}}",
    "{\"a\":1,\"a\":2}",
    "[null,null]",
    "\"data\"",
];
/// None of these is JSON.
const BROKEN: [&str; 22] = [
    "nul",
    "True",
    "NaN",
    "Infinity",
    "01",
    "+1",
    "1.",
    ".5",
    "1e",
    "-",
    "0x10",
    "'a'",
    "\"a",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\\u12\"",
    "\"\u{1}\"",
    "[1,]",
    "{\"a\":1,}",
    "{a:1}",
    "[1 2]",
    "undefined",
];
const BYTES: [u8; 20] = [
    b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b'-', b'e', b'.', b' ', 0, 0x1f, 0x80,
    0xc3, 0xed, 0xf0, 0xff,
];

/// The text that a seed stands for.
pub(crate) fn answer_text(seed: u64) -> Vec<u8> {
    let mut writer = Writer { random: Random::new(seed), out: Vec::new(), budget: 60, odd: 0 };
    writer.odd = writer.random.pick(&[0, 0, 5, 15]);
    writer.answer();
    for _ in 0..writer.random.pick(&[0, 0, 0, 1, 1, 2, 4]) {
        writer.damage();
    }
    writer.out
}

struct Writer {
    random: Random,
    out: Vec<u8>,
    /// How many more values there may be.
    budget: usize,
    /// How many values of a hundred are of the wrong type.
    odd: usize,
}

impl Writer {
    fn answer(&mut self) {
        let mut keys = vec!["data"];
        if self.random.percent(25) {
            keys.push("errors");
        }
        if self.random.percent(10) {
            keys.push("extensions");
        }
        if self.random.percent(5) {
            keys.push("data");
        }
        let first = self.random.below(keys.len());
        keys.rotate_left(first);
        self.out.push(b'{');
        for (index, key) in keys.into_iter().enumerate() {
            self.key(index, key);
            match key {
                "data" if self.random.percent(95) => self.object(0),
                "errors" => self.errors(),
                _ => self.leaf(),
            }
        }
        self.space();
        self.out.push(b'}');
        self.space();
    }

    fn key(&mut self, index: usize, key: &str) {
        if index > 0 {
            self.out.push(b',');
        }
        self.space();
        self.out.push(b'"');
        for (at, char) in key.char_indices() {
            if at == 0 && self.random.percent(2) {
                self.out.extend(format!("\\u{:04x}", u32::from(char)).bytes());
            } else {
                self.out.extend(char.to_string().bytes());
            }
        }
        self.out.push(b'"');
        self.space();
        self.out.push(b':');
        self.space();
    }

    fn object(&mut self, depth: usize) {
        self.out.push(b'{');
        let mut keys: Vec<&str> = KEYS.to_vec();
        match self.random.below(4) {
            0 => keys = self.random.some(&KEYS, 5),
            1 => keys.rotate_left(3),
            2 => keys.push(self.random.pick(&KEYS)),
            _ => {}
        }
        let mut index = 0;
        for key in keys {
            if self.budget == 0 || self.random.percent(10) {
                continue;
            }
            self.key(index, key);
            index += 1;
            self.value(key, depth + 1);
        }
        self.space();
        self.out.push(b'}');
    }

    /// A value for a field, mostly of its type.
    fn value(&mut self, key: &str, depth: usize) {
        self.budget = self.budget.saturating_sub(1);
        let text = match key {
            _ if self.random.percent(self.odd) => return self.leaf(),
            "object" if depth < 5 => return self.object(depth),
            "objects" if depth < 5 => return self.list(1, depth),
            "grid" if depth < 5 => return self.list(2, depth),
            "text" => {
                ["\"a\"", "\"é\"", "\"\\n\"", "null", "\"\\ud83d\\ude00\""][self.random.below(5)]
            }
            "id" => ["\"1\"", "7", "18446744073709551616", "-1", "null"][self.random.below(5)],
            "int" => ["1", "-2147483648", "2.0", "null", "0"][self.random.below(5)],
            "float" => ["1", "1.50", "1e3", "null", "-0.0"][self.random.below(5)],
            "flag" => ["true", "false", "null"][self.random.below(3)],
            "kind" => ["\"BOOK\"", "\"FILM\"", "null"][self.random.below(3)],
            _ => return self.leaf(),
        };
        self.out.extend(text.bytes());
    }

    fn list(&mut self, lists: usize, depth: usize) {
        if lists == 0 {
            return self.object(depth);
        }
        self.out.push(b'[');
        for index in 0..self.random.below(4) {
            if index > 0 {
                self.out.push(b',');
            }
            self.space();
            if self.random.percent(10) {
                self.out.extend(b"null");
            } else {
                self.list(lists - 1, depth);
            }
        }
        self.space();
        self.out.push(b']');
    }

    fn errors(&mut self) {
        let text = [
            "[]",
            "null",
            "[{\"message\":\"no\",\"path\":[\"object\",\"text\"]}]",
            "[{\"message\":\"no\",\"path\":[\"objects\",0,\"object\"],\"extensions\":{\"code\":\"X\"}}]",
            "[{\"message\":\"\",\"path\":[\"grid\",99999999999999999999,-1,1.5,null,{}]}]",
            "[{\"message\":7,\"path\":\"text\",\"extensions\":[]},{}]",
        ];
        let text = self.random.pick(&text);
        self.out.extend(text.bytes());
    }

    fn leaf(&mut self) {
        if self.random.percent(1) {
            let broken = self.random.pick(&BROKEN);
            return self.out.extend(broken.bytes());
        }
        if self.random.percent(1) {
            // About as deep as it may be, inside of what is around.
            let depth = self.random.between(118, 130);
            let (open, close) = self.random.pick(&[("[", "]"), ("{\"a\":", "}")]);
            let inside = if open == "[" { "" } else { "0" };
            let text = format!("{}{inside}{}", open.repeat(depth), close.repeat(depth));
            return self.out.extend(text.bytes());
        }
        let text = self.random.pick(&LEAVES);
        self.out.extend(text.bytes());
    }

    fn space(&mut self) {
        if self.random.percent(6) {
            let space = self.random.pick(&[" ", "\n", "\t", "\r\n", "   "]);
            self.out.extend(space.bytes());
        }
    }

    fn damage(&mut self) {
        if self.out.is_empty() {
            return;
        }
        let at = self.random.below(self.out.len());
        let end = (at + self.random.below(16)).min(self.out.len());
        match self.random.below(6) {
            0 => self.out.truncate(at),
            1 => self.out[at] = self.random.pick(&BYTES),
            2 => self.out.insert(at, self.random.pick(&BYTES)),
            3 => drop(self.out.drain(at..end)),
            4 => {
                let doubled = self.out[at..end].to_vec();
                self.out.splice(at..at, doubled);
            }
            _ => self.out[at] ^= 1 << self.random.below(8),
        }
    }
}
