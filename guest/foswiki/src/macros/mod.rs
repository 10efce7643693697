//! Macros: `%NAME{attributes}%` to text.
