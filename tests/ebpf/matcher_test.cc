#include "ebpf/matcher.h"

#include <gmock/gmock.h>

#include <vector>

#include "ebpf/ptp_parse.h"

namespace ebpf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

using Point = OwnStamp::Point;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 100 * kSecond;
constexpr Matcher::Hooks kAll = {
    .first = true, .socket = true, .stamp_udp = true, .stamp_l2 = true, .reads = true};

ptp_key Key(ptp_direction direction, uint16_t sequence, uint32_t ifindex = 2) {
  ptp_key key{};
  ptp_begin(&key, direction);
  key.clock_identity = 0x1122334455667788;
  key.port_number = 1;
  key.sequence_id = sequence;
  key.transport = PTP_UDP4;
  key.ifindex = ifindex;
  return key;
}

ptp_event Event(ptp_hook hook, const ptp_key& key, uint64_t time, uint64_t socket = 0) {
  ptp_event event{};
  event.key = key;
  event.hook = hook;
  event.time = kStart + time;
  event.socket = socket;
  return event;
}

class MatcherTest : public ::testing::Test {
 protected:
  explicit MatcherTest(const Matcher::Hooks& hooks = kAll) : matcher_({}, hooks) {}

  // A message is taken up at `time`, handed over by the driver 10 ns before.
  void Stack(uint16_t sequence, uint64_t time) {
    ptp_event event = Event(PTP_AT_STACK, Key(PTP_RX, sequence), time);
    event.driver = event.time - 10;
    matcher_.OnEvent(event);
  }
  void Socket(uint16_t sequence, uint64_t stack, uint64_t time, uint64_t socket,
              uint64_t cookie = 0) {
    ptp_event event = Event(PTP_AT_SOCKET, Key(PTP_RX, sequence), time, socket);
    event.message = kStart + stack;
    event.cookie = cookie;
    matcher_.OnEvent(event);
  }
  void Recv(uint64_t time, uint64_t socket) {
    matcher_.OnEvent(Event(PTP_AT_RECV, {}, time, socket));
  }
  void Xmit(uint16_t sequence, uint64_t time, bool asked = true) {
    ptp_event event = Event(PTP_AT_XMIT, Key(PTP_TX, sequence), time, 5);
    event.stamp_asked = asked;
    matcher_.OnEvent(event);
  }
  void Queued(uint16_t sequence, uint64_t time) {
    matcher_.OnEvent(Event(PTP_AT_STAMP, Key(PTP_TX, sequence, 0), time, 5));
  }
  void Copied(uint16_t sequence, uint64_t time) {
    matcher_.OnEvent(Event(PTP_AT_COPY, Key(PTP_TX, sequence, 0), time, 5));
  }
  void Own(Point point, ptp_direction direction, uint16_t sequence, uint64_t time) {
    matcher_.OnOwnStamp({point, Key(direction, sequence),
                         static_cast<int64_t>(kStart + time), std::nullopt,
                         std::nullopt});
  }
  std::vector<Record> Finish(uint64_t time) {
    std::vector<Record> records;
    matcher_.Finish(static_cast<int64_t>(kStart + time),
                    [&](const Record& record) { records.push_back(record); });
    return records;
  }
  const Matcher::Counters& counters() const { return matcher_.counters(); }
  static int64_t At(uint64_t time) { return static_cast<int64_t>(kStart + time); }

  Matcher matcher_;
};

TEST_F(MatcherTest, JoinsTheStagesOfAReceivedMessage) {
  Stack(1, 100);
  Socket(1, 100, 120, 7);
  Recv(200, 7);
  EXPECT_THAT(Finish(300), IsEmpty()) << "more may come";
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].driver, Optional(At(90)));
  EXPECT_THAT(records[0].stack, Optional(At(100)));
  EXPECT_THAT(records[0].socket, Optional(At(120)));
  EXPECT_THAT(records[0].user, Optional(At(200)));
  EXPECT_EQ(counters().received, 1u);
  EXPECT_EQ(counters().unmatched, 0u);
  EXPECT_THAT(Finish(3 * kSecond), IsEmpty()) << "handed out once";
}

TEST_F(MatcherTest, ReadsOfASocketAreInTheOrderOfItsQueue) {
  for (uint16_t sequence = 1; sequence <= 3; ++sequence) {
    Stack(sequence, 100u * sequence);
    Socket(sequence, 100u * sequence, 100u * sequence + 1, 7);
  }
  Recv(1000, 8);                                                   // Another socket.
  for (uint64_t time = 1001; time <= 1004; ++time) Recv(time, 7);  // One too many.
  std::vector<int64_t> read;
  for (const Record& record : Finish(2 * kSecond)) read.push_back(record.user.value());
  EXPECT_THAT(read, ElementsAre(At(1001), At(1002), At(1003)));
}

TEST_F(MatcherTest, AReaderThatIsAwakeMayBeBeforeTheHookBehindTheQueue) {
  Stack(1, 100);
  Recv(120, 7);
  Socket(1, 100, 130, 7);
  Stack(2, 200);
  Socket(2, 200, 210, 7);
  Recv(220, 7);
  Xmit(3, 300);
  Copied(3, 310);
  Queued(3, 320);
  const auto records = Finish(3 * kSecond);
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_THAT(records[0].user, Optional(At(120)));
  EXPECT_THAT(records[0].socket, Optional(At(120))) << "there when it was read";
  EXPECT_THAT(records[1].user, Optional(At(220)));
  EXPECT_THAT(records[1].socket, Optional(At(210)));
  EXPECT_THAT(records[2].stamp_read, Optional(At(310)));
  EXPECT_THAT(records[2].stamp_queued, Optional(At(310)));
}

TEST_F(MatcherTest, AReadOfSomethingElseIsNoMessages) {
  Recv(90, 7);  // Before there was one,
  Stack(1, 100);
  Recv(110, 8);  // and of another socket.
  Socket(1, 100, 120, 7);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].user, std::nullopt);
  EXPECT_THAT(records[0].socket, Optional(At(120)));
}

TEST_F(MatcherTest, TheSameKeyAtTheFirstHookIsAnotherMessage) {
  Stack(1, 100);
  Stack(1, 200);  // Two Delay_Resp to two slaves may share their key.
  Socket(1, 100, 250, 7);
  Socket(1, 200, 260, 7);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_THAT(records[0].socket, Optional(At(250)));
  EXPECT_THAT(records[1].socket, Optional(At(260)));
}

TEST_F(MatcherTest, WithOwnSocketsOnlyTheirsCountAsOurs) {
  matcher_.AddOwnCookie(42);
  Stack(1, 100);
  Socket(1, 100, 110, 8, 43);
  Socket(1, 100, 120, 7, 42);
  Stack(2, 200);
  Socket(2, 200, 210, 8);  // Nobody asked that socket for its cookie.
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_THAT(records[0].socket, Optional(At(120)));
  EXPECT_EQ(records[0].other_sockets, 1u);
  EXPECT_EQ(records[1].socket, std::nullopt);
  EXPECT_EQ(counters().other_sockets, 2u);
  EXPECT_EQ(counters().no_socket, 0u);
}

TEST_F(MatcherTest, CountsWhatNobodyGotAndWhatWasDropped) {
  Stack(1, 100);
  Stack(2, 200);
  ptp_event drop = Event(PTP_AT_DROP, Key(PTP_RX, 2), 210);
  drop.message = kStart + 200;
  drop.reason = 6;
  matcher_.OnEvent(drop);
  drop.key.sequence_id = 3;
  drop.message = 0;  // It never came to the stack.
  matcher_.OnEvent(drop);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(records[0].drop_reason, std::nullopt);
  EXPECT_THAT(records[1].drop_reason, Optional(6u));
  EXPECT_THAT(records[2].drop_reason, Optional(6u));
  EXPECT_EQ(counters().dropped, 2u);
  EXPECT_EQ(counters().no_socket, 1u);
  EXPECT_EQ(counters().unmatched, 0u);
}

TEST_F(MatcherTest, JoinsTheStagesOfASentMessage) {
  Xmit(1, 100);
  Queued(1, 150);
  Copied(1, 180);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].xmit, Optional(At(100)));
  EXPECT_THAT(records[0].stamp_queued, Optional(At(150)));
  EXPECT_THAT(records[0].stamp_read, Optional(At(180)));
  EXPECT_EQ(counters().stamps_asked, 1u);
  EXPECT_EQ(counters().stamps_missing + counters().stamps_late, 0u);
}

TEST_F(MatcherTest, AStampIsMissingOnceItsTimeIsUp) {
  Xmit(1, 0);
  Xmit(2, 1, /*asked=*/false);
  EXPECT_THAT(Finish(kSecond + kSecond / 2), SizeIs(1))
      << "the one that waits for none";
  EXPECT_EQ(counters().stamps_missing, 0u);
  const auto records = Finish(2 * kSecond + 1);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_TRUE(records[0].stamp_missing);
  EXPECT_EQ(counters().stamps_missing, 1u);
  Queued(1, 3 * kSecond);  // Far too late: of a message that is gone.
  EXPECT_EQ(counters().unmatched, 1u);
}

TEST_F(MatcherTest, CountsLateStampsAndThoseThatWereOvertaken) {
  Xmit(1, 100);
  Xmit(2, 200);
  Queued(2, 300);
  Queued(1, 100 + 10'000'001);
  Copied(1, 100 + 10'000'100);
  Finish(2 * kSecond);
  EXPECT_EQ(counters().stamps_out_of_order, 1u);
  EXPECT_EQ(counters().stamps_late, 1u);
  EXPECT_EQ(counters().stamps_missing, 0u);
}

TEST_F(MatcherTest, ASocketThatTapsWhatIsSentReadsNoStamp) {
  Xmit(1, 100);
  matcher_.OnEvent(Event(PTP_AT_COPY, Key(PTP_TX, 1, 0), 150, /*socket=*/6));
  const auto records = Finish(3 * kSecond);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].stamp_read, std::nullopt);
  EXPECT_EQ(counters().unmatched, 0u);
}

TEST_F(MatcherTest, AHookAndTheProgramMayBothSeeTheSameReading) {
  Stack(1, 100);
  Socket(1, 100, 120, 7);
  Recv(200, 7);
  Own(Point::kReceived, PTP_RX, 1, 205);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].user, Optional(At(205)));
  EXPECT_EQ(counters().unmatched, 0u);
}

class MatcherOfAProgram : public MatcherTest {
 protected:
  MatcherOfAProgram()
      : MatcherTest({.first = true, .socket = true, .stamp_udp = true}) {}
};

TEST_F(MatcherOfAProgram, ItsOwnStampsJoinThoseOfTheHooksWhicheverComeFirst) {
  matcher_.AddOwnCookie(42);
  Own(Point::kReceived, PTP_RX, 1, 200);  // The ring is drained later.
  Own(Point::kSent, PTP_TX, 9, 300);
  Own(Point::kStampRead, PTP_TX, 9, 400);
  Stack(1, 100);
  Socket(1, 100, 120, 7, 42);
  Xmit(9, 310);
  Queued(9, 350);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_THAT(records[0].user, Optional(At(200)));
  EXPECT_THAT(records[0].socket, Optional(At(120)));
  EXPECT_THAT(records[1].send, Optional(At(300)));
  EXPECT_THAT(records[1].xmit, Optional(At(310)));
  EXPECT_THAT(records[1].stamp_read, Optional(At(400)));
  EXPECT_EQ(counters().received, 1u);
  EXPECT_EQ(counters().sent, 1u);
  EXPECT_EQ(counters().unmatched, 0u);
}

TEST_F(MatcherOfAProgram, TheSameMessageOnAnotherInterfaceIsAnother) {
  Stack(1, 100);
  matcher_.OnEvent(Event(PTP_AT_STACK, Key(PTP_RX, 1, 3), 110));
  Own(Point::kReceived, PTP_RX, 1, 200);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_THAT(records[0].user, Optional(At(200)));
  EXPECT_EQ(records[1].user, std::nullopt);
}

TEST_F(MatcherOfAProgram, AStampWhoseEventsWereLostIsStillARecord) {
  Own(Point::kReceived, PTP_RX, 1, 200);
  EXPECT_THAT(Finish(2 * kSecond), SizeIs(1));
  EXPECT_EQ(counters().unmatched, 1u);
}

class MatcherWithoutHooks : public MatcherTest {
 protected:
  MatcherWithoutHooks() : MatcherTest(Matcher::Hooks{}) {}
};

TEST_F(MatcherWithoutHooks, OwnStampsAloneMakeRecords) {
  matcher_.OnOwnStamp({Point::kReceived, Key(PTP_RX, 1), At(200), std::nullopt, 77});
  Own(Point::kSent, PTP_TX, 9, 300);
  Own(Point::kStampRead, PTP_TX, 9, 400);
  const auto records = Finish(2 * kSecond);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_THAT(records[0].software_stamp, Optional(77));
  EXPECT_THAT(records[1].stamp_read, Optional(At(400)));
  EXPECT_EQ(counters().unmatched, 0u);
  EXPECT_EQ(counters().no_socket, 0u);
}

}  // namespace
}  // namespace ebpf
