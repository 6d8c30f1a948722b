// Our master port and our slave port on one noisy network in simulated time: what the
// slave's estimator makes of what the master sends, held against the truth; masters
// that elect one of them, fail and come back; a clock that is both in turn.

#include "bridge/ptp/master_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "bridge/estimate/offset_estimator.h"
#include "bridge/estimate/time_base.h"
#include "bridge/ptp/slave_port.h"
#include "bridge/sim/event_queue.h"
#include "bridge/sim/link.h"
#include "bridge/sim/oscillator.h"
#include "bridge/time/waiting.h"

namespace bridge::sim {
namespace {

using ptp::PortState;

const TaiTime kBegin = TaiTime::FromNanos(1'800'000'000'000'000'000);

constexpr LinkSettings kNoisy{.delay_ns = 1'000,
                              .jitter_ns = 100,
                              .spike_chance = 0.002,
                              .loss = 0.01,
                              .duplicate = 0.01,
                              .reorder = 0.01};

class Node;

// A switch that delays as its cables do; every frame reaches all other nodes.
class Lan {
 public:
  explicit Lan(uint64_t seed) : rng_(seed) {}

  TaiTime now() const { return now_; }
  double Seconds() const { return (now_ - kBegin).SecondsDouble(); }
  Rng Fork() { return rng_.Fork(); }
  Rng& rng() { return rng_; }
  void Add(Node* node) { nodes_.push_back(node); }
  void After(TimeDelta delay, std::function<void()> what) {
    queue_.At(now_ + delay, std::move(what));
  }
  void RunFor(absl::Duration duration) {
    const TaiTime end = now_ + ToTimeDelta(duration);
    while (!queue_.empty() && queue_.next() <= end) {
      now_ = queue_.next();
      queue_.Pop()();
    }
    now_ = end;
  }
  void Broadcast(Node& from, const ptp::Send& send);

 private:
  Rng rng_;
  TaiTime now_ = kBegin;
  EventQueue queue_;
  std::vector<Node*> nodes_;
};

// A machine with a crystal of its own, a cable and some port, which the subclass has.
class Node {
 public:
  Node(Lan& lan, double ppm)
      : lan_(lan),
        crystal_({.ppm = ppm}, lan.now(), RawTime::FromNanos(86'400'000'000'000),
                 lan.Fork()),
        link_(kNoisy, lan.Fork()) {
    lan.Add(this);
  }
  virtual ~Node() = default;

  Link& link() { return link_; }
  void Plug(bool up) {
    link_.set_up(up);
    ptp::PortActions out;
    OnLink(up, out);
    CarryOut(out);
  }
  void Receive(const std::vector<uint8_t>& octets) {
    const auto parsed = ptp::ParseMessage(octets);
    ASSERT_TRUE(std::holds_alternative<ptp::Message>(parsed));
    ptp::PortActions out;
    OnFrame(std::get<ptp::Message>(parsed), Stamp(), out);
    CarryOut(out);
  }
  uint64_t dropped(ptp::DropReason reason) const {
    return dropped_[static_cast<size_t>(reason)];
  }
  uint64_t sent(ptp::MessageType type) const {
    return sent_[static_cast<size_t>(type)];
  }

 protected:
  virtual void OnLink(bool up, ptp::PortActions& out) = 0;
  virtual void OnFrame(const ptp::Message& message, LocalTime received,
                       ptp::PortActions& out) = 0;
  virtual void OnStamp(ptp::TxToken token, LocalTime sent, ptp::PortActions& out) = 0;
  virtual void OnTime(ptp::PortActions& out) = 0;
  virtual std::optional<MonoTime> Deadline() const = 0;
  virtual void OnAction(const ptp::PortAction&, ptp::PortActions&) {}

  LocalTime ReadLocal() { return AsLocal(crystal_.Read(lan_.now())); }
  MonoTime Mono() { return MonoTime::FromNanos(ReadLocal().Nanos()); }
  // As a frame passes the timestamp point.
  LocalTime Stamp() {
    return ReadLocal() + TimeDelta::FromNanosDouble(5 * lan_.rng().Gaussian());
  }
  double Rate() const { return crystal_.Rate(); }

  void CarryOut(ptp::PortActions& actions) {
    for (size_t i = 0; i < actions.size(); ++i) {
      const ptp::PortAction action = actions[i];
      if (const auto* send = std::get_if<ptp::Send>(&action)) {
        ++sent_[static_cast<size_t>(send->type)];
        SendOut(*send);
      } else if (const auto* drop = std::get_if<ptp::Dropped>(&action)) {
        ++dropped_[static_cast<size_t>(drop->reason)];
      }
      OnAction(action, actions);
    }
    Wake();
  }

  Lan& lan_;

 private:
  void SendOut(const ptp::Send& send) {
    lan_.After(TimeDelta::FromMicros(3), [this, send] {
      if (ptp::IsEvent(send.type) && !lan_.rng().Chance(0.005)) {
        const LocalTime stamp = Stamp();
        const double wait_us = lan_.rng().Uniform(20, 500);
        lan_.After(TimeDelta::FromNanosDouble(wait_us * 1e3), [this, send, stamp] {
          ptp::PortActions out;
          OnStamp(send.token, stamp, out);
          CarryOut(out);
        });
      }
      lan_.Broadcast(*this, send);
    });
  }
  // Serves deadlines, a little late as everybody does.
  void Wake() {
    const auto deadline = Deadline();
    if (!deadline || deadline == served_next_) return;
    served_next_ = deadline;
    const TimeDelta wait = std::max(*deadline - Mono(), TimeDelta());
    lan_.After(wait + TimeDelta::FromMicros(60), [this, deadline] {
      if (served_next_ != deadline) return;
      served_next_.reset();
      ptp::PortActions out;
      if (const auto due = Deadline(); due && *due <= Mono()) OnTime(out);
      CarryOut(out);
    });
  }

  Oscillator crystal_;
  Link link_;
  std::optional<MonoTime> served_next_;
  std::array<uint64_t, ptp::kDropReasonCount> dropped_{};
  std::array<uint64_t, 16> sent_{};
};

void Lan::Broadcast(Node& from, const ptp::Send& send) {
  const std::vector<uint8_t> octets(send.octets.begin(),
                                    send.octets.begin() + send.size);
  for (const TimeDelta up : from.link().Deliver(Direction::kToMaster)) {
    for (Node* node : nodes_) {
      if (node == &from) continue;
      for (const TimeDelta down : node->link().Deliver(Direction::kToSlave)) {
        After(up + down, [node, octets] { node->Receive(octets); });
      }
    }
  }
}

// A slave port with its estimator, judged.
struct Follower {
  Follower(const ptp::PortSettings& settings, Rng rng) : port(settings, rng) {}

  void OnAction(const ptp::PortAction& action, MonoTime now, ptp::PortActions& out) {
    if (const auto* sync = std::get_if<ptp::SyncMeasured>(&action)) {
      estimator.AddSync(sync->t2, sync->t1);
    } else if (const auto* delay = std::get_if<ptp::DelayMeasured>(&action)) {
      estimator.AddDelay(delay->t3, delay->t4);
    } else if (const auto* peer = std::get_if<ptp::PeerDelayMeasured>(&action)) {
      estimator.AddPeerDelay(peer->at, peer->mean_link_delay);
    } else if (std::holds_alternative<ptp::MeasuringRestarted>(action)) {
      estimator.Reset();
    }
    if (estimator.ready() != was_ready) {
      was_ready = estimator.ready();
      ready_since = now;
      port.OnCalibrated(was_ready, now, out);
    }
  }
  // Held against the truth; in SLAVE only. Its bound counts always, and each time. How
  // good it is counts after 20 s, as a share: of the first measurements one may
  // have been held up, which with some seeds costs microseconds for half a minute.
  void Judge(LocalTime local, MonoTime now, TaiTime truth) {
    const auto map = estimator.Map();
    if (port.state() != PortState::kSlave || !map) return;
    const TimeDelta error = *map->Map(local, map->era()) - truth;
    ++judged;
    beyond_bound += error.Abs() > estimator.ErrorBound(local);
    far += now - absl::Seconds(20) > ready_since &&
           error.Abs() > TimeDelta::FromNanos(500);
  }

  ptp::SlavePort port;
  OffsetEstimator estimator{{.stamps = StampKind::kHardware}};
  bool was_ready = false;
  MonoTime ready_since;
  int judged = 0;
  int beyond_bound = 0;
  int far = 0;
};

// A client.
class SlaveNode : public Node {
 public:
  SlaveNode(Lan& lan, const ptp::PortSettings& settings, double ppm)
      : Node(lan, ppm), follower_(settings, lan.Fork()) {
    Plug(true);
    Judge();
  }
  Follower& follower() { return follower_; }
  PortState state() const { return follower_.port.state(); }

 private:
  void Judge() {
    follower_.Judge(ReadLocal(), Mono(), lan_.now());
    lan_.After(TimeDelta::FromMillis(100), [this] { Judge(); });
  }
  void OnLink(bool up, ptp::PortActions& out) override {
    up ? follower_.port.Start(Mono(), out) : follower_.port.Stop(Mono(), out);
  }
  void OnFrame(const ptp::Message& message, LocalTime received,
               ptp::PortActions& out) override {
    follower_.port.OnMessage(message, received, Mono(), out);
  }
  void OnStamp(ptp::TxToken token, LocalTime sent, ptp::PortActions& out) override {
    follower_.port.OnTransmitted(token, sent, Mono(), out);
  }
  void OnTime(ptp::PortActions& out) override { follower_.port.OnTime(Mono(), out); }
  std::optional<MonoTime> Deadline() const override {
    return follower_.port.Deadline();
  }
  void OnAction(const ptp::PortAction& action, ptp::PortActions& out) override {
    follower_.OnAction(action, Mono(), out);
  }

  Follower follower_;
};

// A master whose clock is told TAI to 20 ns once a second. One that may follow has a
// slave port, too, which is started and stopped as the master port says.
class MasterNode : public Node {
 public:
  MasterNode(Lan& lan, const ptp::MasterPortSettings& settings, uint8_t clock_class,
             double ppm)
      : Node(lan, ppm),
        port_(settings, Properties(clock_class), lan.Fork()),
        follower_(settings, lan.Fork()) {
    LearnTime();
    Plug(true);
  }
  PortState state() const { return port_.state(); }
  Follower& follower() { return follower_; }
  void SetClass(uint8_t clock_class) {
    ptp::PortActions out;
    port_.SetProperties(Properties(clock_class), Mono(), out);
    CarryOut(out);
  }
  // When it was in MASTER: pairs of seconds, the last open while it is.
  std::vector<std::array<double, 2>> reigns() const { return reigns_; }

 private:
  static ptp::GrandmasterProperties Properties(uint8_t clock_class) {
    ptp::GrandmasterProperties properties;
    properties.quality = {clock_class, 0x21, 0x4e5d};
    properties.current_utc_offset = 37;
    properties.current_utc_offset_valid = true;
    return properties;
  }
  void LearnTime() {
    const TimeDelta error = TimeDelta::FromNanosDouble(20 * lan_.rng().Uniform(-1, 1));
    port_.set_clock(
        ClockMap<Local, Tai>(ReadLocal(), lan_.now() + error, -Rate(), Era()));
    follower_.Judge(ReadLocal(), Mono(), lan_.now());
    lan_.After(TimeDelta::FromSeconds(1), [this] { LearnTime(); });
  }
  bool follows() const { return port_.state() == PortState::kUncalibrated; }

  void OnLink(bool up, ptp::PortActions& out) override {
    up ? port_.Start(Mono(), out) : port_.Stop(Mono(), out);
  }
  void OnFrame(const ptp::Message& message, LocalTime received,
               ptp::PortActions& out) override {
    if (follows()) follower_.port.OnMessage(message, received, Mono(), out);
    port_.OnMessage(message, received, std::nullopt, Mono(), out);
  }
  void OnStamp(ptp::TxToken token, LocalTime sent, ptp::PortActions& out) override {
    if (token.value > ptp::kMasterTokens.value) {
      port_.OnTransmitted(token, sent, Mono(), out);
    } else {
      follower_.port.OnTransmitted(token, sent, Mono(), out);
    }
  }
  void OnTime(ptp::PortActions& out) override {
    port_.OnTime(Mono(), out);
    follower_.port.OnTime(Mono(), out);
  }
  std::optional<MonoTime> Deadline() const override {
    return Earlier(port_.Deadline(), follower_.port.Deadline());
  }
  void OnAction(const ptp::PortAction& action, ptp::PortActions& out) override {
    follower_.OnAction(action, Mono(), out);
    const auto* change = std::get_if<ptp::StateChanged>(&action);
    if (change == nullptr || change->to != port_.state()) return;
    if (change->to == PortState::kMaster) reigns_.push_back({lan_.Seconds(), 1e9});
    if (change->from == PortState::kMaster) reigns_.back()[1] = lan_.Seconds();
    if (change->to == PortState::kUncalibrated) follower_.port.Start(Mono(), out);
    if (change->from == PortState::kUncalibrated) follower_.port.Stop(Mono(), out);
  }

  ptp::MasterPort port_;
  Follower follower_;
  std::vector<std::array<double, 2>> reigns_;
};

ptp::MasterPortSettings Settings(uint64_t clock, ptp::DelayMechanism mechanism) {
  ptp::MasterPortSettings settings;
  settings.identity = {{clock}, 1};
  settings.delay_mechanism = mechanism;
  settings.announce_interval = {0};
  settings.sync_interval = {-3};
  settings.delay_interval = {-2};
  return settings;
}

// How long two masters served at once.
double BothServed(const MasterNode& a, const MasterNode& b) {
  double both = 0;
  for (const auto& x : a.reigns()) {
    for (const auto& y : b.reigns()) {
      both += std::max(0.0, std::min(x[1], y[1]) - std::max(x[0], y[0]));
    }
  }
  return both;
}

void ExpectGood(const Follower& follower, int least_judged) {
  EXPECT_GE(follower.judged, least_judged);
  EXPECT_EQ(follower.beyond_bound, 0);
  EXPECT_LE(20 * follower.far, follower.judged) << follower.far << " of them are far";
}

class MasterAndSlave : public testing::TestWithParam<ptp::DelayMechanism> {};
INSTANTIATE_TEST_SUITE_P(Mechanism, MasterAndSlave,
                         testing::Values(ptp::DelayMechanism::kE2E,
                                         ptp::DelayMechanism::kP2P),
                         [](const auto& test) {
                           return test.param == ptp::DelayMechanism::kE2E ? "E2E"
                                                                          : "P2P";
                         });

TEST_P(MasterAndSlave, TheSlaveHasTheTruthWithinItsBoundOverANoisyLink) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Lan lan(seed);
    MasterNode master(lan, Settings(0xa, GetParam()), 6, 12);
    SlaveNode slave(lan, Settings(0x5, GetParam()), -17);
    lan.RunFor(absl::Minutes(5));
    EXPECT_EQ(master.state(), PortState::kMaster);
    EXPECT_EQ(slave.state(), PortState::kSlave);
    ExpectGood(slave.follower(), 2'800);
    // The noise was there, and cost only what it hit.
    EXPECT_GT(master.dropped(ptp::DropReason::kTransmitTimestampMissing), 0u);
    EXPECT_GT(slave.dropped(ptp::DropReason::kDuplicate), 0u);
    EXPECT_NEAR(static_cast<double>(master.sent(ptp::MessageType::kSync)), 296 * 8, 20);
  }
}

TEST(Masters, ElectTheBetterOneAndTheOtherIsPassive) {
  Lan lan(1);
  MasterNode better(lan, Settings(0xa, ptp::DelayMechanism::kE2E), 6, 10);
  MasterNode worse(lan, Settings(0xb, ptp::DelayMechanism::kE2E), 7, -10);
  SlaveNode slave(lan, Settings(0x5, ptp::DelayMechanism::kE2E), 3);
  lan.RunFor(absl::Minutes(5));
  EXPECT_EQ(better.state(), PortState::kMaster);
  EXPECT_EQ(worse.state(), PortState::kPassive);
  // Both may have begun together; two Announces settle it, or three if one is lost.
  EXPECT_LE(BothServed(better, worse), 3);
  EXPECT_EQ(slave.follower().port.parent()->grandmaster.value, 0xau);
  ExpectGood(slave.follower(), 2'700);
}

TEST(Masters, TakeOverWhenTheBetterOneFailsAndYieldWhenItIsBack) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Lan lan(seed);
    MasterNode better(lan, Settings(0xa, ptp::DelayMechanism::kE2E), 6, 10);
    MasterNode worse(lan, Settings(0xb, ptp::DelayMechanism::kE2E), 7, -10);
    SlaveNode slave(lan, Settings(0x5, ptp::DelayMechanism::kE2E), 3);
    lan.RunFor(absl::Minutes(2));
    ASSERT_EQ(slave.follower().port.parent()->grandmaster.value, 0xau);

    better.Plug(false);
    lan.RunFor(absl::Seconds(5));  // At most four announce intervals.
    EXPECT_EQ(worse.state(), PortState::kMaster);
    lan.RunFor(absl::Minutes(2));
    EXPECT_EQ(slave.follower().port.parent()->grandmaster.value, 0xbu);
    EXPECT_EQ(slave.state(), PortState::kSlave);

    better.Plug(true);
    lan.RunFor(absl::Minutes(2));
    EXPECT_EQ(better.state(), PortState::kMaster);
    EXPECT_EQ(worse.state(), PortState::kPassive);
    EXPECT_EQ(slave.follower().port.parent()->grandmaster.value, 0xau);
    EXPECT_LE(BothServed(better, worse), 6);
    ExpectGood(slave.follower(), 3'200);
  }
}

TEST(Masters, OfWhichOneIsDemotedHandOverWithinAnnouncesOfIt) {
  Lan lan(1);
  MasterNode first(lan, Settings(0xa, ptp::DelayMechanism::kE2E), 6, 10);
  MasterNode second(lan, Settings(0xb, ptp::DelayMechanism::kE2E), 6, -10);
  lan.RunFor(absl::Minutes(1));
  ASSERT_EQ(first.state(), PortState::kMaster);  // By its identity.
  ASSERT_EQ(second.state(), PortState::kPassive);
  for (int i = 0; i < 10; ++i) {
    first.SetClass(52);
    lan.RunFor(absl::Seconds(20));
    EXPECT_EQ(first.state(), PortState::kPassive) << i;
    EXPECT_EQ(second.state(), PortState::kMaster) << i;
    first.SetClass(6);
    lan.RunFor(absl::Seconds(20));
    EXPECT_EQ(first.state(), PortState::kMaster) << i;
    EXPECT_EQ(second.state(), PortState::kPassive) << i;
  }
  EXPECT_LE(BothServed(first, second), 21 * 3);
}

TEST(Masters, ThatMayFollowAreMasterAndSlaveInTurnTenTimes) {
  Lan lan(1);
  auto settings = Settings(0xa, ptp::DelayMechanism::kE2E);
  settings.slave_capable = true;
  MasterNode both(lan, settings, 6, 10);
  MasterNode other(lan, Settings(0xb, ptp::DelayMechanism::kE2E), 7, -10);
  SlaveNode slave(lan, Settings(0x5, ptp::DelayMechanism::kE2E), 3);
  lan.RunFor(absl::Minutes(1));
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(both.state(), PortState::kMaster) << i;
    EXPECT_EQ(both.follower().port.state(),
              i == 0 ? PortState::kInitializing : PortState::kFaulty);
    both.SetClass(187);
    lan.RunFor(absl::Minutes(1));
    ASSERT_EQ(both.state(), PortState::kUncalibrated) << i;
    EXPECT_EQ(both.follower().port.state(), PortState::kSlave) << i;
    EXPECT_EQ(other.state(), PortState::kMaster) << i;
    both.SetClass(6);
    lan.RunFor(absl::Minutes(1));
  }
  ExpectGood(both.follower(), 10 * 50);
  ExpectGood(slave.follower(), 11'000);
  EXPECT_LE(BothServed(both, other), 21 * 3);
}

}  // namespace
}  // namespace bridge::sim
