#include "bridge/ptp/types.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge::ptp {
namespace {

constexpr ClockIdentity kIdentity{0x001122fffe334455};

TEST(ClockIdentity, IsMadeFromAMacWithFffeInTheMiddle) {
  EXPECT_EQ(ClockIdentity::FromMac({0x00, 0x11, 0x22, 0x33, 0x44, 0x55}), kIdentity);
  EXPECT_EQ(ClockIdentity::FromMac({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
            ClockIdentity{0xffffff'fffe'ffffff});
}

TEST(ClockIdentity, IsReadInTheThreeWaysPeopleWriteIt) {
  for (const char* text :
       {"001122.fffe.334455", "00:11:22:ff:fe:33:44:55", "0x001122fffe334455",
        "0x001122FFFE334455", "00:11:22:FF:fe:33:44:55"}) {
    EXPECT_EQ(ClockIdentity::Parse(text), kIdentity) << text;
  }
}

TEST(ClockIdentity, IsNotReadFromAnythingElse) {
  for (const char* text :
       {"", "0x", "001122fffe334455", "0x001122fffe33445", "0x001122fffe3344556",
        "0x001122fffe33445g", "001122.fffe.33445", "001122.fffe.3344555",
        "001122-fffe-334455", "00:11:22:33:44:55", "00:11:22:ff:fe:33:44:5x",
        "00:11:22:ff:fe:33:44:55 ", " 0x001122fffe334455", "0x001122fffe33445-",
        "001122.fffe.334455-1", "0x-01122fffe334455"}) {
    EXPECT_EQ(ClockIdentity::Parse(text), std::nullopt) << text;
  }
}

TEST(ClockIdentity, IsPrintedAsWiresharkDoesAndReadBack) {
  EXPECT_EQ(kIdentity.ToString(), "0x001122fffe334455");
  for (uint64_t value : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
    const ClockIdentity identity{value};
    EXPECT_EQ(ClockIdentity::Parse(identity.ToString()), identity);
  }
}

TEST(PortIdentity, IsPrintedWithItsPortInDecimal) {
  EXPECT_EQ((PortIdentity{kIdentity, 1}.ToString()), "0x001122fffe334455-1");
  EXPECT_EQ(kAllPorts.ToString(), "0xffffffffffffffff-65535");
}

TEST(PortIdentity, IsOrderedByClockThenPort) {
  const PortIdentity low{{1}, 9};
  const PortIdentity high{{2}, 1};
  EXPECT_LT(low, high);
  EXPECT_LT((PortIdentity{{1}, 8}), low);
}

TEST(SequenceId, WrapsAround) {
  EXPECT_EQ(SequenceId{0xffff}.Next(), SequenceId{0});
  EXPECT_TRUE(SequenceId{0}.IsAfter(SequenceId{0xffff}));
  EXPECT_FALSE(SequenceId{0xffff}.IsAfter(SequenceId{0}));
  EXPECT_FALSE(SequenceId{5}.IsAfter(SequenceId{5}));
  EXPECT_TRUE(SequenceId{0x7fff}.IsAfter(SequenceId{0}));
}

TEST(SequenceId, IsNotAfterOneThatIsHalfTheCircleAwayInEitherDirection) {
  EXPECT_FALSE(SequenceId{0x8000}.IsAfter(SequenceId{0}));
  EXPECT_FALSE(SequenceId{0}.IsAfter(SequenceId{0x8000}));
}

TEST(LogInterval, IsAPowerOfTwoOfSeconds) {
  EXPECT_EQ(LogInterval{0}.ToDuration(), absl::Seconds(1));
  EXPECT_EQ(LogInterval{1}.ToDuration(), absl::Seconds(2));
  EXPECT_EQ(LogInterval{-3}.ToDuration(), absl::Milliseconds(125));
  EXPECT_EQ(LogInterval{-10}.ToDuration(), absl::Nanoseconds(976'562.5));
  EXPECT_EQ(LogInterval{22}.ToDuration(), absl::Seconds(4'194'304));
}

TEST(LogInterval, IsPlausibleFromMinusTenToTwentyTwo) {
  for (int value = -128; value < 128; ++value) {
    EXPECT_EQ(LogInterval{static_cast<int8_t>(value)}.IsPlausible(),
              value >= -10 && value <= 22);
  }
  EXPECT_FALSE(LogInterval::Unspecified().IsPlausible());
}

}  // namespace
}  // namespace bridge::ptp
