#include "bridge/refclock/withhold_reason.h"

#include <cctype>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

TEST(WithholdReason, EveryReasonHasARowInTheOrderOfTheEnum) {
  ASSERT_EQ(static_cast<size_t>(WithholdReason::kStopping) + 1, kWithholdReasonCount);
  for (size_t i = 0; i < kWithholdReasonCount; ++i) {
    EXPECT_EQ(kWithholdReasons[i].reason, static_cast<WithholdReason>(i));
    ASSERT_NE(kWithholdReasons[i].name, nullptr) << i;
    ASSERT_NE(kWithholdReasons[i].sentence, nullptr) << i;
  }
}

TEST(WithholdReason, NamesAreDistinctAndKebabCase) {
  std::set<std::string> names;
  for (const auto& text : kWithholdReasons) {
    const std::string name = text.name;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_THAT(name, testing::Not(testing::IsEmpty()));
    for (const char c : name)
      EXPECT_TRUE(std::islower(c) || std::isdigit(c) || c == '-') << name;
    EXPECT_STREQ(WithholdReasonName(text.reason), text.name);
  }
  EXPECT_STREQ(WithholdReasonName(WithholdReason::kUtcOffsetContested),
               "utc-offset-contested");
}

TEST(WithholdReason, EachSaysWhatItMeansAndWhatToDo) {
  for (const auto& text : kWithholdReasons) {
    const std::string sentence = text.sentence;
    EXPECT_TRUE(std::isupper(sentence.front())) << sentence;
    EXPECT_EQ(sentence.back(), '.') << sentence;
    EXPECT_NE(sentence.find(". "), std::string::npos) << "two sentences: " << sentence;
  }
}

TEST(WithholdReason, OnlyWhatPassesByItselfHoldsTheLastSample) {
  std::set<WithholdReason> holding;
  for (const auto& text : kWithholdReasons) {
    if (!Withdraws(text.reason)) holding.insert(text.reason);
  }
  EXPECT_EQ(holding, (std::set{WithholdReason::kSuspectMeasurement,
                               WithholdReason::kCrossTimestampWide}));
}

}  // namespace
}  // namespace bridge
