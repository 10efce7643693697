//! What holds for any input.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use foswiki::{
    actions::{Address, Request},
    http::{
        condition::{self, Range, Validators},
        date, query,
    },
    prefs::TopicSettings,
    store::{valid_attachment, valid_topic, valid_web},
    topic::Topic,
};
use proptest::prelude::*;

/// Text made of what topics are made of.
fn topic_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("%META:"),
        Just("TOPICINFO"),
        Just("FIELD"),
        Just("{"),
        Just("}%"),
        Just("name=\""),
        Just("\""),
        Just("\n"),
        Just("\r"),
        Just("   * Set "),
        Just("\t"),
        Just("A"),
        Just(" = "),
        Just("%"),
        Just("%22"),
        Just("é"),
        Just("%é"),
        Just("   x"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Paths made of what attacks are made of.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/"),
        Just(".."),
        Just("."),
        Just("bin"),
        Just("pub"),
        Just("view"),
        Just("viewfile"),
        Just("Main"),
        Just("foswiki.fcgi"),
        Just("%2f"),
        Just("%"),
        Just("\0"),
        Just("é"),
        Just("?"),
        Just("edit.pl"),
        Just("://"),
        Just("\\"),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn request(variables: &[(&str, &str)]) -> Request {
    Request::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

proptest! {
    #[test]
    fn any_text_is_a_topic(text in topic_text()) {
        let topic = Topic::parse(&text);
        TopicSettings::of(&topic);
        prop_assert!(topic.text.len() <= text.len());
        prop_assert!(!topic.text.contains('\r'));
        if topic.meta.is_empty() {
            prop_assert_eq!(topic.text, text.replace('\r', ""));
        }
    }

    #[test]
    fn no_path_has_dot_segments(script in path(), info in path(), uri in path()) {
        let address = Address::of(&request(&[("SCRIPT_NAME", &script), ("PATH_INFO", &info), ("REQUEST_URI", &uri)]));
        for segment in &address.path {
            prop_assert!(!segment.is_empty() && segment != "." && segment != ".." && !segment.contains('/'));
        }
        prop_assert!(address.script_url_path.is_empty() || address.script_url_path.starts_with('/'));
        prop_assert!(address.script_url_path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>&\\".contains(&byte)));
    }

    #[test]
    fn valid_names_stay_in_their_folder(name in "[A-Za-z0-9_./\\\\,:\\x00-\\x1f -]{0,12}") {
        for valid in [valid_web(&name), valid_topic(&name), valid_attachment(&name)] {
            prop_assert!(!valid || !name.split('/').any(|part| part.is_empty() || part.starts_with("..") || part == "."));
            prop_assert!(!valid || !name.contains(['\0', '\\', '\n']));
        }
        prop_assert!(!valid_topic(&name) || !name.contains(['/', '.', ',']));
    }

    #[test]
    fn a_part_is_inside_the_file(range in "bytes=[0-9]{0,20}-[0-9]{0,20}", len in 0..1000_u64) {
        let validators = Validators { etag: "\"t\"", modified: None };
        if let Range::Part { start, len: part } = condition::range(&request(&[("HTTP_RANGE", &range)]), validators, len) {
            prop_assert!(part > 0 && start + part <= len);
        }
    }

    #[test]
    fn decoding_undoes_encoding(text in any::<String>()) {
        prop_assert_eq!(query::decode(&query::encode_path(&text)), text.as_str());
        prop_assert_eq!(query::decode(&query::encode_value(&text)), text);
    }

    #[test]
    fn dates_are_read_as_written(seconds in -62_135_596_800..253_402_300_800_i64) {
        prop_assert_eq!(date::parse(&date::http(seconds)), Some(seconds));
    }

    #[test]
    fn any_header_is_read(text in any::<String>()) {
        query::params(&text);
        date::parse(&text);
    }
}
