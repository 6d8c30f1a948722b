#include "bridge/ptp/master_port.h"

#include <map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/builders.h"
#include "tests/support/allocations.h"

namespace bridge::ptp {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr PortIdentity kSlaveA{{0x51a0}, 1};
constexpr PortIdentity kSlaveB{{0x51b0}, 1};
constexpr PortAddress kAddressA{{192, 0, 2, 7}, 4};

// A port that was started at 0 s, whose local clock shows Local(ns) at Tai(ns). Every
// input happens at now_, and out_ is what came of it (or of all since the last
// Clear()).
class MasterPortTest : public testing::Test {
 protected:
  explicit MasterPortTest(DelayMechanism mechanism = DelayMechanism::kE2E) {
    settings_.identity = kSelf;
    settings_.delay_mechanism = mechanism;
    properties_.quality = {6, 0x21, 0x4e5d};
    properties_.current_utc_offset = 37;
    properties_.current_utc_offset_valid = true;
    Restart();
  }
  void Restart() {
    port_.emplace(settings_, properties_, Rng(1));
    port_->set_clock(ClockMap<bridge::Local, bridge::Tai>(Local(0), Tai(0), 0, {}));
    now_ = 0;
    Clear();
    port_->Start(After(0), out_);
  }
  void Clear() { out_.clear(); }

  // Serves all deadlines up to `seconds`.
  void RunUntil(double seconds) {
    for (;;) {
      const auto deadline = port_->Deadline();
      if (!deadline || *deadline > After(seconds)) break;
      now_ = std::max(now_, (*deadline - kStart).SecondsDouble());
      port_->OnTime(std::max(*deadline, After(now_)), out_);
    }
    now_ = seconds;
  }
  void RunFor(double seconds) { RunUntil(now_ + seconds); }
  void BecomeMaster() {
    RunUntil(10);
    ASSERT_EQ(port_->state(), PortState::kMaster);
    Clear();
  }

  void Hear(const Message& message, std::optional<LocalTime> received = Local(0),
            const std::optional<PortAddress>& from = {}) {
    port_->OnMessage(message, received, from, After(now_), out_);
  }
  std::vector<DropReason> DropsOf(const Message& message,
                                  std::optional<LocalTime> received = Local(0)) {
    Clear();
    Hear(message, received);
    return Drops(out_);
  }
  void Transmitted(TxToken token, LocalTime sent) {
    port_->OnTransmitted(token, sent, After(now_), out_);
  }
  void SetClass(uint8_t clock_class) {
    properties_.quality.clock_class = clock_class;
    port_->SetProperties(properties_, After(now_), out_);
  }

  // An Announce of another master.
  void HearAnnounce(uint8_t priority1, PortIdentity from = kMaster,
                    uint8_t clock_class = 6) {
    Announce announce{};
    announce.grandmaster = from.clock;
    announce.grandmaster_priority1 = priority1;
    announce.grandmaster_quality = {clock_class, 0x21, 0x4e5d};
    Message m = From(from, next_announce_++, announce);
    m.header.log_interval = {1};
    Hear(m);
  }
  void Qualify(uint8_t priority1, PortIdentity from = kMaster,
               uint8_t clock_class = 6) {
    HearAnnounce(priority1, from, clock_class);
    HearAnnounce(priority1, from, clock_class);
  }

  std::vector<Send> Sends(MessageType type) const {
    std::vector<Send> found;
    for (const Send& send : All<Send>(out_)) {
      if (send.type == type) found.push_back(send);
    }
    return found;
  }
  std::vector<PortState> Visited() const {
    std::vector<PortState> states;
    for (const auto& change : All<StateChanged>(out_)) states.push_back(change.to);
    return states;
  }
  template <typename BodyType>
  static BodyType BodyOf(const Send& send) {
    return std::get<BodyType>(Parsed(send).body);
  }
  Send OneSync() {
    Clear();
    RunFor(1);
    const auto syncs = Sends(MessageType::kSync);
    EXPECT_EQ(syncs.size(), 1u);
    Clear();
    return syncs.at(0);
  }

  MasterPortSettings settings_;
  GrandmasterProperties properties_;
  std::optional<MasterPort> port_;
  PortActions out_;
  double now_ = 0;
  uint16_t next_announce_ = 100;
};

// ---- 9.2: states ----

TEST_F(MasterPortTest, ListensFirstAndIsMasterWhenNobodyIsHeard) {
  EXPECT_THAT(Visited(), ElementsAre(PortState::kListening));
  RunUntil(5.999);  // Three announce intervals of 2 s.
  EXPECT_EQ(port_->state(), PortState::kListening);
  EXPECT_THAT(All<Send>(out_), IsEmpty());
  RunUntil(8);
  EXPECT_EQ(port_->state(), PortState::kMaster);
  EXPECT_EQ(All<StateChanged>(out_).back().why, PortEvent::kAnnounceTimeout);
  EXPECT_FALSE(Sends(MessageType::kAnnounce).empty());
  EXPECT_FALSE(Sends(MessageType::kSync).empty());
}

TEST_F(MasterPortTest, IsMasterAtOnceWhenThoseThatAreHeardAreWorse) {
  Qualify(200);
  EXPECT_THAT(Visited(), ElementsAre(PortState::kListening, PortState::kPreMaster));
  RunFor(0);
  EXPECT_EQ(port_->state(), PortState::kMaster);
}

TEST_F(MasterPortTest, SpendsTheQualificationIntervalInPreMasterSilently) {
  settings_.qualification_intervals = 1;
  Restart();
  Qualify(200);
  RunUntil(1.999);
  EXPECT_EQ(port_->state(), PortState::kPreMaster);
  EXPECT_THAT(All<Send>(out_), IsEmpty());
  RunUntil(2);
  EXPECT_EQ(port_->state(), PortState::kMaster);
}

TEST_F(MasterPortTest, IsPassiveWhileABetterMasterIsHeard) {
  BecomeMaster();
  HearAnnounce(1);
  EXPECT_EQ(port_->state(), PortState::kMaster);  // Not qualified yet.
  HearAnnounce(1);
  EXPECT_EQ(port_->state(), PortState::kPassive);
  Clear();
  RunFor(5);
  EXPECT_THAT(All<Send>(out_), IsEmpty());
  EXPECT_THAT(DropsOf(From(kSlaveA, 1, DelayReq{})),
              ElementsAre(DropReason::kNotExpected));
}

TEST_F(MasterPortTest, IsMasterAgainWhenTheBetterOneFallsSilent) {
  Qualify(1);
  ASSERT_EQ(port_->state(), PortState::kPassive);
  RunUntil(5.999);
  EXPECT_EQ(port_->state(), PortState::kPassive);
  RunUntil(8);
  EXPECT_EQ(port_->state(), PortState::kMaster);
  EXPECT_EQ(All<StateChanged>(out_).back().why, PortEvent::kAnnounceTimeout);
}

TEST_F(MasterPortTest, IsMasterAgainWhenTheBetterOneGetsWorse) {
  Qualify(128, kMaster, 5);
  ASSERT_EQ(port_->state(), PortState::kPassive);
  HearAnnounce(128, kMaster, 7);
  EXPECT_EQ(port_->state(), PortState::kPreMaster);
  RunFor(0);
  EXPECT_EQ(port_->state(), PortState::kMaster);
}

TEST_F(MasterPortTest, YieldsAtOnceWhenItGetsWorseItself) {
  BecomeMaster();
  Qualify(128, kMaster, 7);
  ASSERT_EQ(port_->state(), PortState::kMaster);
  SetClass(52);
  EXPECT_EQ(port_->state(), PortState::kPassive);
  SetClass(6);
  RunFor(0);
  EXPECT_EQ(port_->state(), PortState::kMaster);
}

TEST_F(MasterPortTest, ThatMayNotFollowIsPassiveWhateverItsClass) {
  SetClass(248);
  BecomeMaster();
  Qualify(1);
  EXPECT_EQ(port_->state(), PortState::kPassive);
}

class AutoPortTest : public MasterPortTest {
 protected:
  AutoPortTest() {
    settings_.slave_capable = true;
    Restart();
  }
};

TEST_F(AutoPortTest, StandsBackForAMasterThatIsToBeFollowed) {
  SetClass(187);
  BecomeMaster();
  Qualify(128);
  EXPECT_EQ(port_->state(), PortState::kUncalibrated);
  EXPECT_EQ(All<StateChanged>(out_).back().why, PortEvent::kMasterQualified);
  EXPECT_THAT(DropsOf(From(kMaster, 1, Sync{})), IsEmpty());  // The slave port counts.
  ASSERT_NE(port_->other_master(), nullptr);
  EXPECT_EQ(port_->other_master()->port(), kMaster);
  Clear();
  RunFor(5);
  EXPECT_THAT(All<Send>(out_), IsEmpty());
}

TEST_F(AutoPortTest, ReturnsWhenItsClassIsBackOrTheMasterGone) {
  SetClass(187);
  BecomeMaster();
  Qualify(128, kMaster, 7);
  ASSERT_EQ(port_->state(), PortState::kUncalibrated);
  SetClass(6);
  RunFor(0);
  EXPECT_EQ(port_->state(), PortState::kMaster);

  SetClass(187);
  ASSERT_EQ(port_->state(), PortState::kUncalibrated);
  RunFor(8);
  EXPECT_EQ(port_->state(), PortState::kMaster);
}

TEST_F(AutoPortTest, OfClass52IsPassiveBecauseThatNeverFollows) {
  SetClass(52);
  BecomeMaster();
  Qualify(128);
  EXPECT_EQ(port_->state(), PortState::kPassive);
  SetClass(187);
  EXPECT_EQ(port_->state(), PortState::kUncalibrated);
}

TEST_F(MasterPortTest, IsSilentAndDeafWhenTheLinkIsDown) {
  BecomeMaster();
  port_->Stop(After(now_), out_);
  EXPECT_EQ(port_->state(), PortState::kFaulty);
  EXPECT_FALSE(port_->Deadline().has_value());
  EXPECT_THAT(DropsOf(From(kSlaveA, 1, DelayReq{})),
              ElementsAre(DropReason::kNotExpected));
  Clear();
  port_->Start(After(now_), out_);
  EXPECT_THAT(Visited(), ElementsAre(PortState::kListening));
}

TEST_F(MasterPortTest, IgnoresMastersThatAreNotAllowed) {
  settings_.allowed_masters = {kOther.clock};
  Restart();
  BecomeMaster();
  Qualify(1, kMaster);
  EXPECT_THAT(Drops(out_), Each(DropReason::kMasterNotAllowed));
  EXPECT_EQ(port_->state(), PortState::kMaster);
  Qualify(1, kOther);
  EXPECT_EQ(port_->state(), PortState::kPassive);
}

TEST_F(MasterPortTest, IsNotKeptFromServingByAFloodOfMastersThatNeverQualify) {
  for (int i = 0; i < 400; ++i) {
    HearAnnounce(1, {{0xf100d000u + static_cast<uint64_t>(i)}, 1});
    RunFor(0.02);
  }
  EXPECT_EQ(port_->state(), PortState::kMaster);
  EXPECT_THAT(Drops(out_), Contains(DropReason::kTooManyMasters));
}

// ---- 9.5.8, 9.5.9: Announce and Sync ----

TEST_F(MasterPortTest, AnnouncesAndSyncsOnTheBeat) {
  BecomeMaster();
  RunFor(20);
  const auto announces = Sends(MessageType::kAnnounce);
  const auto syncs = Sends(MessageType::kSync);
  EXPECT_EQ(announces.size(), 10u);
  EXPECT_EQ(syncs.size(), 20u);
  for (size_t i = 1; i < syncs.size(); ++i) {
    EXPECT_EQ(Parsed(syncs[i]).header.sequence,
              Parsed(syncs[i - 1]).header.sequence.Next());
  }
  for (size_t i = 1; i < announces.size(); ++i) {
    EXPECT_EQ(Parsed(announces[i]).header.sequence,
              Parsed(announces[i - 1]).header.sequence.Next());
  }
  const Header sync = Parsed(syncs[0]).header;
  EXPECT_EQ(sync.source, kSelf);
  EXPECT_EQ(sync.flags, (Flags{.two_step = true}));
  EXPECT_EQ(sync.log_interval, LogInterval{0});
  EXPECT_TRUE(sync.correction == TimeDelta());
  EXPECT_EQ(Parsed(announces[0]).header.log_interval, LogInterval{1});
  EXPECT_FALSE(syncs[0].to.has_value());
}

TEST_F(MasterPortTest, KeepsEveryIntervalThereIs) {
  for (int log = -7; log <= 4; ++log) {
    settings_.sync_interval = settings_.announce_interval = {static_cast<int8_t>(log)};
    Restart();
    const double interval = absl::ToDoubleSeconds(settings_.sync_interval.ToDuration());
    RunUntil(4.5 * interval);
    ASSERT_EQ(port_->state(), PortState::kMaster) << log;
    Clear();
    RunFor(32 * interval);
    EXPECT_EQ(Sends(MessageType::kSync).size(), 32u) << log;
    EXPECT_EQ(Sends(MessageType::kAnnounce).size(), 32u) << log;
    EXPECT_EQ(Parsed(Sends(MessageType::kSync)[0]).header.log_interval.value, log);
  }
}

TEST_F(MasterPortTest, MakesUpForNoBeatThatWasMissed) {
  BecomeMaster();
  now_ += 100;
  port_->OnTime(After(now_), out_);
  EXPECT_EQ(Sends(MessageType::kSync).size(), 1u);
  EXPECT_EQ(Sends(MessageType::kAnnounce).size(), 1u);
  EXPECT_GT(*port_->Deadline(), After(now_));
}

TEST_F(MasterPortTest, AnnouncesWhatItIsToldFromTheNextAnnounceOn) {
  BecomeMaster();
  RunFor(2);
  ASSERT_EQ(Sends(MessageType::kAnnounce).size(), 1u);
  const Message before = Parsed(Sends(MessageType::kAnnounce)[0]);
  EXPECT_EQ(std::get<Announce>(before.body), AnnounceOf(properties_, kSelf.clock));
  EXPECT_TRUE(before.header.flags.current_utc_offset_valid);

  Clear();
  properties_.priority2 = 3;
  properties_.quality = {7, 0x23, 0x4e5d};
  properties_.leap = LeapIndicator::kInsert;
  port_->SetProperties(properties_, After(now_), out_);
  EXPECT_THAT(All<Send>(out_), IsEmpty());
  RunFor(2);
  const Message after = Parsed(Sends(MessageType::kAnnounce).at(0));
  EXPECT_EQ(std::get<Announce>(after.body), AnnounceOf(properties_, kSelf.clock));
  EXPECT_TRUE(after.header.flags.leap61);
}

// ---- 9.5.10: Follow_Up ----

TEST_F(MasterPortTest, TellsInTheFollowUpWhenTheSyncLeft) {
  BecomeMaster();
  const Send sync = OneSync();
  // 1233.5 ns: linuxptp makes 1233 of it if the half is a correction.
  Transmitted(sync.token, Local(1233) + TimeDelta::FromScaledNanos(0x8000));
  const auto follow_ups = Sends(MessageType::kFollowUp);
  ASSERT_EQ(follow_ups.size(), 1u);
  const Message m = Parsed(follow_ups[0]);
  EXPECT_TRUE(std::get<FollowUp>(m.body).precise_origin == Tai(1234));
  EXPECT_TRUE(m.header.correction == TimeDelta());
  EXPECT_EQ(m.header.sequence, Parsed(sync).header.sequence);
  EXPECT_EQ(m.header.log_interval, LogInterval{0});
  EXPECT_EQ(m.header.flags, Flags{});
}

TEST_F(MasterPortTest, SendsOneStepSyncsThatNothingFollowsWhileItIsTold) {
  BecomeMaster();
  port_->ForgetStamps();  // Of Syncs before.
  const MonoTime due = *port_->Deadline();
  const TimeDelta later = TimeDelta::FromMicros(1'234);
  port_->set_one_step({{.tai = Tai(7) + TimeDelta::FromScaledNanos(0x4000),
                        .at = due - later,
                        .correction = Nanos(110)}});
  const Message m = Parsed(OneSync());
  EXPECT_EQ(m.header.flags, Flags{});
  EXPECT_EQ(m.header.log_interval, LogInterval{0});
  EXPECT_TRUE(m.header.correction == Nanos(110));
  EXPECT_TRUE(std::get<Sync>(m.body).origin == Tai(7) + later) << "whole nanoseconds";
  RunFor(60);
  EXPECT_EQ(Sends(MessageType::kSync).size(), 60u);
  EXPECT_THAT(Sends(MessageType::kFollowUp), IsEmpty());
  EXPECT_THAT(Drops(out_), IsEmpty()) << "no stamp is missed";

  port_->set_one_step(std::nullopt);
  const Send next = OneSync();
  EXPECT_TRUE(Parsed(next).header.flags.two_step);
  Transmitted(next.token, Local(1));
  EXPECT_EQ(Sends(MessageType::kFollowUp).size(), 1u);
  EXPECT_THAT(Drops(out_), IsEmpty());
}

TEST_F(MasterPortTest, SaysThatNothingWasInsertedWhereAOneStepSyncIsStamped) {
  BecomeMaster();
  port_->set_one_step({{.tai = Tai(0), .at = After(now_), .correction = {}}});
  const Send sync = OneSync();
  Transmitted(sync.token, Local(1));
  Transmitted(sync.token, Local(1));
  EXPECT_THAT(Drops(out_),
              ElementsAre(DropReason::kNotInserted, DropReason::kDuplicate));
  EXPECT_THAT(Sends(MessageType::kFollowUp), IsEmpty());
}

TEST_F(MasterPortTest, FollowsUpSyncsWhoseStampsComeInAnyOrder) {
  BecomeMaster();
  const Send first = OneSync();
  const Send second = OneSync();
  Transmitted(second.token, Local(2));
  Transmitted(first.token, Local(1));
  const auto follow_ups = Sends(MessageType::kFollowUp);
  ASSERT_EQ(follow_ups.size(), 2u);
  EXPECT_EQ(Parsed(follow_ups[0]).header.sequence, Parsed(second).header.sequence);
  EXPECT_TRUE(BodyOf<FollowUp>(follow_ups[0]).precise_origin == Tai(2));
  EXPECT_EQ(Parsed(follow_ups[1]).header.sequence, Parsed(first).header.sequence);
  EXPECT_TRUE(BodyOf<FollowUp>(follow_ups[1]).precise_origin == Tai(1));
}

TEST_F(MasterPortTest, CountsStampsThatAreDuplicateLateUnknownOrMissingAndGoesOn) {
  BecomeMaster();
  const Send sync = OneSync();
  Transmitted(sync.token, Local(1));
  Transmitted(sync.token, Local(1));
  EXPECT_THAT(Drops(out_), ElementsAre(DropReason::kDuplicate));
  EXPECT_EQ(Sends(MessageType::kFollowUp).size(), 1u);

  const Send late = OneSync();
  RunFor(5.5);
  Clear();
  Transmitted(late.token, Local(1));
  Transmitted(TxToken{77}, Local(1));
  EXPECT_THAT(Drops(out_), ElementsAre(DropReason::kTransmitTimestampLate,
                                       DropReason::kTransmitTimestampLate));
  EXPECT_THAT(All<Send>(out_), IsEmpty());

  Clear();
  RunFor(60);  // Nothing is ever stamped.
  EXPECT_THAT(Drops(out_), Each(DropReason::kTransmitTimestampMissing));
  EXPECT_GE(Drops(out_).size(), 40u);
  EXPECT_EQ(Sends(MessageType::kSync).size(), 60u);
  EXPECT_EQ(port_->state(), PortState::kMaster);
}

TEST_F(MasterPortTest, SendsNoFollowUpAndNoDelayRespWithoutATime) {
  BecomeMaster();
  port_->set_clock(std::nullopt);
  const Send sync = OneSync();
  Transmitted(sync.token, Local(1));
  Hear(From(kSlaveA, 1, DelayReq{}));
  EXPECT_THAT(Drops(out_),
              ElementsAre(DropReason::kTimeUnknown, DropReason::kTimeUnknown));
  EXPECT_THAT(All<Send>(out_), IsEmpty());
}

TEST_F(MasterPortTest, SendsNoTimeThatATimestampCannotHold) {
  BecomeMaster();
  port_->set_clock(
      ClockMap<bridge::Local, bridge::Tai>(Local(0), TaiTime::FromNanos(100), 0, {}));
  Hear(From(kSlaveA, 1, DelayReq{}), Local(-101));
  EXPECT_THAT(Drops(out_), ElementsAre(DropReason::kTimeUnknown));
  Clear();
  Hear(From(kSlaveA, 2, DelayReq{}), Local(-100));
  EXPECT_EQ(Sends(MessageType::kDelayResp).size(), 1u);
}

TEST_F(MasterPortTest, ForgetsStampsOfAnotherEra) {
  BecomeMaster();
  const Send sync = OneSync();
  port_->ForgetStamps();
  Transmitted(sync.token, Local(1));
  EXPECT_THAT(Drops(out_), ElementsAre(DropReason::kTransmitTimestampLate));
}

TEST_F(MasterPortTest, UsesTheRateOfTheClockBetweenTwoMeasurementsOfIt) {
  BecomeMaster();
  port_->set_clock(ClockMap<bridge::Local, bridge::Tai>(Local(0), Tai(0), 1e-6, {}));
  const Send sync = OneSync();
  Transmitted(sync.token, Local(1'000'000'000));
  EXPECT_TRUE(BodyOf<FollowUp>(Sends(MessageType::kFollowUp).at(0)).precise_origin ==
              Tai(1'000'001'000));
}

// ---- 11.3: Delay_Req and Delay_Resp ----

TEST_F(MasterPortTest, AnswersADelayReqWithItsReceiptIdentityAndCorrection) {
  settings_.delay_interval = {-3};
  Restart();
  BecomeMaster();
  Message request = From(kSlaveA, 4711, DelayReq{});
  request.header.correction = Nanos(500);
  request.header.minor_version = 1;
  Hear(request, Local(9000) + TimeDelta::FromScaledNanos(0x7fff), kAddressA);
  const auto answers = Sends(MessageType::kDelayResp);
  ASSERT_EQ(answers.size(), 1u);
  const Message m = Parsed(answers[0]);
  EXPECT_EQ(std::get<DelayResp>(m.body), (DelayResp{Tai(9000), kSlaveA}));
  EXPECT_EQ(m.header.source, kSelf);
  EXPECT_EQ(m.header.sequence, SequenceId{4711});
  EXPECT_EQ(m.header.log_interval, LogInterval{-3});
  EXPECT_FALSE(m.header.flags.unicast);
  EXPECT_FALSE(answers[0].to.has_value());
  EXPECT_TRUE(m.header.correction == Nanos(500));
}

TEST_F(MasterPortTest, AnswersAUnicastDelayReqToItsSenderAlone) {
  BecomeMaster();
  Message request = From(kSlaveA, 1, DelayReq{});
  request.header.flags.unicast = true;
  Hear(request, Local(0), kAddressA);
  const Send answer = Sends(MessageType::kDelayResp).at(0);
  EXPECT_EQ(answer.to, kAddressA);
  EXPECT_TRUE(Parsed(answer).header.flags.unicast);
  EXPECT_EQ(Parsed(answer).header.log_interval, LogInterval::Unspecified());
}

TEST_F(MasterPortTest, AnswersAUnicastDelayReqOfUnknownAddressToTheGroup) {
  BecomeMaster();
  Message request = From(kSlaveA, 1, DelayReq{});
  request.header.flags.unicast = true;
  Hear(request, Local(0), std::nullopt);
  const Send answer = Sends(MessageType::kDelayResp).at(0);
  EXPECT_FALSE(answer.to.has_value());
  EXPECT_FALSE(Parsed(answer).header.flags.unicast);
}

TEST_F(MasterPortTest, AnswersNothingElse) {
  BecomeMaster();
  const Message good = From(kSlaveA, 1, DelayReq{});
  Message m = good;
  m.header.domain = {7};
  EXPECT_THAT(DropsOf(m), ElementsAre(DropReason::kOtherDomain));
  m = good;
  m.header.sdo = {1, 0};
  EXPECT_THAT(DropsOf(m), ElementsAre(DropReason::kOtherSdo));
  m = good;
  m.header.source.clock = kSelf.clock;
  EXPECT_THAT(DropsOf(m), ElementsAre(DropReason::kOwnMessage));
  m = good;
  m.header.correction = TimeDelta::FromScaledNanos(0x7fff'ffff'ffff'ffff);
  EXPECT_THAT(DropsOf(m), ElementsAre(DropReason::kCorrectionOutOfRange));
  m.header.correction = TimeDelta::FromScaledNanos(INT64_MIN);
  EXPECT_THAT(DropsOf(m), ElementsAre(DropReason::kCorrectionOutOfRange));
  EXPECT_THAT(DropsOf(good, std::nullopt),
              ElementsAre(DropReason::kNoReceiveTimestamp));
  EXPECT_THAT(DropsOf(From(kMaster, 1, Sync{})),
              ElementsAre(DropReason::kNotFromParent));
  EXPECT_THAT(DropsOf(From(kMaster, 1, FollowUp{})),
              ElementsAre(DropReason::kNotFromParent));
  EXPECT_THAT(DropsOf(From(kMaster, 1, DelayResp{})),
              ElementsAre(DropReason::kNotFromParent));
  EXPECT_THAT(DropsOf(From(kMaster, 1, PdelayReq{})),
              ElementsAre(DropReason::kNotExpected));
  EXPECT_THAT(DropsOf(From(kMaster, 1, Management{})),
              ElementsAre(DropReason::kNotExpected));
  EXPECT_THAT(DropsOf(From(kMaster, 1, Signaling{})),
              ElementsAre(DropReason::kNotExpected));
  EXPECT_THAT(DropsOf(good), IsEmpty());
}

TEST_F(MasterPortTest, LimitsOneSourceWithoutTouchingAnother) {
  BecomeMaster();
  Clear();
  for (int i = 0; i < 1000; ++i) {
    Hear(From(kSlaveA, static_cast<uint16_t>(i), DelayReq{}));
  }
  EXPECT_EQ(Sends(MessageType::kDelayResp).size(), 16u);
  EXPECT_EQ(Drops(out_).size(), 984u);
  EXPECT_THAT(Drops(out_), Each(DropReason::kRateLimited));
  EXPECT_THAT(DropsOf(From(kSlaveB, 1, DelayReq{})), IsEmpty());
}

TEST_F(MasterPortTest, AllowsASlaveTwiceWhatItIsTold) {
  settings_.delay_interval = {-7};
  Restart();
  BecomeMaster();
  int drops = 0;
  for (int i = 0; i < 2560; ++i) {
    RunFor(1.0 / 256);
    drops += static_cast<int>(
        DropsOf(From(kSlaveA, static_cast<uint16_t>(i), DelayReq{})).size());
  }
  EXPECT_EQ(drops, 0);
}

TEST_F(MasterPortTest, Answers10000RequestsASecondOf2000SlavesAllOfThemWithoutMemory) {
  BecomeMaster();
  std::map<uint64_t, int> answers;
  int syncs = 0;
  uint64_t allocations = 0;
  for (int i = 0; i < 30'000; ++i) {
    const PortIdentity slave{{0x10'0000 + static_cast<uint64_t>(i * 7 % 2000)}, 1};
    const Message request = From(slave, static_cast<uint16_t>(i), DelayReq{});
    const uint64_t before = testing_support::Allocations();
    Clear();
    RunFor(1e-4);
    Hear(request);
    allocations += testing_support::Allocations() - before;
    syncs += static_cast<int>(Sends(MessageType::kSync).size());
    for (const Send& send : Sends(MessageType::kDelayResp)) {
      ++answers[BodyOf<DelayResp>(send).requesting_port.clock.value];
    }
  }
  ASSERT_EQ(answers.size(), 2000u);
  for (const auto& [slave, count] : answers) EXPECT_EQ(count, 15) << slave;
  EXPECT_NEAR(syncs, 3, 1);
  EXPECT_EQ(allocations, 0u);
}

TEST_F(MasterPortTest, SyncsAndServesOthersOnTimeDuringAFlood) {
  BecomeMaster();
  int syncs = 0, honest = 0, flood = 0;
  for (int i = 0; i < 20'000; ++i) {
    Clear();
    RunFor(1e-3);
    for (int j = 0; j < 10; ++j) {
      Hear(From(kSlaveA, static_cast<uint16_t>(i + j), DelayReq{}));
    }
    flood += static_cast<int>(Sends(MessageType::kDelayResp).size());
    syncs += static_cast<int>(Sends(MessageType::kSync).size());
    if (i % 1000 == 0) {
      honest += DropsOf(From(kSlaveB, static_cast<uint16_t>(i), DelayReq{})).empty();
    }
  }
  EXPECT_EQ(syncs, 20);
  EXPECT_EQ(honest, 20);
  EXPECT_NEAR(flood, 16 + 20 * 32, 2);
}

TEST_F(MasterPortTest, NeverUsesATokenOfASlavePort) {
  BecomeMaster();
  EXPECT_GT(OneSync().token.value, kMasterTokens.value);
}

// ---- 11.4: Pdelay ----

class P2pMasterPortTest : public MasterPortTest {
 protected:
  P2pMasterPortTest() : MasterPortTest(DelayMechanism::kP2P) {}
};

TEST_F(P2pMasterPortTest, MeasuresAndAnswersOnItsLinkInEveryStateButStandingBack) {
  EXPECT_EQ(port_->state(), PortState::kListening);
  EXPECT_EQ(Sends(MessageType::kPdelayReq).size(), 1u);
  Hear(From(kSlaveA, 1, PdelayReq{}));
  EXPECT_EQ(Sends(MessageType::kPdelayResp).size(), 1u);
  BecomeMaster();
  RunFor(3);
  EXPECT_GE(Sends(MessageType::kPdelayReq).size(), 2u);
  Qualify(1);
  ASSERT_EQ(port_->state(), PortState::kPassive);
  Clear();
  RunFor(3);
  EXPECT_GE(Sends(MessageType::kPdelayReq).size(), 2u);
}

TEST_F(P2pMasterPortTest, TellsItsStampsInPdelayResps) {
  BecomeMaster();
  Message request = From(kSlaveA, 9, PdelayReq{});
  request.header.correction = Nanos(40);
  Hear(request, Local(1000));
  const Send response = Sends(MessageType::kPdelayResp).at(0);
  EXPECT_TRUE(std::get<PdelayResp>(Parsed(response).body).request_receipt == Tai(1000));
  Transmitted(response.token, Local(6000));
  const Message m = Parsed(Sends(MessageType::kPdelayRespFollowUp).at(0));
  EXPECT_TRUE(m.header.correction == Nanos(40));
  const auto& follow_up = std::get<PdelayRespFollowUp>(m.body);
  EXPECT_TRUE(follow_up.response_origin == Tai(6000));
  EXPECT_EQ(follow_up.requesting_port, kSlaveA);
}

TEST_F(P2pMasterPortTest, TellsTheTurnaroundAloneWhileItHasNoTai) {
  BecomeMaster();
  port_->set_clock(std::nullopt);
  Hear(From(kSlaveA, 9, PdelayReq{}), Local(1000));
  const Send response = Sends(MessageType::kPdelayResp).at(0);
  EXPECT_TRUE(std::get<PdelayResp>(Parsed(response).body).request_receipt == TaiTime());
  Transmitted(response.token, Local(6000));
  const Message m = Parsed(Sends(MessageType::kPdelayRespFollowUp).at(0));
  EXPECT_TRUE(m.header.correction == Nanos(5000));
  EXPECT_TRUE(std::get<PdelayRespFollowUp>(m.body).response_origin == TaiTime());
}

TEST_F(P2pMasterPortTest, MeasuresItsLink) {
  BecomeMaster();
  RunFor(2);
  const Send request = Sends(MessageType::kPdelayReq).back();
  const SequenceId sequence = Parsed(request).header.sequence;
  Clear();
  Transmitted(request.token, Local(100));
  Message response = From(kSlaveA, sequence.value, PdelayResp{Tai(1100), kSelf});
  response.header.flags.two_step = true;
  Hear(response, Local(7100));
  Hear(From(kSlaveA, sequence.value, PdelayRespFollowUp{Tai(6100), kSelf}));
  const auto measured = All<PeerDelayMeasured>(out_);
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_TRUE(measured[0].mean_link_delay == Nanos(1000));
}

TEST_F(P2pMasterPortTest, LimitsRequestsAndTakesNoDelayReq) {
  BecomeMaster();
  for (int i = 0; i < 100; ++i) {
    Hear(From(kSlaveA, static_cast<uint16_t>(i), PdelayReq{}));
  }
  EXPECT_EQ(Sends(MessageType::kPdelayResp).size(), 16u);
  EXPECT_THAT(Drops(out_), Each(DropReason::kRateLimited));
  EXPECT_THAT(DropsOf(From(kSlaveA, 1, DelayReq{})),
              ElementsAre(DropReason::kNotExpected));
}

TEST_F(P2pMasterPortTest, LeavesTheLinkToTheSlavePortThatTakesOver) {
  settings_.slave_capable = true;
  properties_.quality.clock_class = 187;
  Restart();
  BecomeMaster();
  Qualify(128);
  ASSERT_EQ(port_->state(), PortState::kUncalibrated);
  Clear();
  Hear(From(kSlaveA, 1, PdelayReq{}));
  RunFor(3);
  EXPECT_THAT(All<Send>(out_), IsEmpty());
  RunFor(8);  // That master is gone.
  ASSERT_EQ(port_->state(), PortState::kMaster);
  EXPECT_FALSE(Sends(MessageType::kPdelayReq).empty());
}

}  // namespace
}  // namespace bridge::ptp
