//! Patterns to programs.

use super::{MAX_PROGRAM, Step};

/// How deep groups may nest.
const MAX_NESTING: usize = 50;

/// The program of a pattern; `None` where it is not one, or needs too many steps.
pub(super) fn program(pattern: &str) -> Option<Vec<Step>> {
    let mut compiler = Compiler { rest: pattern, program: vec![Step::Save(0)], groups: 1, depth: 0 };
    compiler.alternatives()?;
    compiler.program.extend([Step::Save(1), Step::Match]);
    compiler.rest.is_empty().then_some(compiler.program)
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
