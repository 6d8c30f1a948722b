#include "bridge/ptp/foreign_masters.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge::ptp {
namespace {

// Announce intervals are 2 s unless a test says otherwise.
class ForeignMastersTest : public testing::Test {
 protected:
  std::optional<DropReason> Hear(const PortIdentity& master, uint16_t sequence,
                                 double seconds) {
    Announce announce = announce_;
    if (announce.grandmaster == ClockIdentity{}) announce.grandmaster = master.clock;
    Message message = From(master, sequence, announce);
    message.header.log_interval = log_interval_;
    return masters_.OnAnnounce(message.header, announce, After(seconds));
  }
  bool Qualified(const PortIdentity& master) const {
    const ForeignMaster* record = masters_.Find(master);
    return record && record->qualified;
  }

  static constexpr PortIdentity Nth(uint64_t n) { return {{0x1000 + n}, 1}; }

  PortSettings settings_ = Settings();
  ForeignMasters masters_{settings_, Rng(1)};
  Announce announce_;  // Its grandmaster is the sender unless set.
  LogInterval log_interval_{1};
};

TEST_F(ForeignMastersTest, QualifiesAtTheSecondAnnounce) {
  EXPECT_EQ(Hear(kMaster, 1, 0), std::nullopt);
  ASSERT_NE(masters_.Find(kMaster), nullptr);
  EXPECT_FALSE(Qualified(kMaster));
  EXPECT_EQ(Hear(kMaster, 2, 2), std::nullopt);
  EXPECT_TRUE(Qualified(kMaster));
}

TEST_F(ForeignMastersTest, DoesNotQualifyByAnnouncesFurtherApartThanFourIntervals) {
  settings_.announce_receipt_timeout = 10;  // Lest the record expire before.
  masters_ = ForeignMasters(settings_, Rng(1));
  Hear(kMaster, 1, 0);
  EXPECT_EQ(Hear(kMaster, 2, 8.1), std::nullopt);
  EXPECT_FALSE(Qualified(kMaster));
  Hear(kMaster, 3, 16.1);
  EXPECT_TRUE(Qualified(kMaster));
}

TEST_F(ForeignMastersTest, TakesTheIntervalFromTheMessageWhenPlausible) {
  log_interval_ = {-3};
  Hear(kMaster, 1, 0);
  EXPECT_EQ(masters_.Find(kMaster)->announce_interval, absl::Milliseconds(125));
  Hear(kMaster, 2, 0.6);
  EXPECT_FALSE(Qualified(kMaster));
  for (const LogInterval odd : {LogInterval::Unspecified(), LogInterval{22}}) {
    log_interval_ = odd;
    Hear(kOther, static_cast<uint16_t>(odd.value), 1);
    EXPECT_EQ(masters_.Find(kOther)->announce_interval, absl::Seconds(2));
  }
}

TEST_F(ForeignMastersTest, CountsTheSequenceModulo65536) {
  Hear(kMaster, 0xffff, 0);
  EXPECT_EQ(Hear(kMaster, 0, 2), std::nullopt);
  EXPECT_TRUE(Qualified(kMaster));
}

TEST_F(ForeignMastersTest, RefusesAnAnnounceThatIsNotNewer) {
  Hear(kMaster, 7, 0);
  EXPECT_EQ(Hear(kMaster, 7, 1), DropReason::kStaleAnnounce);
  EXPECT_EQ(Hear(kMaster, 6, 2), DropReason::kStaleAnnounce);
  EXPECT_FALSE(Qualified(kMaster));
  EXPECT_EQ(masters_.Find(kMaster)->heard, After(0))
      << "a stale one keeps nobody alive";
}

TEST_F(ForeignMastersTest, RefusesTooManySteps) {
  announce_.steps_removed = 254;
  EXPECT_EQ(Hear(kMaster, 1, 0), std::nullopt);
  announce_.steps_removed = 255;
  EXPECT_EQ(Hear(kOther, 1, 0), DropReason::kStepsRemoved);
}

TEST_F(ForeignMastersTest, RefusesOurselvesAsGrandmaster) {
  announce_.grandmaster = kSelf.clock;
  EXPECT_EQ(Hear(kMaster, 1, 0), DropReason::kOwnMessage);
}

TEST_F(ForeignMastersTest, RefusesGrandmastersThatAreNotAllowed) {
  settings_.allowed_masters = {kOther.clock};
  masters_ = ForeignMasters(settings_, Rng(1));
  EXPECT_EQ(Hear(kMaster, 1, 0), DropReason::kMasterNotAllowed);
  EXPECT_EQ(Hear(kOther, 1, 0), std::nullopt);
  // It is the grandmaster that counts, not the boundary clock before it.
  announce_.grandmaster = kOther.clock;
  EXPECT_EQ(Hear(kMaster, 2, 0), std::nullopt);
}

TEST_F(ForeignMastersTest, ForgetsASenderThatRulesItselfOut) {
  Hear(kMaster, 1, 0);
  Hear(kMaster, 2, 2);
  ASSERT_TRUE(Qualified(kMaster));
  announce_.steps_removed = 255;
  EXPECT_EQ(Hear(kMaster, 3, 4), DropReason::kStepsRemoved);
  EXPECT_EQ(masters_.Find(kMaster), nullptr);
}

TEST_F(ForeignMastersTest, AcceptsAGrandmasterOfAnyClass) {
  announce_.grandmaster_quality.clock_class = 255;
  EXPECT_EQ(Hear(kMaster, 1, 0), std::nullopt);
}

TEST_F(ForeignMastersTest, AFloodOfInventedMastersEvictsNobody) {
  Hear(kMaster, 1, 0);
  Hear(kMaster, 2, 2);
  ASSERT_TRUE(Qualified(kMaster));
  int refused = 0;
  for (uint64_t n = 0; n < 1000; ++n) {
    refused += Hear(Nth(n), 1, 2.1) == DropReason::kTooManyMasters;
  }
  EXPECT_EQ(refused, 1000 - 7);
  EXPECT_EQ(masters_.size(), ForeignMasters::kCapacity);
  EXPECT_TRUE(Qualified(kMaster));
}

TEST_F(ForeignMastersTest, TheExpiredMakeRoomForTheNew) {
  for (uint64_t n = 0; n < 8; ++n) Hear(Nth(n), 1, 0);
  ASSERT_EQ(Hear(kMaster, 1, 5.9), DropReason::kTooManyMasters);
  EXPECT_EQ(Hear(kMaster, 1, 8), std::nullopt);
}

TEST_F(ForeignMastersTest, TimeoutsAreSpreadOverTheFourthInterval) {
  std::vector<double> timeouts;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    masters_ = ForeignMasters(settings_, Rng(seed));
    Hear(kMaster, 1, 0);
    timeouts.push_back((*masters_.NextExpiry() - kStart).SecondsDouble());
  }
  const auto [least, most] = std::minmax_element(timeouts.begin(), timeouts.end());
  EXPECT_GE(*least, 6.0);
  EXPECT_LT(*least, 6.02);
  EXPECT_LT(*most, 8.0);
  EXPECT_GT(*most, 7.98);
}

TEST_F(ForeignMastersTest, ExpiresAtItsTimeAndNotBefore) {
  Hear(kMaster, 1, 0);
  const MonoTime expiry = *masters_.NextExpiry();
  masters_.Expire(expiry - absl::Nanoseconds(1));
  EXPECT_EQ(masters_.size(), 1u);
  masters_.Expire(expiry);
  EXPECT_EQ(masters_.size(), 0u);
  EXPECT_EQ(masters_.NextExpiry(), std::nullopt);
}

TEST_F(ForeignMastersTest, TheBestIsTheBestOfTheQualified) {
  EXPECT_EQ(masters_.Best(), nullptr);
  announce_.grandmaster_priority1 = 200;
  Hear(kMaster, 1, 0);
  EXPECT_EQ(masters_.Best()->port(), kMaster);
  announce_.grandmaster_priority1 = 1;
  Hear(kOther, 1, 0);
  EXPECT_EQ(masters_.Best()->port(), kOther) << "nobody is qualified";
  announce_.grandmaster_priority1 = 200;
  Hear(kMaster, 2, 2);
  EXPECT_EQ(masters_.Best()->port(), kMaster);
  announce_.grandmaster_priority1 = 1;
  Hear(kOther, 2, 2);
  EXPECT_EQ(masters_.Best()->port(), kOther);
}

}  // namespace
}  // namespace bridge::ptp
