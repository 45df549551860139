//! `Period`: a length of time as users write it, a whole number and one unit (`90s`, `5m`, `2h`, `3d`, `1w`).
//!
//! Every key that holds a duration is read by this type; what a duration is counted from is left to its users.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// Units in the order in which [`Period`] prefers them for display, with their seconds.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Longest period that is accepted: 100 years, so that counting back from now never leaves the calendar.
const LONGEST_SECONDS: u64 = 36_500 * 86_400;

/// A length of time in whole seconds, at most 100 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

/// Tells why a text is not a [`Period`]. The text itself is left to the caller to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PeriodError {
    /// The text is not digits followed by one known unit.
    #[error("is not a duration, write a whole number and a unit such as 90s, 5m, 2h, 3d or 1w")]
    Syntax,
    /// The text has the right form, but its value is out of range.
    #[error("is longer than 100 years, write a shorter duration")]
    TooLong,
}

impl Period {
    /// The longest period there is.
    pub(super) const LONGEST: Self = Self::of_seconds(LONGEST_SECONDS);

    /// Makes a bound of so many seconds.
    pub(super) const fn of_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Returns the length as a standard duration.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let (unit, seconds_each) =
            UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit)).ok_or(PeriodError::Syntax)?;
        let digits = text.strip_suffix(unit).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PeriodError::Syntax);
        }

        // Digits alone can only fail to parse because they overflow.
        let count: u64 = digits.parse().map_err(|_| PeriodError::TooLong)?;
        match count.checked_mul(seconds_each) {
            Some(seconds) if seconds <= LONGEST_SECONDS => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(PeriodError::TooLong),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, seconds_each) =
            UNITS.into_iter().find(|(_, each)| seconds >= *each && seconds.is_multiple_of(*each)).unwrap_or(('s', 1));
        write!(f, "{}{unit}", seconds / seconds_each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Result<u64, PeriodError> {
        text.parse::<Period>().map(|period| period.duration().as_secs())
    }

    #[test]
    fn reads_every_unit() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("5m"), Ok(300));
        assert_eq!(seconds("2h"), Ok(7_200));
        assert_eq!(seconds("3d"), Ok(259_200));
        assert_eq!(seconds("1w"), Ok(604_800));
        assert_eq!(seconds("0s"), Ok(0));
        assert_eq!(seconds("007d"), Ok(604_800));
    }

    #[test]
    fn refuses_other_text() {
        for text in ["", "5", "d", "5 d", " 5d", "-5d", "+5d", "1.5h", "5D", "5y", "1h30m", "５d", "5dd"] {
            assert_eq!(seconds(text), Err(PeriodError::Syntax), "{text:?}");
        }
    }

    #[test]
    fn overflow_is_an_error_at_every_step() {
        assert_eq!(seconds("36500d"), Ok(36_500 * 86_400));
        for text in ["36501d", "3153600001s", "18446744073709551615w", "99999999999999999999d"] {
            assert_eq!(seconds(text), Err(PeriodError::TooLong), "{text:?}");
        }
    }

    #[test]
    fn shows_the_largest_whole_unit() {
        for (text, shown) in
            [("90s", "90s"), ("120s", "2m"), ("24h", "1d"), ("14d", "2w"), ("36h", "36h"), ("0d", "0s")]
        {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.to_string(), shown);
            assert_eq!(shown.parse(), Ok(period));
        }
    }
}
