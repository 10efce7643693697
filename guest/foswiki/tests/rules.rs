//! Markup and macros as Foswiki's manual describes them, where no recorded case says more.

mod common;

use common::{rendered, steps};
use foswiki::store::Memory;

fn wiki() -> Memory {
    let form = "text\n\n%META:FORM{name=\"BookForm\"}%\n%META:FIELD{name=\"Status\" title=\"Status\" value=\"open\"}%\n";
    let parts = "a%STARTSECTION{type=\"include\"}%b%ENDSECTION{type=\"include\"}%c";
    Memory::default()
        .with("Main", "WebPreferences", "")
        .with("Main", "TestTopic", "text\n")
        .with("Main", "WebHome", "home\n")
        .with(
            "Main",
            "BookOne",
            &format!("%META:TOPICINFO{{author=\"JaneTester\" date=\"0\" version=\"2\"}}%\n{form}"),
        )
        .with("Main", "PartsPage", parts)
        .with("Other", "WebPreferences", "")
        .with("Other", "WebHome", "book\n")
        .with("Other", "AtlasPage", "book\n")
        .with("Zoo", "WebPreferences", "")
        .with("Zoo", "AardvarkPage", "book\n")
}

/// Checks what a link leads to.
fn check_link(text: &str, href: &str) {
    let html = rendered(&wiki(), text);
    assert!(html.contains(&format!("href=\"{href}\"")), "{text} gives {html}");
}

fn check_macro(text: &str, expected: &str) {
    assert_eq!(steps(&wiki(), text).0, expected, "for {text:?}");
}

#[test]
fn link_targets_are_names_of_topics() {
    check_link("[[../WebHome][x]]", "/foswiki/bin/view/Main/WebHome");
    check_link("[[.WebHome]]", "/foswiki/bin/view/Main/WebHome");
    check_link("[[Other.]]", "/foswiki/bin/view/Other/WebHome");
    check_link("[[<nop>WebHome]]", "/foswiki/bin/view/Main/WebHome");
    check_link("[[Web & Home]]", "/foswiki/bin/view/Main/WebHome");
    check_link("[[Book &#34;One&#34;][x]]", "/foswiki/bin/view/Main/BookOne");
}

#[test]
fn what_follows_a_topic_stays_inside_the_attribute() {
    check_link("[[WebHome?a=\"b\" c&d#e f][x]]", "/foswiki/bin/view/Main/WebHome?a=%22b%22%20c&amp;d#e%20f");
    let html = rendered(&wiki(), "[[WebHome][http://x.y/\"onload=\"z.png]]");
    assert!(!html.contains("<img"), "{html}");
}

#[test]
fn contents_lead_to_the_headings() {
    for heading in
        ["!NoLink", "a !NoLink & b < c", "<nop>WebHome", "[[WebHome][home]] *b*", "!! x", "=a= &amp; b"]
    {
        let html = rendered(&wiki(), &format!("%TOC%\n---+ Top\n---++ {heading}"));
        let anchors: Vec<&str> = html.split("href=\"?lines=a%26%0d%0ab#").skip(1).collect();
        for anchor in anchors {
            let anchor = anchor.split('"').next().unwrap_or_default();
            assert!(html.contains(&format!(" id=\"{anchor}\">")), "{heading:?}: {anchor} in {html}");
        }
    }
}

#[test]
fn times_are_formatted() {
    check_macro("%GMTIME{\"$rcs $tz\"}%", "2026/11/23 01:45:50 GMT");
    check_macro("%SERVERTIME{\"$year $tz\"}%", "2026 Local");
    check_macro("%DISPLAYTIME{\"$year $tz\"}%", "2026 GMT");
    check_macro("%REVINFO{\"\" topic=\"BookOne\"}%", "r2 - 01 Jan 1970 - 00:00 - Main.JaneTester");
}

#[test]
fn topics_in_formats_have_the_tokens_of_searches() {
    check_macro(
        "%FORMAT{\"BookOne\" format=\"$index $web.$topic $rev $formname $formfield(Status) $query(Status) $createwikiname\"}%",
        "1 Main.BookOne 2 BookForm open open JaneTester",
    );
    check_macro(
        "%FORMAT{\"a,b,c\" type=\"string\" limit=\"2\" header=\"H\" footer=\"$ntopics\"}%",
        "H\na\nb\n2",
    );
}

#[test]
fn searches_go_web_by_web() {
    let search = |more: &str| {
        format!("%SEARCH{{\"book\" web=\"Other,Zoo\" nonoise=\"on\" format=\"$topic\" {more}}}%")
    };
    check_macro(&search("separator=\",\""), "AtlasPage,WebHome,AardvarkPage");
    check_macro(&search("separator=\",\" groupby=\"none\""), "AardvarkPage,AtlasPage,WebHome");
    check_macro(
        &search("limit=\"1\" header=\"$web:\" footer=\"$ntopics\""),
        "Other:\nAtlasPage\n1\nZoo:\nAardvarkPage\n1",
    );
}

#[test]
fn queries_calculate() {
    check_macro("%QUERY{\"7 div 2\"}%", "3.5");
    check_macro("%QUERY{\"int(7 div 2)\"}%", "3");
    check_macro("%QUERY{\"Nope = undefined\"}%", "1");
    check_macro("%QUERY{\"now\"}%", "1795398350");
    check_macro("%QUERY{\"(1,'a\\\"b')\" style=\"json\"}%", "[1,\"a\\\"b\"]");
    check_macro("%QUERY{\"'BookOne'/form\" style=\"json\"}%", "{\"name\":\"BookForm\"}");
}

#[test]
fn parts_of_topics_are_included() {
    check_macro("%INCLUDE{\"PartsPage\"}%", "b");
    check_macro("%INCLUDE{}%", "");
}

#[test]
fn values_have_fallbacks() {
    check_macro("%FORMFIELD{\"Status\" topic=\"NoSuchPage\" alttext=\"none\"}%", "none");
    check_macro("%URLPARAM{\"lines\" newline=\"$br\"}%", "a&<br />b");
    check_macro("%URLPARAM{\"lines\" newline=\", <\" encode=\"entity\"}%", "a&#38;, &#60;b");
    check_macro("%USERINFO{format=\"$cUID\"}%", "BaseUserMapping_666");
    check_macro("%SANDBOXWEB% %TRASHWEB% %WIKIWEBMASTERNAME%", "Sandbox Trash Wiki Administrator");
}
