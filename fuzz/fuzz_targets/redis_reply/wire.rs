//! Answers as Redis writes them, in either protocol.

use redis::Value;

/// Writes answers as Redis does.
pub(crate) struct Wire(pub(crate) Vec<u8>, bool);

impl Wire {
    pub(crate) fn array(newer: bool, length: usize) -> Self {
        Self(format!("*{length}\r\n").into_bytes(), newer)
    }

    pub(crate) fn int(mut self, number: u64) -> Self {
        self.0.extend(format!(":{number}\r\n").as_bytes());
        self
    }

    pub(crate) fn bulk(mut self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => {
                self.0.extend(format!("${}\r\n", bytes.len()).as_bytes());
                self.0.extend(bytes);
                self.0.extend(b"\r\n");
            }
            None => self
                .0
                .extend(if self.1 { &b"_\r\n"[..] } else { b"$-1\r\n" }),
        }
        self
    }

    /// The answer and one word more.
    pub(crate) fn and_more(&self) -> Value {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let at = self.0.iter().position(|b| *b == b'\r').unwrap();
        let length: usize = text(&self.0[1..at]).parse().unwrap();
        let head = format!("*{}", length + 1).into_bytes();
        let wire = [&head, &self.0[at..], b":1\r\n"].concat();
        redis::parse_redis_value(&wire).unwrap()
    }

    /// The answer as it is parsed; cut short, it is none.
    pub(crate) fn value(self, cut: usize) -> Value {
        let short = &self.0[..cut % self.0.len()];
        assert!(redis::parse_redis_value(short).is_err());
        redis::parse_redis_value(&self.0).unwrap()
    }
}
