//! What Foswiki 2.1.11 made of some four hundred pieces of topic text, against what this engine makes of them.
//!
//! `TML_DIFF=1 cargo test -p foswiki --test tml -- --nocapture` shows the differences; `TML_DIFF=link` those of a group.

use std::collections::BTreeMap;

use foswiki::{
    macros,
    page::{Memo, Page, Settings, User},
    prefs::Prefs,
    store::Memory,
    tml,
};
use serde_json::Value;

/// Cases that differ, with the reason.
const DIFFERENT: [(&str, &str); 1] =
    [("mac-basic-88", "a nonce is different every time; here there is none")];

/// The time at which the cases were recorded, about.
const NOW: i64 = 1_795_398_350;

struct Wiki {
    store: Memory,
    settings: Settings,
    user: User,
    params: Vec<(String, String)>,
}

impl Wiki {
    /// The wiki the cases were recorded on: its fixture topics, and the others that cases link to or read.
    fn recorded(context: &Value) -> Wiki {
        let text = "%META:TOPICPARENT{name=\"WebHome\"}%\ntext\n";
        let attached = "%META:TOPICPARENT{name=\"WebPreferences\"}%\ntext\n\n%META:FILEATTACHMENT{name=\"a.txt\" size=\"1\"}%\n";
        let mut store = Memory::default()
            .with("Sandbox", "WebHome", text)
            .with("Sandbox", "WebNotify", text)
            .with("Sandbox", "WebPreferences", "   * Set WEBBGCOLOR = #FFD8AA\n")
            .with("Sandbox", "BenchPlain", attached)
            .with("Sandbox", "SmokeTopic", attached)
            .with("Main", "WebHome", "text")
            .with("Main", "JaneTester", "user")
            .with("Main", "WikiGuest", "user")
            .with("Main", "AdminUser", "user")
            .with("Main", "WikiUsers", "   * JaneTester - JaneTester - 23 Nov 2026\n")
            .with("Main", "WebPreferences", "   * Set WEBBGCOLOR = #FFEFA6\n")
            .with("System", "WebHome", text)
            .with("System", "WebPreferences", "   * Set WEBBGCOLOR = #B9DAFF\n")
            .with("TestCases", "WebPreferences", "");
        for (topic, text) in context["fixture_topics"].as_object().expect("fixture topics") {
            store = store.with("Sandbox", topic, text.as_str().expect("text"));
        }
        let settings = Settings {
            url_host: "http://127.0.0.1:18080".to_owned(),
            script_url_path: "/foswiki/bin".to_owned(),
            pub_url_path: "/foswiki/pub".to_owned(),
            system_web: "System".to_owned(),
            users_web: "Main".to_owned(),
            home_topic: "WebHome".to_owned(),
            web_prefs_topic: "WebPreferences".to_owned(),
        };
        let user = User { login: "guest".to_owned(), wiki_name: "WikiGuest".to_owned() };
        let param = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let params = vec![param("q", "a <b>\"x\"&y'z"), param("m", "one"), param("m", "two")];
        Wiki { store, settings, user, params }
    }

    fn page(&self) -> Page<'_> {
        let place = ("Sandbox", "OracleTopic");
        Page {
            store: &self.store,
            settings: &self.settings,
            params: &self.params,
            user: &self.user,
            base_web: place.0.to_owned(),
            base_topic: place.1.to_owned(),
            prefs: Prefs::of(&self.store, &self.settings, &self.user, place),
            now: NOW,
            memo: Memo::default(),
        }
    }

    /// What the engine makes of a text: macros expanded, then as HTML.
    fn rendered(&self, text: &str) -> (String, String) {
        let mut page = self.page();
        let expanded = macros::expand(&mut page, "Sandbox", "OracleTopic", text);
        let html = tml::render(&mut page, &expanded);
        (expanded, html)
    }
}

fn recorded() -> (Wiki, Vec<Value>) {
    let file = include_str!("../testdata/tml.json");
    let file: Value = serde_json::from_str(file).expect("valid JSON");
    (Wiki::recorded(&file["context"]), file["cases"].as_array().expect("cases").clone())
}

fn text<'v>(case: &'v Value, key: &str) -> &'v str {
    case[key].as_str().unwrap_or_default()
}

#[test]
fn the_engine_does_what_foswiki_does() {
    let (wiki, cases) = recorded();
    let shown = std::env::var("TML_DIFF").unwrap_or_default();
    let mut scores: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut unexpected = Vec::new();
    for case in &cases {
        let (id, group) = (text(case, "id"), text(case, "group"));
        let (expanded, html) = wiki.rendered(text(case, "tml"));
        let same = expanded == text(case, "expanded") && html == text(case, "html");
        let score = scores.entry(group).or_default();
        score.0 += usize::from(same);
        score.1 += 1;
        let is_known = DIFFERENT.iter().any(|(known, _)| *known == id);
        if same == is_known {
            unexpected.push(id);
        }
        if !same && (shown == "1" || shown == group) {
            println!("{id}: {:?}", text(case, "tml"));
            for (name, ours, theirs) in
                [("expanded", &expanded, text(case, "expanded")), ("html", &html, text(case, "html"))]
            {
                if ours != theirs {
                    println!("  {name}: {ours:?}\n  foswiki:  {theirs:?}");
                }
            }
        }
    }
    for (group, (same, all)) in &scores {
        println!("{group}: {same} of {all}");
    }
    let (same, all) = scores.values().fold((0, 0), |sum, score| (sum.0 + score.0, sum.1 + score.1));
    println!("all: {same} of {all}");
    assert!(unexpected.is_empty(), "not as DIFFERENT says: {unexpected:?}");
}
