//! Lists of windows, and whose turn it is when.

use super::import::window_rows;
use super::*;
use crate::releases::table::Mapping;

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn calendar(csv: &str) -> Calendar {
    let rows = window_rows(csv.as_bytes(), &Mapping::default(), 1).unwrap();
    Calendar::of(&rows[1..])
}

const TELLERS: Whom<'_> = Whom {
    ring: "ring1",
    branch: "zj-0417",
    class: "teller",
};

#[test]
fn a_weekly_window_in_local_time_goes_past_midnight() {
    // 2026-03-14 is a Saturday; 22:00 in China is 14:00 UTC.
    let calendar = calendar("ring,class,days,from,to,offset\n,teller,sat,22:00,05:00,+08:00\n");
    let turn = |text| calendar.turn(TELLERS, at(text));
    assert_eq!(
        turn("2026-03-14T13:59:59Z"),
        Turn::Waits(at("2026-03-14T14:00:00Z"))
    );
    assert_eq!(turn("2026-03-14T14:00:00Z"), Turn::Open);
    assert_eq!(turn("2026-03-14T20:59:59Z"), Turn::Open);
    assert_eq!(
        turn("2026-03-14T21:00:00Z"),
        Turn::Waits(at("2026-03-21T14:00:00Z"))
    );
    let atm = Whom {
        class: "atm",
        ..TELLERS
    };
    assert_eq!(calendar.turn(atm, at("2026-03-14T13:00:00Z")), Turn::Any);
}

#[test]
fn the_earliest_of_several_windows_counts_and_a_past_date_counts_no_more() {
    let calendar = calendar(
        "名称,批次,日期,星期,开始,结束,时差\n一,ring1,2026-03-10,,20:00,24:00,+08:00\n\
         二,ring1,,周一至周五,21:00,23:00,+08:00\n三,ring2,2026-01-01,,00:00,04:00,Z\n",
    );
    let turn = |whom, text| calendar.turn(whom, at(text));
    assert_eq!(turn(TELLERS, "2026-03-10T12:30:00Z"), Turn::Open);
    assert_eq!(
        turn(TELLERS, "2026-03-13T15:30:00Z"),
        Turn::Waits(at("2026-03-16T13:00:00Z"))
    );
    let second = Whom {
        ring: "ring2",
        ..TELLERS
    };
    assert_eq!(turn(second, "2026-03-10T12:30:00Z"), Turn::Any);
    let lines = calendar.lines(at("2026-03-10T12:30:00Z"));
    assert_eq!(
        (lines.len(), lines[0].open, lines[2].next_ms),
        (3, true, None)
    );
}

#[test]
fn what_is_no_time_day_or_offset_is_named_with_its_line() {
    for (row, what) in [
        ("sat,25:00,05:00,+08:00", "from"),
        ("someday,22:00,05:00,+08:00", "days"),
        ("sat,22:00,05:00,CST", "offset"),
        ("sat,22:00,5,+08:00", "to"),
    ] {
        let csv = format!("days,from,to,offset\n{row}\n");
        let refused = window_rows(csv.as_bytes(), &Mapping::default(), 1).unwrap_err();
        let told = refused.to_string();
        assert!(told.starts_with(&format!("line 2: {what} ")), "{told}");
    }
}
