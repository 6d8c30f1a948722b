#include "bridge/ptp/request_limiter.h"

#include <map>

#include "gtest/gtest.h"
#include "tests/ptp/builders.h"
#include "tests/support/allocations.h"

namespace bridge::ptp {
namespace {

constexpr RequestLimit kLimit{.per_second = 32, .burst = 16};

PortIdentity Source(uint64_t n) { return {{0x1000 + n}, 1}; }

class RequestLimiterTest : public testing::Test {
 protected:
  bool Admit(uint64_t source, double seconds) {
    return limiter_.Admit(Source(source), std::nullopt, After(seconds));
  }
  // Of requests of one source, `per_second` for `seconds` from `start` on.
  int Admitted(uint64_t source, int per_second, double seconds, double start = 0) {
    int admitted = 0;
    for (int i = 0; i < per_second * seconds; ++i) {
      admitted += Admit(source, start + i / static_cast<double>(per_second));
    }
    return admitted;
  }

  RequestLimiter limiter_{kLimit, Rng(1)};
};

TEST_F(RequestLimiterTest, AdmitsWhoKeepsToTheLimitForEver) {
  EXPECT_EQ(Admitted(1, 32, 60), 32 * 60);
}

TEST_F(RequestLimiterTest, AdmitsABurstAndThenTheRate) {
  EXPECT_EQ(Admitted(1, 1'000'000, 0.001), 16);  // A thousand within a millisecond.
  EXPECT_NEAR(Admitted(1, 1000, 10, 1), 16 + 320, 1);
}

TEST_F(RequestLimiterTest, DoesNotPunishForWhatWasRefused) {
  Admitted(1, 100'000, 1);
  Admit(1, 1);
  EXPECT_FALSE(Admit(1, 1));
  EXPECT_TRUE(Admit(1, 1 + 1.0 / 32));
}

TEST_F(RequestLimiterTest, TellsPortsAndAddressesApart) {
  Admitted(1, 1'000'000, 0.001);
  ASSERT_FALSE(Admit(1, 0.001));
  const PortIdentity other_port{Source(1).clock, 2};
  EXPECT_TRUE(limiter_.Admit(other_port, std::nullopt, After(0.001)));
  PortAddress address{{192, 0, 2, 1}, 4};
  EXPECT_TRUE(limiter_.Admit(Source(1), address, After(0.001)));
  for (int i = 0; i < 16; ++i) limiter_.Admit(Source(1), address, After(0.001));
  ASSERT_FALSE(limiter_.Admit(Source(1), address, After(0.001)));
  address.octets[15] = 1;
  EXPECT_TRUE(limiter_.Admit(Source(1), address, After(0.001)));
}

TEST_F(RequestLimiterTest, IsFairToThousandsBesideAFlood) {
  // 2000 slaves 5 times a second each, and one source 100,000 times.
  std::map<uint64_t, int> admitted;
  int flood = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double now = i / 10'000.0;
    const auto slave = static_cast<uint64_t>(i % 2000);
    admitted[slave] += Admit(slave, now);
    for (int j = 0; j < 10; ++j) flood += Admit(99'999, now);
  }
  EXPECT_EQ(admitted.size(), 2000u);
  for (const auto& [slave, count] : admitted) EXPECT_EQ(count, 5) << slave;
  EXPECT_NEAR(flood, 16 + 32, 1);
}

TEST_F(RequestLimiterTest, ServesHonestSlavesAmongMoreSourcesThanItCanRemember) {
  // A million invented sources in one second, and 100 slaves that ask 16 times.
  int honest = 0;
  uint64_t invented = 1'000'000;
  for (int i = 0; i < 1600; ++i) {
    for (int j = 0; j < 625; ++j) Admit(++invented, i / 1600.0);
    honest += Admit(static_cast<uint64_t>(i % 100), i / 1600.0);
  }
  EXPECT_EQ(honest, 1600);
}

TEST_F(RequestLimiterTest, TakesTheSameMemoryWhoeverAsks) {
  const size_t octets = limiter_.octets();
  EXPECT_LE(octets, 65'536u);
  const uint64_t allocations = testing_support::Allocations();
  for (uint64_t source = 0; source < 100'000; ++source) Admit(source, 0);
  EXPECT_EQ(testing_support::Allocations(), allocations);
  EXPECT_EQ(limiter_.octets(), octets);
}

}  // namespace
}  // namespace bridge::ptp
