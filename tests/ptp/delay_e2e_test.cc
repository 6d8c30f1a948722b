#include "bridge/ptp/delay_e2e.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge::ptp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DelayE2eTest : public testing::Test {
 protected:
  DelayE2eTest() { delay_.Follow(kMaster); }

  PortActions HearSync(double seconds) {
    PortActions out;
    delay_.OnSyncHeard(After(seconds), sender_, out);
    return out;
  }
  // The Delay_Req that goes out at once with the first Sync.
  Send FirstRequest(double seconds = 0) {
    const auto sends = All<Send>(HearSync(seconds));
    EXPECT_EQ(sends.size(), 1u);
    return sends.at(0);
  }
  Message ResponseTo(const Send& request, TaiTime t4) {
    Message m = From(kMaster, Parsed(request).header.sequence.value,
                     DelayResp{t4, Parsed(request).header.source});
    m.header.log_interval = {0};
    return m;
  }
  PortActions Hear(const Message& m, double seconds) {
    PortActions out;
    delay_.OnDelayResp(m.header, std::get<DelayResp>(m.body), After(seconds), out);
    return out;
  }
  PortActions Transmitted(const Send& request, LocalTime t3, double seconds) {
    PortActions out;
    known_ = delay_.OnTransmitted(request.token, t3, After(seconds), out);
    return out;
  }
  // When the next `count` requests go out, none answered.
  std::vector<double> RequestTimes(int count) {
    std::vector<double> times;
    while (count-- > 0) {
      const MonoTime due = *delay_.Deadline();
      PortActions out;
      delay_.OnTime(due, sender_, out);
      EXPECT_EQ(All<Send>(out).size(), 1u);
      times.push_back((due - kStart).SecondsDouble());
    }
    return times;
  }

  PortSettings settings_ = Settings();
  Sender sender_{settings_};
  DelayE2e delay_{settings_, Rng(42)};
  bool known_ = false;
};

TEST_F(DelayE2eTest, TheFirstRequestGoesOutWithTheFirstSync) {
  EXPECT_EQ(delay_.Deadline(), std::nullopt);
  const Message request = Parsed(FirstRequest());
  EXPECT_EQ(request.header.type, MessageType::kDelayReq);
  EXPECT_EQ(request.header.source, kSelf);
  EXPECT_EQ(request.header.log_interval, LogInterval::Unspecified());
  EXPECT_THAT(HearSync(0.001), IsEmpty()) << "only with the first";
}

TEST_F(DelayE2eTest, CarriesDomainSdoAndMinorVersionOfTheSettings) {
  settings_.domain = {24};
  settings_.sdo = {1, 2};
  settings_.minor_version = 1;
  sender_ = Sender(settings_);
  const Header header = Parsed(FirstRequest()).header;
  EXPECT_EQ(header.domain.value, 24);
  EXPECT_TRUE(header.sdo == settings_.sdo);
  EXPECT_EQ(header.minor_version, 1);
}

TEST_F(DelayE2eTest, LaterRequestsAreUniformlySpreadWithTheIntervalAsMean) {
  FirstRequest();
  double last = 0, sum = 0, longest = 0, shortest = 9;
  int short_ones = 0;
  for (const double time : RequestTimes(1000)) {
    const double gap = time - last;
    last = time;
    sum += gap;
    longest = std::max(longest, gap);
    shortest = std::min(shortest, gap);
    short_ones += gap < 0.5;
  }
  EXPECT_NEAR(sum / 1000, 1.0, 0.06);  // 3 standard errors.
  EXPECT_NEAR(short_ones, 250, 42);
  EXPECT_LE(longest, 2.0);
  EXPECT_GT(longest, 1.95);
  EXPECT_GT(shortest, 0.0);
}

TEST_F(DelayE2eTest, MeasuresWhicheverOfStampAndResponseComesFirst) {
  const Send request = FirstRequest();
  EXPECT_THAT(Transmitted(request, Local(100), 0.001), IsEmpty());
  const auto measured = All<DelayMeasured>(Hear(ResponseTo(request, Tai(900)), 0.002));
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_TRUE(measured[0].t3 == Local(100) && measured[0].t4 == Tai(900));
  EXPECT_EQ(measured[0].master, kMaster);

  delay_.Follow(kMaster);
  const Send second = FirstRequest(1);
  EXPECT_THAT(Hear(ResponseTo(second, Tai(800)), 1.001), IsEmpty());
  EXPECT_EQ(All<DelayMeasured>(Transmitted(second, Local(200), 1.002)).size(), 1u);
}

TEST_F(DelayE2eTest, TheCorrectionIsTakenFromT4) {
  const Send request = FirstRequest();
  Transmitted(request, Local(0), 0);
  Message response = ResponseTo(request, Tai(900));
  response.header.correction = Nanos(300);
  const auto measured = All<DelayMeasured>(Hear(response, 0.1));
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_TRUE(measured[0].t4 == Tai(600));
}

TEST_F(DelayE2eTest, RefusesResponsesThatDoNotMatch) {
  const Send request = FirstRequest();
  const Message good = ResponseTo(request, Tai(0));

  Message bad = good;
  std::get<DelayResp>(bad.body).requesting_port.port = 2;
  EXPECT_THAT(Drops(Hear(bad, 0.1)), ElementsAre(DropReason::kNotForUs));
  bad = good;
  bad.header.source = kOther;
  EXPECT_THAT(Drops(Hear(bad, 0.1)), ElementsAre(DropReason::kNotFromParent));
  bad = good;
  bad.header.sequence = bad.header.sequence.Next();
  EXPECT_THAT(Drops(Hear(bad, 0.1)), ElementsAre(DropReason::kUnmatched));
  bad = good;
  bad.header.sequence.value += kMaxExchanges;
  EXPECT_THAT(Drops(Hear(bad, 0.1)), ElementsAre(DropReason::kUnmatched));
  bad = good;
  bad.header.correction = TimeDelta::FromSeconds(2);
  EXPECT_THAT(Drops(Hear(bad, 0.1)), ElementsAre(DropReason::kCorrectionOutOfRange));

  EXPECT_THAT(Drops(Hear(good, 0.1)), IsEmpty());
  EXPECT_THAT(Drops(Hear(good, 0.1)), ElementsAre(DropReason::kDuplicate));
}

TEST_F(DelayE2eTest, ForgetsARequestAfterFiveSeconds) {
  const Send request = FirstRequest();
  EXPECT_THAT(Drops(Hear(ResponseTo(request, Tai(0)), 5.1)),
              ElementsAre(DropReason::kUnmatched));
  Transmitted(request, Local(0), 5.1);
  EXPECT_FALSE(known_);
}

TEST_F(DelayE2eTest, RemembersTheLastFourRequests) {
  const Send first = FirstRequest();
  RequestTimes(3);
  Transmitted(first, Local(0), 1);
  EXPECT_TRUE(known_);
  RequestTimes(1);
  Transmitted(first, Local(0), 1);
  EXPECT_FALSE(known_);
}

TEST_F(DelayE2eTest, KnowsItsTokensAndCountsASecondStamp) {
  const Send request = FirstRequest();
  Transmitted(request, Local(1), 0.1);
  EXPECT_TRUE(known_);
  EXPECT_THAT(Drops(Transmitted(request, Local(2), 0.2)),
              ElementsAre(DropReason::kDuplicate));
  PortActions out;
  EXPECT_FALSE(delay_.OnTransmitted(TxToken{999}, Local(3), After(0.3), out));
}

TEST_F(DelayE2eTest, ANewMasterIsAskedAnewAndTheOldAnswerForgotten) {
  const Send old = FirstRequest();
  delay_.Follow(kOther);
  EXPECT_EQ(delay_.Deadline(), std::nullopt) << "nothing before its first Sync";
  const Send request = FirstRequest(0.1);
  EXPECT_THAT(Drops(Hear(ResponseTo(old, Tai(0)), 0.2)),
              ElementsAre(DropReason::kNotFromParent));
  Message late = ResponseTo(old, Tai(0));
  late.header.source = kOther;
  EXPECT_THAT(Drops(Hear(late, 0.2)), ElementsAre(DropReason::kUnmatched));
  Transmitted(old, Local(0), 0.2);
  EXPECT_FALSE(known_);
  EXPECT_NE(old.token.value, request.token.value);
}

TEST_F(DelayE2eTest, AdoptsTheIntervalOfAMulticastResponse) {
  const Send request = FirstRequest();
  Message response = ResponseTo(request, Tai(0));
  response.header.log_interval = {-4};
  Hear(response, 0.1);
  EXPECT_LE(*delay_.Deadline(), After(0.1 + 2.0 / 16)) << "the new interval at once";
  const auto times = RequestTimes(1000);
  EXPECT_NEAR(times.back() / 1000, 1.0 / 16, 0.004);
}

TEST_F(DelayE2eTest, KeepsItsIntervalWhenTheResponseIsUnicastOrAbsurd) {
  for (const bool unicast : {true, false}) {
    delay_.Follow(kMaster);
    const Send request = FirstRequest();
    const MonoTime due = *delay_.Deadline();
    Message response = ResponseTo(request, Tai(0));
    response.header.flags.unicast = unicast;
    response.header.log_interval = unicast ? LogInterval{5} : LogInterval{100};
    Hear(response, 0.1);
    EXPECT_EQ(*delay_.Deadline(), due);
  }
}

TEST_F(DelayE2eTest, PausesUntilTheNextSync) {
  FirstRequest();
  delay_.Pause();
  EXPECT_EQ(delay_.Deadline(), std::nullopt);
  FirstRequest(20);
}

}  // namespace
}  // namespace bridge::ptp
