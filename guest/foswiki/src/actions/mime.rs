//! Types of attachments by the ends of their names.

/// A type and what it may do to the wiki's pages when a browser shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Type {
    pub name: &'static str,
    /// Whether a browser would run what is inside as if it came from the wiki.
    pub active: bool,
}

const PASSIVE: &[(&str, &[&str])] = &[
    ("image/png", &["png"]),
    ("image/jpeg", &["jpg", "jpeg", "jpe"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/avif", &["avif"]),
    ("image/bmp", &["bmp"]),
    ("image/tiff", &["tif", "tiff"]),
    ("image/x-icon", &["ico"]),
    ("text/css; charset=utf-8", &["css"]),
    ("text/javascript; charset=utf-8", &["js", "mjs"]),
    (
        "text/plain; charset=utf-8",
        &["txt", "text", "log", "md", "conf", "patch", "diff", "c", "h", "pl", "pm", "py", "sh"],
    ),
    ("text/csv; charset=utf-8", &["csv"]),
    ("text/calendar; charset=utf-8", &["ics"]),
    ("text/vcard; charset=utf-8", &["vcf"]),
    ("application/json", &["json", "map"]),
    ("application/pdf", &["pdf"]),
    ("application/zip", &["zip"]),
    ("application/gzip", &["gz", "tgz"]),
    ("application/x-tar", &["tar"]),
    ("application/x-bzip2", &["bz2"]),
    ("application/x-xz", &["xz"]),
    ("application/x-7z-compressed", &["7z"]),
    ("application/rtf", &["rtf"]),
    ("application/postscript", &["ps", "eps", "ai"]),
    ("application/msword", &["doc", "dot"]),
    ("application/vnd.ms-excel", &["xls"]),
    ("application/vnd.ms-powerpoint", &["ppt"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
    ("application/vnd.oasis.opendocument.text", &["odt"]),
    ("application/vnd.oasis.opendocument.spreadsheet", &["ods"]),
    ("application/vnd.oasis.opendocument.presentation", &["odp"]),
    ("application/wasm", &["wasm"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/ogg", &["ogg", "oga", "opus"]),
    ("audio/wav", &["wav"]),
    ("audio/flac", &["flac"]),
    ("audio/mp4", &["m4a"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("video/webm", &["webm"]),
    ("video/ogg", &["ogv"]),
    ("video/quicktime", &["mov", "qt"]),
    ("font/woff", &["woff"]),
    ("font/woff2", &["woff2"]),
    ("font/ttf", &["ttf"]),
    ("font/otf", &["otf"]),
];

const ACTIVE: &[(&str, &[&str])] = &[
    ("text/html; charset=utf-8", &["html", "htm", "shtml"]),
    ("application/xhtml+xml", &["xhtml", "xht"]),
    ("image/svg+xml", &["svg", "svgz"]),
    ("application/xml", &["xml", "xsl", "xslt", "rdf", "rss", "atom"]),
];

/// The type of a file; bytes without meaning where its name tells nothing.
pub(super) fn type_of(name: &str) -> Type {
    let ending = name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase());
    let find = |table: &[(&'static str, &[&str])]| {
        table.iter().find(|(_, endings)| endings.contains(&ending.as_str())).map(|(name, _)| *name)
    };
    match (find(PASSIVE), find(ACTIVE)) {
        (Some(name), _) => Type { name, active: false },
        (None, Some(name)) => Type { name, active: true },
        (None, None) => Type { name: "application/octet-stream", active: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for (name, expected, active) in [
            ("a.png", "image/png", false),
            ("A.PNG", "image/png", false),
            ("a.tar.gz", "application/gzip", false),
            ("a.svg", "image/svg+xml", true),
            ("a.html", "text/html; charset=utf-8", true),
            ("png", "application/octet-stream", false),
            ("a.", "application/octet-stream", false),
            ("a.php", "application/octet-stream", false),
        ] {
            assert_eq!(type_of(name), Type { name: expected, active }, "{name}");
        }
    }
}
