//! A line that is put together without memory from the heap, which a signal handler must not use.

/// The maximum length of a line in bytes.
pub const CAPACITY: usize = 1024 + 128;

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

pub struct StackLine {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Default for StackLine {
    fn default() -> Self {
        Self { bytes: [0; CAPACITY], length: 0 }
    }
}

impl StackLine {
    pub fn add(&mut self, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *to = *from;
            self.length += 1;
        }
    }

    /// Adds a time as seconds with one decimal: `12.3s`.
    pub fn add_seconds(&mut self, nanoseconds: u64) {
        let tenths = nanoseconds / 100_000_000;
        self.add_number(tenths / 10, 1);
        // A digit is less than ten.
        self.add(&[b'.', b'0' + (tenths % 10) as u8, b's']);
    }

    /// Adds a time since 1970 in UTC as in RFC 3339, with milliseconds: `2026-11-21T10:00:00.000Z`.
    pub fn add_time(&mut self, nanoseconds: u64) {
        let seconds = nanoseconds / 1_000_000_000;
        let (year, month, day) = date(seconds / SECONDS_A_DAY);
        let of_day = seconds % SECONDS_A_DAY;
        let parts = [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (of_day / 3600, 2, b':'),
            (of_day / 60 % 60, 2, b':'),
            (of_day % 60, 2, b'.'),
            (nanoseconds / 1_000_000 % 1000, 3, b'Z'),
        ];
        for (number, digits, end) in parts {
            self.add_number(number, digits);
            self.add(&[end]);
        }
    }

    /// Adds a number with leading zeros up to `width` digits.
    fn add_number(&mut self, number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut count = 0;
        let mut rest = number;
        while rest > 0 {
            digits[count] = b'0' + (rest % 10) as u8;
            rest /= 10;
            count += 1;
        }
        digits[..count.max(width)].iter().rev().for_each(|digit| self.add(&[*digit]));
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Returns the year, month and day (both from 1) of a day since 1970-01-01, in the Gregorian calendar.
fn date(day: u64) -> (u64, u64, u64) {
    // The year begins in March here, so that a leap day is its last; an era has 400 years.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn text(add: impl FnOnce(&mut StackLine)) -> String {
        let mut line = StackLine::default();
        add(&mut line);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_duration_is_seconds_with_one_decimal() {
        let seconds = |nanoseconds| text(|line| line.add_seconds(nanoseconds));
        assert_eq!(seconds(0), "0.0s");
        assert_eq!(seconds(99_999_999), "0.0s");
        assert_eq!(seconds(12_345_678_901), "12.3s");
        assert_eq!(seconds(3_600_000_000_000), "3600.0s");
        assert_eq!(seconds(u64::MAX), "18446744073.7s");
    }

    #[test]
    fn a_line_has_room_for_the_longest_text_and_no_more() {
        let long = text(|line| {
            line.add(&[b'x'; 2 * CAPACITY]);
            line.add(b"y");
        });
        assert_eq!(long, "x".repeat(CAPACITY));
    }

    #[test]
    fn a_time_is_that_of_humantime() {
        // A step that is no multiple of a day, over leap years and the end of the century.
        for step in 0..40_000_u64 {
            let time = Duration::from_millis(step * 155_555_555);
            let expected = humantime::format_rfc3339_millis(UNIX_EPOCH + time).to_string();
            assert_eq!(text(|line| line.add_time(time.as_nanos() as u64)), expected);
        }
    }
}
