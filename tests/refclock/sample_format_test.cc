#include "bridge/refclock/sample_format.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

RefclockSample Sample(int64_t system_ns, int64_t reference_ns) {
  return {.system = UtcTime::FromNanos(system_ns),
          .reference = UtcTime::FromNanos(reference_ns),
          .leap = LeapIndicator::kInsert,
          .precision = -23,
          .error_bound = TimeDelta::FromMicros(3)};
}

TEST(SampleFormat, ShmGetsBothStampsWithNineDigits) {
  const auto shm =
      ToShmSample(Sample(1'800'000'000'999'999'999, 1'800'000'001'000'000'123));

  EXPECT_EQ(shm.receive_seconds, 1'800'000'000);
  EXPECT_EQ(shm.receive_nanos, 999'999'999u);
  EXPECT_EQ(shm.clock_seconds, 1'800'000'001);
  EXPECT_EQ(shm.clock_nanos, 123u);
  EXPECT_EQ(shm.leap, 1);
  EXPECT_EQ(shm.precision, -23);
}

TEST(SampleFormat, ShmStampsBefore1970AreNormalised) {
  const auto shm = ToShmSample(Sample(-1, -1'000'000'001));

  EXPECT_EQ(shm.receive_seconds, -1);
  EXPECT_EQ(shm.receive_nanos, 999'999'999u);
  EXPECT_EQ(shm.clock_seconds, -2);
  EXPECT_EQ(shm.clock_nanos, 999'999'999u);
}

TEST(SampleFormat, SockHasTrueMinusSystemTimeAndATruncatedStamp) {
  const auto sock =
      ToSockSample(Sample(1'800'000'000'123'456'999, 1'800'000'000'123'457'249));

  EXPECT_EQ(sock.tv.tv_sec, 1'800'000'000);
  EXPECT_EQ(sock.tv.tv_usec, 123'456);
  EXPECT_EQ(sock.offset, 250e-9);
  EXPECT_EQ(sock.pulse, 0);
  EXPECT_EQ(sock.leap, 1);
  EXPECT_EQ(sock.pad, 0);
  EXPECT_EQ(sock.magic, 0x534f434b);
}

TEST(SampleFormat, SockOffsetIsNegativeWhenTheSystemClockIsFast) {
  EXPECT_EQ(ToSockSample(Sample(2'000'000'000, 1'500'000'000)).offset, -0.5);
}

TEST(SampleFormat, SockOffsetKeepsFractionsOfANanosecond) {
  RefclockSample sample = Sample(0, 0);
  sample.reference = sample.reference + TimeDelta::FromScaledNanos(1 << 14);

  EXPECT_EQ(ToSockSample(sample).offset, 0.25e-9);
}

TEST(SampleFormat, SockStampBefore1970IsNormalised) {
  const auto sock = ToSockSample(Sample(-1'500, 0));

  EXPECT_EQ(sock.tv.tv_sec, -1);
  EXPECT_EQ(sock.tv.tv_usec, 999'998);
  EXPECT_EQ(sock.offset, 1500e-9);
}

}  // namespace
}  // namespace bridge
