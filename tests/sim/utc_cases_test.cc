// The table of lies: `refclockctl simulate --cases` plays all of it, this a part.

#include "bridge/sim/utc_cases.h"

#include <map>
#include <set>

#include "gtest/gtest.h"

namespace bridge::sim {
namespace {

TEST(UtcCases, AreManyAndDistinct) {
  std::set<std::string> rows;
  for (const UtcCase& c : AllUtcCases()) rows.insert(c.ToString());
  EXPECT_EQ(rows.size(), AllUtcCases().size());
  EXPECT_GT(rows.size(), 50'000u);
}

TEST(UtcCases, NoWrongSecondAndNoSilenceWhereTwoPartiesTellTheTruth) {
  std::map<UtcExpectation, int> played;
  const std::vector<UtcCase> all = AllUtcCases();
  for (size_t i = 0; i < all.size(); i += 11) {  // No dimension has eleven values.
    const UtcOutcome outcome = Play(all[i]);
    ++played[Expected(all[i])];
    EXPECT_TRUE(IsGood(all[i], outcome))
        << all[i].ToString() << ": " << outcome.samples << " samples, " << outcome.wrong
        << " wrong, "
        << (outcome.withheld ? WithholdReasonName(*outcome.withheld) : "publishing");
  }
  for (const auto expected :
       {UtcExpectation::kPublished, UtcExpectation::kAnything,
        UtcExpectation::kClockDoubt, UtcExpectation::kNobodyCurrent,
        UtcExpectation::kRefused}) {
    EXPECT_GT(played[expected], 20) << static_cast<int>(expected);
  }
}

}  // namespace
}  // namespace bridge::sim
