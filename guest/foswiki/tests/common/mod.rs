//! A wiki in memory and what it answers.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Read;

use foswiki::{
    actions::{Body, Request, Response, answer},
    macros,
    page::{Memo, Page, Settings, User},
    prefs::Prefs,
    store::Memory,
    tml,
};

/// When the tests take place.
pub(crate) const NOW: i64 = 1_795_398_350;

/// A wiki with the webs and topics that recorded cases speak of, and some that are not for everyone.
pub(crate) fn wiki() -> Memory {
    let topic = |version: u32, text: &str| {
        format!(
            "%META:TOPICINFO{{author=\"JaneTester\" date=\"1795398350\" format=\"1.1\" version=\"{version}\"}}%\n{text}"
        )
    };
    let attached = "text\n\n%META:FILEATTACHMENT{name=\"digits.txt\" date=\"1795398350\" size=\"10\" user=\"JaneTester\" version=\"2\"}%\n";
    Memory::default()
        .with("System", "WebPreferences", "")
        .with("Main", "WebPreferences", "")
        .with("Main", "WebHome", &topic(1, "first text\n"))
        .with("Main", "WebHome", &topic(2, "second text\n"))
        .with("Main", "WebHome", &topic(3, "third <text>\n"))
        .with("Main", "Secret", &topic(1, "hidden words\n   * Set ALLOWTOPICVIEW = JaneTester\n"))
        .attach(("Main", "Secret"), "hidden.txt", b"hidden words")
        .with("Sandbox", "WebPreferences", "")
        .with("Sandbox", "WebHome", "sandbox\n")
        .with("Sandbox", "Files", &topic(1, attached))
        .attach(("Sandbox", "Files"), "digits.txt", b"0123456789")
        .attach(("Sandbox", "Files"), "page.html", b"<script>alert(1)</script>")
        .attach(("Sandbox", "Files"), "drawing.svg", b"<svg/>")
        .attach(("Sandbox", "Files"), "empty.bin", b"")
        .attach(("Sandbox", "Files"), "js/sub folder/gr\u{fc}n.js", b"1")
        .with("OracleAcl", "WebPreferences", "")
        .with("OracleAcl/Sub", "WebPreferences", "")
        .with("OracleAcl/Sub", "TestTopic", "test\n")
        .with("Closed", "WebPreferences", "   * Set ALLOWWEBVIEW = JaneTester\n")
        .with("Closed", "WebHome", "closed words\n")
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value, empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| *header == name).map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Asks the wiki with these CGI variables.
pub(crate) fn ask(wiki: &Memory, variables: &[(&str, &str)]) -> Answer {
    let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let response = answer(wiki, &Request::new(owned), NOW, |error| panic!("{error}"));
    read(response)
}

/// Asks for a path below the script path, as a web server with plain CGI variables would.
pub(crate) fn get(wiki: &Memory, path: &str, more: &[(&str, &str)]) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let info = format!("/{}", foswiki::http::query::decode(path));
    let mut variables = more.to_vec();
    variables.extend([
        ("SCRIPT_NAME", "/foswiki/bin/foswiki.fcgi"),
        ("PATH_INFO", &info),
        ("QUERY_STRING", query),
    ]);
    ask(wiki, &variables)
}

fn read(response: Response) -> Answer {
    let Response { status, headers, body } = response;
    let body = match body {
        Body::Empty => Vec::new(),
        Body::Text(text) => text.into_bytes(),
        Body::Static(text) => text.as_bytes().to_vec(),
        Body::File { content, len } => {
            let mut bytes = Vec::new();
            content.take(len).read_to_end(&mut bytes).unwrap();
            bytes
        }
    };
    Answer { status, headers, body }
}

/// What the engine makes of a text in Main.TestTopic: the text with its macros expanded, and its HTML.
pub(crate) fn steps(store: &Memory, text: &str) -> (String, String) {
    let settings = Settings {
        url_host: "http://localhost".to_owned(),
        script_url_path: "/foswiki/bin".to_owned(),
        pub_url_path: "/foswiki/pub".to_owned(),
        system_web: "System".to_owned(),
        users_web: "Main".to_owned(),
        home_topic: "WebHome".to_owned(),
        web_prefs_topic: "WebPreferences".to_owned(),
    };
    let user = User { login: "guest".to_owned(), wiki_name: "WikiGuest".to_owned() };
    let mut page = Page {
        store,
        settings: &settings,
        params: &[("lines".to_owned(), "a&\r\nb".to_owned())],
        user: &user,
        base_web: "Main".to_owned(),
        base_topic: "TestTopic".to_owned(),
        prefs: Prefs::of(store, &settings, &user, ("Main", "TestTopic")),
        now: NOW,
        memo: Memo::default(),
    };
    let expanded = macros::expand(&mut page, "Main", "TestTopic", text);
    let html = tml::render(&mut page, &expanded);
    (expanded, html)
}

/// The HTML of a text in Main.TestTopic.
pub(crate) fn rendered(store: &Memory, text: &str) -> String {
    steps(store, text).1
}
