#include "bridge/time/release_leaps.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using ::testing::HasSubstr;

LeapTable Parsed(const std::string& rows, const std::string& expiry = "4023129600") {
  const auto table =
      LeapTable::Parse(absl::StrCat("#$ 3992312697\n#@ ", expiry, "\n", rows));
  EXPECT_TRUE(table.ok()) << table.status();
  return *table;
}

TEST(ReleaseLeaps, HoldsTheTwentySevenLeapSecondsUpTo2017) {
  const LeapTable& table = ReleaseLeaps();
  ASSERT_EQ(table.rows().size(), 28u);
  EXPECT_EQ(table.rows().back().offset, 37);
  EXPECT_EQ(table.rows().back().since.Split().seconds, 1'483'228'800);
  EXPECT_EQ(table.OffsetAt(TaiTime::FromNanos(1'795'262'437'000'000'000)), 37);
}

TEST(ReleaseLeaps, AgreesWithTheListOfThisMachine) {
  std::ifstream file("/usr/share/zoneinfo/leap-seconds.list");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty()) << "the premise: tzdata is installed";
  const auto table = LeapTable::Parse(text.str());
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(AgreesWithRelease(*table).ok()) << AgreesWithRelease(*table);
}

TEST(ReleaseLeaps, AcceptsAListThatBeginsLaterOrKnowsMore) {
  EXPECT_TRUE(AgreesWithRelease(Parsed("3692217600 37\n")).ok());
  EXPECT_TRUE(AgreesWithRelease(Parsed("3644697600 36\n3692217600 37\n")).ok());
  // 2028-07-01, by a list of 2028.
  EXPECT_TRUE(
      AgreesWithRelease(Parsed("3692217600 37\n4055011200 38\n", "4070908800")).ok());
}

TEST(ReleaseLeaps, AcceptsAnOldListThatIsRightAboutItsTime) {
  // Expired in 2016: what came later is not its fault.
  EXPECT_TRUE(AgreesWithRelease(Parsed("3644697600 36\n", "3676924800")).ok());
}

TEST(ReleaseLeaps, RefusesAListCutBetweenTwoLines) {
  const auto status = AgreesWithRelease(Parsed("3550089600 35\n3644697600 36\n"));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("36 s from 2017-01-01"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("fetch it again"));
}

TEST(ReleaseLeaps, RefusesAListWithALeapSecondThatWasNot) {
  // 2020-01-01.
  const auto status = AgreesWithRelease(Parsed("3692217600 37\n3786825600 38\n"));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("38 s from 2020-01-01"));
  EXPECT_FALSE(AgreesWithRelease(Parsed("3692217600 38\n")).ok());
}

}  // namespace
}  // namespace bridge
