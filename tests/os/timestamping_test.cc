#include "bridge/os/timestamping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

using ptp::MessageType;
using testing::Optional;

constexpr auto kSoftware = UtcTime::FromNanos(1'800'000'000'000'000'001);
constexpr auto kHardware = PhcTime::FromNanos(5'000'000'002);  // The PHC runs free.
constexpr auto kStart = MonoTime::FromNanos(77'000'000'000);

// ---- Control messages.

// As the kernel hands them out: three stamps behind something else.
class Control {
 public:
  Control(timespec software, timespec hardware) {
    header_.msg_control = octets_;
    header_.msg_controllen = sizeof octets_;
    cmsghdr* other = CMSG_FIRSTHDR(&header_);
    *other = {.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = 12345};
    cmsghdr* stamps = CMSG_NXTHDR(&header_, other);
    const timespec three[3] = {software, {}, hardware};
    *stamps = {.cmsg_len = CMSG_LEN(sizeof three),
               .cmsg_level = SOL_SOCKET,
               .cmsg_type = SO_TIMESTAMPING};
    std::memcpy(CMSG_DATA(stamps), three, sizeof three);
    header_.msg_controllen = CMSG_SPACE(4) + CMSG_SPACE(sizeof three);
  }
  void Cut(size_t octets) { header_.msg_controllen -= octets; }
  const msghdr& header() const { return header_; }

 private:
  alignas(cmsghdr) uint8_t octets_[256]{};
  msghdr header_{};
};

TEST(StampIn, SoftwareIsTheFirstAndHardwareTheThirdOfThree) {
  const Control both({1'800'000'000, 1}, {5, 2});
  EXPECT_THAT(StampIn(both.header(), StampKind::kSoftware),
              Optional(EventStamp{kSoftware}));
  EXPECT_THAT(StampIn(both.header(), StampKind::kHardware),
              Optional(EventStamp{kHardware}));
}

TEST(StampIn, AStampOfTheOtherKindIsNone) {
  EXPECT_FALSE(StampIn(Control({1, 1}, {}).header(), StampKind::kHardware));
  EXPECT_FALSE(StampIn(Control({}, {1, 1}).header(), StampKind::kSoftware));
}

TEST(StampIn, APhcThatStartedAtZeroHasStampsFromItsFirstNanosecond) {
  EXPECT_THAT(StampIn(Control({}, {0, 1}).header(), StampKind::kHardware),
              Optional(EventStamp{PhcTime::FromNanos(1)}));
}

TEST(StampIn, ControlMessagesThatWereCutHaveNone) {
  Control cut({1, 1}, {1, 1});
  cut.Cut(CMSG_SPACE(3 * sizeof(timespec)));
  EXPECT_FALSE(StampIn(cut.header(), StampKind::kHardware));
  EXPECT_FALSE(StampIn({}, StampKind::kHardware));
}

// ---- Which message a stamp belongs to.

ptp::Send MakeSend(MessageType type, uint16_t sequence) {
  ptp::Send send{};
  send.type = type;
  send.size = 54;
  send.token = {1000u + sequence};
  for (size_t i = 0; i < send.size; ++i) send.octets[i] = static_cast<uint8_t>(i * 3);
  send.octets[0] = static_cast<uint8_t>(type);
  send.octets[30] = static_cast<uint8_t>(sequence >> 8);
  send.octets[31] = static_cast<uint8_t>(sequence);
  return send;
}

class PendingStampsTest : public testing::Test {
 protected:
  void Expect(const ptp::Send& send) { pending_.Expect(send, now_, counters_); }
  // As the kernel loops it back: behind a link header.
  std::optional<TxStamp> Loop(const ptp::Send& send,
                              std::optional<EventStamp> stamp = kHardware) {
    std::vector<uint8_t> frame(18, 0x88);
    frame.insert(frame.end(), send.octets.begin(), send.octets.begin() + send.size);
    return pending_.OnLooped(frame, stamp, now_, counters_);
  }

  PendingStamps pending_{StampKind::kHardware};
  PtpTransport::Counters counters_;
  MonoTime now_ = kStart;
};

TEST_F(PendingStampsTest, AMessageThatThePhyRewroteIsStillKnown) {
  ptp::Send send = MakeSend(MessageType::kDelayReq, 7);
  Expect(MakeSend(MessageType::kDelayReq, 6));
  Expect(send);
  Expect(MakeSend(MessageType::kDelayReq, 8));
  for (size_t i = 8; i < 20; ++i) send.octets[i] = 0xaa;   // correctionField and on
  for (size_t i = 34; i < 44; ++i) send.octets[i] = 0xbb;  // originTimestamp
  const auto stamp = Loop(send);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->token, send.token);
  EXPECT_EQ(stamp->sent, EventStamp{kHardware});
}

TEST_F(PendingStampsTest, TypeSequenceAndSourceTellMessagesApart) {
  const ptp::Send send = MakeSend(MessageType::kPdelayReq, 7);
  Expect(send);
  EXPECT_FALSE(Loop(MakeSend(MessageType::kPdelayResp, 7)));
  EXPECT_FALSE(Loop(MakeSend(MessageType::kPdelayReq, 8)));
  ptp::Send stranger = send;
  stranger.octets[29] ^= 1;  // Another port of ours.
  EXPECT_FALSE(Loop(stranger));
  EXPECT_EQ(counters_.tx_stamps_unknown, 3u);
  EXPECT_TRUE(Loop(send));
}

TEST_F(PendingStampsTest, AOneStepSyncLacksNoStampAndHandsOnTheOneItShouldNotHave) {
  ptp::Send quiet = MakeSend(MessageType::kSync, 7);
  ptp::Send stamped = MakeSend(MessageType::kSync, 8);
  quiet.octets[6] = stamped.octets[6] = 0;  // flagField
  ASSERT_TRUE(IsOneStepSync(quiet));
  Expect(quiet);
  Expect(stamped);
  EXPECT_FALSE(pending_.waiting());
  const auto stamp = Loop(stamped);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->token, stamped.token);
  EXPECT_FALSE(Loop(stamped));
  EXPECT_EQ(counters_.tx_stamps_duplicate, 1u);
  now_ = now_ + TimeDelta::FromSeconds(10);
  Expect(MakeSend(MessageType::kDelayReq, 9));
  EXPECT_EQ(counters_.tx_stamps_missing, 0u);
}

TEST(OneStepSync, IsASyncWithoutTheTwoStepFlag) {
  ptp::Send send = MakeSend(MessageType::kSync, 7);
  send.octets[6] = 0xfd;
  EXPECT_TRUE(IsOneStepSync(send));
  send.octets[6] = 0x02;
  EXPECT_FALSE(IsOneStepSync(send));
  send.octets[6] = 0;
  send.type = MessageType::kDelayReq;
  EXPECT_FALSE(IsOneStepSync(send));
}

TEST_F(PendingStampsTest, WaitsUntilEveryStampHasComeOrIsGivenUp) {
  EXPECT_FALSE(pending_.waiting());
  Expect(MakeSend(MessageType::kDelayReq, 6));
  Expect(MakeSend(MessageType::kDelayReq, 7));
  ASSERT_TRUE(Loop(MakeSend(MessageType::kDelayReq, 7)));
  EXPECT_TRUE(pending_.waiting()) << "for the other";
  now_ = now_ + PendingStamps::kPatience + absl::Nanoseconds(1);
  Expect(MakeSend(MessageType::kDelayReq, 8));
  EXPECT_EQ(counters_.tx_stamps_missing, 1u);
  pending_.TakeBack();
  EXPECT_FALSE(pending_.waiting());
}

TEST_F(PendingStampsTest, ASecondStampOfAMessageIsADuplicate) {
  const ptp::Send send = MakeSend(MessageType::kDelayReq, 7);
  Expect(send);
  EXPECT_TRUE(Loop(send));
  EXPECT_FALSE(Loop(send));
  EXPECT_EQ(counters_.tx_stamps_duplicate, 1u);
  EXPECT_EQ(counters_.tx_stamps_unknown, 0u);
}

TEST_F(PendingStampsTest, AStampAfterThePatienceIsLateAndItsMessageMissing) {
  const ptp::Send send = MakeSend(MessageType::kDelayReq, 7);
  Expect(send);
  now_ = now_ + PendingStamps::kPatience + absl::Nanoseconds(1);
  EXPECT_FALSE(Loop(send));
  EXPECT_EQ(counters_.tx_stamps_late, 1u);
  EXPECT_EQ(counters_.tx_stamps_missing, 1u);
}

TEST_F(PendingStampsTest, AStampThatNeverComesIsMissingOnceTheNextMessagesAreSent) {
  Expect(MakeSend(MessageType::kDelayReq, 7));
  now_ = now_ + PendingStamps::kPatience + absl::Nanoseconds(1);
  Expect(MakeSend(MessageType::kDelayReq, 8));
  Expect(MakeSend(MessageType::kDelayReq, 9));
  EXPECT_EQ(counters_.tx_stamps_missing, 1u);
}

TEST_F(PendingStampsTest, AFrameThatCameBackWithoutAStampLeavesTheMessageWaiting) {
  const ptp::Send send = MakeSend(MessageType::kDelayReq, 7);
  Expect(send);
  EXPECT_FALSE(Loop(send, std::nullopt));
  EXPECT_EQ(counters_.tx_stamps_empty, 1u);
  EXPECT_TRUE(Loop(send));
}

TEST_F(PendingStampsTest, HoldsATenthOfASecondOfThe128thRateOfBothKinds) {
  const MessageType kinds[] = {MessageType::kPdelayReq, MessageType::kPdelayResp};
  uint16_t sequence = 0;
  for (; now_ - kStart < TimeDelta::FromMillis(100); ++sequence) {
    for (const MessageType kind : kinds) Expect(MakeSend(kind, sequence));
    now_ = now_ + absl::Seconds(1) / 128;
  }
  ASSERT_GE(sequence, 12);
  EXPECT_TRUE(Loop(MakeSend(MessageType::kPdelayReq, 0)));
  EXPECT_EQ(counters_.tx_stamps_missing, 0u);
}

TEST_F(PendingStampsTest, AMessageTakenBackIsForgotten) {
  const ptp::Send send = MakeSend(MessageType::kDelayReq, 7);
  Expect(send);
  pending_.TakeBack();
  EXPECT_FALSE(Loop(send));
  EXPECT_EQ(counters_.tx_stamps_unknown, 1u);
  now_ = now_ + 2 * PendingStamps::kPatience;
  Expect(MakeSend(MessageType::kDelayReq, 8));
  EXPECT_EQ(counters_.tx_stamps_missing, 0u);
}

TEST_F(PendingStampsTest, ShortAndEmptyFramesAreUnknown) {
  Expect(MakeSend(MessageType::kDelayReq, 7));
  EXPECT_FALSE(pending_.OnLooped({}, kHardware, now_, counters_));
  const std::vector<uint8_t> shorter(31, 1);
  EXPECT_FALSE(pending_.OnLooped(shorter, kHardware, now_, counters_));
  EXPECT_EQ(counters_.tx_stamps_unknown, 2u);
}

}  // namespace
}  // namespace bridge::os
