//! Compares what each reader believes with the truth, and shows both.

use std::net::IpAddr;

use crate::{
    answer::Answer,
    attacks::{Aim, Attack, Refusal, Reply},
    grid, naive,
};

/// The head of the table. Each row has its [`Row::cells`].
const HEAD: [&str; 6] = [
    "sent",
    "leftmost\nbelieves",
    "Werkzeug\nbelieves",
    "the app\nbelieves",
    "vouched for by",
    "verdict",
];

/// What is true of every request here, no matter what it claims.
pub(crate) struct Truth {
    pub(crate) client: IpAddr,
    pub(crate) host: &'static str,
    pub(crate) port: u16,
}

/// One request and what became of it.
pub(crate) struct Row {
    sent: String,
    leftmost: String,
    werkzeug: String,
    app: String,
    source: String,
    verdict: &'static str,
    /// Where the answer differs from the truth.
    pub(crate) differences: Vec<String>,
}

impl Row {
    pub(crate) fn new(attack: &Attack, reply: Reply, truth: &Truth) -> Self {
        let mut row = Self {
            sent: sent(attack),
            leftmost: "-".to_owned(),
            werkzeug: "-".to_owned(),
            app: "-".to_owned(),
            source: "-".to_owned(),
            verdict: "WRONG",
            differences: Vec::new(),
        };
        match reply {
            Err(Refusal { status, text }) => {
                let safe = status.is_client_error() && !attack.lines.is_empty();
                row.verdict = if safe { "refused" } else { "WRONG" };
                row.app = format!("status {}", status.as_u16());
                row.differences = vec![format!("{status}: {}", printable(&text, 200))];
            }
            Ok(answer) => row.fill(attack, &answer, truth),
        }
        row
    }

    fn cells(&self) -> Vec<String> {
        let Self { sent, leftmost, werkzeug, app, source, verdict, differences: _ } = self;
        [sent, leftmost, werkzeug, app, source, *verdict].map(str::to_owned).to_vec()
    }

    fn fill(&mut self, attack: &Attack, answer: &Answer, truth: &Truth) {
        self.sent += fate_of_underscores(attack, answer);
        self.differences = truth.differences(answer);
        self.verdict = if self.differences.is_empty() { "truth" } else { "WRONG" };

        let (claim, true_value) = match attack.aim {
            Aim::Client => (&answer.client, truth.client.to_string()),
            Aim::Scheme => (&answer.scheme, "http".to_owned()),
            Aim::Host => (&answer.host, truth.host.to_owned()),
        };
        let marked = |value: &str| {
            let mark = if value == true_value { "" } else { " !" };
            printable(value, 16) + mark
        };
        self.leftmost = marked(&naive::leftmost(&answer.received, attack.aim));
        self.werkzeug = marked(&naive::werkzeug(&answer.received, attack.aim));
        self.app = marked(&claim.value);
        self.source = printable(&claim.vouched_for_by, 24);
    }
}

impl Truth {
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.authority())
    }

    /// Compares everything, not only what the request lies about.
    fn differences(&self, answer: &Answer) -> Vec<String> {
        let (client, port) = (self.client.to_string(), self.port.to_string());
        let authority = self.authority();
        let values = [
            ("client", &answer.client.value, client.as_str()),
            ("scheme", &answer.scheme.value, "http"),
            ("host", &answer.host.value, self.host),
            ("port", &answer.port.value, &port),
            ("url", &answer.url, &self.url()),
        ];
        let differing = values.iter().filter(|(_, believed, truth)| believed != truth);
        let mut differences: Vec<String> = differing
            .map(|(what, believed, truth)| format!("{what} {believed} instead of {truth}"))
            .collect();

        // The handler must see the trusted headers, each with one true value, and no other header.
        let mut seen = answer.handler_sees.clone();
        seen.sort();
        let expected = [
            format!("host: {authority}"),
            format!("x-forwarded-for: {client}"),
            format!("x-forwarded-host: {authority}"),
            format!("x-forwarded-port: {port}"),
            "x-forwarded-proto: http".to_owned(),
        ];
        if seen != expected {
            differences.push(format!("the handler sees {seen:?}"));
        }
        differences.iter().map(|text| printable(text, 200)).collect()
    }
}

pub(crate) fn render(rows: &[Row]) -> String {
    let head = HEAD.map(str::to_owned).to_vec();
    let cells = rows.iter().map(Row::cells);
    grid::draw(&[head].into_iter().chain(cells).collect::<Vec<_>>())
}

/// The field lines, shortened.
fn sent(attack: &Attack) -> String {
    let shown = attack.lines.iter().map(|(name, value)| {
        let size = match value.len() / 1024 {
            0 => String::new(),
            kib => format!("\n({kib} KiB in one line)"),
        };
        printable(&format!("{name}: {value}"), 32) + &size
    });
    let lines = shown.collect::<Vec<_>>().join("\n");
    if lines.is_empty() { "(nothing: the honest request)".to_owned() } else { lines }
}

/// nginx drops header names with underscores by default; others pass them on.
fn fate_of_underscores(attack: &Attack, answer: &Answer) -> &'static str {
    let spelt_so = |line: &String| line.split(':').next().is_some_and(|name| name.contains('_'));
    if !attack.lines.iter().any(|(name, _)| name.contains('_')) {
        ""
    } else if !answer.received.iter().any(spelt_so) {
        "\n(the proxy dropped it)"
    } else if !answer.handler_sees.iter().any(spelt_so) {
        "\n(the layer removed it)"
    } else {
        "\n(the handler sees it)"
    }
}

/// Shortens text to this many columns, and escapes anything that a terminal would obey.
fn printable(text: &str, columns: usize) -> String {
    let mut shown = String::new();
    for char in text.trim_end().chars() {
        if char == ' ' || char.is_ascii_graphic() {
            shown.push(char);
        } else {
            shown.extend(char.escape_default());
        }
        if shown.len() > columns {
            shown.truncate(columns - 1);
            return shown + "…";
        }
    }
    shown
}
