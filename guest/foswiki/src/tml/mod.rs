//! Topic markup (TML) to HTML.
