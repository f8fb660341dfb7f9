//! Captured requests: raw HTTP, a curl line, a HAR, lines of a journal.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use tower_webhook::UnixTime;

use crate::curl;
use crate::failure::Failure;
use crate::journal;

/// A captured request.
#[derive(Debug)]
pub(crate) struct Captured {
    /// The format of the capture, and the position in it.
    pub(crate) label: String,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// When it arrived, if the capture says so.
    pub(crate) at: Option<UnixTime>,
    /// A missing part without which the signature cannot be correct.
    pub(crate) lacks: Option<&'static str>,
    /// The sender named by a journal.
    pub(crate) sender: Option<String>,
    /// Whether the journal says that its origin was proved.
    pub(crate) is_authenticated: bool,
}

impl Captured {
    /// The requests in a capture of any format.
    pub(crate) fn all(bytes: &[u8]) -> Result<Vec<Self>, Failure> {
        let text = String::from_utf8_lossy(bytes);
        let begin = text.trim_start_matches('\u{feff}').trim_start();
        if begin.starts_with("curl") {
            return Ok(vec![curl::parse(begin)?]);
        }
        if begin.starts_with('{') {
            if let Ok(har) = serde_json::from_str::<Value>(begin)
                && let Some(entries) = har.pointer("/log/entries").and_then(Value::as_array)
            {
                return entries
                    .iter()
                    .enumerate()
                    .map(|(at, entry)| of_har(at, entry))
                    .collect();
            }
            return journal::requests(&journal::parsed(begin, "capture")?);
        }
        raw(bytes).map(|captured| vec![captured])
    }

    pub(crate) fn header(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), Failure> {
        let refused = |_| {
            Failure::usage(format!(
                "capture: {:?} is no header",
                name.escape_debug().to_string()
            ))
        };
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| refused(()))?;
        let value = HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| refused(()))?;
        headers.append(name, value);
        Ok(())
    }
}

/// `POST /path HTTP/1.1`, header lines, an empty line and the body.
fn raw(bytes: &[u8]) -> Result<Captured, Failure> {
    let refused = |what: &str| Failure::usage(format!("capture: {what}"));
    let mut rest = bytes;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, behind) = rest.split_at_checked(end)?;
        rest = behind.get(1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    };
    let neither = "neither raw HTTP, a curl line, a HAR nor a line of a journal";
    let first = line().ok_or_else(|| refused(neither))?;
    let first = String::from_utf8_lossy(first).into_owned();
    let mut words = first.split(' ').filter(|word| !word.is_empty());
    let method = words.next().and_then(|word| word.parse().ok());
    let uri = words.next().and_then(|word| word.parse().ok());
    let (Some(method), Some(uri)) = (method, uri) else {
        return Err(refused(neither));
    };
    if !words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/"))
    {
        return Err(refused(neither));
    }
    let mut headers = HeaderMap::new();
    loop {
        let Some(line) = line() else {
            return Err(refused("no empty line between the headers and the body"));
        };
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = colon
            .and_then(|at| line.split_at_checked(at))
            .ok_or_else(|| refused("a header line without a colon"))?;
        let name = String::from_utf8_lossy(name);
        Captured::header(&mut headers, &name, value.get(1..).unwrap_or_default())?;
    }
    let body = match headers.get("transfer-encoding") {
        Some(coding) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            unchunked(rest).unwrap_or_else(|| rest.to_vec())
        }
        _ => rest.to_vec(),
    };
    // Editors add a line break at the end of a file.
    let announced = headers
        .get("content-length")
        .and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    let body = match announced {
        Some(len)
            if body
                .get(len..)
                .is_some_and(|end| end == b"\n" || end == b"\r\n") =>
        {
            body.get(..len).unwrap_or_default().to_vec()
        }
        _ => body,
    };
    Ok(Captured {
        label: "raw HTTP".to_owned(),
        method,
        uri,
        headers,
        body,
        at: None,
        lacks: None,
        sender: None,
        is_authenticated: false,
    })
}

/// A chunked body (RFC 9112 section 7.1).
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(rest.get(..end)?).ok()?;
        let len = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        let begin = end.checked_add(2)?;
        let chunk = rest.get(begin..begin.checked_add(len)?)?;
        if len == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(begin.checked_add(len)?.checked_add(2)?..)?;
    }
}

/// An entry of a HAR 1.2, as browsers and proxies write it.
fn of_har(place: usize, entry: &Value) -> Result<Captured, Failure> {
    let refused = |what: &str| Failure::usage(format!("capture: entry {place} of the HAR: {what}"));
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    let method = text("/request/method").and_then(|it| it.parse().ok());
    let url = text("/request/url").and_then(|it| it.parse().ok());
    let (Some(method), Some(uri)) = (method, url) else {
        return Err(refused("no method or no URL"));
    };
    let mut headers = HeaderMap::new();
    let lines = entry.pointer("/request/headers").and_then(Value::as_array);
    for line in lines.into_iter().flatten() {
        let member = |name: &str| line.get(name).and_then(Value::as_str);
        // HTTP/2 has names with a colon that are not headers.
        if let (Some(name), Some(value)) = (member("name"), member("value"))
            && !name.starts_with(':')
        {
            Captured::header(&mut headers, name, value.as_bytes())?;
        }
    }
    let body = text("/request/postData/text").unwrap_or_default();
    let body = match text("/request/postData/encoding") {
        Some("base64") => data_encoding::BASE64
            .decode(body.as_bytes())
            .map_err(|_| refused("its body is no base64"))?,
        _ => body.as_bytes().to_vec(),
    };
    Ok(Captured {
        label: format!("entry {place} of the HAR"),
        method,
        uri,
        headers,
        body,
        at: text("/startedDateTime").and_then(time),
        lacks: None,
        sender: None,
        is_authenticated: false,
    })
}

/// Unix seconds or RFC 3339.
pub(crate) fn time(text: &str) -> Option<UnixTime> {
    if let Ok(secs) = text.parse() {
        return Some(UnixTime::from_secs(secs));
    }
    let format = &time::format_description::well_known::Rfc3339;
    let time = time::OffsetDateTime::parse(text, format).ok()?;
    Some(UnixTime::from_secs(time.unix_timestamp().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_http_is_read_with_either_line_end() {
        for end in ["\n", "\r\n"] {
            let text =
                format!("POST /in?a=1 HTTP/1.1{end}Host: h{end}X-Sig:  v1 {end}{end}{{\"a\":1}}");
            let all = Captured::all(text.as_bytes()).unwrap();
            let [one] = &*all else { panic!("{all:?}") };
            assert_eq!(
                (one.method.as_str(), one.uri.to_string().as_str()),
                ("POST", "/in?a=1")
            );
            assert_eq!(one.headers["x-sig"], "v1");
            assert_eq!(one.body, b"{\"a\":1}");
        }
    }

    #[test]
    fn chunks_and_the_line_of_an_editor_are_no_part_of_a_body() {
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(Captured::all(chunked.as_bytes()).unwrap()[0].body, b"abcde");
        let edited = "POST / HTTP/1.1\nContent-Length: 2\n\n{}\n";
        assert_eq!(Captured::all(edited.as_bytes()).unwrap()[0].body, b"{}");
    }

    #[test]
    fn a_har_is_read_with_its_time() {
        let har = r#"{"log":{"entries":[{"startedDateTime":"2026-05-04T13:00:00.5Z","request":{"method":"POST",
            "url":"https://h.example/in","headers":[{"name":":authority","value":"h"},{"name":"X-Sig","value":"v1"}],
            "postData":{"mimeType":"application/json","text":"e30=","encoding":"base64"}}}]}}"#;
        let all = Captured::all(har.as_bytes()).unwrap();
        assert_eq!(all[0].body, b"{}");
        assert_eq!(all[0].at, Some(UnixTime::from_secs(1_777_899_600)));
        assert_eq!(all[0].headers.len(), 1);
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        for text in [
            "",
            "hello",
            "POST /",
            "POST / HTTP/1.1\nHost: a",
            "{\"a\":1}",
        ] {
            assert!(Captured::all(text.as_bytes()).is_err(), "{text}");
        }
    }
}
