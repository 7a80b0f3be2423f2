//! What `time` promises.

use super::*;

#[test]
fn what_is_written_is_read_back() {
    for text in [
        "1970-01-01T00:00:00Z",
        "2000-02-29T23:59:59.999Z",
        "2023-11-17T18:39:30Z",
        "2100-03-01T00:00:00.001Z",
        "9999-12-31T23:59:59.999Z",
    ] {
        assert_eq!(text.parse::<UnixTime>().map(|time| time.to_string()).as_deref(), Ok(text));
    }
}

#[test]
fn a_known_instant_has_its_known_number() {
    let time = "2025-11-12T21:54:21.4685321Z".parse();
    assert_eq!(time, Ok(UnixTime::from_millis(1_762_984_461_468)));
}

#[test]
fn an_offset_names_the_same_instant() {
    let utc = "2026-03-01T00:30:00Z".parse::<UnixTime>();
    assert_eq!("2026-03-01T02:00:00+01:30".parse(), utc);
    assert_eq!("2026-02-28T23:30:00-01:00".parse(), utc);
}

#[test]
fn what_is_no_instant_is_refused() {
    for text in [
        "",
        "Z",
        "2026-03-01",
        "2026-03-01T00:00:00",
        "2026-03-01 00:00:00Z",
        "2026-03-01T00:00:00z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-12-99T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T00:60:00Z",
        "2026-03-01T00:00:60Z",
        "2026-03-01T16=7:00:00Z",
        "2026-03-01T00:00:00.Z",
        "2026-03-01T00:00:00+1:00",
        "2026-03-01T00:00:00+14:01",
        "2026-03-01T00:00:00ZZ",
        " 2026-03-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "02026-03-01T00:00:00Z",
        "-2026-03-01T00:00:00Z",
    ] {
        assert_eq!(text.parse::<UnixTime>(), Err(InvalidTime), "{text}");
    }
}

#[test]
fn the_end_is_outside_and_the_start_is_inside() {
    let at = UnixTime::from_secs;
    let validity = Validity { not_before: Some(at(100)), not_on_or_after: Some(at(200)) };
    let none = Duration::ZERO;
    assert_eq!(validity.must_hold_at(at(99), none), Err(Outside::TooEarly(at(100))));
    assert_eq!(validity.must_hold_at(at(100), none), Ok(()));
    assert_eq!(validity.must_hold_at(at(200), none), Err(Outside::TooLate(at(200))));
    assert_eq!(validity.must_hold_at(at(209), Duration::from_secs(10)), Ok(()));
    assert_eq!(validity.must_hold_at(at(90), Duration::from_secs(10)), Ok(()));
}

#[test]
fn a_duration_is_read_as_xml_schema_writes_it() {
    use super::duration;
    let day = 86_400;
    for (text, seconds) in [
        ("PT1H", 3600),
        ("P1D", day),
        ("PT604800S", 7 * day),
        ("P1Y2M3DT4H5M6S", (365 + 60 + 3) * day + 4 * 3600 + 5 * 60 + 6),
        ("PT0.9S", 0),
        ("P1M", 30 * day),
        ("PT1M", 60),
    ] {
        assert_eq!(duration(text).map(|span| span.as_secs()), Some(seconds), "{text}");
    }
    for text in
        ["", "P", "PT", "-P1D", "1D", "P1DT", "P1H", "PT1D", "P1.5D", "PD", "P1D1D", "PT1S1H", "P 1D", "PT1.S", "P+1D"]
    {
        assert_eq!(duration(text), None, "{text}");
    }
    assert!(duration("P99999999999999999999Y").is_none(), "a number that is none");
    assert!(duration("P999999999999999999Y").is_some(), "long, and no overflow");
}
