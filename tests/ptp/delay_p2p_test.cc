#include "bridge/ptp/delay_p2p.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge::ptp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The neighbour is 1000 ns away and takes 5000 ns to answer; our clock shows
// t1 = 100, t4 = 7100.
class DelayP2pTest : public testing::Test {
 protected:
  DelayP2pTest() {
    PortActions out;
    delay_.Start(kStart, sender_, out);
    request_ = All<Send>(out).at(0);
  }

  Message Response(PortIdentity responder = kMaster) {
    Message m = From(responder, Parsed(request_).header.sequence.value,
                     PdelayResp{Tai(1100), kSelf});
    m.header.flags.two_step = true;
    return m;
  }
  Message FollowUpMessage(PortIdentity responder = kMaster) {
    return From(responder, Parsed(request_).header.sequence.value,
                PdelayRespFollowUp{Tai(6100), kSelf});
  }
  // All stamps of responses are t4 = 7100.
  PortActions Hear(const Message& m, std::optional<LocalTime> received = Local(7100),
                   double seconds = 0.1) {
    PortActions out;
    if (const auto* response = std::get_if<PdelayResp>(&m.body)) {
      delay_.OnPdelayResp(m.header, *response, received, After(seconds), out);
    } else {
      delay_.OnPdelayRespFollowUp(m.header, std::get<PdelayRespFollowUp>(m.body),
                                  After(seconds), out);
    }
    return out;
  }
  PortActions Transmitted(TxToken token, LocalTime sent, double seconds = 0.1) {
    PortActions out;
    known_ = delay_.OnTransmitted(token, sent, After(seconds), sender_, out);
    return out;
  }
  PortActions T1() { return Transmitted(request_.token, Local(100)); }
  void NextRequest() {
    PortActions out;
    delay_.OnTime(*delay_.Deadline(), sender_, out);
    request_ = All<Send>(out).at(0);
  }
  PortActions AskUs(std::optional<LocalTime> received, TimeDelta correction = {},
                    std::optional<TaiTime> t2 = {}) {
    Message m = From(kMaster, 77, PdelayReq{});
    m.header.correction = correction;
    PortActions out;
    delay_.OnPdelayReq(m.header, received, t2, After(0.5), sender_, out);
    return out;
  }
  static void ExpectLinkDelay(const PortActions& out, TimeDelta expected) {
    const auto measured = All<PeerDelayMeasured>(out);
    ASSERT_EQ(measured.size(), 1u);
    EXPECT_TRUE(measured[0].mean_link_delay == expected)
        << measured[0].mean_link_delay.ToString();
    EXPECT_TRUE(measured[0].at == Local(7100));
  }

  explicit DelayP2pTest(bool asks_behind_answers) : DelayP2pTest() {
    settings_.asks_behind_answers = asks_behind_answers;
    delay_ = DelayP2p(settings_, Rng(42));
    PortActions out;
    delay_.Start(kStart, sender_, out);
    request_ = All<Send>(out).at(0);
  }

  // A request of the neighbour's is heard and the answer sent: what is sent then.
  std::vector<Send> AskedAndAnswered(double seconds) {
    PortActions out;
    delay_.OnPdelayReq(From(kMaster, 77, PdelayReq{}).header, Local(0), {},
                       After(seconds), sender_, out);
    const Send response = All<Send>(out).at(0);
    return All<Send>(Transmitted(response.token, Local(50'000), seconds));
  }

  PortSettings settings_ = Settings(DelayMechanism::kP2P);
  Sender sender_{settings_};
  DelayP2p delay_{settings_, Rng(42)};
  Send request_{};
  bool known_ = false;
};

TEST_F(DelayP2pTest, AsksAtStartAndThenAboutOnceAnInterval) {
  EXPECT_EQ(request_.type, MessageType::kPdelayReq);
  EXPECT_EQ(request_.size, 54);
  MonoTime last = kStart;
  for (int i = 0; i < 100; ++i) {
    const double gap = (*delay_.Deadline() - last).SecondsDouble();
    EXPECT_GE(gap, 0.9);
    EXPECT_LE(gap, 1.1);
    last = *delay_.Deadline();
    NextRequest();
  }
}

class BehindAnswers : public DelayP2pTest {
 protected:
  BehindAnswers() : DelayP2pTest(true) {}
};

TEST_F(BehindAnswers, ItAsksWhenThatIsDue) {
  EXPECT_EQ(AskedAndAnswered(0.8).size(), 1u) << "too early: the follow-up alone";
  const auto sends = AskedAndAnswered(0.9);
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_EQ(sends[1].type, MessageType::kPdelayReq);
  EXPECT_GE(*delay_.Deadline(), After(0.9 + 2)) << "waits for the neighbour";
  // Which asks no more.
  NextRequest();
  EXPECT_LE(*delay_.Deadline(), After(0.9 + 2.2 + 1.1));
}

TEST_F(DelayP2pTest, AsksAtItsOwnTimeUnlessToldOtherwise) {
  const MonoTime due = *delay_.Deadline();
  EXPECT_EQ(AskedAndAnswered(0.9).size(), 1u) << "the follow-up alone";
  EXPECT_EQ(*delay_.Deadline(), due);
  NextRequest();
  EXPECT_LE(*delay_.Deadline(), due + Nanos(1'100'000'000));
}

TEST_F(DelayP2pTest, MeasuresTwoStepInAnyOrder) {
  T1();
  EXPECT_THAT(Hear(Response()), IsEmpty());
  ExpectLinkDelay(Hear(FollowUpMessage()), Nanos(1000));

  NextRequest();
  T1();
  EXPECT_THAT(Hear(FollowUpMessage()), IsEmpty());
  ExpectLinkDelay(Hear(Response()), Nanos(1000));

  NextRequest();
  Hear(Response());
  Hear(FollowUpMessage());
  ExpectLinkDelay(T1(), Nanos(1000));
}

TEST_F(DelayP2pTest, MeasuresOneStep) {
  T1();
  Message response = Response();
  response.header.flags.two_step = false;
  response.header.correction = Nanos(5000);  // The turnaround.
  ExpectLinkDelay(Hear(response), Nanos(1000));
}

TEST_F(DelayP2pTest, TakesOutTheCorrectionsOfBothAnswers) {
  T1();
  Message response = Response(), follow_up = FollowUpMessage();
  response.header.correction = Nanos(200);
  follow_up.header.correction = Nanos(100);
  Hear(response);
  ExpectLinkDelay(Hear(follow_up), Nanos(850));
}

TEST_F(DelayP2pTest, TellsWhenTheAnswerLeftWhereThatIsTheWholeTruth) {
  T1();
  Hear(Response());
  auto measured = All<PeerDelayMeasured>(Hear(FollowUpMessage()));
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_EQ(measured[0].responder, kMaster);
  ASSERT_TRUE(measured[0].t3);
  EXPECT_TRUE(*measured[0].t3 == Tai(6100));

  NextRequest();
  T1();
  Message response = Response();
  response.header.correction = Nanos(200);  // Something stands between.
  Hear(response);
  measured = All<PeerDelayMeasured>(Hear(FollowUpMessage()));
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_FALSE(measured[0].t3);

  NextRequest();
  T1();
  response = Response();
  response.header.flags.two_step = false;
  measured = All<PeerDelayMeasured>(Hear(response));
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_FALSE(measured[0].t3) << "one-step";
}

TEST_F(DelayP2pTest, TwoRespondersSpoilTheExchangeAndTheNext) {
  T1();
  Hear(Response());
  EXPECT_THAT(Drops(Hear(Response(kOther))),
              ElementsAre(DropReason::kMultipleResponders));
  EXPECT_THAT(All<PeerDelayMeasured>(Hear(FollowUpMessage())), IsEmpty());

  for (const size_t measured : {0u, 1u}) {
    NextRequest();
    T1();
    Hear(Response());
    EXPECT_EQ(All<PeerDelayMeasured>(Hear(FollowUpMessage())).size(), measured);
  }
}

TEST_F(DelayP2pTest, ASecondResponderIsNoticedAfterTheFirstIsComplete) {
  T1();
  Hear(Response());
  ASSERT_EQ(All<PeerDelayMeasured>(Hear(FollowUpMessage())).size(), 1u);
  EXPECT_THAT(Drops(Hear(FollowUpMessage(kOther))),
              ElementsAre(DropReason::kMultipleResponders));
  NextRequest();
  T1();
  Hear(Response());
  EXPECT_THAT(All<PeerDelayMeasured>(Hear(FollowUpMessage())), IsEmpty());
}

TEST_F(DelayP2pTest, RefusesAnswersThatDoNotMatch) {
  Message bad = Response();
  std::get<PdelayResp>(bad.body).requesting_port = kOther;
  EXPECT_THAT(Drops(Hear(bad)), ElementsAre(DropReason::kNotForUs));
  bad = Response();
  bad.header.sequence = bad.header.sequence.Next();
  EXPECT_THAT(Drops(Hear(bad)), ElementsAre(DropReason::kUnmatched));
  bad = Response();
  bad.header.correction = TimeDelta::FromSeconds(2);
  EXPECT_THAT(Drops(Hear(bad)), ElementsAre(DropReason::kCorrectionOutOfRange));

  EXPECT_THAT(Drops(Hear(Response())), IsEmpty());
  EXPECT_THAT(Drops(Hear(Response())), ElementsAre(DropReason::kDuplicate));
  EXPECT_THAT(Drops(Hear(FollowUpMessage())), IsEmpty());
  EXPECT_THAT(Drops(Hear(FollowUpMessage())), ElementsAre(DropReason::kDuplicate));
}

TEST_F(DelayP2pTest, AnAnswerWithoutTimestampEndsTheExchange) {
  T1();
  EXPECT_THAT(Drops(Hear(Response(), std::nullopt)),
              ElementsAre(DropReason::kNoReceiveTimestamp));
  EXPECT_THAT(Drops(Hear(FollowUpMessage())), ElementsAre(DropReason::kUnmatched));
}

TEST_F(DelayP2pTest, ForgetsARequestAfterFiveSeconds) {
  EXPECT_THAT(Drops(Hear(Response(), Local(7100), 5.1)),
              ElementsAre(DropReason::kUnmatched));
  Transmitted(request_.token, Local(100), 5.1);
  EXPECT_FALSE(known_);
}

TEST_F(DelayP2pTest, CountsASecondStampOfARequest) {
  T1();
  EXPECT_TRUE(known_);
  EXPECT_THAT(Drops(T1()), ElementsAre(DropReason::kDuplicate));
}

TEST_F(DelayP2pTest, AnswersANeighbourWithTheTurnaroundInTheCorrection) {
  const auto sends = All<Send>(AskUs(Local(1000), Nanos(7)));
  ASSERT_EQ(sends.size(), 1u);
  const Message response = Parsed(sends[0]);
  EXPECT_EQ(response.header.type, MessageType::kPdelayResp);
  EXPECT_TRUE(response.header.flags.two_step);
  EXPECT_EQ(response.header.sequence.value, 77);
  EXPECT_EQ(std::get<PdelayResp>(response.body).requesting_port, kMaster);
  EXPECT_TRUE(std::get<PdelayResp>(response.body).request_receipt == TaiTime());
  EXPECT_TRUE(response.header.correction == TimeDelta());

  const auto follow_ups = All<Send>(Transmitted(sends[0].token, Local(4500), 0.6));
  ASSERT_EQ(follow_ups.size(), 1u);
  const Message follow_up = Parsed(follow_ups[0]);
  EXPECT_EQ(follow_up.header.type, MessageType::kPdelayRespFollowUp);
  EXPECT_EQ(follow_up.header.sequence.value, 77);
  EXPECT_EQ(std::get<PdelayRespFollowUp>(follow_up.body).requesting_port, kMaster);
  EXPECT_TRUE(std::get<PdelayRespFollowUp>(follow_up.body).response_origin ==
              TaiTime());
  EXPECT_TRUE(follow_up.header.correction == Nanos(3507));

  Transmitted(sends[0].token, Local(4500), 0.6);
  EXPECT_FALSE(known_) << "a token is good for one stamp";
}

TEST_F(DelayP2pTest, AnswersWithBothStampsWhereTheyAreKnownToBeTai) {
  delay_.set_local_rate(1e-3);
  const auto sends = All<Send>(AskUs(Local(1000), Nanos(7), Tai(90'000)));
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_TRUE(std::get<PdelayResp>(Parsed(sends[0]).body).request_receipt ==
              Tai(90'000));
  const auto follow_ups = All<Send>(Transmitted(sends[0].token, Local(4500), 0.6));
  ASSERT_EQ(follow_ups.size(), 1u);
  const Message follow_up = Parsed(follow_ups[0]);
  EXPECT_TRUE(std::get<PdelayRespFollowUp>(follow_up.body).response_origin ==
              Tai(93'504));  // 3503.5 in whole ns.
  EXPECT_TRUE(follow_up.header.correction == Nanos(7));
}

TEST_F(DelayP2pTest, OneSideMeasuresWhatTheOtherAnswers) {
  // Both ends are ours: 1000 ns of link, the far clock 10 s ahead.
  PortSettings far_settings = settings_;
  far_settings.identity = kMaster;
  Sender far_sender(far_settings);
  DelayP2p far(far_settings, Rng(7));
  constexpr int64_t kAhead = 10'000'000'000;

  T1();
  PortActions out;
  far.OnPdelayReq(Parsed(request_).header, Local(kAhead + 1100), {}, After(0.1),
                  far_sender, out);
  const Send response = All<Send>(out).at(0);
  EXPECT_THAT(Hear(Parsed(response)), IsEmpty());
  out.clear();
  far.OnTransmitted(response.token, Local(kAhead + 6100), After(0.1), far_sender, out);
  ExpectLinkDelay(Hear(Parsed(All<Send>(out).at(0))), Nanos(1000));
}

// A neighbour whose clock runs faster than ours by `rate` and that takes 10 ms to
// answer, over 1000 ns of link. Once a second.
class NeighborRate : public DelayP2pTest {
 protected:
  // The link delay of the i-th exchange, ns.
  double Exchange(int i, double rate, bool one_step = false, TimeDelta step = {}) {
    if (i > 0) NextRequest();
    const auto there = [&](double ns) {
      return TaiTime() + TimeDelta::FromSeconds(1'800'000'000) + step +
             TimeDelta::FromNanosDouble(ns * (1 + rate));
    };
    const double t1 = i * 1e9, t2 = t1 + 1000, t3 = t2 + 1e7, t4 = t3 + 1000;
    Transmitted(request_.token, At(t1));
    Message response = Response(), follow_up = FollowUpMessage();
    std::get<PdelayResp>(response.body).request_receipt = there(t2);
    std::get<PdelayRespFollowUp>(follow_up.body).response_origin = there(t3);
    if (one_step) {
      response.header.flags.two_step = false;
      response.header.correction = there(t3) - there(t2);
      return Measured(Hear(response, At(t4), i + 0.1));
    }
    Hear(response, At(t4), i + 0.1);
    return Measured(Hear(follow_up, std::nullopt, i + 0.1));
  }
  static LocalTime At(double ns) {
    return LocalTime() + TimeDelta::FromNanosDouble(ns);
  }
  static double Measured(const PortActions& out) {
    const auto measured = All<PeerDelayMeasured>(out);
    EXPECT_EQ(measured.size(), 1u);
    return measured.at(0).mean_link_delay.NanosDouble();
  }
};

TEST_F(NeighborRate, IsMeasuredFromTheSecondExchangeOn) {
  EXPECT_NEAR(Exchange(0, -20e-6), 1100, 0.1) << "the premise: 100 ns too long";
  for (int i = 1; i < 30; ++i) EXPECT_NEAR(Exchange(i, -20e-6), 1000, 0.1) << i;
}

TEST_F(NeighborRate, IsTakenForThatOfTaiUntilMeasured) {
  delay_.set_local_rate(-20e-6);
  // It turns out to have a rate of its own.
  EXPECT_NEAR(Exchange(0, -35e-6), 1075, 0.1);
  for (int i = 1; i < 5; ++i) EXPECT_NEAR(Exchange(i, -35e-6), 1000, 0.1) << i;
}

TEST_F(NeighborRate, IsTakenForThatOfTaiWhenItSendsNoStamps) {
  EXPECT_NEAR(Exchange(0, -20e-6, true), 1100, 0.1) << "the premise";
  delay_.set_local_rate(-20e-6);
  for (int i = 1; i < 5; ++i) EXPECT_NEAR(Exchange(i, -20e-6, true), 1000, 0.1) << i;
}

TEST_F(NeighborRate, IsMeasuredAnewAfterANeighbourStepsItsClock) {
  delay_.set_local_rate(-20e-6);
  for (int i = 0; i < 3; ++i) Exchange(i, -20e-6);
  const TimeDelta step = TimeDelta::FromSeconds(-37);
  for (int i = 3; i < 6; ++i) {
    EXPECT_NEAR(Exchange(i, -20e-6, false, step), 1000, 0.1) << i;
  }
}

TEST_F(NeighborRate, OurOwnTurnaroundIsToldInSecondsOfTai) {
  delay_.set_local_rate(-20e-6);
  const auto sends = All<Send>(AskUs(Local(1000)));
  ASSERT_EQ(sends.size(), 1u);
  const auto follow_ups =
      All<Send>(Transmitted(sends[0].token, Local(1000 + 10'000'000), 0.6));
  ASSERT_EQ(follow_ups.size(), 1u);
  EXPECT_EQ(Parsed(follow_ups[0]).header.correction, Nanos(10'000'000 - 200));
}

TEST_F(DelayP2pTest, DoesNotAnswerWhatItCannotMeasure) {
  const auto no_stamp = AskUs(std::nullopt);
  EXPECT_THAT(All<Send>(no_stamp), IsEmpty());
  EXPECT_THAT(Drops(no_stamp), ElementsAre(DropReason::kNoReceiveTimestamp));
  EXPECT_THAT(Drops(AskUs(Local(0), TimeDelta::FromSeconds(2))),
              ElementsAre(DropReason::kCorrectionOutOfRange));
  // The stamps are of two eras of our clock.
  const auto sends = All<Send>(AskUs(Local(0)));
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_THAT(Transmitted(sends[0].token, Local(int64_t{1} << 60)), IsEmpty());
}

TEST_F(DelayP2pTest, StopsAsking) {
  delay_.Stop();
  EXPECT_EQ(delay_.Deadline(), std::nullopt);
  EXPECT_THAT(Drops(Hear(Response())), ElementsAre(DropReason::kUnmatched));
}

}  // namespace
}  // namespace bridge::ptp
