#include "bridge/source/companion_source.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/source/fake_ptp4l.h"

namespace bridge {
namespace {

using ptp::DropReason;
using ptp::ManagementId;
using ptp::PortState;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr ptp::PortIdentity kWe{{0x0000000000000001}, 77};
constexpr int64_t kEpoch = 1'795'262'400'000'000'000;  // When the test begins, UTC.
constexpr TimeDelta kTaiMinusUtc = TimeDelta::FromSeconds(37);
constexpr TimeDelta kDelay = TimeDelta::FromMicros(8);

// A companion, a fake ptp4l and a clock that both agree on: PHC = TAI, and nothing
// takes time but what is said to.
class Bench {
 public:
  Bench() { settings.identity = kWe; }

  void Open(ManagementSocket socket = ManagementSocket::kReadWrite) {
    ptp4l.read_only = socket == ManagementSocket::kReadOnly;
    if (!source) source.emplace(settings);
    source->OnSocket(socket, now, said);
    Drain();
  }
  // Lets time pass, the companion waking when it wants to.
  void RunFor(absl::Duration duration) {
    const MonoTime end = now + duration;
    while (true) {
      const auto deadline = source->Deadline();
      if (!deadline || *deadline > end) break;
      now = std::max(now, *deadline);
      source->OnTime(now, said);
      Drain();
    }
    now = end;
  }
  // A Sync that ptp4l received `age` ago, by a clock that is `offset` off.
  void Sync(absl::Duration age = absl::Milliseconds(1),
            TimeDelta offset = TimeDelta::FromNanos(120)) {
    const TimeDelta clock = (hardware ? Phc().SinceEpoch() : System().SinceEpoch());
    ptp4l.status.ingress_time = clock - ToTimeDelta(age) + ingress_error;
    ptp4l.status.master_offset = ptp4l.current.offset_from_master = offset;
    ptp4l.current.mean_path_delay = delay;
    if (const auto push = ptp4l.PushTime()) Take(*push);
  }
  void RunWithSyncs(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      RunFor(absl::Seconds(1));
      Sync();
    }
  }
  // Syncs all `interval`, off by up to `jitter`, which is drawn by turns.
  void RunWithSyncs(absl::Duration duration, absl::Duration interval,
                    absl::Duration jitter = {}) {
    const MonoTime from = now;
    for (int i = 1; i * interval <= duration; ++i) {
      const absl::Duration off = jitter * (i * 7 % 11 - 5) / 5;
      RunFor(ToDuration(from - now) + i * interval + off);
      Sync(absl::Milliseconds(1));
    }
  }
  uint64_t Measured() const { return source->estimator().counters().measurements; }
  void Take(const FakePtp4l::Octets& octets) {
    source->OnDatagram(octets, now, said);
    Drain();
  }

  PhcTime Phc() const {
    return PhcTime::FromNanos(kEpoch) + kTaiMinusUtc + (now - MonoTime()) + phc_step;
  }
  UtcTime System() const { return UtcTime::FromNanos(kEpoch) + (now - MonoTime()); }
  int Dropped(DropReason reason) const {
    return static_cast<int>(std::count_if(said.begin(), said.end(), [&](const auto& a) {
      const auto* dropped = std::get_if<ptp::Dropped>(&a);
      return dropped != nullptr && dropped->reason == reason;
    }));
  }
  int Asked(ManagementId id) const { return ptp4l.Asked(id); }

  CompanionSource::Settings settings;
  std::optional<CompanionSource> source;
  FakePtp4l ptp4l;
  bool hardware = true;
  bool readable = true;
  TimeDelta phc_step;
  TimeDelta ingress_error;
  TimeDelta delay = kDelay;
  MonoTime now = MonoTime::FromNanos(5'000'000'000);
  ptp::PortActions said;
  std::vector<UseClock> used;
  std::vector<std::string> log;

 private:
  void Drain() {
    do {
      for (const CompanionAction& action : source->TakeActions()) {
        if (const auto* send = std::get_if<SendManagement>(&action)) {
          for (auto& reply : ptp4l.Answer(send->octets())) inbox_.push_back(reply);
        } else if (const auto* use = std::get_if<UseClock>(&action)) {
          used.push_back(*use);
        } else {
          log.push_back(std::get<LogLine>(action).text);
        }
      }
      if (source->wants_reading()) Read();
      if (inbox_.empty()) continue;
      const FakePtp4l::Octets octets = inbox_.front();
      inbox_.erase(inbox_.begin());
      source->OnDatagram(octets, now, said);
    } while (!inbox_.empty() || source->wants_reading());
    // What the last one brought.
    const auto rest = source->TakeActions();
    for (const CompanionAction& action : rest) {
      if (const auto* send = std::get_if<SendManagement>(&action)) {
        for (auto& reply : ptp4l.Answer(send->octets())) inbox_.push_back(reply);
      } else if (const auto* use = std::get_if<UseClock>(&action)) {
        used.push_back(*use);
      } else {
        log.push_back(std::get<LogLine>(action).text);
      }
    }
    if (!inbox_.empty()) Drain();
  }
  void Read() {
    now = now + TimeDelta::FromMicros(1);
    const auto raw = RawTime::FromNanos(1'000) + (now - MonoTime());
    ClockReading reading{.pair = {raw, System(), TimeDelta::FromNanos(160)}};
    if (hardware && readable) {
      reading.phc =
          CrossTimestamp<bridge::Phc>{Phc(), System(), TimeDelta::FromNanos(800)};
    }
    source->OnReading(reading, now, said);
  }

  std::vector<FakePtp4l::Octets> inbox_;
};

TEST(CompanionSource, AsksAboutEverythingAndSubscribesOnAReadWriteSocket) {
  Bench bench;
  bench.Open();
  for (const auto id :
       {ManagementId::kDefaultDataSet, ManagementId::kPortDataSet,
        ManagementId::kPortPropertiesNp, ManagementId::kPortHwclockNp,
        ManagementId::kSubscribeEventsNp, ManagementId::kParentDataSet,
        ManagementId::kTimePropertiesDataSet, ManagementId::kTimeStatusNp,
        ManagementId::kCurrentDataSet, ManagementId::kGrandmasterSettingsNp}) {
    EXPECT_GE(bench.Asked(id), 1) << std::hex << static_cast<int>(id);
  }
  EXPECT_TRUE(bench.ptp4l.subscribed());
  EXPECT_THAT(bench.used, ElementsAre(UseClock{StampKind::kHardware, "eth0", 0}));
  ASSERT_TRUE(bench.source->parent());
  EXPECT_EQ(bench.source->parent()->grandmaster.value, 0xaabbccfffe000001u);
  EXPECT_EQ(bench.source->parent()->current_utc_offset, 37);
  EXPECT_EQ(bench.source->state(), PortState::kSlave);
}

TEST(CompanionSource, MeasuresEachPushedSync) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(20);
  EXPECT_TRUE(bench.source->pushed());
  ASSERT_TRUE(bench.source->estimator().ready());
  EXPECT_GE(bench.source->estimator().counters().measurements, 18u);
  // The clocks differ by the offset that ptp4l tells: its clock is 120 ns ahead.
  const auto map = bench.source->estimator().Map();
  const LocalTime at = *bench.source->estimator().last_sync();
  const auto tai = *map->Map(at, map->era());
  const TimeDelta phc_at =
      bench.Phc().SinceEpoch() -
      (bench.now - MonoTime() + TimeDelta::FromNanos(1'000) - at.SinceEpoch());
  EXPECT_NEAR((phc_at - tai.SinceEpoch()).NanosDouble(), 120, 5);
  EXPECT_EQ(bench.source->estimator().mean_path_delay().Nanos(), kDelay.Nanos());
}

// A clock whose rate is not set yet makes delays of what it drifts meanwhile.
TEST(CompanionSource, WaitsForThePathDelayOfAPtp4lThatHasJustSetItsClock) {
  for (const bool ends : {true, false}) {
    Bench bench;
    bench.ptp4l.ports[0].state = PortState::kUncalibrated;
    bench.Open();
    bench.RunWithSyncs(2);
    ASSERT_EQ(bench.source->state(), PortState::kUncalibrated);
    bench.ptp4l.ports[0].state = PortState::kSlave;
    bench.delay = kDelay + TimeDelta::FromMicros(30);
    for (int i = 0; i < 5 && bench.source->state() != PortState::kSlave; ++i) {
      bench.RunWithSyncs(1);
    }
    ASSERT_EQ(bench.source->state(), PortState::kSlave);
    ASSERT_EQ(bench.Measured(), 0u);
    const MonoTime slave = bench.now;
    for (int i = 1; i <= 20 && bench.Measured() == 0; ++i) {
      const TimeDelta wrong = TimeDelta::FromMicros(i % 2 == 0 ? 30 : 20);
      bench.delay = ends || i > 19 ? kDelay : kDelay + wrong;
      bench.RunWithSyncs(1);
    }
    ASSERT_GT(bench.Measured(), 0u);
    EXPECT_GE(bench.now - slave, TimeDelta::FromSeconds(ends ? 3 : 14));
    if (ends) {
      bench.RunWithSyncs(3);
      EXPECT_EQ(bench.source->estimator().mean_path_delay().Nanos(), kDelay.Nanos());
      EXPECT_LT(bench.now - slave, TimeDelta::FromSeconds(8));
    } else {
      EXPECT_LT(bench.now - slave, TimeDelta::FromSeconds(16)) << "a storm";
    }
  }
}

TEST(CompanionSource, MeasuresOnceOrTwiceASecondHoweverOftenSyncsCome) {
  for (const bool pushes : {true, false}) {
    for (const int per_second : {4, 8, 32}) {
      Bench bench;
      bench.ptp4l.pushes_time = pushes;
      bench.Open();
      EXPECT_EQ(bench.ptp4l.time_subscribed(), true);
      bench.RunWithSyncs(absl::Seconds(20), absl::Seconds(1) / per_second);
      EXPECT_FALSE(bench.source->pushed());
      EXPECT_EQ(bench.ptp4l.time_subscribed(), !pushes);
      EXPECT_TRUE(bench.ptp4l.subscribed());  // To port states.
      EXPECT_GE(bench.Measured(), 60u);       // The first are hurried.

      const uint64_t measured = bench.Measured();
      const int asked = bench.Asked(ManagementId::kTimeStatusNp);
      bench.RunWithSyncs(absl::Seconds(60), absl::Seconds(1) / per_second);
      // And six delays.
      const int expected = pushes ? 120 : 60;
      EXPECT_NEAR(static_cast<double>(bench.Measured() - measured), expected + 6, 2);
      EXPECT_NEAR(bench.Asked(ManagementId::kTimeStatusNp) - asked, expected, 2);
      EXPECT_EQ(bench.source->MeasuringInterval(), absl::Seconds(60) / expected);
      // Which limits the age of a measurement.
      EXPECT_EQ(bench.source->sync_interval(), absl::Milliseconds(500));
    }
  }
}

TEST(CompanionSource, HearsOfAPortThatChangedAlthoughThePushGotLost) {
  for (const auto socket :
       {ManagementSocket::kReadWrite, ManagementSocket::kReadOnly}) {
    Bench bench;
    bench.settings.interface = "eth0";
    bench.Open(socket);
    bench.RunWithSyncs(5);
    bench.ptp4l.ports[0].state = PortState::kListening;
    bench.RunFor(
        absl::Milliseconds(socket == ManagementSocket::kReadOnly ? 1'000 : 4'000));
    EXPECT_EQ(bench.source->state(), PortState::kListening);
  }
}

TEST(CompanionSource, HearsOfALostGrandmasterWithinASecondWherePushesAreTooMany) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(absl::Seconds(20), absl::Milliseconds(125));
  ASSERT_TRUE(bench.source->parent());
  bench.ptp4l.status.gm_present = false;
  bench.RunFor(absl::Seconds(1));
  EXPECT_FALSE(bench.source->parent());
}

TEST(CompanionSource, KeepsPushesThatAreFew) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(absl::Seconds(60), absl::Milliseconds(500));
  EXPECT_TRUE(bench.source->pushed());
  EXPECT_TRUE(bench.ptp4l.time_subscribed());
  EXPECT_GE(bench.Measured(), 115u);
  EXPECT_LE(bench.Asked(ManagementId::kTimeStatusNp), 3);
}

TEST(CompanionSource, WantsPushesAgainUnderAnotherMaster) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(absl::Seconds(20), absl::Milliseconds(125));
  ASSERT_FALSE(bench.ptp4l.time_subscribed());
  bench.ptp4l.parent.grandmaster = bench.ptp4l.status.grandmaster = {0x77};
  bench.RunWithSyncs(30);  // One a second.
  EXPECT_TRUE(bench.source->pushed());
}

TEST(CompanionSource, AsksForALateSyncOnceMoreAndNotOftener) {
  Bench bench;
  bench.ptp4l.pushes_time = false;
  bench.Open();
  bench.RunWithSyncs(absl::Seconds(30), absl::Seconds(1));
  uint64_t measured = bench.Measured();
  int asked = bench.Asked(ManagementId::kTimeStatusNp);
  // Each second one is 20 ms late, that is, after the first question.
  for (int i = 0; i < 30; ++i) {
    bench.RunFor(absl::Milliseconds(i % 2 == 0 ? 1'020 : 980));
    bench.Sync();
  }
  EXPECT_NEAR(static_cast<double>(bench.Measured() - measured), 33, 1);  // 3 delays.
  EXPECT_NEAR(bench.Asked(ManagementId::kTimeStatusNp) - asked, 45, 2);
  // None at all.
  asked = bench.Asked(ManagementId::kTimeStatusNp);
  bench.RunFor(absl::Seconds(30));
  EXPECT_NEAR(bench.Asked(ManagementId::kTimeStatusNp) - asked, 31, 1);
}

TEST(CompanionSource, MeetsEachSyncAlthoughSomeWereMissedWhenItLearntTheirRhythm) {
  for (const bool slow : {true, false}) {
    const absl::Duration interval = absl::Seconds(slow ? 2 : 1);
    Bench bench;
    bench.ptp4l.pushes_time = false;
    bench.Open();
    bench.RunWithSyncs(absl::Seconds(40), absl::Seconds(4));
    const uint64_t measured = bench.Measured();
    ASSERT_GE(measured, 8u);
    ASSERT_EQ(bench.source->sync_interval(), absl::Seconds(4));
    bench.RunWithSyncs(60 * interval, interval);
    EXPECT_GE(bench.Measured(), measured + 64);  // Delays are among them.
    EXPECT_EQ(bench.source->sync_interval(), interval);
  }
}

TEST(CompanionSource, MeasuresOnceASecondWhenTheMastersTimerIsPoor) {
  Bench bench;
  bench.ptp4l.pushes_time = false;
  bench.Open();
  bench.RunWithSyncs(absl::Seconds(30), absl::Seconds(1), absl::Milliseconds(300));
  const uint64_t measured = bench.Measured();
  bench.RunWithSyncs(absl::Seconds(60), absl::Seconds(1), absl::Milliseconds(300));
  EXPECT_GE(bench.Measured(), measured + 50);
}

TEST(CompanionSource, NeitherSubscribesNorAsksForThePortsOnAReadOnlySocket) {
  Bench bench;
  bench.settings.interface = "eth0";
  bench.Open(ManagementSocket::kReadOnly);
  bench.Sync();
  bench.RunFor(absl::Seconds(5));
  EXPECT_EQ(bench.Asked(ManagementId::kSubscribeEventsNp), 0);
  EXPECT_EQ(bench.Asked(ManagementId::kPortPropertiesNp), 0);
  EXPECT_EQ(bench.Asked(ManagementId::kPortHwclockNp), 0);
  EXPECT_GE(bench.Asked(ManagementId::kTimeStatusNp), 5);
  EXPECT_THAT(bench.log, Not(Contains(HasSubstr("name it as ptp.interface"))));
}

TEST(CompanionSource, SaysThatAReadOnlySocketNeedsTheInterface) {
  Bench bench;
  bench.Open(ManagementSocket::kReadOnly);
  EXPECT_THAT(bench.log, Contains(HasSubstr("name it as ptp.interface")));
}

TEST(CompanionSource, FindsOutWhoseStampsTheyAreOnAReadOnlySocket) {
  for (const bool hardware : {true, false}) {
    Bench bench;
    bench.settings.interface = "eth0";
    bench.hardware = hardware;
    bench.Open(ManagementSocket::kReadOnly);
    for (int i = 0; i < 8; ++i) {
      bench.Sync(absl::Milliseconds(2));
      bench.RunFor(absl::Seconds(1));
    }
    EXPECT_EQ(bench.used.back().stamps,
              hardware ? StampKind::kHardware : StampKind::kSoftware);
    EXPECT_EQ(bench.source->hardware(), hardware);
  }
}

// With free_running 1 the port stays UNCALIBRATED.
TEST(CompanionSource, SaysOnceThatPtp4lSteersTheSystemClockWhenItsPortIsSlave) {
  for (const auto socket :
       {ManagementSocket::kReadWrite, ManagementSocket::kReadOnly}) {
    for (const bool hardware : {true, false}) {
      Bench bench;
      bench.settings.interface = "eth0";
      bench.hardware = hardware;
      bench.ptp4l.ports[0].timestamping = hardware ? 1 : 0;
      bench.ptp4l.ports[0].state = PortState::kUncalibrated;
      bench.Open(socket);
      bench.RunWithSyncs(60);
      EXPECT_FALSE(bench.source->steers_system_clock());
      EXPECT_THAT(bench.log, Not(Contains(HasSubstr("steers"))));
      for (const PortState state :
           {PortState::kSlave, PortState::kListening, PortState::kSlave}) {
        bench.ptp4l.ports[0].state = state;
        bench.RunWithSyncs(10);
        EXPECT_EQ(bench.source->steers_system_clock(),
                  !hardware && state == PortState::kSlave);
      }
      const auto said = std::count(bench.log.begin(), bench.log.end(),
                                   CompanionSource::kSteersSystemClock);
      EXPECT_EQ(said, hardware ? 0 : 1);
    }
  }
}

TEST(CompanionSource, DoesWithoutThePhcIndexThatOldVersionsDontTell) {
  Bench bench;
  bench.ptp4l.tells_phc = bench.ptp4l.pushes_time = bench.ptp4l.pushes_parent = false;
  bench.Open();
  EXPECT_GE(bench.Dropped(DropReason::kManagementError), 1);
  EXPECT_THAT(bench.used, ElementsAre(UseClock{StampKind::kHardware, "eth0", {}}));
}

TEST(CompanionSource, TakesTheSlavePortOfABoundaryClock) {
  Bench bench;
  bench.ptp4l.ports = {{PortState::kMaster, 1, "eth0", 0},
                       {PortState::kSlave, 1, "eth1", 3},
                       {PortState::kMaster, 1, "eth2", 5}};
  bench.Open();
  EXPECT_EQ(bench.source->state(), PortState::kSlave);
  ASSERT_THAT(bench.used, Not(IsEmpty()));
  EXPECT_EQ(bench.used.back(), (UseClock{StampKind::kHardware, "eth1", 3}));

  bench.ptp4l.ports[1].state = PortState::kPassive;
  bench.ptp4l.ports[2].state = PortState::kSlave;
  bench.Take(*bench.ptp4l.PushPort(1));
  bench.Take(*bench.ptp4l.PushPort(2));
  EXPECT_EQ(bench.used.back(), (UseClock{StampKind::kHardware, "eth2", 5}));
}

TEST(CompanionSource, FollowsNobodyUnlessAPortIsSlaveAndThereIsAGrandmaster) {
  Bench bench;
  bench.Open();
  ASSERT_TRUE(bench.source->parent());
  bench.ptp4l.status.gm_present = false;
  bench.Sync();
  EXPECT_FALSE(bench.source->parent());
  bench.ptp4l.status.gm_present = true;
  bench.Sync();
  ASSERT_TRUE(bench.source->parent());
  for (const auto state : {PortState::kMaster, PortState::kListening,
                           PortState::kPassive, PortState::kFaulty}) {
    bench.ptp4l.ports[0].state = state;
    bench.Take(*bench.ptp4l.PushPort(0));
    EXPECT_FALSE(bench.source->parent()) << ptp::PortStateName(state);
    EXPECT_EQ(bench.source->state(), state);
  }
}

TEST(CompanionSource, AsksForThePhcAgainWhenAPortIsMended) {
  Bench bench;
  bench.Open();
  ASSERT_EQ(bench.used.back().phc_index, 0);
  const size_t used = bench.used.size();
  const auto become = [&bench](PortState state) {
    bench.ptp4l.ports[0].state = state;
    bench.Take(*bench.ptp4l.PushPort(0));
  };
  become(PortState::kFaulty);
  bench.ptp4l.ports[0].phc_index = 3;  // Its card was pulled out and put back.
  become(PortState::kListening);
  become(PortState::kSlave);
  EXPECT_EQ(bench.used.size(), used + 1);
  EXPECT_EQ(bench.used.back().phc_index, 3);
}

TEST(CompanionSource, FollowsOnlyAllowedGrandmasters) {
  Bench bench;
  bench.settings.allowed_masters = {{0x1234}};
  bench.Open();
  EXPECT_EQ(bench.source->state(), PortState::kSlave);
  EXPECT_FALSE(bench.source->parent());
  EXPECT_GE(bench.Dropped(DropReason::kMasterNotAllowed), 1);
}

TEST(CompanionSource, ForgetsWhatAnotherMasterSaid) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(5);
  ASSERT_TRUE(bench.source->estimator().ready());
  bench.ptp4l.properties.current_utc_offset = 36;
  bench.ptp4l.parent.grandmaster = bench.ptp4l.status.grandmaster = {0x77};
  // Whichever tells first: the parent, or the status of the next Sync.
  bench.Sync();
  ASSERT_TRUE(bench.source->parent());
  EXPECT_EQ(bench.source->parent()->grandmaster.value, 0x77u);
  EXPECT_EQ(bench.source->parent()->current_utc_offset, 36);
  EXPECT_FALSE(bench.source->estimator().ready());
  bench.RunWithSyncs(5);
  EXPECT_TRUE(bench.source->estimator().ready());
}

TEST(CompanionSource, NoticesSilenceAndFindsItAgain) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(5);
  bench.ptp4l.silent = true;
  bench.RunFor(absl::Milliseconds(4'100));
  EXPECT_FALSE(bench.source->answers());
  EXPECT_FALSE(bench.source->parent());
  EXPECT_EQ(bench.source->state(), PortState::kFaulty);
  EXPECT_FALSE(bench.source->estimator().ready());
  bench.ptp4l.Restart();
  bench.ptp4l.silent = false;
  bench.RunFor(absl::Seconds(2));
  EXPECT_TRUE(bench.source->answers());
  EXPECT_TRUE(bench.ptp4l.subscribed());
}

TEST(CompanionSource, SubscribesAgainWhenPushesStopAndBeforeTheyExpire) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(5);
  const int before = bench.Asked(ManagementId::kSubscribeEventsNp);
  bench.ptp4l.Restart();  // So quickly that nobody noticed.
  bench.RunFor(absl::Seconds(5));
  EXPECT_TRUE(bench.ptp4l.subscribed());
  EXPECT_FALSE(bench.source->pushed());
  EXPECT_EQ(bench.Asked(ManagementId::kSubscribeEventsNp), before + 1);
  bench.RunWithSyncs(100);
  EXPECT_TRUE(bench.source->pushed());
  EXPECT_GE(bench.Asked(ManagementId::kSubscribeEventsNp), before + 5);
}

TEST(CompanionSource, UnsubscribesWhenItStops) {
  Bench bench;
  bench.Open();
  ASSERT_TRUE(bench.ptp4l.subscribed());
  bench.source->Stop(bench.now);
  bench.RunFor(absl::ZeroDuration());
  for (const auto& action : bench.source->TakeActions()) {
    (void)bench.ptp4l.Answer(std::get<SendManagement>(action).octets());
  }
  EXPECT_FALSE(bench.ptp4l.subscribed());
}

TEST(CompanionSource, FindsAPtp4lOfAnotherDomainAndSaysSo) {
  Bench bench;
  bench.ptp4l.domain = {24};
  bench.ptp4l.sdo = 1;
  bench.Open();
  bench.RunFor(absl::Seconds(2));
  EXPECT_FALSE(bench.source->answers());  // First where it should be.
  bench.RunFor(absl::Seconds(28));
  EXPECT_TRUE(bench.source->answers());
  EXPECT_EQ(bench.source->domain().value, 24);
  EXPECT_THAT(bench.log,
              Contains(HasSubstr("domain 24, not ptp.domain = 0, majorSdoId 1")));
}

TEST(CompanionSource, LooksInEveryDomainTenTimesASecondAndThenOnceASecond) {
  Bench bench;
  bench.ptp4l.domain = {127};
  bench.ptp4l.silent = true;
  bench.Open();
  bench.RunFor(absl::Seconds(40));
  EXPECT_FALSE(bench.source->answers());
  const MonoTime from = bench.now;
  bench.RunFor(absl::Seconds(1));
  EXPECT_GE(*bench.source->Deadline() - from, TimeDelta::FromMillis(900));
  bench.ptp4l.silent = false;
  bench.RunFor(absl::Seconds(300));
  EXPECT_TRUE(bench.source->answers());
}

TEST(CompanionSource, AsksForTimePropertiesEveryTenSecondsAndEachSecondAtAMonthsEnd) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(5);
  int before = bench.Asked(ManagementId::kTimePropertiesDataSet);
  bench.RunWithSyncs(30);
  EXPECT_EQ(bench.Asked(ManagementId::kTimePropertiesDataSet), before + 3);
  // 2026-11-30 23:59:00 UTC: the clocks go there together.
  bench.now = MonoTime() + (UtcTime::FromNanos(1'796'083'140'000'000'000) -
                            UtcTime::FromNanos(kEpoch));
  bench.RunWithSyncs(12);
  before = bench.Asked(ManagementId::kTimePropertiesDataSet);
  bench.RunWithSyncs(30);
  EXPECT_GE(bench.Asked(ManagementId::kTimePropertiesDataSet), before + 28);
}

TEST(CompanionSource, PutsBackWhatPtp4lTakesOffToKeepTheSystemClockInUtc) {
  Bench bench;
  bench.hardware = false;
  bench.ptp4l.ports[0].timestamping = 0;
  bench.ptp4l.own.flags.ptp_timescale = false;
  bench.ptp4l.own.utc_offset = 38;  // Wrong, but that is what it takes off.
  bench.Open();
  bench.RunWithSyncs(10);
  const auto map = bench.source->estimator().Map();
  ASSERT_TRUE(map);
  const LocalTime at = *bench.source->estimator().last_sync();
  const TimeDelta ahead = map->Map(at, map->era())->SinceEpoch() -
                          TimeDelta::FromNanos(kEpoch) - at.SinceEpoch();
  EXPECT_NEAR(ahead.SecondsDouble(), 38, 0.01);
}

// At noon a leap second is announced, and withdrawn two minutes later: ptp4l waits for
// it all the same, with a TAI-UTC that is a second less. Nobody tells.
TEST(CompanionSource, UndoesWhatPtp4lDoesOfItsOwnAccordAboutALeapSecond) {
  for (const bool hardware : {false, true}) {
    Bench bench;
    bench.hardware = hardware;
    bench.ptp4l.ports[0].timestamping = hardware ? 1 : 0;
    bench.Open();
    const auto run = [&bench](int seconds, TimeDelta offset) {
      for (int i = 0; i < seconds; ++i) {
        bench.RunFor(absl::Seconds(1));
        bench.Sync(absl::Milliseconds(1), offset);
      }
    };
    const auto clock_moves = [&bench] {
      return bench.source->estimator().counters().clock_moves;
    };
    constexpr TimeDelta kOff = TimeDelta::FromNanos(120);
    run(30, kOff);
    bench.ptp4l.properties.flags.leap61 = true;
    run(120, kOff);
    EXPECT_EQ(clock_moves(), 0u);
    ASSERT_TRUE(bench.source->parent()->flags.leap61);
    const auto measured = bench.Measured();

    bench.ptp4l.properties.flags.leap61 = false;
    run(60, hardware ? kOff : kOff - TimeDelta::FromSeconds(1));
    EXPECT_EQ(clock_moves(), 0u);
    EXPECT_GT(bench.Measured(), measured + 30);
    EXPECT_FALSE(bench.source->parent()->flags.leap61);
  }
}

TEST(CompanionSource, BelievesWholeSecondsThatNothingExplains) {
  Bench bench;
  bench.hardware = false;
  bench.ptp4l.ports[0].timestamping = 0;
  bench.Open();
  bench.RunWithSyncs(30);
  const int before = bench.Asked(ManagementId::kTimePropertiesDataSet);
  for (int i = 0; i < 6; ++i) {
    bench.RunFor(absl::Seconds(1));
    bench.Sync(absl::Milliseconds(1), TimeDelta::FromSeconds(1));
  }
  EXPECT_GE(bench.Asked(ManagementId::kTimePropertiesDataSet), before + 1);
  EXPECT_EQ(bench.source->estimator().counters().clock_moves, 1u);
}

TEST(CompanionSource, RefusesAReceiveTimeThatIsNotOfAMomentAgo) {
  for (const TimeDelta error : {TimeDelta::FromMillis(5), TimeDelta::FromSeconds(-3),
                                kTaiMinusUtc, -kTaiMinusUtc}) {
    Bench bench;
    bench.ingress_error = error;
    bench.Open();
    bench.RunWithSyncs(6);
    EXPECT_FALSE(bench.source->estimator().ready()) << error.ToString();
    EXPECT_GE(bench.Dropped(DropReason::kIngressImplausible), 4) << error.ToString();
    EXPECT_GE(bench.source->stamps_refused(), 4u);
  }
}

TEST(CompanionSource, DropsAMeasurementWhenThePhcWasSteppedSinceTheLastReading) {
  Bench bench;
  bench.Open();
  bench.RunWithSyncs(10);
  const auto before = bench.source->estimator().counters().measurements;
  bench.RunFor(absl::Seconds(1));
  bench.ptp4l.status.ingress_time = bench.Phc().SinceEpoch();
  bench.phc_step = TimeDelta::FromMillis(30);  // After the Sync was stamped.
  bench.ptp4l.current.offset_from_master = bench.ptp4l.status.master_offset;
  bench.Take(*bench.ptp4l.PushTime());
  EXPECT_EQ(bench.source->estimator().counters().measurements, before);
  EXPECT_EQ(bench.source->phc_steps(), 1u);
  for (int i = 0; i < 3; ++i) {
    bench.RunFor(absl::Seconds(1));
    bench.Sync(absl::Milliseconds(1), bench.phc_step + TimeDelta::FromNanos(120));
  }
  EXPECT_GT(bench.source->estimator().counters().measurements, before);
  EXPECT_EQ(bench.source->estimator().counters().outliers, 0u);
}

TEST(CompanionSource, MeasuresNothingWithoutAReadingOfThePhc) {
  Bench bench;
  bench.readable = false;
  bench.Open();
  bench.RunWithSyncs(6);
  EXPECT_EQ(bench.source->estimator().counters().measurements, 0u);
}

TEST(CompanionSource, MeasuresNothingWhenOffsetsAreOfDifferentSyncs) {
  Bench bench;
  bench.Open();
  bench.ptp4l.lie = [](ptp::ManagementMessage& message) {
    if (auto* current = std::get_if<ptp::CurrentDataSet>(&message.data)) {
      current->offset_from_master += TimeDelta::FromNanos(1);
    }
  };
  bench.RunWithSyncs(6);
  EXPECT_EQ(bench.source->estimator().counters().measurements, 0u);
  EXPECT_GE(bench.Dropped(DropReason::kUnmatched), 4);
}

TEST(CompanionSource, DropsRepliesThatDoNotFit) {
  using Lie = std::function<void(ptp::ManagementMessage&)>;
  const std::pair<DropReason, Lie> lies[] = {
      {DropReason::kNotForUs, [](auto& m) { m.target.port = 78; }},
      {DropReason::kOtherDomain, [](auto& m) { m.domain = {3}; }},
      {DropReason::kOtherSdo, [](auto& m) { m.sdo.major = 1; }},
      {DropReason::kOtherClock, [](auto& m) { m.source.clock.value ^= 1; }},
      {DropReason::kNotExpected,
       [](auto& m) { m.action = ptp::ManagementAction::kCommand; }},
      {DropReason::kUnmatched, [](auto& m) { m.sequence.value ^= 0x4000; }},
      {DropReason::kManagementError,
       [](auto& m) {
         m.data = ptp::ManagementError{6, ptp::IdOf(m.data)};
       }},
  };
  for (const auto& [reason, lie] : lies) {
    Bench bench;
    bench.Open();
    ASSERT_EQ(bench.Dropped(reason), 0) << ptp::DropReasonName(reason);
    bench.ptp4l.lie = [&lie = lie](auto& message) {
      if (ptp::IdOf(message.data) == ManagementId::kTimePropertiesDataSet) lie(message);
    };
    bench.ptp4l.properties.current_utc_offset = 10;
    bench.RunFor(absl::Seconds(11));
    EXPECT_GE(bench.Dropped(reason), 1) << ptp::DropReasonName(reason);
    EXPECT_EQ(bench.source->parent()->current_utc_offset, 37);
  }
}

// A ptp4l that got no processor answers a question that has been asked again.
TEST(CompanionSource, TakesALateReplyForNoPush) {
  Bench bench;
  bench.ptp4l.pushes_time = false;
  bench.Open();
  bench.RunWithSyncs(20);
  const uint64_t before = bench.Measured();
  for (int i = 0; i < 20; ++i) {
    bench.RunFor(absl::Seconds(1));
    const auto& asked = bench.ptp4l.asked;
    const auto late = std::find_if(asked.begin(), asked.end(), [](const auto& message) {
      return ptp::IdOf(message.data) == ManagementId::kTimeStatusNp;
    });
    bench.Sync();
    bench.Take(bench.ptp4l.Message(kWe, late->sequence, bench.ptp4l.status));
    EXPECT_FALSE(bench.source->pushed());
  }
  EXPECT_EQ(bench.Dropped(DropReason::kUnmatched), 20);
  EXPECT_GE(bench.Measured(), before + 19);
}

TEST(CompanionSource, DoesNotAskInAStormWhenAnswersContradictEachOther) {
  Bench bench;
  bench.Open();
  bench.ptp4l.status.grandmaster = {0x99};  // Not the parent data set's.
  bench.RunWithSyncs(1);
  const size_t before = bench.ptp4l.asked.size();
  bench.RunWithSyncs(10);
  EXPECT_LT(bench.ptp4l.asked.size(), before + 600);
  EXPECT_FALSE(bench.source->parent());
}

TEST(CompanionSource, SaysNothingAndKnowsNothingWhileItsSocketIsClosed) {
  Bench bench;
  bench.Open();
  bench.Open(ManagementSocket::kClosed);
  EXPECT_FALSE(bench.source->answers());
  EXPECT_FALSE(bench.source->Deadline());
  EXPECT_EQ(bench.source->state(), PortState::kFaulty);
  const size_t asked = bench.ptp4l.asked.size();
  bench.RunFor(absl::Seconds(10));
  EXPECT_EQ(bench.ptp4l.asked.size(), asked);
  bench.Open();
  EXPECT_TRUE(bench.source->parent());
}

}  // namespace
}  // namespace bridge
