//! Preferences as they are shipped, for wikis whose own topics do not set them.

/// The value of a shipped preference, unexpanded.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    DEFAULTS.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| DEFAULTS[at].1)
}

macro_rules! icon {
    ($file:literal, $alt:literal, $width:literal) => {
        concat!(
            "<img src=\"%ICONURLPATH{",
            $file,
            "}%\" alt=\"",
            $alt,
            "\" title=\"",
            $alt,
            "\" width=\"",
            $width,
            "\" height=\"16\" />"
        )
    };
}

macro_rules! color {
    ($name:literal) => {
        concat!("<span class='foswiki", $name, "FG'>")
    };
}

/// By name.
const DEFAULTS: [(&str, &str); 54] = [
    ("AQUA", color!("Aqua")),
    ("BB", "<br />&#8226;"),
    ("BB2", "<br />&nbsp;&nbsp;&#8226;"),
    ("BB3", "<br />&nbsp;&nbsp;&nbsp;&nbsp;&#8226;"),
    ("BB4", "<br />&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&#8226;"),
    ("BLACK", color!("Black")),
    ("BLUE", color!("Blue")),
    ("BR", "<br />"),
    ("BROWN", color!("Brown")),
    ("BULLET", "&#8226;"),
    ("CARET", "&#94;"),
    ("CLEAR", "<span class='foswikiClear'></span>"),
    ("DOCWEB", "%SYSTEMWEB%"),
    ("EDITBOXHEIGHT", "22"),
    ("EDITBOXSTYLE", "width:99%"),
    ("EDITBOXWIDTH", "70"),
    ("EDITURL", "%SCRIPTURLPATH{\"edit\" topic=\"%WEB%.%TOPIC%\" t=\"%GMTIME{\"$epoch\"}%\"}%"),
    ("ENDCOLOR", "</span>"),
    ("FAVICON", "%PUBURLPATH%/%SYSTEMWEB%/ProjectLogos/favicon.ico"),
    ("GRAY", color!("Gray")),
    ("GREEN", color!("Green")),
    ("H", icon!("help", "HELP", "16")),
    ("I", icon!("tip", "IDEA!", "16")),
    ("ICONTOPIC", "%SYSTEMWEB%.DocumentGraphics"),
    ("INCLUDEWARNING", "on"),
    ("LIME", color!("Lime")),
    ("LINKTOOLTIPINFO", "off"),
    ("M", icon!("arrowright", "MOVED TO...", "16")),
    ("MAINWEB", "%USERSWEB%"),
    ("MAROON", color!("Maroon")),
    ("N", icon!("new", "NEW", "30")),
    ("NAVY", color!("Navy")),
    ("OLIVE", color!("Olive")),
    ("ORANGE", color!("Orange")),
    ("P", icon!("pencil", "REFACTOR", "16")),
    ("PINK", color!("Pink")),
    ("PURPLE", color!("Purple")),
    ("Q", icon!("question", "QUESTION?", "16")),
    ("RED", color!("Red")),
    ("S", icon!("starred", "PICK", "16")),
    ("SIGNATUREFORMAT", "-- %WIKIUSERNAME% - %DATE%"),
    ("SILVER", color!("Silver")),
    ("SKIN", "pattern"),
    ("T", icon!("tip", "TIP", "16")),
    ("TEAL", color!("Teal")),
    ("U", icon!("updated", "UPDATED", "55")),
    ("VBAR", "&#124;"),
    ("WEBBGCOLOR", "#D0D0D0"),
    ("WHITE", color!("White")),
    ("WIKIHOMEURL", "%SCRIPTURLPATH{\"view\" topic=\"%USERSWEB%.%HOMETOPIC%\"}%"),
    ("WIKITOOLNAME", "Foswiki"),
    ("X", icon!("warning", "ALERT!", "16")),
    ("Y", icon!("choice-yes", "DONE", "16")),
    ("YELLOW", color!("Yellow")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(DEFAULTS.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
