//! The one clock type. Nothing below the `http` floor asks for the current time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// Read from and written as `xs:dateTime` (which RFC 3339 is a part of). A fraction finer than a millisecond is cut
/// off: an end moves earlier by less than a millisecond, never later.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixTime(u64);

const MILLIS_PER_DAY: u64 = 86_400_000;

impl UnixTime {
    /// Whole seconds since 1970.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This much later; stops at the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This much earlier; stops at 1970.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long ago `earlier` was; zero if it was not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Written as `xs:dateTime` in UTC; with milliseconds only if there are any.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0 / MILLIS_PER_DAY);
        let of_day = self.0 % MILLIS_PER_DAY;
        let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
        let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match milli {
            0 => f.write_str("Z"),
            _ => write!(f, ".{milli:03}Z"),
        }
    }
}

/// The text is not an instant that SAML allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is no xs:dateTime with a time zone, such as 2026-01-31T12:00:00Z, from 1970 on")]
#[non_exhaustive]
pub struct InvalidTime;

/// Reads `xs:dateTime` with a time zone. SAML Core 1.3.3 asks for UTC; an explicit offset names the same instant
/// without doubt and is taken, a missing zone is not. Leap seconds and `24:00:00` are refused.
impl FromStr for UnixTime {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        Cursor(text.as_bytes()).instant().map(Self).ok_or(InvalidTime)
    }
}

crate::shorthand::serde_as_text!(UnixTime);

/// Reads an `xs:duration` that is not negative, such as `cacheDuration`: a month has 30 days here and a year 365, which
/// is near enough for how long to keep something.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (date, time) =
        text.strip_prefix('P')?.split_once('T').map_or((text.strip_prefix('P')?, None), |(d, t)| (d, Some(t)));
    let days = units(date, &[('Y', 365 * 86_400), ('M', 30 * 86_400), ('D', 86_400)])?;
    let rest = time.map_or(Some((0, 0)), |time| units(time, &[('H', 3600), ('M', 60), ('S', 1)]))?;
    let something = days.1 > 0 || rest.1 > 0;
    (something && time.is_none_or(|_| rest.1 > 0)).then(|| Duration::from_secs(days.0.saturating_add(rest.0)))
}

/// The seconds in a row of numbers with units, each unit at most once and in order; and how many there were.
fn units(mut text: &str, known: &[(char, u64)]) -> Option<(u64, usize)> {
    let (mut seconds, mut count) = (0_u64, 0);
    for (unit, length) in known {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        // Only seconds may have a fraction, which is cut off.
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (number.contains('.') && *length != 1) {
            return None;
        }
        seconds = seconds.saturating_add(whole.parse::<u64>().ok()?.saturating_mul(*length));
        (text, count) = (rest, count + 1);
    }
    text.is_empty().then_some((seconds, count))
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn instant(&mut self) -> Option<u64> {
        let year = self.number(4)?;
        let month = self.after(b'-')?.number(2)?;
        let day = self.after(b'-')?.number(2)?;
        let hour = self.after(b'T')?.number(2)?;
        let minute = self.after(b':')?.number(2)?;
        let second = self.after(b':')?.number(2)?;
        let fraction = self.fraction()?;
        let (west, offset) = self.offset()?;
        if year < 1970 || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        // A day that its month does not have would come back as one of the next month.
        if civil_from_days(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let local = (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + fraction;
        if west { local.checked_add(offset) } else { local.checked_sub(offset) }
    }

    fn take(&mut self, fits: impl Fn(&u8) -> bool) -> Option<u8> {
        let (first, rest) = self.0.split_first().filter(|(first, _)| fits(first))?;
        self.0 = rest;
        Some(*first)
    }

    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        self.take(|found| *found == byte).map(|_| self)
    }

    fn digit(&mut self) -> Option<u64> {
        self.take(u8::is_ascii_digit).map(|digit| u64::from(digit - b'0'))
    }

    fn number(&mut self, digits: u32) -> Option<u64> {
        (0..digits).try_fold(0, |sum, _| Some(sum * 10 + self.digit()?))
    }

    /// Milliseconds. Entra has sent three and seven digits; whatever is finer is cut off.
    fn fraction(&mut self) -> Option<u64> {
        if self.after(b'.').is_none() {
            return Some(0);
        }
        let (mut sum, mut unit) = (self.digit()? * 100, 10);
        while let Some(digit) = self.digit() {
            sum += digit * unit;
            unit /= 10;
        }
        Some(sum)
    }

    /// Whether west of Greenwich, and by how many milliseconds. XML Schema 3.2.7: at most 14 hours.
    fn offset(&mut self) -> Option<(bool, u64)> {
        if self.0 == b"Z" {
            return Some((false, 0));
        }
        let west = self.take(|sign| matches!(sign, b'+' | b'-'))? == b'-';
        let (hours, minutes) = (self.number(2)?, self.after(b':')?.number(2)?);
        let span = hours * 60 + minutes;
        (self.0.is_empty() && minutes < 60 && span <= 14 * 60).then_some((west, span * 60_000))
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March so that the leap day
/// comes last.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The instants between which a statement holds: `NotBefore <= now < NotOnOrAfter` (SAML Core 2.5.1.2). An absent bound
/// does not bound.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Validity {
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) not_on_or_after: Option<UnixTime>,
}

/// On which side of a [`Validity`] an instant lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outside {
    TooEarly(UnixTime),
    TooLate(UnixTime),
}

impl Validity {
    /// Whether it holds at `now`, when the two clocks may differ by `skew` either way.
    pub(crate) fn must_hold_at(self, now: UnixTime, skew: Duration) -> Result<(), Outside> {
        match (self.not_before, self.not_on_or_after) {
            (Some(start), _) if now.plus(skew) < start => Err(Outside::TooEarly(start)),
            (_, Some(end)) if now.minus(skew) >= end => Err(Outside::TooLate(end)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/time.rs"]
mod tests;
