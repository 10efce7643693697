//! Text inside HTML.

/// Text as it stands in HTML and in quoted attribute values.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    escape_into(&mut out, text);
    out
}

/// Appends text as it stands in HTML and in quoted attribute values. Control characters that HTML forbids are dropped.
pub fn escape_into(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) =
        rest.find(|char: char| matches!(char, '&' | '<' | '>' | '"' | '\'') || is_forbidden(char))
    {
        let (before, special) = rest.split_at(at);
        out.push_str(before);
        let mut chars = special.chars();
        out.push_str(match chars.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('"') => "&quot;",
            Some('\'') => "&#39;",
            _ => "",
        });
        rest = chars.as_str();
    }
    out.push_str(rest);
}

fn is_forbidden(char: char) -> bool {
    char.is_control() && !matches!(char, '\n' | '\t' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped() {
        assert_eq!(
            escape("<a href=\"x\" title='y'>&é\0\x1b\n"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;é\n"
        );
    }
}
