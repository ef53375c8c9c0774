//! Samples, and the table that they make.

use std::{fmt::Write, time::Duration};

/// What a sample counts.
#[derive(Clone, Copy)]
enum Unit {
    Milliseconds,
    Mebibytes,
}

/// Measured values.
#[derive(Clone)]
pub(crate) struct Sample {
    /// In order.
    values: Vec<f64>,
    unit: Unit,
}

impl Sample {
    /// Of durations.
    pub(crate) fn of_times(times: &[Duration]) -> Self {
        Self::new(times.iter().map(|time| time.as_secs_f64() * 1e3).collect(), Unit::Milliseconds)
    }

    /// Of times in milliseconds, which may lie before their reference.
    pub(crate) fn of_milliseconds(values: Vec<f64>) -> Self {
        Self::new(values, Unit::Milliseconds)
    }

    /// Of sizes in KiB.
    pub(crate) fn of_kibibytes(sizes: &[u32]) -> Self {
        Self::new(sizes.iter().map(|size| f64::from(*size) / 1024.0).collect(), Unit::Mebibytes)
    }

    fn new(mut values: Vec<f64>, unit: Unit) -> Self {
        values.sort_by(f64::total_cmp);
        Self { values, unit }
    }

    /// The smallest measured value that `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.values.len() * percent).div_ceil(100).max(1);
        self.values.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// The value in the middle.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    fn shown(&self, value: f64) -> String {
        let unit = match self.unit {
            Unit::Milliseconds => "ms",
            Unit::Mebibytes => "MiB",
        };
        let digits = match value.abs() {
            10.0.. => 1,
            1.0.. => 2,
            _ => 4,
        };
        format!("{value:.digits$} {unit}")
    }
}

/// Which value of a sample counts.
#[derive(Clone, Copy)]
pub(crate) enum Statistic {
    Median,
    P99,
}

impl Statistic {
    fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Median => sample.median(),
            Self::P99 => sample.percentile(99),
        }
    }
}

/// What is wanted.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Less than this, in the sample's unit.
    Below(f64),
    /// At most this part of the peer.
    Ratio(f64),
    /// Told for comparison.
    None,
}

/// One line of the table.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) figure: String,
    pub(crate) statistic: Statistic,
    pub(crate) own: Sample,
    /// What it is compared with.
    pub(crate) peer: (String, Sample),
    pub(crate) target: Target,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.statistic.of(&self.own) / self.statistic.of(&self.peer.1)
    }

    fn verdict(&self) -> String {
        let word = |met: bool| if met { "met" } else { "MISSED" };
        match self.target {
            Target::Below(limit) => {
                let limit_shown = format!("< {}", self.own.shown(limit));
                format!("{limit_shown}: {}", word(self.statistic.of(&self.own) < limit))
            }
            Target::Ratio(limit) => format!("ratio <= {limit}: {}", word(self.ratio() <= limit)),
            Target::None => "-".to_owned(),
        }
    }
}

/// The whole table, as Markdown.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = String::from(
        "| figure | | value | min to max | n | peer | its value | ratio | target |\n\
         |---|---|---:|---|---:|---|---:|---:|---|\n",
    );
    for row in rows {
        let name = match row.statistic {
            Statistic::Median => "median",
            Statistic::P99 => "p99",
        };
        let (own, (peer, theirs)) = (&row.own, &row.peer);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {name} | {} | {} to {} | {} | {peer} | {} | {:.2} | {} |",
            row.figure,
            own.shown(row.statistic.of(own)),
            own.shown(own.percentile(0)),
            own.shown(own.percentile(100)),
            own.values.len(),
            theirs.shown(row.statistic.of(theirs)),
            row.ratio(),
            row.verdict(),
        );
    }
    text
}
