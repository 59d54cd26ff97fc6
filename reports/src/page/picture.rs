//! Pictures as SVG.

use charts_rs::{HorizontalBarChart, LineChart, WaterfallChart};
use serde_json::{Value, json};

use super::{Drawn, Picture, Step};
use crate::ReportError;

type Drawing = Result<String, charts_rs::Error>;

/// Width of a picture, in pixels of a narrow screen: text keeps its size there, and two stand side by side on a wide one.
const WIDTH: u32 = 460;
/// Text is measured in the first of these, and the others are about as wide.
const FAMILY: &str = "Roboto, Arial, 'Liberation Sans', 'Noto Sans', sans-serif";
/// Colors by day; the page's style puts others in their place by night.
pub(super) const FIRST: &str = "#1F6FB2";
pub(super) const SECOND: &str = "#B45F06";
pub(super) const UP: &str = "#2E7D4F";
pub(super) const DOWN: &str = "#B3383A";

/// Room behind a name, where a reader's font is wider than the one that it was measured in, by a quarter as some are.
const SLACK: &str = "\u{2003}\u{2003}";

/// Lengths are parts of the longest: what is drawn has the precision of a picture, and no other number stands in it.
const LONGEST: f64 = 1_000.0;

/// Draws it; nothing where there is nothing to see.
pub(super) fn draw(picture: &Picture) -> Result<Option<String>, ReportError> {
    let drawn = match &picture.drawn {
        Drawn::Bars(bars) => bars_of(bars),
        Drawn::Steps(steps) => steps_of(steps),
        Drawn::Lines { names, lines } => lines_of(names, lines),
    };
    let failed = |error| ReportError::from(std::io::Error::other(format!("{}: {error}", picture.title)));
    drawn.transpose().map_err(failed)
}

/// What all pictures have in common, and what is said of one.
fn options(height: u32, of: Value) -> String {
    let mut all = json!({
        "width": WIDTH,
        "height": height,
        "compact": true,
        "font_family": FAMILY,
        "legend_font_size": 12,
        "x_axis_font_size": 12,
        "series_colors": [FIRST, SECOND],
        "margin": {"left": 5, "top": 8, "right": 16, "bottom": 5},
    });
    if let (Value::Object(all), Value::Object(of)) = (&mut all, of) {
        all.extend(of);
    }
    all.to_string()
}

/// Lengths of the longest.
fn scaled(values: impl Iterator<Item = f64> + Clone) -> impl Fn(f64) -> f64 {
    let longest = values.map(f64::abs).fold(0.0, f64::max);
    move |value| if longest > 0.0 { value / longest * LONGEST } else { 0.0 }
}

fn bars_of(bars: &[(String, f64)]) -> Option<Drawing> {
    if bars.iter().all(|(_, value)| *value == 0.0) {
        return None;
    }
    let scaled = scaled(bars.iter().map(|(_, value)| *value));
    // drawn from the bottom up
    let (names, lengths): (Vec<String>, Vec<f64>) =
        bars.iter().rev().map(|(name, value)| (format!("{name}{SLACK}"), scaled(*value))).unzip();
    let height = 24 + 26 * u32::try_from(bars.len()).unwrap_or(u32::MAX).min(40);
    let of = json!({
        "legend_show": false,
        "x_axis_data": names,
        "x_axis_hidden": true,
        "y_axis_configs": [{"axis_font_size": 12}],
        "series_list": [{"name": "", "data": lengths}],
    });
    Some(HorizontalBarChart::from_json(&options(height, of)).and_then(|chart| chart.svg()))
}

fn steps_of(steps: &[(String, Step)]) -> Option<Drawing> {
    let values = steps.iter().map(|(_, step)| match step {
        Step::From(value) | Step::By(value) => *value,
        Step::Total => 0.0,
    });
    if values.clone().all(|value| value == 0.0) {
        return None;
    }
    let scaled = scaled(values);
    let data: Vec<Value> = steps
        .iter()
        .map(|(_, step)| match step {
            Step::From(value) => json!([scaled(*value), true]),
            Step::By(value) => json!([scaled(*value), false]),
            Step::Total => json!([0, true]),
        })
        .collect();
    let names: Vec<&str> = steps.iter().map(|(name, _)| name.as_str()).collect();
    let of = json!({
        "x_axis_data": names,
        "x_axis_font_size": 11,
        "data": data,
        "y_axis_hidden": true,
        "label_show": false,
        "increase_color": UP,
        "decrease_color": DOWN,
        "total_color": FIRST,
    });
    Some(WaterfallChart::from_json(&options(230, of)).and_then(|chart| chart.svg()))
}

fn lines_of(names: &[String], lines: &[(String, Vec<Option<f64>>)]) -> Option<Drawing> {
    let seen = |values: &[Option<f64>]| values.iter().flatten().any(|value| *value != 0.0);
    if names.len() < 2 || !lines.iter().any(|(_, values)| seen(values)) {
        return None;
    }
    let list: Vec<Value> = lines.iter().map(|(name, values)| json!({"name": name, "data": values})).collect();
    let of = json!({
        "legend_show": lines.len() > 1,
        "x_axis_data": names,
        "series_list": list,
        "series_symbol": null,
        // the last name stands half beyond the last point
        "margin": {"left": 5, "top": 8, "right": 34, "bottom": 5},
        "y_axis_configs": [{"axis_font_size": 12, "axis_split_number": 4}],
    });
    Some(LineChart::from_json(&options(240, of)).and_then(|chart| chart.svg()))
}
