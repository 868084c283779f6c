//! Times and sizes as people write them.

use std::time::Duration;

/// What is not a value of an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("wanted a time, such as 10 (seconds), 500ms, 30s, 5m or 1h")]
    NoTime,
    #[error("wanted a time of at least 1ms and at most 24h")]
    TimeLimit,
    #[error("wanted a size, such as 4096 (bytes), 64k, 10M or 1G")]
    NoSize,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A time from 0 to a day: seconds, or a number with `ms`, `s`, `m` or `h`.
pub(super) fn time(text: &str) -> Result<Duration, ValueError> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(ValueError::NoTime),
    };
    let number: f64 = number.parse().map_err(|_| ValueError::NoTime)?;
    let time = Duration::try_from_secs_f64(number * seconds).map_err(|_| ValueError::TimeLimit)?;
    if time > DAY { Err(ValueError::TimeLimit) } else { Ok(time) }
}

/// A time that something may take: not zero.
pub(super) fn timeout(text: &str) -> Result<Duration, ValueError> {
    match time(text)? {
        time if time < Duration::from_millis(1) => Err(ValueError::TimeLimit),
        time => Ok(time),
    }
}

/// A number of bytes, or a number with `k`, `M` or `G` for powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, ValueError> {
    let (number, unit) = split(text);
    let bytes = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return Err(ValueError::NoSize),
    };
    let number: Option<u64> = number.parse().ok();
    number.and_then(|number| number.checked_mul(bytes)).ok_or(ValueError::NoSize)
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.');
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, milliseconds) in [
            ("10", 10_000),
            ("0", 0),
            ("0.5", 500),
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "1 s", "1d", "1.2.3", "1e3", "five", "inf"] {
            assert_eq!(time(text), Err(ValueError::NoTime), "{text}");
        }
        assert_eq!(time("24h"), Ok(DAY));
        for text in ["25h", "99999999999999999999"] {
            assert_eq!(time(text), Err(ValueError::TimeLimit), "{text}");
        }
        assert_eq!(timeout("0"), Err(ValueError::TimeLimit));
        assert_eq!(timeout("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("64k", 65536), ("1M", 1 << 20), ("2G", 2 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "1.5M", "1m", "1T", "64 k", "-1", "99999999999G"] {
            assert_eq!(size(text), Err(ValueError::NoSize), "{text}");
        }
    }
}
