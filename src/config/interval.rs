//! `Interval`: a window of time as `s3Interval` writes it, from a start to an optional end.
//!
//! Either side is an instant (RFC 3339) or a period that is counted back from now. Which object falls into the window
//! is left to the source.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use thiserror::Error;

use super::period::{Period, PeriodError};

/// A window of time whose sides may be relative to now: `5d`, `5d-2d`, `2023-07-10T00:00:00Z`,
/// `2023-07-10T00:00:00Z-2d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    start: Endpoint,
    end: Option<Endpoint>,
}

/// One side of an [`Interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    At(Timestamp),
    Ago(Period),
}

/// Tells why a text is not an [`Interval`], and quotes it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IntervalError {
    /// The text has none of the accepted forms.
    #[error(
        "{0:?} is not a time window, write a start such as 5d or 2023-07-10T00:00:00Z, \
         or a start and an end with a dash between, such as 5d-2d"
    )]
    Syntax(String),
    /// A period in the text is out of range.
    #[error("{0:?} {period}", period = PeriodError::TooLong)]
    TooLong(String),
    /// The window would end before it starts.
    #[error("{0:?} starts after its end, write the older side first")]
    Reversed(String),
}

impl Interval {
    /// Returns the start of the window, and its end unless it is open, as they are at `now`.
    pub fn resolve(&self, now: Timestamp) -> (Timestamp, Option<Timestamp>) {
        (self.start.resolve(now), self.end.map(|end| end.resolve(now)))
    }

    /// Returns whether the window ends before it starts at `now`. Only windows with one fixed and one relative side
    /// can be so: for the others [`FromStr`] has decided it.
    pub fn is_reversed(&self, now: Timestamp) -> bool {
        matches!(self.resolve(now), (start, Some(end)) if start > end)
    }
}

impl Endpoint {
    fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::Ago(period) => now.checked_sub(period.duration()).unwrap_or(Timestamp::MIN),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let period = text.parse().ok().map(Self::Ago);
        period.or_else(|| text.parse().ok().map(Self::At))
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        if let Some(start) = Endpoint::parse(text) {
            return Ok(Self { start, end: None });
        }

        // RFC 3339 has dashes of its own, so the separating one is the one with an endpoint on both sides.
        let sides = text.match_indices('-').find_map(|(dash, _)| {
            let start = Endpoint::parse(text.get(..dash)?)?;
            let end = Endpoint::parse(text.get(dash + 1..)?)?;
            Some((start, end))
        });
        let Some((start, end)) = sides else {
            let overflows = |side: &str| side.trim().parse::<Period>() == Err(PeriodError::TooLong);
            return Err(if text.split('-').any(overflows) {
                IntervalError::TooLong(text.to_owned())
            } else {
                IntervalError::Syntax(text.to_owned())
            });
        };

        let reversed = match (start, end) {
            (Endpoint::Ago(start), Endpoint::Ago(end)) => start < end,
            (Endpoint::At(start), Endpoint::At(end)) => start > end,
            _ => false,
        };
        if reversed {
            return Err(IntervalError::Reversed(text.to_owned()));
        }
        Ok(Self { start, end: Some(end) })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            Some(end) => write!(f, "{}-{end}", self.start),
            None => write!(f, "{}", self.start),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(instant) => instant.fmt(f),
            Self::Ago(period) => period.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> (String, Option<String>) {
        let now: Timestamp = "2024-03-10T12:00:00Z".parse().unwrap();
        let interval: Interval = text.parse().unwrap();
        assert_eq!(interval.to_string().parse(), Ok(interval.clone()), "round trip of {text:?}");
        let (start, end) = interval.resolve(now);
        (start.to_string(), end.map(|end| end.to_string()))
    }

    #[test]
    fn one_side_is_a_start() {
        assert_eq!(resolved("5d"), ("2024-03-05T12:00:00Z".into(), None));
        assert_eq!(resolved(" 90s "), ("2024-03-10T11:58:30Z".into(), None));
        assert_eq!(resolved("2023-07-10T00:00:00Z"), ("2023-07-10T00:00:00Z".into(), None));
        assert_eq!(resolved("2023-07-10T00:00:00-05:00"), ("2023-07-10T05:00:00Z".into(), None));
    }

    #[test]
    fn two_sides_mix_freely_with_blanks_around_the_dash() {
        let both = |start: &str, end: &str| (start.to_owned(), Some(end.to_owned()));
        assert_eq!(resolved("5d-2d"), both("2024-03-05T12:00:00Z", "2024-03-08T12:00:00Z"));
        assert_eq!(resolved("5d - 2d"), both("2024-03-05T12:00:00Z", "2024-03-08T12:00:00Z"));
        assert_eq!(resolved("1w-60m"), both("2024-03-03T12:00:00Z", "2024-03-10T11:00:00Z"));
        assert_eq!(resolved("2023-07-10T00:00:00Z-2d"), both("2023-07-10T00:00:00Z", "2024-03-08T12:00:00Z"));
        assert_eq!(resolved("5d - 2024-03-09T00:00:00Z"), both("2024-03-05T12:00:00Z", "2024-03-09T00:00:00Z"));
        assert_eq!(
            resolved("2023-07-10T00:00:00Z-2023-07-11T00:00:00Z"),
            both("2023-07-10T00:00:00Z", "2023-07-11T00:00:00Z")
        );
        assert_eq!(
            resolved("2023-07-10T00:00:00-05:00-2023-07-11T00:00:00-05:00"),
            both("2023-07-10T05:00:00Z", "2023-07-11T05:00:00Z")
        );
    }

    #[test]
    fn a_start_after_the_end_is_an_error() {
        for text in ["2d-5d", "1h-1d", "2023-07-11T00:00:00Z-2023-07-10T00:00:00Z"] {
            assert_eq!(text.parse::<Interval>(), Err(IntervalError::Reversed(text.into())));
        }
        let mixed: Interval = "2024-03-09T00:00:00Z-5d".parse().unwrap();
        assert!(mixed.is_reversed("2024-03-10T00:00:00Z".parse().unwrap()));
        assert!(!mixed.is_reversed("2024-03-20T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn overflow_is_an_error() {
        for text in ["99999999999999999999d", "99999999999999999999d-2d", "5d - 36501d"] {
            assert_eq!(text.parse::<Interval>(), Err(IntervalError::TooLong(text.into())));
        }
    }

    #[test]
    fn other_text_is_an_error() {
        for text in
            ["", " ", "-", "5d-", "-2d", "5d-2d-1d", "yesterday", "2023-07-10", "2023-07-10T00:00:00", "5", "5d–2d"]
        {
            assert_eq!(text.parse::<Interval>(), Err(IntervalError::Syntax(text.into())), "{text:?}");
        }
    }

    #[test]
    fn the_longest_period_stays_inside_the_calendar() {
        let interval: Interval = "36500d".parse().unwrap();
        let (start, end) = interval.resolve(Timestamp::UNIX_EPOCH);
        assert_eq!((start.to_string().as_str(), end), ("1870-01-25T00:00:00Z", None));
    }
}
