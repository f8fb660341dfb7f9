//! A curl command line, as written by browsers, Postman and people.

use std::iter::Peekable;
use std::str::Chars;

use data_encoding::BASE64;
use http::{HeaderMap, Method, Uri};

use crate::capture::Captured;
use crate::failure::Failure;

/// Options with a value that does not affect the request.
const PASSED_OVER: [&str; 17] = [
    "-o",
    "--output",
    "-w",
    "--write-out",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--resolve",
    "-x",
    "--proxy",
    "--cacert",
    "--retry",
    "-c",
    "--cookie-jar",
    "-E",
    "--cert",
    "--key",
];
/// Options that set a header.
const HEADERS: [(&str, &str, &str); 3] = [
    ("-b", "--cookie", "cookie"),
    ("-A", "--user-agent", "user-agent"),
    ("-e", "--referer", "referer"),
];
/// Options for a body that is not on the command line.
const OTHER_BODIES: [&str; 5] = ["-F", "--form", "--data-urlencode", "-T", "--upload-file"];

/// The request that the command line would make.
pub(crate) fn parse(line: &str) -> Result<Captured, Failure> {
    let refused = |what: String| Failure::usage(format!("capture: curl: {what}"));
    let mut words = words(line)
        .ok_or_else(|| refused("a quote is not closed".to_owned()))?
        .into_iter()
        .skip(1);
    let (mut method, mut url, mut headers) = (None, None, HeaderMap::new());
    let mut body: Option<Vec<u8>> = None;
    while let Some(word) = words.next() {
        let (option, joined) = split(&word);
        let mut value = || {
            joined
                .clone()
                .or_else(|| words.next())
                .ok_or_else(|| refused(format!("{option}: a value must follow")))
        };
        match option.as_str() {
            "-X" | "--request" => method = value()?.parse::<Method>().ok(),
            "-H" | "--header" => {
                let line = value()?;
                let (name, value) = line
                    .split_once(':')
                    .ok_or_else(|| refused(format!("-H {line:?}: no colon")))?;
                Captured::header(&mut headers, name, value.as_bytes())?;
            }
            "-d" | "--data" | "--data-ascii" | "--data-raw" | "--data-binary" | "--json" => {
                let text = value()?;
                let is_raw = option == "--data-raw";
                let piece = match text.strip_prefix('@').filter(|_| !is_raw) {
                    Some(file) => {
                        let bytes = std::fs::read(file)
                            .map_err(|error| refused(format!("{file}: {error}")))?;
                        // As in curl, only these options keep line ends.
                        let keeps = option == "--data-binary" || option == "--json";
                        bytes
                            .into_iter()
                            .filter(|byte| keeps || !b"\r\n".contains(byte))
                            .collect()
                    }
                    None => text.into_bytes(),
                };
                body = Some(match body.take() {
                    Some(before) if option == "--json" => [before, piece].concat(),
                    Some(before) => [before, b"&".to_vec(), piece].concat(),
                    None => piece,
                });
            }
            "--url" => url = Some(value()?),
            "-u" | "--user" => {
                let basic = BASE64.encode(value()?.as_bytes());
                Captured::header(
                    &mut headers,
                    "authorization",
                    format!("Basic {basic}").as_bytes(),
                )?;
            }
            option if OTHER_BODIES.contains(&option) => {
                return Err(refused(format!(
                    "{option}: what it sends does not stand in the line: capture raw HTTP"
                )));
            }
            option if PASSED_OVER.contains(&option) => drop(value()?),
            option => match HEADERS.iter().find(|it| it.0 == option || it.1 == option) {
                Some((.., name)) => Captured::header(&mut headers, name, value()?.as_bytes())?,
                None if option.starts_with('-') => {}
                None => url = Some(word),
            },
        }
    }
    let url = url.ok_or_else(|| refused("no URL".to_owned()))?;
    let url = if url.contains("://") {
        url
    } else {
        format!("http://{url}")
    };
    let uri: Uri = url.parse().map_err(|_| refused("not a URL".to_owned()))?;
    let default = if body.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    Ok(Captured {
        label: "curl".to_owned(),
        method: method.unwrap_or(default),
        uri,
        headers,
        body: body.unwrap_or_default(),
        at: None,
        lacks: None,
        sender: None,
        is_authenticated: false,
    })
}

/// An option, and a value in the same word.
fn split(word: &str) -> (String, Option<String>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        };
    }
    match ["-X", "-H", "-d", "-b", "-A", "-e", "-u"]
        .iter()
        .find_map(|option| Some((option, word.strip_prefix(option)?)))
    {
        Some((option, value)) if !value.is_empty() => {
            ((*option).to_owned(), Some(value.to_owned()))
        }
        _ => (word.to_owned(), None),
    }
}

/// The words of a command line by the rules of a Unix shell; `None` if a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '"' => break,
                        '\\' => match rest.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            '\n' => {}
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                ansi(&mut rest, word.get_or_insert_default())?;
            }
            '\\' => match rest.next() {
                Some('\n') | None => {}
                Some('\r') => drop(rest.next_if_eq(&'\n')),
                Some(c) => word.get_or_insert_default().push(c),
            },
            c if c.is_whitespace() => all.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    Some(all)
}

/// `$'…'`, which browsers use for text with quotes and line ends.
fn ansi(rest: &mut Peekable<Chars<'_>>, word: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            '\'' => return Some(()),
            '\\' => match rest.next()? {
                'n' => word.push('\n'),
                'r' => word.push('\r'),
                't' => word.push('\t'),
                'x' => word.push(u8::try_from(code(rest, 2)?).ok()?.into()),
                'u' => {
                    let first = code(rest, 4)?;
                    // Firefox writes characters beyond four digits as two halves.
                    let second = match first {
                        0xd800..0xdc00 if rest.next()? == '\\' && rest.next()? == 'u' => {
                            Some(code(rest, 4)?)
                        }
                        _ => None,
                    };
                    let units = [Some(first), second].into_iter().flatten();
                    for c in char::decode_utf16(units) {
                        word.push(c.ok()?);
                    }
                }
                c => word.push(c),
            },
            c => word.push(c),
        }
    }
}

/// A number with at most this many hex digits.
fn code(rest: &mut Peekable<Chars<'_>>, most: usize) -> Option<u16> {
    let mut digits = String::new();
    while digits.len() < most
        && let Some(digit) = rest.next_if(char::is_ascii_hexdigit)
    {
        digits.push(digit);
    }
    u16::from_str_radix(&digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chrome 126 and Firefox 127 write such lines.
    #[test]
    fn a_line_that_a_browser_copied_is_read() {
        let chrome = "curl 'https://h.example/in' \\\n  -H 'X-Sig: 00' \\\n  -b 'session=1; a=b' \\\n  \
                      --data-raw $'{\"a\":\"it\\u0021\"}' --compressed";
        let one = parse(chrome).unwrap();
        assert_eq!(one.uri, "https://h.example/in");
        assert_eq!(one.headers["cookie"], "session=1; a=b");
        assert_eq!(one.body, b"{\"a\":\"it!\"}");
        let firefox = "curl 'https://h.example/in' -A 'Mozilla/5.0' -e 'https://h.example/' -u ana:s \
                       --data-raw $'{\"a\":\"\\ud83d\\ude00\"}'";
        let two = parse(firefox).unwrap();
        assert_eq!(two.uri, "https://h.example/in");
        // `printf 'ana:s' | base64`
        assert_eq!(two.headers["authorization"], "Basic YW5hOnM=");
        assert_eq!(two.headers["user-agent"], "Mozilla/5.0");
        assert_eq!(two.body, "{\"a\":\"😀\"}".as_bytes());
        let form = parse("curl http://h.example -F a=@b").unwrap_err();
        assert!(form.to_string().contains("capture raw HTTP"), "{form}");
    }

    #[test]
    fn a_line_is_read_as_a_shell_and_curl_read_it() {
        let line = "curl -sS --max-time 10 'http://127.0.0.1:3000/in' \\\n  -H 'X-Sig: t=1,v1=00' \\\n  \
                    -H \"X-Quoted: \\\"a\\\"\" --data-raw $'{\"a\":\"it\\'s\\u00e9\\n\"}'";
        let one = parse(line).unwrap();
        assert_eq!(one.method, Method::POST);
        assert_eq!(one.uri, "http://127.0.0.1:3000/in");
        assert_eq!(one.headers["x-sig"], "t=1,v1=00");
        assert_eq!(one.headers["x-quoted"], "\"a\"");
        assert_eq!(one.body, "{\"a\":\"it'sé\n\"}".as_bytes());
        let two = parse("curl -XPUT h.example/x -da=1 -d b=2").unwrap();
        assert_eq!((two.method, two.body), (Method::PUT, b"a=1&b=2".to_vec()));
        assert_eq!(two.uri, "http://h.example/x");
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in [
            "curl",
            "curl 'http://a",
            "curl http://a -H x",
            "curl http://a -H",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
