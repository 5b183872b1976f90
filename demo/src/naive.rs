//! How others read the same headers.

use crate::attacks::Aim;

/// What a reader believes if no header tells it who the client is.
const THE_PROXY: &str = "the proxy";

/// Takes the leftmost element of the first line, which anyone can write. If there is a `Forwarded`
/// header, it is read first. `_` passes for `-`, as in CGI.
pub(crate) fn leftmost(received: &[String], aim: Aim) -> String {
    let first = |wanted: &str| {
        let line = pairs(received).find(|(name, _)| name.replace('_', "-") == wanted);
        line.map(|(_, value)| value.split(',').next().unwrap_or_default().trim())
    };
    let parameter = |element: &str| {
        element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case(aim.parameter()).then(|| value.replace('"', ""))
        })
    };
    first("forwarded")
        .and_then(parameter)
        .or_else(|| first(aim.header()).map(str::to_owned))
        .unwrap_or_else(|| own(received, aim))
}

/// The rule of Werkzeug 3.1.9's `ProxyFix`, set to trust one value: it joins the lines and takes the
/// last value. Its list parser honours quotes, so an open quote swallows what the proxy wrote. Its
/// server has already dropped names with `_`.
pub(crate) fn werkzeug(received: &[String], aim: Aim) -> String {
    let lines = pairs(received).filter(|(name, _)| *name == aim.header());
    let joined = lines.map(|(_, value)| value).collect::<Vec<_>>().join(",");
    let last = parse_list_header(&joined).pop();
    last.filter(|value| !value.is_empty()).unwrap_or_else(|| own(received, aim))
}

/// `werkzeug.http.parse_list_header`, translated line by line.
fn parse_list_header(value: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut item = String::new();
    let (mut escape, mut quote) = (false, false);
    for char in value.chars() {
        if escape {
            escape = false;
        } else if quote {
            match char {
                '\\' => escape = true,
                '"' => quote = false,
                _ => {}
            }
        } else if char == ',' {
            items.push(std::mem::take(&mut item));
            continue;
        } else if char == '"' {
            quote = true;
        }
        item.push(char);
    }
    if quote {
        return Vec::new();
    }
    items.push(item);
    let stripped = items.iter().map(|item| item.trim_matches([' ', '\t']));
    stripped.filter(|item| !item.is_empty()).map(unquote_header_value).collect()
}

/// `werkzeug.http.unquote_header_value`.
fn unquote_header_value(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return value.to_owned() };
    let mut chars = inner.chars();
    let mut unquoted = String::new();
    while let Some(char) = chars.next() {
        // A backslash means the character after it.
        unquoted.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    unquoted
}

/// What the connection itself says. It counts if no header is believed.
fn own(received: &[String], aim: Aim) -> String {
    match aim {
        Aim::Client => THE_PROXY.to_owned(),
        Aim::Scheme => "http".to_owned(),
        Aim::Host => {
            let host = pairs(received).find(|(name, _)| *name == "host");
            host.map(|(_, value)| value.to_owned()).unwrap_or_default()
        }
    }
}

fn pairs(received: &[String]) -> impl Iterator<Item = (&str, &str)> {
    received.iter().filter_map(|line| line.split_once(": "))
}
