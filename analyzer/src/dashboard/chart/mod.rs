//! Charts as SVG made here: no script, nothing fetched.
//!
//! Positions along the width are percentages, so that a chart fills any screen
//! while its lettering keeps its size; heights are pixels. Colours come from
//! the stylesheet by class, in both colour schemes.

mod axis;
mod curve;
mod marks;
mod trend;

pub(super) use curve::{growth, progress};
pub(super) use marks::{Part, RateScale, rate_bar, ratio_bar, ratio_top, spark, stacked};
pub(super) use trend::trend;

/// A share of the width as SVG writes it; what is out of range is clipped.
fn at(share: f64) -> String {
    let percent = if share.is_finite() {
        (share * 100.0).clamp(0.0, 100.0)
    } else {
        0.0
    };
    format!("{percent:.2}%")
}

/// A length in pixels.
fn px(length: f64) -> String {
    format!("{length:.1}")
}
