//! What a CGI program writes to its standard output.

use bytes::Bytes;
use http::response::Parts;

use crate::{
    cgi::{CgiError, Event, MAX_LINES, Output},
    pieces::Input,
};

/// A response: its status, its headers in the order of their names, its body.
type Response = (u16, Vec<(String, Vec<u8>)>, Vec<u8>);

/// The header block's reader: any split yields what the whole output says, by the rules of RFC 3875 §6 and
/// `docs/cgi.md`, and what is refused is refused in one printable line.
pub fn cgi(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let read = read(&input.pieces());
    let expected = expected(input.bytes);
    assert_eq!(read.as_ref().ok(), expected.as_ref(), "{read:?}");
    if let Err(error) = read {
        let shown = error.to_string();
        assert!(
            shown
                .chars()
                .all(|character| character == '…' || !character.is_control() && character.is_ascii())
        );
        assert!(shown.len() < 600, "{shown}");
    }
}

fn read(pieces: &[&[u8]]) -> Result<Response, CgiError> {
    let (mut output, mut head, mut body) = (Output::default(), None, Vec::new());
    for piece in pieces {
        let mut piece = Bytes::copy_from_slice(piece);
        while let Some(event) = output.read(&mut piece)? {
            take(event, &mut head, &mut body);
        }
        assert!(piece.is_empty());
    }
    if let Some(event) = output.finish()? {
        take(event, &mut head, &mut body);
    }
    let head: Box<Parts> = head.expect("a head, or an error");
    let mut headers: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    // Those of one name stay in their order.
    headers.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok((head.status.as_u16(), headers, body))
}

fn take(event: Event, head: &mut Option<Box<Parts>>, body: &mut Vec<u8>) {
    match event {
        Event::Head(parts) => assert!(head.replace(parts).is_none() && body.is_empty(), "two heads"),
        Event::Body(piece) => {
            assert!(head.is_some() && !piece.is_empty());
            body.extend_from_slice(&piece);
        }
    }
}

/// The same from the whole output, or nothing if it is no response.
fn expected(output: &[u8]) -> Option<Response> {
    let (mut status, mut headers, mut rest) = (None, Vec::<(String, Vec<u8>)>::new(), output);
    for number in 0.. {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if number >= MAX_LINES || number == 0 && line.starts_with(b"HTTP/") {
            return None;
        }
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let space = |byte: &u8| b" \t".contains(byte);
        let start = value[1..].iter().position(|byte| !space(byte)).map_or(value.len(), |at| at + 1);
        let end = value.iter().rposition(|byte| !space(byte)).map_or(start, |at| (at + 1).max(start));
        let value = value[start..end].to_vec();
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return None;
        }
        if value.iter().any(|byte| *byte < 32 && *byte != b'\t' || *byte == 127) {
            return None;
        }
        let name = String::from_utf8(name.to_ascii_lowercase()).ok()?;
        let once = matches!(&*name, "content-type" | "location" | "content-length");
        if once && (value.is_empty() || headers.iter().any(|(other, _)| *other == name)) {
            return None;
        }
        match &*name {
            "status" if status.is_some() => return None,
            "status" => status = Some(number_of(&value)?),
            "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding"
            | "upgrade" => {}
            _ => headers.push((name, value)),
        }
    }
    let has = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| &value[..]);
    let (location, typed) = (has("location"), has("content-type").is_some());
    if location.is_none() && status.is_none() && !typed {
        return None;
    }
    if location.is_some_and(is_relative) && status.is_none() {
        return None;
    }
    let may_have_body = typed && (location.is_none() || status.is_some());
    if !may_have_body && !rest.is_empty() {
        return None;
    }
    let code = status.unwrap_or(if location.is_some() { 302 } else { 200 });
    headers.sort_by(|(a, _), (b, _)| a.cmp(b));
    Some((code, headers, rest.to_vec()))
}

fn number_of(value: &[u8]) -> Option<u16> {
    let text = str::from_utf8(value.get(..3)?).ok()?;
    let alone = value.len() == 3 || value[3] == b' ';
    let number: u16 = text.parse().ok().filter(|_| alone && !text.starts_with('+'))?;
    (200..600).contains(&number).then_some(number)
}

/// Whether only a client can resolve it: neither a path nor something with a scheme.
fn is_relative(location: &[u8]) -> bool {
    if location.starts_with(b"/") {
        return location.starts_with(b"//");
    }
    let Some(colon) = location.iter().position(|byte| *byte == b':') else { return true };
    let scheme = &location[..colon];
    let in_schemes = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(in_schemes)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
