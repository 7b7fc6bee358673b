//! Breaks JSON into lines, and leaves every other byte as it is: order, numbers and escapes can be read off.

/// The text of an answer, one entry or item a line.
pub(crate) fn indented(json: &[u8]) -> String {
    let json = std::str::from_utf8(json).expect("an answer is UTF-8");
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let (mut in_string, mut escaped) = (false, false);
    for (at, char) in json.char_indices() {
        if in_string {
            out.push(char);
            in_string = escaped || char != '"';
            escaped = !escaped && char == '\\';
            continue;
        }
        let is_empty = matches!(json.as_bytes().get(at + 1), Some(b'}' | b']'));
        match char {
            '{' | '[' => {
                out.push(char);
                depth += 1;
                if !is_empty {
                    new_line(depth, &mut out);
                }
            }
            '}' | ']' => {
                depth -= 1;
                if !out.ends_with(['{', '[']) {
                    new_line(depth, &mut out);
                }
                out.push(char);
            }
            ',' => {
                out.push(char);
                new_line(depth, &mut out);
            }
            ':' => out.push_str(": "),
            _ => {
                in_string = char == '"';
                out.push(char);
            }
        }
    }
    out.push('\n');
    out
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}
