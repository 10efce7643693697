use proptest::prelude::*;

use super::*;

/// A whole output in one line: status, headers, body; or what is wrong with it.
fn read(output: &[u8], pieces: &[usize]) -> Result<String, CgiError> {
    let mut reader = Output::default();
    let mut seen = String::new();
    let mut rest = output;
    for size in pieces.iter().copied().chain([usize::MAX]) {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        rest = behind;
        let mut piece = Bytes::copy_from_slice(piece);
        while let Some(event) = reader.read(&mut piece)? {
            show(&mut seen, event);
        }
        assert!(piece.is_empty(), "everything is read");
    }
    if let Some(event) = reader.finish()? {
        show(&mut seen, event);
    }
    Ok(seen)
}

fn show(seen: &mut String, event: Event) {
    match event {
        Event::Head(head) => {
            seen.push_str(head.status.as_str());
            for (name, value) in &head.headers {
                let value = value.as_bytes().escape_ascii().to_string();
                seen.extend([" ", name.as_str(), "=", &value]);
            }
            if head.extensions.get::<LocalRedirect>().is_some() {
                seen.push_str(" local");
            }
            seen.push_str(" | ");
        }
        Event::Body(piece) => seen.push_str(&piece.escape_ascii().to_string()),
    }
}

fn check(output: &str, expected: &str) {
    assert_eq!(read(output.as_bytes(), &[]).expect(output), expected);
}

fn refused(output: &str, expected: &str) {
    assert_eq!(read(output.as_bytes(), &[]).expect_err(output).to_string(), expected);
}

fn line(number: usize, line: &str, problem: Problem) -> String {
    format!("line {number} of its header block, \"{line}\", {problem}")
}

#[test]
fn documents() {
    check("Content-Type: text/plain\n\nhello", "200 content-type=text/plain | hello");
    check("Content-Type: text/plain\r\n\r\nhello", "200 content-type=text/plain | hello");
    check("content-TYPE:a/b \t\r\n\n\n", "200 content-type=a/b | \\n");
    check("Status: 404 Not Found\nContent-Type: a/b\n\nx", "404 content-type=a/b | x");
    check("Status: 404\nContent-Type: a/b\n\nx", "404 content-type=a/b | x");
    check("Status: 599 Own words: 1\nContent-Type: a/b\n\n", "599 content-type=a/b | ");
    check("Status: 204 No Content\n\n", "204 | ");
    check("Content-Type: a/b\nX-Empty:\n\n", "200 content-type=a/b x-empty= | ");
    check("Content-Type: a/b\nX: \u{e4}\ty\n\n", "200 content-type=a/b x=\\xc3\\xa4\\ty | ");
}

#[test]
fn cookies_stay_separate_and_in_order() {
    check(
        "Set-Cookie: b=1\nContent-Type: a/b\nSet-Cookie: a=2\nSet-Cookie: b=3\n\n",
        "200 set-cookie=b=1 set-cookie=a=2 set-cookie=b=3 content-type=a/b | ",
    );
}

#[test]
fn what_speaks_about_the_connection_is_dropped() {
    check(
        "Content-Type: a/b\nConnection: close\nTransfer-Encoding: chunked\nKeep-Alive: 1\nUpgrade: x\n\n",
        "200 content-type=a/b | ",
    );
}

#[test]
fn redirects() {
    check("Location: /elsewhere?a=b\n\n", "302 location=/elsewhere?a=b local | ");
    check("Location: http://host/a#b\n\n", "302 location=http://host/a#b | ");
    check("Location: mailto:me@example.org\nX: y\n\n", "302 location=mailto:me@example.org x=y | ");
    check("Status: 301 Moved\nLocation: /elsewhere\n\n", "301 location=/elsewhere | ");
    check("Status: 201 Created\nLocation: item\n\n", "201 location=item | ");
    check("Location: /a\nSet-Cookie: a=1\n\n", "302 location=/a set-cookie=a=1 | ");
    check("Location: http://host/\nContent-Type: a/b\n\n", "302 location=http://host/ content-type=a/b | ");
    check(
        "Status: 302 Found\nLocation: http://host/\nContent-Type: a/b\n\nbody",
        "302 location=http://host/ content-type=a/b | body",
    );
}

#[test]
fn incomplete_responses_are_refused() {
    let check = |output: &str, expected: CgiError| refused(output, &expected.to_string());
    check("", CgiError::Empty);
    check("\n", CgiError::Nothing);
    check("X-Powered-By: C\n\nbody", CgiError::Nothing);
    check("Status: 200 OK\n\nbody", CgiError::BodyWithoutType);
    check("Location: /a\n\nbody", CgiError::RedirectWithBody);
    check("Location: http://host/\nContent-Type: a/b\n\nbody", CgiError::RedirectWithBody);
    check("Status: 302 Found\nLocation: http://host/\n\nbody", CgiError::RedirectWithBody);
    check("Location: elsewhere\n\n", CgiError::Relative);
    check("Location: //host/a\n\n", CgiError::Relative);
    check("Location: 1a:b\n\n", CgiError::Relative);
    refused("Content-Type: a/b", &line(1, "Content-Type: a/b", Problem::Unfinished));
    refused("Content-Type: a/b\n", &line(2, "", Problem::Unfinished));
}

#[test]
fn lines_that_break_a_rule_are_refused() {
    let check = |bad: &str, shown: &str, problem| {
        refused(&format!("Content-Type: a/b\n{bad}\n\nbody"), &line(2, shown, problem));
    };
    check(" continued", " continued", Problem::Continuation);
    check("\tcontinued", "\\tcontinued", Problem::Continuation);
    check("no colon", "no colon", Problem::NoColon);
    check("X : y", "X : y", Problem::SpaceBeforeColon);
    check("X\t: y", "X\\t: y", Problem::SpaceBeforeColon);
    check(": y", ": y", Problem::Name);
    check("X Y: z", "X Y: z", Problem::Name);
    check("\u{e4}: z", "\\xc3\\xa4: z", Problem::Name);
    check("X: a\0b", "X: a\\x00b", Problem::Value);
    check("X: a\rSet-Cookie: b", "X: a\\rSet-Cookie: b", Problem::Value);
    check("X: a\r\r", "X: a\\r", Problem::Value);
    check("\r\r", "\\r", Problem::NoColon);
    check("Location:", "Location:", Problem::NoValue);
    check("Content-Type: c/d", "Content-Type: c/d", Problem::Twice);
    for status in ["99", "099 No", "199 No", "600 No", "1000", "abc", "20 OK", "", "200OK", "+200", "2 00"] {
        let bad = format!("Status: {status}");
        check(&bad, &bad, Problem::Status);
    }
    refused("HTTP/1.1 200 OK\nContent-Type: a/b\n\n", &line(1, "HTTP/1.1 200 OK", Problem::NonParsed));
    refused("Status: 200 OK\nStatus: 200 OK\n\n", &line(2, "Status: 200 OK", Problem::Twice));
    refused("Location: /a\nLocation: /a\n\n", &line(2, "Location: /a", Problem::Twice));
    refused("Content-Length: 1\nContent-Length: 2\n\n", &line(2, "Content-Length: 2", Problem::Twice));
    refused(&format!("{}\n", "y".repeat(100)), &line(1, &format!("{}…", "y".repeat(80)), Problem::NoColon));
}

#[test]
fn a_block_has_its_bounds() {
    let block = |bytes: usize| {
        let start = "Content-Type: a/b\nX: ";
        format!("{start}{}\n", "y".repeat(bytes - start.len() - 1))
    };
    let shown = format!("X: {}…", "y".repeat(77));
    assert!(read((block(MAX_BYTES - 1) + "\n").as_bytes(), &[]).is_ok());
    refused(&(block(MAX_BYTES) + "\n"), &line(3, "", Problem::Bytes));
    refused(&block(MAX_BYTES + 1), &line(2, &shown, Problem::Bytes));
    refused(&block(1 << 20), &line(2, &shown, Problem::Bytes));
    refused(block(1 << 20).trim_end(), &line(2, &shown, Problem::Bytes));

    let lines = |count| "X: y\n".repeat(count - 1) + "Content-Type: a/b\n";
    assert!(read((lines(MAX_LINES) + "\n").as_bytes(), &[]).is_ok());
    refused(&(lines(MAX_LINES + 1) + "\n"), &line(MAX_LINES + 1, "Content-Type: a/b", Problem::Lines));
}

#[test]
fn a_head_that_announces_a_body_does_not_wait_for_it() {
    let head_is_there = |block: &str| {
        let mut reader = Output::default();
        let event = reader.read(&mut Bytes::copy_from_slice(block.as_bytes())).expect(block);
        matches!(event, Some(Event::Head(_)))
    };
    assert!(head_is_there("Content-Type: a/b\n\n"));
    assert!(!head_is_there("Status: 204 No Content\n\n"));
    assert!(!head_is_there("Location: /a\n\n"));
}

/// Output of lines that are right, wrong and cut, so that every rule is met.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::sample::select(vec![
        "Content-Type: a/b\n",
        "Content-Type: a/b\r\n",
        "Status: 404 Not Found\r\n",
        "Status: 1000\n",
        "Location: /a\n",
        "Location: http://b/\n",
        "Set-Cookie: a=1\n",
        "Connection: close\n",
        "X: y\r",
        "no colon\n",
        "Y : z\n",
        " more\n",
        "HTTP/1.1 200 OK\n",
        "\n",
        "\r\n",
        "body",
    ]);
    let any = prop::collection::vec(any::<u8>(), 0..40);
    let piece = prop_oneof![8 => lines.prop_map(|line| line.as_bytes().to_vec()), 1 => any];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same(output in output(), pieces in prop::collection::vec(0_usize..30, 0..30)) {
        prop_assert_eq!(read(&output, &pieces), read(&output, &[]));
    }

    #[test]
    fn any_split_of_a_long_block_gives_the_same(
        line in 1_usize..3000,
        lines in 1_usize..300,
        pieces in prop::collection::vec(0_usize..5000, 0..40),
    ) {
        let output = format!("X: {}\n", "y".repeat(line)).repeat(lines) + "Content-Type: a/b\n\nbody";
        prop_assert_eq!(read(output.as_bytes(), &pieces), read(output.as_bytes(), &[]));
    }

    #[test]
    fn a_head_is_one_that_can_be_sent(output in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Output::default();
        let mut input = Bytes::from([b"Content-Type: a/b\nX: ".to_vec(), output].concat());
        if let Ok(Some(Event::Head(head))) = reader.read(&mut input) {
            let is_clean = |value: &http::HeaderValue| !value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte));
            prop_assert!(head.headers.values().all(is_clean));
            prop_assert!((200..600).contains(&head.status.as_u16()));
        }
    }
}
