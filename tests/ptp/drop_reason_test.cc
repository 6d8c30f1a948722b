#include "bridge/ptp/drop_reason.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge::ptp {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;

TEST(DropReasons, HaveDistinctKebabCaseNamesAndASentence) {
  std::set<std::string> names;
  for (const DropReasonText& text : kDropReasons) {
    ASSERT_NE(text.name, nullptr);
    ASSERT_NE(text.sentence, nullptr);
    EXPECT_THAT(text.name, MatchesRegex("[a-z]+(-[a-z]+)*"));
    EXPECT_THAT(text.sentence, EndsWith(".")) << text.name;
    names.insert(text.name);
  }
  EXPECT_EQ(names.size(), kDropReasonCount);
}

TEST(DropReasons, AreFoundByTheirEnum) {
  EXPECT_STREQ(DropReasonName(DropReason::kTooShort), "too-short");
  EXPECT_STREQ(DropReasonName(DropReason::kNotFromParent), "not-from-parent");
  EXPECT_STREQ(DropReasonName(DropReason::kTransmitTimestampLate),
               "transmit-timestamp-late");
}

}  // namespace
}  // namespace bridge::ptp
