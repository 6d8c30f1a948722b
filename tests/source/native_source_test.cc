#include "bridge/source/native_source.h"

#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge {
namespace {

using ptp::From;
using ptp::kMaster;
using ptp::Message;

// What a veth pair of two idle machines was measured to take, ns: from rest to rest,
// and for an answer that is sent and received a moment after the request.
constexpr int64_t kAtRest = 2400;
constexpr int64_t kWarm = 80;

// A P2P client with software stamps and its neighbour, both on one clock: the true
// offset is 0. Time here is that clock's in ns, from when the test begins.
class WarmAnswers {
 public:
  enum class Stamps { kOfSyncs, kOfAnotherClock, kNone };
  explicit WarmAnswers(Stamps stamps, uint64_t seed = 1) : stamps_(stamps), rng_(seed) {
    ptp::PortActions out;
    source_.Start(Now(0), out);
    AnswerAll(0, out);
  }

  // Eight Syncs a second.
  void RunFor(int64_t seconds) {
    for (const int64_t end = now_ + seconds * 1'000'000'000; now_ < end;) {
      now_ += 125'000'000;
      while (*source_.Deadline() < Now(now_)) {
        const MonoTime due = *source_.Deadline();
        ptp::PortActions out;
        source_.OnTime(due, out);
        AnswerAll((due - Now(0)).Nanos(), out);
      }
      Message sync = From(kMaster, ++sequence_, ptp::Sync{});
      sync.header.flags.two_step = true;
      // Those right before our exchanges need not be as the others are.
      const bool before = *source_.Deadline() < Now(now_ + 125'000'000);
      const int64_t t2 = now_ + kAtRest - (before ? 650 : 0) + Noise(250);
      Hear(sync, t2);
      Hear(From(kMaster, sequence_, ptp::FollowUp{Tai(now_)}), t2);
    }
  }
  // Of our clock, as the map has it, ns.
  double Offset() const {
    const auto map = source_.Map();
    EXPECT_TRUE(map);
    const auto tai = map->Map(LocalTime() + Raw(now_).SinceEpoch(), map->era());
    return (Tai(now_) - *tai).NanosDouble();
  }
  double PathDelay() const { return source_.MeanPathDelay().NanosDouble(); }

 private:
  static MonoTime Now(int64_t ns) { return ptp::kStart + ptp::Nanos(ns); }
  static RawTime Raw(int64_t ns) { return RawTime::FromNanos(5'000'000'000'000 + ns); }
  static UtcTime Utc(int64_t ns) {
    return UtcTime::FromNanos(1'800'000'000'000'000'000 + ns);
  }
  static TaiTime Tai(int64_t ns) { return ptp::Tai(ns); }

  int64_t Noise(double ns) { return static_cast<int64_t>(ns * rng_.Gaussian()); }
  void Hear(const Message& message, int64_t at) {
    source_.OnPair({Raw(at + 1000), Utc(at + 1000), ptp::Nanos(100)}, Now(at + 1000));
    ptp::PortActions out;
    source_.OnMessage(message, Utc(at), Now(at + 1000), out);
  }
  // Each request sent at `t1`.
  void AnswerAll(int64_t t1, const ptp::PortActions& actions) {
    for (const ptp::Send& send : ptp::All<ptp::Send>(actions)) {
      const uint16_t sequence = ptp::Parsed(send).header.sequence.value;
      const int64_t t2 = t1 + kWarm + Noise(15);
      const int64_t t3 = t2 + 40'000, t4 = t3 + kWarm + Noise(15);
      source_.OnPair({Raw(t1 + 1000), Utc(t1 + 1000), ptp::Nanos(100)}, Now(t1 + 1000));
      ptp::PortActions out;
      source_.OnTransmitted(send.token, Utc(t1), Now(t1 + 1000), out);
      const int64_t ahead = stamps_ == Stamps::kOfAnotherClock ? 5'000'000'000 : 0;
      Message response =
          From(kMaster, sequence, ptp::PdelayResp{Tai(t2 + ahead), ptp::kSelf});
      Message follow_up =
          From(kMaster, sequence, ptp::PdelayRespFollowUp{Tai(t3 + ahead), ptp::kSelf});
      if (stamps_ == Stamps::kNone) {
        response.body = ptp::PdelayResp{{}, ptp::kSelf};
        follow_up.body = ptp::PdelayRespFollowUp{{}, ptp::kSelf};
        follow_up.header.correction = ptp::Nanos(t3 - t2);
      }
      response.header.flags.two_step = true;
      Hear(response, t4);
      Hear(follow_up, t4);
    }
  }

  const Stamps stamps_;
  Rng rng_;
  NativeSource source_{
      {.port = ptp::Settings(ptp::DelayMechanism::kP2P), .estimator = {}}, Rng(1)};
  int64_t now_ = 0;
  uint16_t sequence_ = 0;
};

constexpr double kMeanSync = kAtRest - 650.0 / 8;

TEST(PeerDelayOfSoftwareStamps, WhatSyncsTakeLongerIsNotInTheOffset) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    WarmAnswers link(WarmAnswers::Stamps::kOfSyncs, seed);
    link.RunFor(5);  // After a few exchanges.
    EXPECT_NEAR(link.Offset(), 0, 300);
    link.RunFor(25);
    EXPECT_NEAR(link.Offset(), 0, 100);
    EXPECT_NEAR(link.PathDelay(), kMeanSync, 100);
  }
}

// As it would be there, too, but for that.
TEST(PeerDelayOfSoftwareStamps, WithoutStampsOfTheMastersClockItIs) {
  for (const auto stamps :
       {WarmAnswers::Stamps::kNone, WarmAnswers::Stamps::kOfAnotherClock}) {
    WarmAnswers link(stamps);
    link.RunFor(20);
    EXPECT_NEAR(link.Offset(), kMeanSync - kWarm, 100);
    EXPECT_NEAR(link.PathDelay(), kWarm, 20);
  }
}

}  // namespace
}  // namespace bridge
