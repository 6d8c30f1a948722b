// A century of leap seconds, keyed on TAI: invented lists, inserted and deleted,
// against a model that counts second by second how UTC would be written down.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "bridge/base/rng.h"
#include "bridge/time/leap_table.h"

namespace bridge {
namespace {

constexpr int64_t kNtpToPosix = 2'208'988'800;
constexpr int64_t kDay = 86'400;
constexpr int kFirstOffset = 37;
constexpr int kFirstYear = 2027;

int64_t Unix(absl::CivilSecond utc) { return utc - absl::CivilSecond(1970, 1, 1); }

// One month's end and what happens there.
struct MonthEnd {
  int64_t midnight;  // Unix second of the next month's first.
  int change;        // +1, -1 or 0.
};

// Some 100 years of months; a leap second at every tenth or so, deleted ones among
// them, now and then two months in a row.
std::vector<MonthEnd> Century(uint64_t seed) {
  Rng rng(seed);
  std::vector<MonthEnd> ends;
  for (int month = 1; month <= 1200; ++month) {
    const absl::CivilMonth next = absl::CivilMonth(kFirstYear, 1) + month;
    int change = 0;
    if (rng.Chance(0.1)) change = rng.Chance(0.6) ? 1 : -1;
    ends.push_back({Unix(absl::CivilSecond(next)), change});
  }
  return ends;
}

LeapTable TableOf(const std::vector<MonthEnd>& ends) {
  const int64_t begin = Unix(absl::CivilSecond(kFirstYear, 1, 1));
  std::string text = absl::StrCat("#$ ", begin + kNtpToPosix, "\n#@ ",
                                  ends.back().midnight + kNtpToPosix, "\n",
                                  begin + kNtpToPosix, " ", kFirstOffset, "\n");
  int offset = kFirstOffset;
  for (const MonthEnd& end : ends) {
    if (end.change == 0) continue;
    offset += end.change;
    absl::StrAppend(&text, end.midnight + kNtpToPosix, " ", offset, "\n");
  }
  absl::StatusOr<LeapTable> table = LeapTable::Parse(text);
  EXPECT_TRUE(table.ok()) << table.status();
  return *std::move(table);
}

TaiTime AtSecond(int64_t tai) { return TaiTime() + TimeDelta::FromSeconds(tai); }

// How many seconds the last day of a month has, and so where TAI stands when the
// next one begins: nothing here is taken from TAI-UTC.
class Model {
 public:
  Model() : tai_(Unix(absl::CivilSecond(kFirstYear, 1, 1)) + kFirstOffset) {}

  // The TAI second at which the month that `end` ends is over.
  int64_t EndMonth(const MonthEnd& end) {
    const int64_t days = (end.midnight - begin_) / kDay;
    tai_ += (days - 1) * kDay + (kDay + end.change);  // The last day is 86,399 to
                                                      // 86,401 seconds long.
    begin_ = end.midnight;
    return tai_;
  }

 private:
  int64_t begin_ = Unix(absl::CivilSecond(kFirstYear, 1, 1));
  int64_t tai_;
};

class CenturyOfLeapSeconds : public ::testing::TestWithParam<uint64_t> {};

TEST_P(CenturyOfLeapSeconds, TheOffsetChangesWithTheNewMonthAndNowhereElse) {
  const std::vector<MonthEnd> ends = Century(GetParam());
  const LeapTable table = TableOf(ends);
  Model model;
  int changes = 0;
  for (const MonthEnd& end : ends) {
    const TaiTime new_month = AtSecond(model.EndMonth(end));
    const int after =
        static_cast<int>((new_month - AtSecond(end.midnight)).SecondsDouble());
    const int before = after - end.change;
    const TimeDelta tick = TimeDelta::FromNanos(1);
    // 23:59:58, the leap second or 23:59:59, its last nanosecond.
    for (const TimeDelta earlier :
         {TimeDelta::FromSeconds(2), TimeDelta::FromSeconds(1),
          TimeDelta::FromMillis(500), tick}) {
      EXPECT_EQ(table.OffsetAt(new_month - earlier), before);
    }
    EXPECT_EQ(table.OffsetAt(new_month), after);
    EXPECT_EQ(table.OffsetAt(new_month + tick), after);
    EXPECT_EQ(table.OffsetAt(new_month + TimeDelta::FromSeconds(kDay)), after);
    changes += end.change != 0;
  }
  EXPECT_GT(changes, 80) << "the premise";
  EXPECT_EQ(table.rows().size(), static_cast<size_t>(changes) + 1);
}

TEST_P(CenturyOfLeapSeconds, EachIsPendingForItsLastDayAndOverWithTheNewMonth) {
  const std::vector<MonthEnd> ends = Century(GetParam());
  const LeapTable table = TableOf(ends);
  Model model;
  for (const MonthEnd& end : ends) {
    const TaiTime new_month = AtSecond(model.EndMonth(end));
    const LeapIndicator what = end.change > 0   ? LeapIndicator::kInsert
                               : end.change < 0 ? LeapIndicator::kDelete
                                                : LeapIndicator::kNone;
    const TimeDelta day = TimeDelta::FromSeconds(kDay);
    const TimeDelta tick = TimeDelta::FromNanos(1);
    EXPECT_EQ(table.PendingAt(new_month - day - tick), LeapIndicator::kNone);
    EXPECT_EQ(table.PendingAt(new_month - day), what);
    EXPECT_EQ(table.PendingAt(new_month - TimeDelta::FromSeconds(1)), what);
    EXPECT_EQ(table.PendingAt(new_month - tick), what);
    EXPECT_EQ(table.PendingAt(new_month), LeapIndicator::kNone);
    if (what == LeapIndicator::kNone) continue;
    const auto next = table.NextAfter(new_month - tick);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->since.Split().seconds, end.midnight);
  }
}

TEST_P(CenturyOfLeapSeconds, NothingIsKnownBeforeTheFirstRowNorExpiresBeforeTheLast) {
  const std::vector<MonthEnd> ends = Century(GetParam());
  const LeapTable table = TableOf(ends);
  const TaiTime first =
      AtSecond(Unix(absl::CivilSecond(kFirstYear, 1, 1)) + kFirstOffset);
  EXPECT_EQ(table.OffsetAt(first - TimeDelta::FromNanos(1)), std::nullopt);
  EXPECT_EQ(table.OffsetAt(first), kFirstOffset);
  Model model;
  TaiTime end_of_time;
  for (const MonthEnd& end : ends) end_of_time = AtSecond(model.EndMonth(end));
  EXPECT_FALSE(table.ExpiredAt(end_of_time - TimeDelta::FromNanos(1)));
  EXPECT_TRUE(table.ExpiredAt(end_of_time));
}

INSTANTIATE_TEST_SUITE_P(Seeds, CenturyOfLeapSeconds,
                         ::testing::Range<uint64_t>(1, 11));

}  // namespace
}  // namespace bridge
