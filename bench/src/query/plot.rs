//! How does a plot come about without a library for it? Axes with a decade to each
//! line, a polyline for each curve, and colours that both light and dark bear.

use std::fmt::Write;

/// What is drawn in one frame; both axes by decades.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// Where the horizontal axis has a word.
    pub(super) steps: Vec<(f64, String)>,
    pub(super) curves: Vec<Curve>,
}

#[derive(Debug)]
pub(super) struct Curve {
    pub(super) name: String,
    /// What it grows along, and milliseconds.
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 900.0;
const PANEL: f64 = 300.0;
const LEFT: f64 = 70.0;
/// Where the curves end and their names begin.
const RIGHT: f64 = 560.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 250.0;
const NAME_LINE: f64 = 16.0;
const COLOURS: [&str; 7] =
    ["#3b82f6", "#e4572e", "#2a9d5c", "#a855f7", "#d4a017", "#0e9fb0", "#d6457f"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#57606a}.t{font-weight:600}\
line{stroke:#8c959f;stroke-opacity:.35}polyline{fill:none;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#b1bac4}}";

/// The frames below each other.
pub(super) fn svg(panels: &[Panel]) -> String {
    let height = PANEL * panels.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>How long answers take, as log, window and matches grow</title>\n<style>{STYLE}</style>\n"
    );
    for (place, panel) in panels.iter().enumerate() {
        let _ = writeln!(out, "<g transform=\"translate(0 {})\">", PANEL * place as f64);
        panel.draw(&mut out);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// From where to where an axis goes.
struct Axis {
    first: f64,
    last: f64,
    start: f64,
    end: f64,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let span = (self.last.log10() - self.first.log10()).max(f64::EPSILON);
        let share = (value.log10() - self.first.log10()) / span;
        self.start + share * (self.end - self.start)
    }
}

impl Panel {
    fn draw(&self, out: &mut String) {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let least =
            |values: &dyn Fn(&(f64, f64)) -> f64| points().map(values).fold(f64::MAX, f64::min);
        let most = |values: &dyn Fn(&(f64, f64)) -> f64| {
            points().map(values).fold(f64::MIN_POSITIVE, f64::max)
        };
        if points().next().is_none() {
            let _ = writeln!(
                out,
                "<text x=\"{LEFT}\" y=\"24\" class=\"t\">{}: not measured</text>",
                self.title
            );
            return;
        }
        let (low, high) =
            (least(&|point| point.1).log10().floor(), most(&|point| point.1).log10().ceil());
        let x = Axis {
            first: least(&|point| point.0),
            last: most(&|point| point.0),
            start: LEFT,
            end: RIGHT,
        };
        let y = Axis { first: 10f64.powf(low), last: 10f64.powf(high), start: BOTTOM, end: TOP };
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"24\" class=\"t\">milliseconds by {}</text>",
            self.title
        );
        for decade in 0.. {
            let value = 10f64.powf(low + f64::from(decade));
            if value > y.last * 1.01 {
                break;
            }
            let at = y.place(value);
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                LEFT - 8.0,
                at + 4.0
            );
        }
        for (value, name) in &self.steps {
            let at = x.place(*value);
            let _ = writeln!(
                out,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                BOTTOM + 18.0
            );
        }
        self.draw_curves(out, &x, &y);
    }

    /// Each with its name at its right end, as far apart as can be read.
    fn draw_curves(&self, out: &mut String, x: &Axis, y: &Axis) {
        let mut names: Vec<(f64, &str, &str)> = Vec::new();
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let places = curve
                .points
                .iter()
                .map(|(at, ms)| format!("{:.1},{:.1}", x.place(*at), y.place(*ms)));
            let places = places.collect::<Vec<_>>().join(" ");
            let _ = writeln!(out, "<polyline points=\"{places}\" stroke=\"{colour}\"/>");
            if let Some((_, ms)) = curve.points.last() {
                names.push((y.place(*ms), &curve.name, colour));
            }
        }
        names.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut free = f64::MIN;
        for (at, name, colour) in names {
            let at = at.max(free);
            free = at + NAME_LINE;
            let name = name.replace('`', "").replace('&', "&amp;").replace('<', "&lt;");
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{:.1}\" style=\"fill:{colour}\">{name}</text>",
                RIGHT + 10.0,
                at + 4.0
            );
        }
    }
}
