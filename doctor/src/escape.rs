//! A stranger's bytes on a terminal.
//!
//! 1. Printable ASCII stays as it is, a backslash is doubled, and every other byte is `\xNN`. The bytes
//!    can be read back, and no control sequence, bidirectional mark or odd width is left.
//! 2. Long text is cut in its middle.
//! 3. The output is ASCII except for the mark of a cut, and each character is one column wide.

/// Replaces bytes that are not shown.
pub const CUT: char = '…';

/// The bytes as printable text.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| byte(b)).collect()
}

/// The same, in at most about `columns` columns.
pub fn shortened(bytes: &[u8], columns: usize) -> String {
    let whole = text(bytes);
    if whole.len() <= columns {
        return whole;
    }
    let side = columns / 2;
    format!("{}{CUT}{}", &whole[..side], &whole[whole.len().saturating_sub(side)..])
}

/// Lines of a message. Backslashes stay as they are, because the message may have escaped what it quotes.
pub fn lines(lines: &str) -> String {
    let shown =
        |b: u8| if matches!(b, b'\n' | b'\\') { char::from(b).to_string() } else { byte(b) };
    lines.bytes().map(shown).collect()
}

/// Whether the bytes are printable ASCII as they are.
pub fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b' '..=b'~'))
}

/// How many columns the bytes take.
pub fn columns(bytes: &[u8]) -> usize {
    text(bytes).len()
}

fn byte(byte: u8) -> String {
    match byte {
        b'\\' => r"\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_plain, lines, shortened, text};

    #[test]
    fn nothing_but_printable_ascii() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(text(&all).bytes().all(|b| (b' '..=b'~').contains(&b)));
        assert_eq!(lines("a\x1b\nb\n"), "a\\x1b\nb\n");
        assert_eq!(lines(&format!("{:?}", "\x1b")), r#""\u{1b}""#);
        assert!(is_plain(b"a ~") && !is_plain(b"a\n"));
        assert_eq!(text(b"a\x1b[2J\\\"\xe9"), r#"a\x1b[2J\\"\xe9"#);
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(shortened(b"0123456789", 10), "0123456789");
        assert_eq!(shortened(b"0123456789a", 4), "01…9a");
    }
}
