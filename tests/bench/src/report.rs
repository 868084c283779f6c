//! What was measured, beside its control and its goal.

use std::fmt;

use crate::markdown;

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// What was measured, under which conditions.
    pub what: String,
    /// How much it was.
    pub measured: Quantity,
    /// What stands beside it, and how much that was.
    pub control: Option<(String, Quantity)>,
    /// The least and the most that the ratio to the control was in a turn.
    pub spread: Option<[f64; 2]>,
    /// What it should be.
    pub goal: Goal,
}

/// An amount with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// In seconds.
    Time(f64),
    /// In bytes.
    Size(u64),
    /// How often something happened.
    Count(u64),
    /// How often something happened in a second.
    Rate(f64),
}

/// What a row should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At most this many times the control.
    Ratio(f64),
    /// At most this much more than the control.
    Added(Quantity),
    /// At most this much.
    AtMost(Quantity),
    /// No goal: it is there to compare.
    None,
}

/// Whether a row reaches its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Pass,
    /// It does not.
    Miss,
    /// It has none.
    Unjudged,
}

impl Row {
    /// A row without control and goal.
    pub fn new(what: impl Into<String>, measured: Quantity) -> Self {
        Row { what: what.into(), measured, control: None, spread: None, goal: Goal::None }
    }

    /// The row with its control.
    pub fn against(mut self, name: impl Into<String>, control: Quantity) -> Self {
        self.control = Some((name.into(), control));
        self
    }

    /// The row with the ratios of its turns.
    pub fn spread(mut self, ratios: Vec<f64>) -> Self {
        let least = ratios.iter().copied().reduce(f64::min);
        let most = ratios.iter().copied().reduce(f64::max);
        self.spread = least.zip(most).map(Into::into);
        self
    }

    /// The row with its goal.
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = goal;
        self
    }

    /// The measured amount as a multiple of the control's.
    pub fn ratio(&self) -> Option<f64> {
        let (_, control) = self.control.as_ref()?;
        (control.number() > 0.0).then(|| self.measured.number() / control.number())
    }

    /// Whether the goal is reached; a goal that lacks its control is missed.
    pub fn verdict(&self) -> Verdict {
        let control = self.control.as_ref().map(|(_, control)| control.number());
        let reached = match self.goal {
            Goal::None => return Verdict::Unjudged,
            Goal::Ratio(limit) => self.ratio().is_some_and(|ratio| ratio <= limit),
            Goal::Added(limit) => {
                control.is_some_and(|control| self.measured.number() - control <= limit.number())
            }
            Goal::AtMost(limit) => self.measured.number() <= limit.number(),
        };
        if reached { Verdict::Pass } else { Verdict::Miss }
    }

    fn cells(&self) -> [String; 6] {
        let (name, control) = match &self.control {
            Some((name, control)) => (name.clone(), control.to_string()),
            None => Default::default(),
        };
        let ratio = self.ratio().map(|ratio| format!("{ratio:.2}x")).unwrap_or_default();
        let spread = self.spread.map(|[least, most]| format!(" ({least:.2} to {most:.2})"));
        let ratio = ratio + &spread.unwrap_or_default();
        let control = format!("{control} {name}");
        [
            self.what.clone(),
            self.measured.to_string(),
            control.trim().to_owned(),
            ratio,
            self.goal.to_string(),
            self.verdict().to_string(),
        ]
    }
}

impl Quantity {
    fn number(self) -> f64 {
        match self {
            Quantity::Time(number) | Quantity::Rate(number) => number,
            Quantity::Size(number) | Quantity::Count(number) => number as f64,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Quantity::Time(s) if s.abs() < 1e-6 => write!(f, "{:.0} ns", s * 1e9),
            Quantity::Time(s) if s.abs() < 20e-6 => write!(f, "{:.2} us", s * 1e6),
            Quantity::Time(s) if s.abs() < 1e-3 => write!(f, "{:.0} us", s * 1e6),
            Quantity::Time(s) if s.abs() < 1.0 => write!(f, "{:.2} ms", s * 1e3),
            Quantity::Time(s) => write!(f, "{s:.2} s"),
            Quantity::Size(bytes) if bytes < 100_000 => write!(f, "{:.2} KB", bytes as f64 / 1e3),
            Quantity::Size(bytes) => write!(f, "{:.2} MB", bytes as f64 / 1e6),
            Quantity::Count(count) => write!(f, "{count}"),
            Quantity::Rate(rate) => write!(f, "{rate:.0}/s"),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Ratio(limit) => write!(f, "<= {limit:.2}x"),
            Goal::Added(limit) => write!(f, "<= +{limit}"),
            Goal::AtMost(limit) => write!(f, "<= {limit}"),
            Goal::None => Ok(()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Miss => "MISS",
            Verdict::Unjudged => "",
        })
    }
}

/// Prints the rows of a figure as a table.
pub fn print(title: &str, rows: &[Row]) {
    const HEAD: [&str; 6] = ["figure", "measured", "control", "ratio", "goal", ""];
    markdown::print(title, &HEAD, rows.iter().map(|row| row.cells().into()).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_follows_from_goal_and_control() {
        let row = |goal| {
            Row::new("x", Quantity::Time(1.5))
                .against("y", Quantity::Time(1.0))
                .goal(goal)
                .verdict()
        };
        assert_eq!(row(Goal::Ratio(1.5)), Verdict::Pass);
        assert_eq!(row(Goal::Ratio(1.4)), Verdict::Miss);
        assert_eq!(row(Goal::Added(Quantity::Time(0.5))), Verdict::Pass);
        assert_eq!(row(Goal::Added(Quantity::Time(0.4))), Verdict::Miss);
        assert_eq!(row(Goal::AtMost(Quantity::Time(1.0))), Verdict::Miss);
        assert_eq!(row(Goal::None), Verdict::Unjudged);
        let alone = Row::new("x", Quantity::Count(0)).goal(Goal::Ratio(1.0));
        assert_eq!(alone.verdict(), Verdict::Miss);
    }
}
