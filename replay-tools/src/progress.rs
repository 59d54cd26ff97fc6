//! The progress bar: on standard error, when that is a terminal and nobody said `--no-progress`.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A bar with position, rate and time left, or nothing at all.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar over `total` items; 0 when nobody knows how many.
    pub fn new(shown: bool, what: &str, total: u64) -> Self {
        let shown = shown && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), target);
        let template = if total > 0 {
            "{msg} {bar:28} {human_pos}/{human_len} {rate} ETA {eta}"
        } else {
            "{msg} {spinner} {human_pos} {rate} {elapsed}"
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{}/s", crate::value::grouped(&format!("{:.0}", state.per_sec())));
            });
        bar.set_style(style);
        bar.set_message(what.to_owned());
        if shown {
            bar.enable_steady_tick(Duration::from_millis(125));
        }
        Self(bar)
    }

    /// So many are done.
    pub fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// There are so many in all.
    pub fn total(&self, total: u64) {
        if total > 0 {
            self.0.set_length(total);
        }
    }

    /// What is being done now.
    pub fn phase(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
