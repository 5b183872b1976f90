//! The colours of the terminal, named by meaning. `anstream` drops them if the output is not a terminal, and
//! if `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};

const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}

/// What is believed, or clean.
pub(crate) const GOOD: Style = color(AnsiColor::Green).bold();
/// What is rejected, or dangerous.
pub(crate) const BAD: Style = color(AnsiColor::Red).bold();
/// What deserves a look.
pub(crate) const WARN: Style = color(AnsiColor::Yellow).bold();
/// What to write.
pub(crate) const HELP: Style = color(AnsiColor::Cyan).bold();
/// What was passed over or ignored.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Where a section begins.
pub(crate) const TITLE: Style = Style::new().bold();
