//! Regular expressions of a modest kind, and wildcards.
//!
//! Patterns come from topics, so a match may take only so many steps: what takes more does not match.

mod compile;

use std::ops::Range;

/// Steps that one search may take.
const MAX_STEPS: usize = 500_000;

/// Instructions that one pattern may have, repetitions written out.
const MAX_PROGRAM: usize = 4_000;

/// Groups that are remembered, the whole match included.
const MAX_GROUPS: usize = 10;

/// A regular expression: alternatives, groups, classes, anchors, greedy and lazy repetition.
#[derive(Debug)]
pub(crate) struct Pattern {
    program: Vec<Step>,
    ignores_case: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Char(char),
    Any,
    Class(Vec<(char, char)>, bool),
    LineStart,
    LineEnd,
    WordEdge(bool),
    /// Goes on at the first, and at the second where that fails.
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    Match,
}

/// Where a pattern matched.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    slots: [Option<usize>; 2 * MAX_GROUPS],
}

impl Found {
    /// The range of a group; 0 is the whole match.
    pub(crate) fn group(&self, index: usize) -> Option<Range<usize>> {
        let start = (*self.slots.get(2 * index)?)?;
        let end = (*self.slots.get(2 * index + 1)?)?;
        Some(start..end)
    }
}

impl Pattern {
    /// Reads a pattern; `None` where it is not one.
    pub(crate) fn parse(text: &str) -> Option<Pattern> {
        Pattern::parse_as(text, false)
    }

    /// Reads a pattern that takes capitals and small letters as the same.
    pub(crate) fn parse_ignoring_case(text: &str) -> Option<Pattern> {
        Pattern::parse_as(text, true)
    }

    fn parse_as(text: &str, ignores_case: bool) -> Option<Pattern> {
        let (text, ignores_case) =
            text.strip_prefix("(?i)").map_or((text, ignores_case), |text| (text, true));
        Some(Pattern { program: compile::program(text)?, ignores_case })
    }

    /// The first match in a text.
    pub(crate) fn find(&self, text: &str) -> Option<Found> {
        let mut steps = MAX_STEPS;
        let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        for start in starts {
            if let Some(found) = self.match_at(text, start, &mut steps) {
                return Some(found);
            }
            if steps == 0 {
                return None;
            }
        }
        None
    }

    fn match_at(&self, text: &str, start: usize, steps: &mut usize) -> Option<Found> {
        let mut slots = [None; 2 * MAX_GROUPS];
        let mut waiting: Vec<(usize, usize, [Option<usize>; 2 * MAX_GROUPS])> = Vec::new();
        let (mut at, mut step) = (start, 0);
        loop {
            *steps = steps.checked_sub(1)?;
            let goes_on = match &self.program[step] {
                Step::Match => return Some(Found { slots }),
                Step::Jump(to) => {
                    step = *to;
                    continue;
                }
                Step::Split(first, second) => {
                    waiting.push((*second, at, slots));
                    step = *first;
                    continue;
                }
                Step::Save(slot) => {
                    if let Some(slot) = slots.get_mut(*slot) {
                        *slot = Some(at);
                    }
                    true
                }
                Step::LineStart => at == 0,
                Step::LineEnd => at == text.len() || (at + 1 == text.len() && text.ends_with('\n')),
                Step::WordEdge(expected) => is_word_edge(text, at) == *expected,
                consumes => match text[at..].chars().next().filter(|c| self.accepts(consumes, *c)) {
                    Some(c) => {
                        at += c.len_utf8();
                        true
                    }
                    None => false,
                },
            };
            if goes_on {
                step += 1;
            } else {
                (step, at, slots) = waiting.pop()?;
            }
        }
    }

    fn accepts(&self, step: &Step, c: char) -> bool {
        let one = |c: char| match step {
            Step::Char(expected) => c == *expected,
            Step::Class(ranges, negated) => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
            _ => true,
        };
        one(c) || (self.ignores_case && (c.to_lowercase().any(one) || c.to_uppercase().any(one)))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_word_edge(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(is_word) != text[at..].chars().next().is_some_and(is_word)
}

/// Whether a whole text fits a wildcard: `*` is any text, `?` any character.
pub(crate) fn matches_wildcard(text: &str, wildcard: &str) -> bool {
    let (text, wildcard): (Vec<char>, Vec<char>) = (text.chars().collect(), wildcard.chars().collect());
    let (mut at, mut expected) = (0, 0);
    // Where to go on after the last star, once it takes one character more.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match wildcard.get(expected) {
            Some('*') => {
                star = Some((expected, at));
                expected += 1;
            }
            Some(c) if *c == '?' || *c == text[at] => {
                at += 1;
                expected += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                at = taken + 1;
                expected = after + 1;
            }
        }
    }
    wildcard[expected..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: &[Option<&str>]) {
        let found = Pattern::parse(pattern).expect("a pattern").find(text);
        let groups: Vec<_> = (0..expected.len())
            .map(|group| found.as_ref().and_then(|found| found.group(group)).map(|range| &text[range]))
            .collect();
        assert_eq!(groups, expected, "for {pattern:?} in {text:?}");
    }

    #[test]
    fn patterns_match() {
        check("b.$", "abc", &[Some("bc")]);
        check("^a|b", "xb", &[Some("b")]);
        check("(a|bc|def)+x", "abcdefx", &[Some("abcdefx"), Some("def")]);
        check("a|b|c|d", "d", &[Some("d")]);
        check("x(?:a|b|c)y", "xcy", &[Some("xcy")]);
        check("a{2,3}", "aaaa", &[Some("aaa")]);
        check("a{2}b", "aab", &[Some("aab")]);
        check("(ab){2,}?", "ababab", &[Some("abab"), Some("ab")]);
        check("<(.*?)>", "<a><b>", &[Some("<a>"), Some("a")]);
        check("[^a-c\\d]+", "ab1xyz", &[Some("xyz")]);
        check("\\bfoo\\b", "a foo.", &[Some("foo")]);
        check("[[:upper:]]é?", "aÉB", &[Some("B")]);
        check("(a)?b", "b", &[Some("b"), None]);
        check("x", "y", &[None]);
        check("(?i)ABC", "xabc", &[Some("abc")]);
        check("", "x", &[Some("")]);
        for bad in ["(", "[", "a)", "*", "(a{1000}){1000}", "(?=x)"] {
            assert!(Pattern::parse(bad).is_none(), "for {bad:?}");
        }
        assert!(Pattern::parse(&"(".repeat(100_000)).is_none());
    }

    #[test]
    fn hopeless_patterns_end() {
        let pattern = Pattern::parse("(a*)*b").expect("a pattern");
        assert!(pattern.find(&"a".repeat(10_000)).is_none());
    }

    #[test]
    fn wildcards_match() {
        let check = |text: &str, wildcard: &str, expected: bool| {
            assert_eq!(matches_wildcard(text, wildcard), expected, "for {text:?} {wildcard:?}");
        };
        check("OracleInc", "Oracle*", true);
        check("notes.txt", "*.txt", true);
        check("notes.txt", "*.t?t", true);
        check("notes.txt", "notes", false);
        check("", "*", true);
    }
}
