//! Queries to trees.

/// A query as a tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    Number(f64),
    /// A name: a field of a topic, or what some operators take by name.
    Name(String),
    /// `{Setting}` of the installation.
    Setting(String),
    List(Vec<Node>),
    Prefix(Prefix, Box<Node>),
    Infix(Infix, Box<Node>, Box<Node>),
}

/// Operators before their operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    Not,
    Minus,
    Lower,
    Upper,
    Length,
    ToNumber,
    Integer,
    IsWeb,
    IsTopic,
    Defined,
    Context,
    IsEmpty,
    /// `$ NAME`
    Setting,
}

/// Operators between their operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Infix {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    Matches,
    In,
    Allows,
    InGroup,
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `'Web.Topic'/field`
    Of,
    /// `record.field`
    Field,
    /// `list[condition]`
    Where,
}

/// Queries have no more tokens than this: a tree is as deep as it has tokens, and it is walked by recursion.
const MAX_TOKENS: usize = 500;

const MISSING_OPERATOR: &str = "Missing operator";
const MISSING_OPERAND: &str = "Excess operators";
const TOO_LONG: &str = "Too many operators";
const BAD_TOKEN: &str = "Syntax error";

const PREFIXES: [(&str, Prefix); 11] = [
    ("not", Prefix::Not),
    ("lc", Prefix::Lower),
    ("uc", Prefix::Upper),
    ("length", Prefix::Length),
    ("d2n", Prefix::ToNumber),
    ("int", Prefix::Integer),
    ("isweb", Prefix::IsWeb),
    ("istopic", Prefix::IsTopic),
    ("defined", Prefix::Defined),
    ("context", Prefix::Context),
    ("isempty", Prefix::IsEmpty),
];

/// Infix operators and how strongly they bind.
const INFIXES: [(&str, Infix, u8); 21] = [
    ("or", Infix::Or, 10),
    ("and", Infix::And, 20),
    ("=", Infix::Equal, 50),
    ("!=", Infix::NotEqual, 50),
    ("<>", Infix::NotEqual, 50),
    ("<", Infix::Less, 50),
    ("<=", Infix::LessOrEqual, 50),
    (">", Infix::Greater, 50),
    (">=", Infix::GreaterOrEqual, 50),
    ("~", Infix::Like, 50),
    ("=~", Infix::Matches, 50),
    ("in", Infix::In, 50),
    ("allows", Infix::Allows, 60),
    ("ingroup", Infix::InGroup, 60),
    ("+", Infix::Add, 65),
    ("-", Infix::Subtract, 65),
    ("*", Infix::Multiply, 70),
    ("div", Infix::Divide, 70),
    ("/", Infix::Of, 85),
    (".", Infix::Field, 90),
    ("[", Infix::Where, 95),
];

/// What `not` and the other prefix operators bind.
const NOT_BINDS: u8 = 30;
const PREFIX_BINDS: u8 = 80;

/// Reads a query; the error is what Foswiki says of it.
pub(crate) fn parse(text: &str) -> Result<Node, &'static str> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let node = parser.expression(0)?;
    if parser.at < parser.tokens.len() { Err(MISSING_OPERATOR) } else { Ok(node) }
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'t> {
    Text(String),
    Number(f64),
    Name(&'t str),
    Setting(&'t str),
    Sign(&'t str),
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => {
                let (text, length) = string(rest).ok_or(MISSING_OPERATOR)?;
                (Token::Text(text), length)
            }
            '0'..='9' => number(rest),
            '{' => {
                let end = rest.find('}').ok_or(BAD_TOKEN)?;
                (Token::Setting(&rest[1..end]), end + 1)
            }
            c if c.is_alphabetic() || c == '_' => {
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')))
                    .unwrap_or(rest.len());
                (Token::Name(&rest[..end]), end)
            }
            _ => {
                let is_pair =
                    rest.get(..2).is_some_and(|pair| matches!(pair, "=~" | "!=" | "<=" | ">=" | "<>"));
                let length = if is_pair { 2 } else { 1 };
                let sign = rest
                    .get(..length)
                    .filter(|sign| is_pair || "=<>~+-*/.[](),$".contains(sign))
                    .ok_or(BAD_TOKEN)?;
                (Token::Sign(sign), length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
        if tokens.len() > MAX_TOKENS {
            return Err(TOO_LONG);
        }
    }
    Ok(tokens)
}

/// The string at the start of `text` and its length, quotes included.
fn string(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    let (_, quote) = chars.next()?;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                (_, c) if c == quote || c == '\\' => value.push(c),
                (_, c) => value.extend(['\\', c]),
            },
            c if c == quote => return Some((value, at + 1)),
            c => value.push(c),
        }
    }
    None
}

fn number(text: &str) -> (Token<'_>, usize) {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let decimals = text[whole..].strip_prefix('.').map_or(0, digits);
    let length = if decimals > 0 { whole + 1 + decimals } else { whole };
    (Token::Number(text[..length].parse().unwrap_or(0.0)), length)
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
}

impl Parser<'_> {
    fn expression(&mut self, least: u8) -> Result<Node, &'static str> {
        let mut left = self.operand()?;
        while let Some((operator, binds)) = self.infix() {
            if binds <= least {
                break;
            }
            self.at += 1;
            let right = if operator == Infix::Where {
                let inside = self.expression(0)?;
                self.expect("]")?;
                inside
            } else {
                self.expression(binds)?
            };
            left = Node::Infix(operator, Box::new(left), Box::new(right));
        }
        match self.tokens.get(self.at) {
            None | Some(Token::Sign("]" | ")" | ",")) => Ok(left),
            _ if self.infix().is_some() => Ok(left),
            Some(_) => Err(MISSING_OPERATOR),
        }
    }

    fn operand(&mut self) -> Result<Node, &'static str> {
        let token = self.tokens.get(self.at).cloned().ok_or(MISSING_OPERAND)?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Node::Text(text)),
            Token::Number(number) => Ok(Node::Number(number)),
            Token::Setting(name) => {
                let mut name = name.to_owned();
                while let Some(Token::Setting(more)) = self.tokens.get(self.at) {
                    name.push_str("}{");
                    name.push_str(more);
                    self.at += 1;
                }
                Ok(Node::Setting(name))
            }
            Token::Name(name) => match PREFIXES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, prefix)) => self.prefixed(*prefix),
                None => Ok(Node::Name(name.to_owned())),
            },
            Token::Sign("(") => self.brackets(),
            Token::Sign("$") => self.prefixed(Prefix::Setting),
            Token::Sign("-") => self.prefixed(Prefix::Minus),
            Token::Sign(_) => Err(MISSING_OPERAND),
        }
    }

    fn prefixed(&mut self, prefix: Prefix) -> Result<Node, &'static str> {
        let operand = self.expression(if prefix == Prefix::Not { NOT_BINDS } else { PREFIX_BINDS })?;
        Ok(Node::Prefix(prefix, Box::new(operand)))
    }

    /// What is in round brackets: one expression, or a list of them.
    fn brackets(&mut self) -> Result<Node, &'static str> {
        let mut items = vec![self.expression(0)?];
        while self.tokens.get(self.at) == Some(&Token::Sign(",")) {
            self.at += 1;
            items.push(self.expression(0)?);
        }
        self.expect(")")?;
        Ok(if items.len() == 1 { items.swap_remove(0) } else { Node::List(items) })
    }

    fn expect(&mut self, sign: &str) -> Result<(), &'static str> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(found)) if *found == sign => {
                self.at += 1;
                Ok(())
            }
            _ => Err(MISSING_OPERATOR),
        }
    }

    fn infix(&self) -> Option<(Infix, u8)> {
        let (Token::Name(name) | Token::Sign(name)) = self.tokens.get(self.at)? else { return None };
        INFIXES
            .iter()
            .find(|(known, ..)| known.eq_ignore_ascii_case(name))
            .map(|(_, infix, binds)| (*infix, *binds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named() {
        let check =
            |text: &str, expected: &str| assert_eq!(parse(text).err(), Some(expected), "for {text:?}");
        check("bad syntax ((", MISSING_OPERATOR);
        check("bad (", MISSING_OPERATOR);
        check("1 +", MISSING_OPERAND);
        check("", MISSING_OPERAND);
        check("(1", MISSING_OPERATOR);
        check("'open", MISSING_OPERATOR);
        check("1 # 2", BAD_TOKEN);
        check(&"(".repeat(100_000), TOO_LONG);
        check(&"1+".repeat(100_000), TOO_LONG);
    }

    #[test]
    fn operators_bind_as_they_should() {
        let same = |a: &str, b: &str| assert_eq!(parse(a), parse(b), "for {a:?}");
        same("not 1 or 1", "(not 1) or 1");
        same("1 + 2 * 3 = 7", "(1 + (2 * 3)) = 7");
        same("a AND b or c", "(a and b) or c");
        same("$ WEB = 'x'", "($WEB) = 'x'");
        same("lc a.b = 'x'", "(lc (a.b)) = 'x'");
    }
}
