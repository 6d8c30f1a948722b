#include "bridge/ptp/sync_pairing.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge::ptp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SyncPairingTest : public testing::Test {
 protected:
  SyncPairingTest() { pairing_.Follow(kMaster); }

  // Sync n is sent at Tai(n seconds) and received at Local(n seconds + 500 ns).
  PortActions TwoStep(uint16_t n, TimeDelta correction = {}) {
    Message m = From(source_, n, Sync{});
    m.header.flags.two_step = true;
    m.header.correction = correction;
    return Feed(m, Local(n * kSecond + 500));
  }
  PortActions OneStep(uint16_t n, TimeDelta correction = {}) {
    Message m = From(source_, n, Sync{Tai(n * kSecond)});
    m.header.correction = correction;
    return Feed(m, Local(n * kSecond + 500));
  }
  PortActions FollowUpOf(uint16_t n, TimeDelta correction = {}) {
    Message m = From(source_, n, FollowUp{Tai(n * kSecond)});
    m.header.correction = correction;
    PortActions out;
    pairing_.OnFollowUp(m.header, std::get<FollowUp>(m.body), out);
    return out;
  }
  PortActions Feed(const Message& m, std::optional<LocalTime> received) {
    PortActions out;
    pairing_.OnSync(m.header, std::get<Sync>(m.body), received, out);
    return out;
  }

  // What Sync n measures when all is well.
  static void ExpectMeasured(const PortActions& out, uint16_t n,
                             TimeDelta correction = {}) {
    EXPECT_THAT(Drops(out), IsEmpty());
    const auto measured = All<SyncMeasured>(out);
    ASSERT_EQ(measured.size(), 1u);
    EXPECT_EQ(measured[0].sequence.value, n);
    EXPECT_TRUE(measured[0].t1 == Tai(n * kSecond) + correction);
    EXPECT_TRUE(measured[0].t2 == Local(n * kSecond + 500));
  }

  static constexpr int64_t kSecond = 1'000'000'000;
  PortIdentity source_ = kMaster;
  SyncPairing pairing_;
};

TEST_F(SyncPairingTest, AOneStepSyncMeasuresAtOnce) { ExpectMeasured(OneStep(7), 7); }

TEST_F(SyncPairingTest, ATwoStepSyncWaitsForItsFollowUp) {
  EXPECT_THAT(TwoStep(7), IsEmpty());
  ExpectMeasured(FollowUpOf(7), 7);
}

TEST_F(SyncPairingTest, AcceptsAFollowUpThatOvertookItsSync) {
  EXPECT_THAT(FollowUpOf(7), IsEmpty());
  ExpectMeasured(TwoStep(7), 7);
}

TEST_F(SyncPairingTest, AppliesTheCorrectionsOfBothHalvesInEitherOrder) {
  TwoStep(7, Nanos(300));
  ExpectMeasured(FollowUpOf(7, Nanos(40)), 7, Nanos(340));
  FollowUpOf(8, Nanos(40));
  ExpectMeasured(TwoStep(8, Nanos(300)), 8, Nanos(340));
  ExpectMeasured(OneStep(9, Nanos(300)), 9, Nanos(300));
}

TEST_F(SyncPairingTest, TheResidenceTimeIsTakenOutOfTheDifference) {
  // t2 - t1 is 500 ns, 300 of which were spent in a transparent clock.
  const auto measured = All<SyncMeasured>(OneStep(0, Nanos(300)));
  ASSERT_EQ(measured.size(), 1u);
  const TimeDelta z = (measured[0].t2 - Local(0)) - (measured[0].t1 - Tai(0));
  EXPECT_TRUE(z == Nanos(200)) << z.ToString();
}

TEST_F(SyncPairingTest, PairsAcrossTheWrapOfTheSequence) {
  TwoStep(0xffff);
  TwoStep(0);
  ExpectMeasured(FollowUpOf(0), 0);
  ExpectMeasured(FollowUpOf(0xffff), 0xffff);
}

TEST_F(SyncPairingTest, CountsDuplicatesOfEitherHalf) {
  TwoStep(7);
  EXPECT_THAT(Drops(TwoStep(7)), ElementsAre(DropReason::kDuplicate));
  FollowUpOf(7);
  EXPECT_THAT(Drops(FollowUpOf(7)), ElementsAre(DropReason::kDuplicate));
  EXPECT_THAT(Drops(TwoStep(7)), ElementsAre(DropReason::kDuplicate));
}

TEST_F(SyncPairingTest, ASyncWithoutTimestampIsCountedAndItsFollowUpUnmatched) {
  Message sync = From(kMaster, 7, Sync{});
  sync.header.flags.two_step = true;
  EXPECT_THAT(Drops(Feed(sync, std::nullopt)),
              ElementsAre(DropReason::kNoReceiveTimestamp));
  EXPECT_THAT(Drops(FollowUpOf(7)), ElementsAre(DropReason::kUnmatched));
}

TEST_F(SyncPairingTest, CountsAHalfWhoseOtherHalfNeverCame) {
  TwoStep(1);
  FollowUpOf(2);
  for (uint16_t n = 3; n <= 4; ++n) OneStep(n);
  EXPECT_THAT(Drops(OneStep(5)), ElementsAre(DropReason::kUnmatched));
  EXPECT_THAT(Drops(OneStep(6)), ElementsAre(DropReason::kUnmatched));
  EXPECT_THAT(Drops(OneStep(7)), IsEmpty()) << "3 was complete";
}

TEST_F(SyncPairingTest, RefusesCorrectionsOfMoreThanASecond) {
  const TimeDelta too_big = TimeDelta::FromScaledNanos(0x7fff'ffff'ffff'ffff);
  for (const TimeDelta c : {too_big, Nanos(-kSecond - 1), Nanos(kSecond + 1)}) {
    EXPECT_THAT(Drops(OneStep(7, c)), ElementsAre(DropReason::kCorrectionOutOfRange));
    EXPECT_THAT(Drops(FollowUpOf(7, c)),
                ElementsAre(DropReason::kCorrectionOutOfRange));
  }
  ExpectMeasured(OneStep(7, Nanos(-kSecond)), 7, Nanos(-kSecond));
}

TEST_F(SyncPairingTest, NobodyButTheMasterCounts) {
  source_ = kOther;
  EXPECT_THAT(Drops(OneStep(7)), ElementsAre(DropReason::kNotFromParent));
  EXPECT_THAT(Drops(FollowUpOf(7)), ElementsAre(DropReason::kNotFromParent));
  pairing_.Follow(std::nullopt);
  source_ = kMaster;
  EXPECT_THAT(Drops(OneStep(7)), ElementsAre(DropReason::kNotFromParent));
}

TEST_F(SyncPairingTest, ANewMasterDoesNotCompleteTheOldOnesSync) {
  TwoStep(7);
  pairing_.Follow(kOther);
  source_ = kOther;
  EXPECT_THAT(FollowUpOf(7), IsEmpty());
}

}  // namespace
}  // namespace bridge::ptp
