#include "bridge/source/sync_lag.h"

#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge {
namespace {

using ptp::Nanos;

// Link delays of 65 ns, of which `noise` is noise.
class SyncLagTest : public testing::Test {
 protected:
  void Add(int64_t lag, int64_t noise = 5) {
    lag_.Add(Nanos(lag), Nanos(65 + (++exchanges_ % 3 - 1) * noise));
  }
  void Add(int n, int64_t lag, int64_t noise = 5) {
    for (int i = 0; i < n; ++i) Add(lag, noise);
  }
  double Value() const { return lag_.value().NanosDouble(); }

  SyncLag lag_;
  int exchanges_ = 0;
};

TEST_F(SyncLagTest, IsTheMedianOfThreeExchanges) {
  Add(2200);
  Add(2300);
  EXPECT_EQ(Value(), 0) << "two are too few";
  Add(2250);
  EXPECT_EQ(Value(), 2250);
  Add(-9000);
  EXPECT_EQ(Value(), 2250) << "one that is late";
  lag_.Clear();
  EXPECT_EQ(Value(), 0);
  Add(2, 2200);
  EXPECT_EQ(Value(), 0);
}

TEST_F(SyncLagTest, FollowsALinkThatWakesOrRests) {
  Add(20, 2200);
  ASSERT_EQ(Value(), 2200);
  Add(2, 0);
  EXPECT_EQ(Value(), 0);
  Add(2, 2200);
  EXPECT_EQ(Value(), 2200);
  Add(2, -500);
  EXPECT_EQ(Value(), -500);
}

TEST_F(SyncLagTest, IsZeroWithinWhatMayBeChance) {
  Add(3, 500);
  EXPECT_EQ(Value(), 0) << "stamps may be noisier than the few that there are";
  Add(28, 500);
  EXPECT_EQ(Value(), 500);
  Add(31, 600, 500);
  EXPECT_EQ(Value(), 0) << "the link delay tells how noisy they are";
  Add(3, 7000, 500);
  EXPECT_EQ(Value(), 7000);
}

TEST_F(SyncLagTest, WhatNoStampIsLateByIsAnotherClock) {
  Add(10, 25'000);
  EXPECT_EQ(Value(), 0);
}

}  // namespace
}  // namespace bridge
