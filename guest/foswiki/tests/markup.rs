//! Topic text of any kind: the engine answers, within bounds, and says what it left out.

mod common;

use common::rendered;
use foswiki::{store::Memory, tml};
use proptest::prelude::*;

/// A wiki with one topic, Main.TestTopic.
fn wiki(text: &str) -> Memory {
    Memory::default().with("Main", "TestTopic", text)
}

/// What markup and macros are made of.
const PIECES: &[&str] = &[
    "%",
    "%A{",
    "}%",
    "%A{\"",
    "{",
    "[[",
    "[[a][",
    "]]",
    "<",
    "< ",
    "<!",
    "<?",
    "<verbatim>",
    "</verbatim>",
    "<pre>",
    "<script>",
    "*a ",
    "_",
    "=a ",
    "&",
    "!",
    "![[",
    "|",
    "| a ",
    "\t* a\n",
    "   * a\n",
    "---+ a\n",
    "---+ [[\n",
    "A.",
    "A/",
    "AbC ",
    "ABC.",
    "a@",
    "a@b.",
    "http:",
    "http://a ",
    "-",
    "#A",
    "> a\n",
    "\\\n",
    "\0",
    "é",
    "%TOC% ",
    "%TOC{",
    "%TOPIC%",
    "%IF{\"",
    "%IF{\"1\" then=\"",
    "<noautolink>",
    "%STARTSECTION{",
    "$n",
    "<nop>",
    "%INCLUDE{\"TestTopic\"}%",
    "---+ <",
    "<h1>",
    "<h1>a</h2>\n",
    "%NOP{",
    "\t",
    "   ",
    "'",
    "%ENCODE{\"a",
    "!%A ",
    "%SEARCH{\"a\" type=\"regex\"}%",
    "%QUERY{\"(\"}%",
    "%REVINFO{\"$",
    "%GMTIME{\"$week\"}%",
    "%BR%",
    "\n",
    "\n\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_answered(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        let text = pieces.concat();
        let html = rendered(&wiki(&text), &text);
        prop_assert!(html.len() <= 2 * tml::MAX_OUTPUT);
    }
}

/// Where time grew with the square of the size, this would take minutes.
#[test]
fn much_of_one_kind_is_answered() {
    let store = Memory::default();
    for piece in PIECES {
        let html = rendered(&store, &piece.repeat(60_000 / piece.len()));
        assert!(html.len() <= 2 * tml::MAX_OUTPUT, "for {piece:?}");
    }
}

#[test]
fn topics_that_include_themselves_end() {
    let text = "%INCLUDE{\"TestTopic\"}%%INCLUDE{\"TestTopic\"}%";
    let html = rendered(&wiki(text), text);
    assert!(html.contains("this page expands too many macros"));
}

#[test]
fn preferences_that_double_end() {
    let mut text = "   * Set A0 = 0123456789\n".to_owned();
    for level in 1..40 {
        let twice = format!("%A{}%", level - 1).repeat(2);
        text = format!("{text}   * Set A{level} = {twice}\n");
    }
    let html = rendered(&wiki(&text), "%A39%");
    assert!(html.len() < tml::MAX_OUTPUT);
    assert!(html.contains("this page expands too many macros"));
}

#[test]
fn long_tables_are_whole() {
    let html = rendered(&Memory::default(), &"| a | *b* | |\n".repeat(5_000));
    assert_eq!(html.matches("<tr >").count(), 5_000);
    assert_eq!(html.matches("</td>").count(), 10_000);
}

#[test]
fn deep_lists_are_closed() {
    let html = rendered(&Memory::default(), &format!("{}* deep\ntext", "\t".repeat(10_000)));
    assert_eq!(html.matches("<ul>").count(), 10_000);
    assert_eq!(html.matches("</ul>").count(), 10_000);
    assert!(html.ends_with("text"));
}

#[test]
fn pages_that_grow_too_large_are_cut() {
    let html = rendered(&Memory::default(), &"WikiWord\n".repeat(200_000));
    assert!(html.len() < 2 * tml::MAX_OUTPUT);
    assert!(html.ends_with("was cut here</span>"));
}

#[test]
fn topics_of_other_webs_keep_their_links() {
    let store =
        Memory::default().with("Other", "SomePage", "WikiWord [[Home page]]").with("Other", "WikiWord", "x");
    let html = rendered(&store, "%INCLUDE{\"Other.SomePage\"}%");
    assert!(html.starts_with("<a href=\"/foswiki/bin/view/Other/WikiWord\">WikiWord</a> "));
    assert!(html.contains("/edit/Other/HomePage?topicparent=Main.TestTopic"));
}

#[test]
fn denied_topics_are_not_read() {
    let secret =
        "   * Set ALLOWTOPICVIEW = JaneTester\n%META:FIELD{name=\"Pay\" value=\"secret\"}%\nsecret\n";
    let store = Memory::default().with("Main", "SecretPage", secret);
    for text in [
        "%INCLUDE{\"SecretPage\"}%",
        "%FORMFIELD{\"Pay\" topic=\"SecretPage\"}%",
        "%META{\"formfield\" name=\"Pay\" topic=\"SecretPage\"}%",
        "%QUERY{\"'SecretPage'/Pay\"}%",
        "%SEARCH{\"secret\" format=\"$text\"}%",
        "%SEARCH{\"Pay='secret'\" type=\"query\" format=\"$formfield(Pay)\"}%",
        "%TOC{\"SecretPage\"}%",
        "%REVINFO{topic=\"SecretPage\"}%",
    ] {
        assert!(!rendered(&store, text).contains("secret"), "for {text:?}");
    }
}
