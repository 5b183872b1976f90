//! The plot of growing cost: instructions over hops, networks, header lines and junk.

use std::{error::Error, fs, ops::Range};

use plotters::{coord::Shift, prelude::*};
use proxyfix_benches::{Beside, Subject, Verdict, Visitor, Workload, count};
use proxyfix_peers_bench::visit;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance/growth.svg");

/// The subjects in the plot, with their names in the legend and their colours.
const DRAWN: [(&str, &str, RGBColor); 5] = [
    ("resolve", "proxyfix, resolve", RGBColor(0, 90, 181)),
    ("fix_request", "proxyfix, fix_request", RGBColor(102, 166, 225)),
    ("limit", "limit", RGBColor(120, 120, 120)),
    ("trusted-proxies 0.3.0, Trusted::from", "trusted-proxies", RGBColor(220, 50, 32)),
    ("real-ip 0.1.2, real_ip", "real-ip", RGBColor(230, 150, 0)),
];

struct Sweep {
    title: &'static str,
    workload: &'static str,
    sizes: &'static [u32],
}

const SWEEPS: [Sweep; 4] = [
    Sweep {
        title: "trusted hops, by walk",
        workload: "hops",
        sizes: &[1, 2, 4, 8, 16, 32, 64, 128],
    },
    Sweep {
        title: "networks in the list, three hops",
        workload: "cidrs",
        sizes: &[1, 10, 100, 1_000, 10_000, 100_000],
    },
    Sweep {
        title: "other header lines",
        workload: "extra-lines",
        sizes: &[1, 4, 16, 64, 256, 1_024],
    },
    Sweep {
        title: "bytes of spoofed X-Forwarded-For",
        workload: "xff-junk",
        sizes: &[16, 64, 256, 1_024, 4_096, 16_384, 65_536],
    },
];

/// A subject, with the instructions for each size at which its answer is right.
struct Line {
    legend: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

struct Measured<'a> {
    sweep: &'a Sweep,
    lines: Vec<Line>,
}

impl Visitor for Measured<'_> {
    fn visit<S: Subject>(&mut self) {
        let Some((_, legend, color)) = DRAWN.iter().find(|drawn| drawn.0 == S::NAME) else {
            return;
        };
        let points = self.sweep.sizes.iter().filter_map(|&size| {
            let workload = Workload::new(&format!("{}:{size}", self.sweep.workload), Beside::Ten);
            let state = S::state(&workload)?;
            if S::verdict(&state, &workload) != Verdict::Right {
                return None;
            }
            let count = u32::try_from(count::instructions::<S>(&workload)).expect("a small count");
            println!("{}, {size}: {legend} {count}", self.sweep.title);
            Some((f64::from(size), f64::from(count)))
        });
        self.lines.push(Line { legend, color: *color, points: points.collect() });
    }
}

pub fn draw() -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(std::path::Path::new(FILE).parent().expect("a folder"))?;
    let root = SVGBackend::new(FILE, (1000, 800)).into_drawing_area();
    root.fill(&WHITE)?;
    for (panel, sweep) in root.split_evenly((2, 2)).iter().zip(&SWEEPS) {
        let mut measured = Measured { sweep, lines: Vec::new() };
        visit(&mut measured);
        draw_panel(panel, &measured)?;
    }
    root.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_panel(panel: &Area<'_>, measured: &Measured<'_>) -> Result<(), Box<dyn Error>> {
    let sizes = measured.sweep.sizes;
    let across = f64::from(sizes[0])..f64::from(sizes[sizes.len() - 1]);
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .caption(measured.sweep.title, ("sans-serif", 16))
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d(across.log_scale(), heights(measured).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .y_desc("instructions")
        .x_label_formatter(&|number| short(*number))
        .y_label_formatter(&|number| short(*number))
        .draw()?;
    for Line { legend, color, points } in &measured.lines {
        let color = *color;
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(*legend)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        chart.draw_series(points.iter().map(|&at| Circle::new(at, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    Ok(())
}

/// The powers of ten around all points.
fn heights(measured: &Measured<'_>) -> Range<f64> {
    let all = measured.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (low, high) = all.fold((f64::MAX, 1.0_f64), |(low, high), y| (low.min(y), high.max(y)));
    10_f64.powf(low.log10().floor())..10_f64.powf(high.log10().ceil())
}

/// A number in a unit of thousands.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{} M", n / 1e6),
        n if n >= 1e3 => format!("{} k", n / 1e3),
        n => n.to_string(),
    }
}
