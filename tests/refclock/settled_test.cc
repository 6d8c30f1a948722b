#include "bridge/refclock/settled.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

MonoTime At(int64_t seconds) { return MonoTime::FromNanos(seconds * 1'000'000'000); }
constexpr absl::Duration kSettle = absl::Seconds(2);

TEST(Settled, CountsAtOnceAtFirst) {
  Settled settled;
  EXPECT_TRUE(settled.Update(true, kSettle, At(1)));
}

TEST(Settled, OnceLostItHasToHoldForAWhile) {
  Settled settled;
  settled.Update(true, kSettle, At(1));
  EXPECT_FALSE(settled.Update(false, kSettle, At(2)));
  EXPECT_FALSE(settled.Update(true, kSettle, At(3)));
  EXPECT_TRUE(settled.Update(true, kSettle, At(4)));
  EXPECT_TRUE(settled.Update(true, kSettle, At(5)));
}

TEST(Settled, FlappingNeverCounts) {
  Settled settled;
  settled.Update(false, kSettle, At(0));
  for (int i = 1; i < 20; ++i) {
    EXPECT_FALSE(settled.Update(i % 2 == 0, kSettle, At(i)));
  }
}

}  // namespace
}  // namespace bridge
