#include "bridge/time/leap_table.h"

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The list of tzdata 2026c: 28 rows to 2017-01-01, expires 2027-06-28.
std::string RealList() {
  std::ifstream file(REFCLOCKD_SOURCE_DIR "/tests/golden/leap/leap-seconds-2026c.list");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// `text` with `from` replaced, which must be there exactly once.
std::string Edited(const std::string& text, const std::string& from,
                   const std::string& to) {
  std::string edited = text;
  EXPECT_EQ(absl::StrReplaceAll({{from, to}}, &edited), 1) << from;
  return edited;
}

const std::string kRealHash = "#h\ta9bad145 84c31c70 758402aa b37bfd54 5923836a\n";
const std::string kLastRow = "3692217600      37      # 1 Jan 2017\n";
// 2028-07-01 00:00:00 UTC, and as seconds since 1900.
constexpr int64_t kMonth = 1'846'022'400;
constexpr char kMonthRow[] = "4055011200 ";

std::string WithNextOffset(int offset) {
  std::string text = Edited(RealList(), kRealHash, "");
  return Edited(text, kLastRow, absl::StrCat(kLastRow, kMonthRow, offset, "\n"));
}

LeapTable MustParse(const std::string& text) {
  auto table = LeapTable::Parse(text);
  EXPECT_TRUE(table.ok()) << table.status();
  return *table;
}

std::string ErrorOf(const std::string& text) {
  return std::string(LeapTable::Parse(text).status().message());
}

TaiTime At(int64_t tai_seconds) {
  return TaiTime() + TimeDelta::FromSeconds(tai_seconds);
}
constexpr TimeDelta kNanosecond = TimeDelta::FromNanos(1);

TEST(LeapTable, ReadsTheListThatDebianInstalls) {
  const LeapTable table = MustParse(RealList());

  EXPECT_EQ(table.hash(), LeapTable::Hash::kGood);
  ASSERT_EQ(table.rows().size(), 28u);
  EXPECT_EQ(table.rows().front().offset, 10);
  EXPECT_EQ(table.rows().front().since, UtcTime() + TimeDelta::FromSeconds(63'072'000));
  EXPECT_EQ(table.rows().back().offset, 37);
  EXPECT_EQ(table.rows().back().since.ToString(), "1483228800.000000000");
  EXPECT_EQ(table.expires().ToString(), "1814140800.000000000");
  EXPECT_EQ(table.last_update().ToString(), "1783323897.000000000");
}

TEST(LeapTable, KnowsTheOffsetOfThePastOnTheTaiScale) {
  const LeapTable table = MustParse(RealList());

  EXPECT_EQ(table.OffsetAt(At(63'072'000 + 10) - kNanosecond), std::nullopt);
  EXPECT_EQ(table.OffsetAt(At(63'072'000 + 10)), 10);
  EXPECT_EQ(table.OffsetAt(At(1'483'228'800 + 37) - kNanosecond), 36);
  EXPECT_EQ(table.OffsetAt(At(1'483'228'800 + 37)), 37);
  EXPECT_EQ(table.OffsetAt(At(1'795'000'000)), 37);
}

TEST(LeapTable, HoldsTheOldOffsetDuringAnInsertedLeapSecond) {
  const LeapTable table = MustParse(WithNextOffset(38));

  EXPECT_EQ(table.OffsetAt(At(kMonth + 36)), 37);  // 23:59:59
  EXPECT_EQ(table.OffsetAt(At(kMonth + 37)), 37);  // 23:59:60
  EXPECT_EQ(table.OffsetAt(At(kMonth + 38) - kNanosecond), 37);
  EXPECT_EQ(table.OffsetAt(At(kMonth + 38)), 38);  // 00:00:00
}

TEST(LeapTable, ChangesTheOffsetWhereADeletedSecondWouldHaveBegun) {
  const LeapTable table = MustParse(WithNextOffset(36));

  // 23:59:58 ends at M - 1 in UTC, which is M - 1 + 37 in TAI.
  EXPECT_EQ(table.OffsetAt(At(kMonth + 36) - kNanosecond), 37);
  EXPECT_EQ(table.OffsetAt(At(kMonth + 36)), 36);
}

TEST(LeapTable, AnnouncesAnInsertedLeapSecondForTheLastDay) {
  const LeapTable table = MustParse(WithNextOffset(38));
  const TaiTime over = At(kMonth + 38);

  const auto a_day = TimeDelta::FromSeconds(86'400);
  EXPECT_EQ(table.PendingAt(over - a_day - kNanosecond), LeapIndicator::kNone);
  EXPECT_EQ(table.PendingAt(over - a_day), LeapIndicator::kInsert);
  EXPECT_EQ(table.PendingAt(over - kNanosecond), LeapIndicator::kInsert);
  EXPECT_EQ(table.PendingAt(over), LeapIndicator::kNone);
}

TEST(LeapTable, AnnouncesADeletedSecond) {
  const LeapTable table = MustParse(WithNextOffset(36));

  EXPECT_EQ(table.PendingAt(At(kMonth + 36) - kNanosecond), LeapIndicator::kDelete);
  EXPECT_EQ(table.PendingAt(At(kMonth + 36)), LeapIndicator::kNone);
}

TEST(LeapTable, TheFirstRowIsNoLeapSecond) {
  const LeapTable table = MustParse(RealList());
  const TaiTime begin = At(63'072'000 + 10);

  ASSERT_EQ(table.NextAfter(begin - kNanosecond)->offset, 10);
  EXPECT_EQ(table.PendingAt(begin - kNanosecond), LeapIndicator::kNone);
}

TEST(LeapTable, NamesTheNextChange) {
  const LeapTable table = MustParse(WithNextOffset(38));

  const auto next = table.NextAfter(At(kMonth));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->offset, 38);
  EXPECT_EQ(next->since, UtcTime() + TimeDelta::FromSeconds(kMonth));
  EXPECT_EQ(table.NextAfter(At(kMonth + 38)), std::nullopt);
}

TEST(LeapTable, ExpiresAtTheInstantItSays) {
  const LeapTable table = MustParse(RealList());
  const TaiTime expiry = At(1'814'140'800 + 37);

  EXPECT_FALSE(table.ExpiredAt(expiry - kNanosecond));
  EXPECT_TRUE(table.ExpiredAt(expiry));
  EXPECT_EQ(table.OffsetAt(expiry), 37) << "expired is not wrong";
}

TEST(LeapTable, ReadsAListWithCarriageReturns) {
  std::string text = RealList();
  absl::StrReplaceAll({{"\n", "\r\n"}}, &text);
  ASSERT_TRUE(absl::StrContains(text, "37      # 1 Jan 2017\r\n"));

  EXPECT_EQ(MustParse(text).hash(), LeapTable::Hash::kGood);
}

TEST(LeapTable, AcceptsHashWordsWithoutLeadingZeros) {
  const std::string text =
      "#$ 3992312697\n#@ 4023129601\n2272060800 10\n2287785600 11\n"
      "#h b1375737 92c45a2 44c12b6f b475fd5e 42c7b247\n";

  EXPECT_EQ(MustParse(text).hash(), LeapTable::Hash::kGood);
  EXPECT_EQ(MustParse(Edited(text, " 92c45a2", " 092C45A2")).hash(),
            LeapTable::Hash::kGood);
}

TEST(LeapTable, AcceptsACompleteListWithoutHash) {
  EXPECT_EQ(MustParse(Edited(RealList(), kRealHash, "")).hash(),
            LeapTable::Hash::kAbsent);
}

TEST(LeapTable, TakesAWordThatBeginsLikeATagForProse) {
  const auto table = MustParse(Edited(RealList(), kRealHash, "#hash codes: none\n"));

  EXPECT_EQ(table.hash(), LeapTable::Hash::kAbsent);
}

TEST(LeapTable, RefusesAnEditedListByItsHash) {
  // Each edit leaves a list that is well formed.
  const std::string edits[][2] = {
      {kLastRow, ""},
      {kLastRow, absl::StrCat(kLastRow, kMonthRow, "38\n")},
      {"#$\t3992312697", "#$\t3992312698"},
      {"#@\t4023129600", "#@\t4119129600"},
      {"a9bad145", "a9bad144"},
  };
  for (const auto& edit : edits) {
    const std::string text = Edited(RealList(), edit[0], edit[1]);
    EXPECT_THAT(ErrorOf(text), AllOf(StartsWith("line 1"), HasSubstr("hash"))) << text;
    const auto hash = text.find("#h\t");
    ASSERT_NE(hash, std::string::npos);
    EXPECT_TRUE(LeapTable::Parse(text.substr(0, hash)).ok()) << "only the hash tells";
  }
}

TEST(LeapTable, RefusesAListTruncatedInALine) {
  const std::string text = RealList();
  const size_t row = text.find(kLastRow);
  ASSERT_NE(row, std::string::npos);

  EXPECT_THAT(ErrorOf(text.substr(0, row + 20)), HasSubstr("truncated"));
  EXPECT_THAT(ErrorOf(text.substr(0, row + 5)), HasSubstr("row"));
}

TEST(LeapTable, ErrorsNameTheLineAndSayWhatWouldBeRight) {
  const std::string head = "#$ 3992312697\n#@ 4023129600\n";
  const std::string row = "2272060800 10\n";
  const struct {
    std::string text;
    const char* line;
    const char* wrong;
    const char* right;
  } cases[] = {
      {"", "line 1:", "no data rows", "2272060800 10"},
      {head, "line 2:", "no data rows", "2272060800 10"},
      {row, "line 1:", "#$", "fetch"},
      {"#$ 3992312697\n" + row, "line 2:", "#@", "fetch"},
      {"#$ 3992312697\n#@ soon\n" + row, "line 2:", "#@", "seconds since 1900"},
      {"#$ 3992312697\n#@\n" + row, "line 2:", "#@", "seconds since 1900"},
      {"#$ -5\n#@ 4023129600\n" + row, "line 1:", "#$", "seconds since 1900"},
      {head + "#@ 4023129600\n" + row, "line 3:", "second \"#@\"", "one"},
      {head + row + "#h 1 2 3 4\n", "line 4:", "malformed", "five words"},
      {head + row + "#h 1 2 3 4 5 6\n", "line 4:", "malformed", "five words"},
      {head + row + "#h 1 2 3 4 0x5\n", "line 4:", "malformed", "five words"},
      {head + row + "#h 1 2 3 4 123456789\n", "line 4:", "malformed", "five words"},
      {head + "2272060800\n", "line 3:", "not a row", "2272060800 10"},
      {head + "2272060800 10 11\n", "line 3:", "not a row", "2272060800 10"},
      {head + "2272060800 ten\n", "line 3:", "not a row", "2272060800 10"},
      {head + "2272060800 -10\n", "line 3:", "not a row", "2272060800 10"},
      {head + "2272060800 70000\n", "line 3:", "not a row", "2272060800 10"},
      {head + "99999999999999999999 10\n", "line 3:", "not a row", "2272060800 10"},
      {head + "0 10\n", "line 3:", "start of a UTC month", "from 1972"},
      {head + "2272060801 10\n", "line 3:", "start of a UTC month", "00:00:00"},
      {head + "2272147200 10\n", "line 3:", "start of a UTC month", "first"},
      {head + "2287785600 11\n" + row, "line 4:", "out of order", "later"},
      {head + row + "2272060800 11\n", "line 4:", "out of order", "later"},
      {head + row + "2287785600 12\n", "line 4:", "from 10 to 12", "by one"},
      {head + row + "2287785600 10\n", "line 4:", "from 10 to 10", "by one"},
      {head + row + std::string(10'001, '\n'), "line 10001:", "many", "120"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(ErrorOf(c.text),
                AllOf(StartsWith(c.line), HasSubstr(c.wrong), HasSubstr(c.right)))
        << c.text.substr(0, 200);
  }
}

}  // namespace
}  // namespace bridge
