//! `Regions`: the regions whose event history `lookup://` names.
//!
//! Whether a region exists, and which ones `all` are, is left to the source.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::endpoint::without_secrets;

/// The word for every region.
const ALL: &str = "all";

/// What `lookup://` names: `[REGION[,REGION…]|all]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// The region of the configuration.
    Configured,
    /// These regions, in lower case, each once and in the order in which they were written; at least one.
    Named(Vec<String>),
    /// Every region that is enabled for the account.
    All,
}

/// Tells why a text names no regions. It is quoted without what may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RegionsError {
    /// A name has not the form of a region's.
    #[error(
        "{0:?} is not the name of a region, write lookup:// alone, one or more regions such as \
         lookup://eu-west-1,us-east-1, or lookup://all"
    )]
    NotARegion(String),
    /// The word for every region has company.
    #[error("all stands for every region, write lookup://all or the names of the regions, not both")]
    AllAndOthers,
}

impl FromStr for Regions {
    type Err = RegionsError;

    /// Ignores letter case, blank names and a slash at the end.
    fn from_str(text: &str) -> Result<Self, RegionsError> {
        // No region holds an @, and what stands before it may be a password, with commas and slashes in it too.
        if let Some((_, rest)) = text.rsplit_once('@') {
            return Err(RegionsError::NotARegion(format!("...@{rest}")));
        }

        let text = text.trim().to_ascii_lowercase();
        let mut names: Vec<&str> = Vec::new();
        for name in text.strip_suffix('/').unwrap_or(&text).split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name != ALL && !is_region(name) {
                return Err(RegionsError::NotARegion(without_secrets(name)));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }

        match names.as_slice() {
            [] => Ok(Self::Configured),
            [ALL] => Ok(Self::All),
            names if names.contains(&ALL) => Err(RegionsError::AllAndOthers),
            names => Ok(Self::Named(names.iter().copied().map(str::to_owned).collect())),
        }
    }
}

/// Returns whether a region can be called so: two words or more and a number, with dashes between.
fn is_region(name: &str) -> bool {
    let Some((words, number)) = name.rsplit_once('-') else { return false };
    let words: Vec<&str> = words.split('-').collect();
    let is_word = |word: &&str| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    words.len() >= 2 && words.iter().all(is_word) && is_number
}

impl fmt::Display for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured => Ok(()),
            Self::Named(names) => f.write_str(&names.join(",")),
            Self::All => f.write_str(ALL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<Regions, RegionsError> {
        Ok(Regions::Named(names.iter().copied().map(str::to_owned).collect()))
    }

    #[test]
    fn no_name_is_the_configured_region() {
        for text in ["", " ", "/", ",", " , / "] {
            assert_eq!(text.parse(), Ok(Regions::Configured), "{text:?}");
        }
    }

    #[test]
    fn all_is_a_word_in_any_letter_case() {
        for text in ["all", "ALL", "All/", " all ,", "all,ALL"] {
            assert_eq!(text.parse(), Ok(Regions::All), "{text:?}");
        }
    }

    #[test]
    fn regions_keep_their_order_and_count_once() {
        assert_eq!("eu-west-1".parse(), named(&["eu-west-1"]));
        assert_eq!(" us-east-1 , EU-West-1,,us-east-1 ,/".parse(), named(&["us-east-1", "eu-west-1"]));
        for text in ["us-gov-west-1", "cn-north-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7"] {
            assert_eq!(text.parse(), named(&[text]));
        }
    }

    #[test]
    fn what_is_no_region_is_quoted() {
        let others = ["europe", "eu-west", "eu-west-1a", "west-1", "e-west-1", "eu--1", "eu-west-", "eu_west_1", "*"];
        let more = [
            "eu-west-1;us-east-1",
            "eu-west-1 us-east-1",
            "eu-west-1/x",
            "eu-west-1//",
            "eü-west-1",
            "2024-07-10",
            "eu-west-123",
        ];
        for name in others.into_iter().chain(more) {
            let error = format!("eu-west-2,{name}").parse::<Regions>().unwrap_err().to_string();
            let shown = name.strip_suffix('/').unwrap_or(name);
            assert!(error.starts_with(&format!("{shown:?} is not the name of a region, write lookup://")), "{error}");
        }
    }

    #[test]
    fn all_takes_no_other_names() {
        for text in ["all,eu-west-1", "eu-west-1, ALL"] {
            assert_eq!(text.parse::<Regions>(), Err(RegionsError::AllAndOthers), "{text:?}");
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_shown() {
        for text in ["user:s3cret@eu-west-1", "user:s3,cret@eu-west-1", "s3://cret,s3/cret@eu-west-1"] {
            let error = text.parse::<Regions>().unwrap_err();
            assert_eq!(error, RegionsError::NotARegion("...@eu-west-1".to_owned()), "{text:?}");
        }
    }

    #[test]
    fn display_reads_back_as_the_same() {
        for (text, shown) in [("", ""), ("ALL/", "all"), ("US-East-1, eu-west-1,", "us-east-1,eu-west-1")] {
            let regions: Regions = text.parse().unwrap();
            assert_eq!(regions.to_string(), shown);
            assert_eq!(shown.parse(), Ok(regions));
        }
    }
}
