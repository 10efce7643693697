//! Regular expressions of a modest kind, and wildcards.
//!
//! Patterns come from topics, so a match may take only so many steps: what takes more does not match.

use std::ops::Range;

/// Steps that one search may take.
const MAX_STEPS: usize = 500_000;

/// Instructions that one pattern may have, repetitions written out.
const MAX_PROGRAM: usize = 4_000;

/// How deep groups may nest.
const MAX_NESTING: usize = 50;

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
        let mut compiler = Compiler { rest: text, program: vec![Step::Save(0)], groups: 1, depth: 0 };
        compiler.alternatives()?;
        if !compiler.rest.is_empty() {
            return None;
        }
        compiler.program.extend([Step::Save(1), Step::Match]);
        Some(Pattern { program: compiler.program, ignores_case })
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

struct Compiler<'t> {
    rest: &'t str,
    program: Vec<Step>,
    groups: usize,
    depth: usize,
}

impl Compiler<'_> {
    fn take(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    /// What stands between bars. Each alternative but the last begins with a split to the next and ends with a jump
    /// behind all of them.
    fn alternatives(&mut self) -> Option<()> {
        let start = self.program.len();
        let mut branches: Vec<Vec<Step>> = Vec::new();
        loop {
            self.sequence()?;
            branches.push(self.program.drain(start..).collect());
            if !self.take("|") {
                break;
            }
        }
        let last = branches.pop()?;
        let mut jumps = Vec::with_capacity(branches.len());
        for branch in branches {
            let at = self.program.len();
            self.program.push(Step::Split(at + 1, at + branch.len() + 2));
            self.copy(&branch, start);
            jumps.push(self.program.len());
            self.program.push(Step::Match);
        }
        self.copy(&last, start);
        for at in jumps {
            self.program[at] = Step::Jump(self.program.len());
        }
        Some(())
    }

    fn sequence(&mut self) -> Option<()> {
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let start = self.program.len();
            self.atom()?;
            self.repetition(start)?;
            if self.program.len() > MAX_PROGRAM {
                return None;
            }
        }
        Some(())
    }

    fn atom(&mut self) -> Option<()> {
        let step = match self.next()? {
            '.' => Step::Any,
            '^' => Step::LineStart,
            '$' => Step::LineEnd,
            '[' => self.class()?,
            '(' => return self.group(),
            '\\' => escape(self.next()?),
            '*' | '+' | '?' => return None,
            c => Step::Char(c),
        };
        self.program.push(step);
        Some(())
    }

    fn group(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return None;
        }
        if self.take("?:") {
            self.alternatives()?;
        } else if self.rest.starts_with('?') {
            return None;
        } else {
            let slot = 2 * self.groups;
            self.groups += 1;
            self.program.push(Step::Save(slot));
            self.alternatives()?;
            self.program.push(Step::Save(slot + 1));
        }
        self.depth -= 1;
        self.take(")").then_some(())
    }

    fn class(&mut self) -> Option<Step> {
        let negated = self.take("^");
        let mut ranges = Vec::new();
        let mut is_first = true;
        loop {
            let c = self.next()?;
            if c == ']' && !is_first {
                return Some(Step::Class(ranges, negated));
            }
            is_first = false;
            let from = match c {
                '[' if self.rest.starts_with(':') => {
                    let end = self.rest.find(":]")?;
                    ranges.extend(named_class(&self.rest[1..end])?);
                    self.rest = &self.rest[end + 2..];
                    continue;
                }
                '\\' => match escape(self.next()?) {
                    Step::Char(c) => c,
                    Step::Class(more, false) => {
                        ranges.extend(more);
                        continue;
                    }
                    _ => return None,
                },
                c => c,
            };
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let to = if is_range {
                self.next()?;
                match self.next()? {
                    '\\' => self.next()?,
                    c => c,
                }
            } else {
                from
            };
            ranges.push((from, to));
        }
    }

    /// Repeats what begins at `start` as the following sign says.
    fn repetition(&mut self, start: usize) -> Option<()> {
        let (least, most) = match self.rest.chars().next() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => match counts(self.rest) {
                Some((least, most, length)) => {
                    self.rest = &self.rest[length - 1..];
                    (least, most)
                }
                None => return Some(()),
            },
            _ => return Some(()),
        };
        self.next()?;
        let lazy = self.take("?");
        let piece: Vec<Step> = self.program.drain(start..).collect();
        let copies = least.max(most.unwrap_or(least)) + 1;
        if piece.len().saturating_add(2).saturating_mul(copies) > MAX_PROGRAM {
            return None;
        }
        for _ in 0..least {
            self.copy(&piece, start);
        }
        match most {
            None => self.repeat(&piece, start, lazy),
            Some(most) => (least..most).for_each(|_| self.optional(&piece, start, lazy)),
        }
        Some(())
    }

    fn copy(&mut self, piece: &[Step], from: usize) {
        let by = self.program.len() - from;
        self.program.extend(piece.iter().map(|step| {
            let mut step = step.clone();
            shift(&mut step, from, by);
            step
        }));
    }

    fn optional(&mut self, piece: &[Step], from: usize, lazy: bool) {
        let at = self.program.len();
        self.program.push(Step::Match);
        self.copy(piece, from);
        let end = self.program.len();
        self.program[at] = if lazy { Step::Split(end, at + 1) } else { Step::Split(at + 1, end) };
    }

    fn repeat(&mut self, piece: &[Step], from: usize, lazy: bool) {
        let at = self.program.len();
        self.program.push(Step::Match);
        self.copy(piece, from);
        self.program.push(Step::Jump(at));
        let end = self.program.len();
        self.program[at] = if lazy { Step::Split(end, at + 1) } else { Step::Split(at + 1, end) };
    }
}

/// Moves the targets of a step that are not before `from`.
fn shift(step: &mut Step, from: usize, by: usize) {
    let moved = |target: &mut usize| {
        if *target >= from {
            *target += by;
        }
    };
    match step {
        Step::Jump(to) => moved(to),
        Step::Split(first, second) => [first, second].into_iter().for_each(moved),
        _ => (),
    }
}

/// `{2}`, `{2,}`, `{2,5}`: the least, the most, and the length.
fn counts(text: &str) -> Option<(usize, Option<usize>, usize)> {
    let inside = &text[1..text.find('}')?];
    let (least, most) = match inside.split_once(',') {
        None => (inside.parse().ok()?, Some(inside.parse().ok()?)),
        Some((least, "")) => (least.parse().ok()?, None),
        Some((least, most)) => (least.parse().ok()?, Some(most.parse().ok()?)),
    };
    Some((least, most, inside.len() + 2))
}

const DIGITS: [(char, char); 1] = [('0', '9')];
const SPACES: [(char, char); 3] = [(' ', ' '), ('\t', '\r'), ('\u{a0}', '\u{a0}')];
const WORDS: [(char, char); 5] = [('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_'), ('\u{aa}', '\u{10ffff}')];

fn escape(c: char) -> Step {
    match c {
        'd' => Step::Class(DIGITS.to_vec(), false),
        'D' => Step::Class(DIGITS.to_vec(), true),
        's' => Step::Class(SPACES.to_vec(), false),
        'S' => Step::Class(SPACES.to_vec(), true),
        'w' => Step::Class(WORDS.to_vec(), false),
        'W' => Step::Class(WORDS.to_vec(), true),
        'b' => Step::WordEdge(true),
        'B' => Step::WordEdge(false),
        'n' => Step::Char('\n'),
        'r' => Step::Char('\r'),
        't' => Step::Char('\t'),
        c => Step::Char(c),
    }
}

fn named_class(name: &str) -> Option<Vec<(char, char)>> {
    Some(match name {
        "alpha" => vec![('a', 'z'), ('A', 'Z'), ('\u{aa}', '\u{10ffff}')],
        "alnum" => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('\u{aa}', '\u{10ffff}')],
        "upper" => vec![('A', 'Z')],
        "lower" => vec![('a', 'z')],
        "digit" => DIGITS.to_vec(),
        "space" => SPACES.to_vec(),
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        _ => return None,
    })
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
