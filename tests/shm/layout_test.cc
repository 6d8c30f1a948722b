#include "shm/layout.h"

#include <gtest/gtest.h>

namespace ntpshm {
namespace {

// Record layouts dumped with clang for x86_64 and armhf with 64-bit time_t.
TEST(Layout, IsWhatNtpdChronyAndGpsdHaveOnLp64) {
  if (sizeof(time_t) != 8 || alignof(time_t) != 8) {
    GTEST_SKIP() << "not the 64-bit layout";
  }
  EXPECT_EQ(sizeof(Segment), 96u);
  EXPECT_EQ(offsetof(Segment, mode), 0u);
  EXPECT_EQ(offsetof(Segment, count), 4u);
  EXPECT_EQ(offsetof(Segment, clockTimeStampSec), 8u);
  EXPECT_EQ(offsetof(Segment, clockTimeStampUSec), 16u);
  EXPECT_EQ(offsetof(Segment, receiveTimeStampSec), 24u);
  EXPECT_EQ(offsetof(Segment, receiveTimeStampUSec), 32u);
  EXPECT_EQ(offsetof(Segment, leap), 36u);
  EXPECT_EQ(offsetof(Segment, precision), 40u);
  EXPECT_EQ(offsetof(Segment, nsamples), 44u);
  EXPECT_EQ(offsetof(Segment, valid), 48u);
  EXPECT_EQ(offsetof(Segment, clockTimeStampNSec), 52u);
  EXPECT_EQ(offsetof(Segment, receiveTimeStampNSec), 56u);
  EXPECT_EQ(offsetof(Segment, dummy), 60u);
}

TEST(Layout, KeyIsNtp0PlusUnit) {
  const char name[] = {static_cast<char>(kBaseKey >> 24),
                       static_cast<char>(kBaseKey >> 16),
                       static_cast<char>(kBaseKey >> 8), static_cast<char>(kBaseKey)};
  EXPECT_EQ(std::string(name, 4), "NTP0");
}

}  // namespace
}  // namespace ntpshm
