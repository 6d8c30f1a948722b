#include "bridge/ptp/slave_port.h"

#include <algorithm>
#include <map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge::ptp {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

// A port that was started at 0 s; every input happens at now_, and out_ is what
// came of it (or of the sequence since the last Clear()).
class SlavePortTest : public testing::Test {
 protected:
  explicit SlavePortTest(DelayMechanism mechanism = DelayMechanism::kE2E)
      : settings_(Settings(mechanism)) {
    Restart();
  }
  void Restart(uint64_t seed = 1) {
    port_.emplace(settings_, Rng(seed));
    now_ = 0;
    Clear();
    port_->Start(After(0), out_);
  }
  void Clear() { out_.clear(); }

  void Hear(const Message& message, std::optional<LocalTime> received = Local(0)) {
    port_->OnMessage(message, received, After(now_), out_);
  }
  // The reason for which one message was dropped.
  std::vector<DropReason> DropsOf(const Message& message,
                                  std::optional<LocalTime> received = Local(0)) {
    Clear();
    Hear(message, received);
    return Drops(out_);
  }

  struct Voice {
    PortIdentity port;
    Announce announce;
    uint16_t next_announce = 100;
    uint16_t next_sync = 200;
  };
  static Voice MakeVoice(PortIdentity port, uint8_t priority1 = 128) {
    Voice voice{.port = port, .announce = {}};
    voice.announce.grandmaster = port.clock;
    voice.announce.grandmaster_priority1 = priority1;
    return voice;
  }
  Message AnnounceOf(Voice& voice) {
    Message m = From(voice.port, voice.next_announce++, voice.announce);
    m.header.log_interval = {1};
    m.header.flags = flags_;
    return m;
  }
  Message SyncOf(Voice& voice) {
    Message m = From(voice.port, voice.next_sync++, Sync{Tai(0)});
    m.header.log_interval = {0};
    return m;
  }
  void HearAnnounce(Voice& voice) { Hear(AnnounceOf(voice)); }
  void HearSync(Voice& voice) { Hear(SyncOf(voice), Local(0)); }
  void Qualify(Voice& voice) {
    HearAnnounce(voice);
    HearAnnounce(voice);
  }
  void BecomeSlave(Voice& voice) {
    Qualify(voice);
    HearSync(voice);
    port_->OnCalibrated(true, After(now_), out_);
    ASSERT_EQ(port_->state(), PortState::kSlave);
    Clear();
  }
  // Lets timers fire until `seconds`.
  void PassUntil(double seconds) {
    while (port_->Deadline() && *port_->Deadline() <= After(seconds)) {
      const MonoTime due = *port_->Deadline();
      port_->OnTime(due, out_);
      ASSERT_TRUE(!port_->Deadline() || *port_->Deadline() > due);
    }
    now_ = seconds;
  }
  // The state after each change, and the positions of things in out_.
  std::vector<PortState> States() const {
    std::vector<PortState> states;
    for (const auto& change : All<StateChanged>(out_)) states.push_back(change.to);
    return states;
  }
  template <typename T>
  size_t PositionOf() const {
    const auto found = std::find_if(out_.begin(), out_.end(), [](const PortAction& a) {
      return std::holds_alternative<T>(a);
    });
    return static_cast<size_t>(found - out_.begin());
  }
  template <typename T>
  size_t Count() const {
    return All<T>(out_).size();
  }

  PortSettings settings_;
  std::optional<SlavePort> port_;
  double now_ = 0;
  PortActions out_;
  Flags flags_;  // Of Announces.
  Voice master_ = MakeVoice(kMaster);
  Voice better_ = MakeVoice(kOther, 1);
};

class PeerToPeerPortTest : public SlavePortTest {
 protected:
  PeerToPeerPortTest() : SlavePortTest(DelayMechanism::kP2P) {}
};

TEST_F(SlavePortTest, StartsListensAndStops) {
  EXPECT_THAT(States(), ElementsAre(PortState::kListening));
  Clear();
  port_->Start(After(1), out_);
  EXPECT_THAT(out_, IsEmpty()) << "it runs already";
  port_->Stop(After(2), out_);
  EXPECT_EQ(port_->state(), PortState::kFaulty);
  port_->Start(After(3), out_);
  EXPECT_EQ(port_->state(), PortState::kListening);
}

TEST_F(SlavePortTest, BecomesSlaveWhenQualifiedAndCalibrated) {
  HearAnnounce(master_);
  EXPECT_EQ(port_->state(), PortState::kListening);
  EXPECT_EQ(port_->parent(), std::nullopt);
  HearAnnounce(master_);
  EXPECT_EQ(port_->state(), PortState::kUncalibrated);
  ASSERT_TRUE(port_->parent());
  EXPECT_EQ(port_->parent()->port, kMaster);
  port_->OnCalibrated(true, After(now_), out_);
  EXPECT_EQ(port_->state(), PortState::kSlave);
  port_->OnCalibrated(false, After(now_), out_);
  EXPECT_EQ(port_->state(), PortState::kUncalibrated);
  EXPECT_EQ(All<StateChanged>(out_).back().why, PortEvent::kSynchronizationLost);
}

TEST_F(SlavePortTest, RemembersACalibrationThatCameBeforeTheMasterWasQualified) {
  HearSync(master_);
  port_->OnCalibrated(true, After(now_), out_);
  EXPECT_EQ(port_->state(), PortState::kListening);
  Clear();
  Qualify(master_);
  EXPECT_THAT(States(), ElementsAre(PortState::kUncalibrated, PortState::kSlave));
}

TEST_F(SlavePortTest, AnotherMasterIsNotCalibratedByTheMeasurementsOfTheLast) {
  HearSync(master_);
  port_->OnCalibrated(true, After(now_), out_);
  Qualify(better_);
  EXPECT_EQ(port_->state(), PortState::kUncalibrated);
}

TEST_F(SlavePortTest, MeasuresTheSenderOfTheFirstSyncBeforeAnyAnnounce) {
  Clear();
  HearSync(master_);
  ASSERT_EQ(Count<MeasuringRestarted>(), 1u);
  EXPECT_EQ(All<MeasuringRestarted>(out_)[0].master, kMaster);
  EXPECT_EQ(Count<SyncMeasured>(), 1u);
  EXPECT_LT(PositionOf<MeasuringRestarted>(), PositionOf<SyncMeasured>());
  ASSERT_EQ(Count<Send>(), 1u) << "the first Delay_Req goes out in the same call";
  EXPECT_EQ(All<Send>(out_)[0].type, MessageType::kDelayReq);
  EXPECT_THAT(DropsOf(SyncOf(better_)), ElementsAre(DropReason::kNotFromParent));
}

TEST_F(SlavePortTest, GoesOnMeasuringWhenTheCandidateIsElected) {
  HearSync(master_);
  Clear();
  Qualify(master_);
  HearSync(master_);
  EXPECT_EQ(port_->parent()->port, kMaster);
  EXPECT_EQ(Count<MeasuringRestarted>(), 0u);
  EXPECT_EQ(Count<SyncMeasured>(), 1u);
}

TEST_F(SlavePortTest, MeasuresTheBestAnnouncerWhileNobodyIsQualified) {
  HearSync(master_);
  HearAnnounce(master_);
  Clear();
  HearAnnounce(better_);
  ASSERT_EQ(Count<MeasuringRestarted>(), 1u);
  EXPECT_EQ(All<MeasuringRestarted>(out_)[0].master, kOther);
  EXPECT_EQ(port_->parent(), std::nullopt);
}

TEST_F(SlavePortTest, ACandidateThatFallsSilentMakesRoomForAnother) {
  HearSync(master_);
  PassUntil(5.9);
  EXPECT_THAT(DropsOf(SyncOf(better_)), ElementsAre(DropReason::kNotFromParent));
  PassUntil(6.1);
  Clear();
  HearSync(better_);
  ASSERT_EQ(Count<MeasuringRestarted>(), 1u);
  EXPECT_EQ(All<MeasuringRestarted>(out_)[0].master, kOther);
}

TEST_F(SlavePortTest, NeverMixesAnOldMastersHalvesWithTheNewOnes) {
  Qualify(master_);
  Message sync = From(kMaster, 7, Sync{});
  sync.header.flags.two_step = true;
  Hear(sync);
  const Send request = All<Send>(out_).at(0);
  port_->OnTransmitted(request.token, Local(0), After(now_), out_);

  Clear();
  Qualify(better_);
  ASSERT_EQ(port_->parent()->port, kOther);
  EXPECT_EQ(Count<MeasuringRestarted>(), 1u);
  const uint16_t asked = Parsed(request).header.sequence.value;
  for (const PortIdentity& sender : {kMaster, kOther}) {
    Hear(From(sender, 7, FollowUp{Tai(0)}));
    Hear(From(sender, asked, DelayResp{Tai(0), kSelf}));
  }
  EXPECT_EQ(Count<SyncMeasured>(), 0u);
  EXPECT_EQ(Count<DelayMeasured>(), 0u);
  EXPECT_THAT(Drops(out_),
              ElementsAre(DropReason::kNotFromParent, DropReason::kNotFromParent,
                          DropReason::kUnmatched));
}

TEST_F(SlavePortTest, ABetterMasterTakesOverOnlyWhenQualified) {
  BecomeSlave(master_);
  HearAnnounce(better_);
  EXPECT_THAT(out_, IsEmpty());
  HearAnnounce(better_);
  EXPECT_EQ(port_->parent()->port, kOther);
  EXPECT_THAT(States(), ElementsAre(PortState::kUncalibrated));
  EXPECT_EQ(All<StateChanged>(out_)[0].why, PortEvent::kMasterChanged);
  EXPECT_EQ(Count<MeasuringRestarted>(), 1u);
}

TEST_F(SlavePortTest, TheNextBestTakesOverWhenTheParentFallsSilent) {
  Qualify(master_);
  BecomeSlave(better_);
  for (int t = 2; t <= 8; t += 2) {
    PassUntil(t);
    HearAnnounce(master_);
  }
  EXPECT_EQ(port_->parent()->port, kMaster);
  EXPECT_EQ(Count<ParentChanged>(), 1u);
  EXPECT_THAT(States(), ElementsAre(PortState::kUncalibrated));
}

TEST_F(SlavePortTest, ListensAgainWhenTheParentFallsSilent) {
  BecomeSlave(master_);
  PassUntil(5.9);
  EXPECT_EQ(port_->state(), PortState::kSlave);
  PassUntil(8);
  EXPECT_EQ(port_->state(), PortState::kListening);
  EXPECT_EQ(port_->parent(), std::nullopt);
  ASSERT_EQ(Count<ParentChanged>(), 1u);
  EXPECT_EQ(All<ParentChanged>(out_)[0].parent, std::nullopt);
  EXPECT_EQ(All<StateChanged>(out_)[0].why, PortEvent::kAnnounceTimeout);
}

TEST_F(SlavePortTest, AMasterThatIsBackNeedsToQualifyAgain) {
  BecomeSlave(master_);
  PassUntil(8);
  ASSERT_EQ(port_->state(), PortState::kListening);
  master_.next_announce = 0;  // It was restarted.
  HearAnnounce(master_);
  EXPECT_EQ(port_->parent(), std::nullopt);
  HearAnnounce(master_);
  EXPECT_TRUE(port_->parent());
}

TEST_F(SlavePortTest, AParentThatIsNoLongerAllowedIsLeftAtOnce) {
  settings_.allowed_masters = {kMaster.clock};
  Restart();
  BecomeSlave(master_);
  master_.announce.grandmaster = kOther.clock;
  EXPECT_THAT(DropsOf(AnnounceOf(master_)), ElementsAre(DropReason::kMasterNotAllowed));
  EXPECT_EQ(port_->state(), PortState::kListening);
  EXPECT_EQ(port_->parent(), std::nullopt);
}

TEST_F(SlavePortTest, SpeaksOfTheParentOnlyWhenItSaysSomethingNew) {
  BecomeSlave(master_);
  HearAnnounce(master_);
  EXPECT_THAT(out_, IsEmpty());
  flags_.leap61 = true;
  HearAnnounce(master_);
  ASSERT_EQ(Count<ParentChanged>(), 1u);
  EXPECT_TRUE(All<ParentChanged>(out_)[0].parent->flags.leap61);
  master_.announce.current_utc_offset = 37;
  HearAnnounce(master_);
  EXPECT_EQ(All<ParentChanged>(out_).back().parent->current_utc_offset, 37);
  master_.announce.grandmaster_quality.clock_class = 7;
  HearAnnounce(master_);
  EXPECT_EQ(Count<ParentChanged>(), 3u);
  flags_.two_step = flags_.unicast = true;
  HearAnnounce(master_);
  EXPECT_EQ(Count<ParentChanged>(), 3u) << "these speak of the message";
  EXPECT_EQ(port_->state(), PortState::kSlave);
}

TEST_F(SlavePortTest, AnotherGrandmasterBehindTheSameParentIsMeasuredAnew) {
  BecomeSlave(master_);
  master_.announce.grandmaster = {0x77};
  HearAnnounce(master_);
  EXPECT_EQ(Count<MeasuringRestarted>(), 1u);
  EXPECT_EQ(Count<ParentChanged>(), 1u);
  EXPECT_THAT(States(), ElementsAre(PortState::kUncalibrated));
  Clear();
  HearSync(master_);
  EXPECT_EQ(Count<Send>(), 1u) << "asked at once, as any new master";
}

TEST_F(SlavePortTest, NamesWhyAMessageIsNotForIt) {
  Message sync = SyncOf(master_);
  sync.header.domain = {1};
  EXPECT_THAT(DropsOf(sync), ElementsAre(DropReason::kOtherDomain));
  sync = SyncOf(master_);
  sync.header.sdo.major = 1;
  EXPECT_THAT(DropsOf(sync), ElementsAre(DropReason::kOtherSdo));
  sync.header.sdo = {0, 9};
  EXPECT_THAT(DropsOf(sync), IsEmpty()) << "minorSdoId is ignored";
  Voice self = MakeVoice({kSelf.clock, 9});
  EXPECT_THAT(DropsOf(SyncOf(self)), ElementsAre(DropReason::kOwnMessage));
  flags_.alternate_master = true;
  EXPECT_THAT(DropsOf(AnnounceOf(master_)), ElementsAre(DropReason::kAlternateMaster));
}

TEST_F(SlavePortTest, PassesOnWhyAnAnnounceWasNotTaken) {
  HearAnnounce(master_);
  --master_.next_announce;
  EXPECT_THAT(DropsOf(AnnounceOf(master_)), ElementsAre(DropReason::kStaleAnnounce));
  better_.announce.steps_removed = 255;
  EXPECT_THAT(DropsOf(AnnounceOf(better_)), ElementsAre(DropReason::kStepsRemoved));
  for (uint64_t n = 1; n <= 8; ++n) {
    Voice invented = MakeVoice({{0x1000 + n}, 1});
    Clear();
    HearAnnounce(invented);
  }
  EXPECT_THAT(Drops(out_), ElementsAre(DropReason::kTooManyMasters));
}

TEST_F(SlavePortTest, NamesMessagesNobodyExpects) {
  EXPECT_THAT(DropsOf(From(kOther, 1, DelayReq{})), ElementsAre(DropReason::kNotForUs));
  for (const Body& body : std::initializer_list<Body>{
           Signaling{kAllPorts}, Management{kAllPorts, 0, 0, 0}, PdelayReq{},
           PdelayResp{{}, kSelf}, PdelayRespFollowUp{{}, kSelf}}) {
    EXPECT_THAT(DropsOf(From(kOther, 1, body)), ElementsAre(DropReason::kNotExpected))
        << body.index();
  }
}

TEST_F(SlavePortTest, ExpectsNothingBeforeStartAndAfterStop) {
  BecomeSlave(master_);
  HearSync(master_);
  port_->Stop(After(now_), out_);
  EXPECT_EQ(All<ParentChanged>(out_).back().parent, std::nullopt);
  EXPECT_EQ(port_->parent(), std::nullopt);
  EXPECT_EQ(port_->Deadline(), std::nullopt);
  EXPECT_THAT(DropsOf(SyncOf(master_)), ElementsAre(DropReason::kNotExpected));
  SlavePort fresh(settings_, Rng(1));
  Clear();
  fresh.OnMessage(SyncOf(master_), Local(0), After(0), out_);
  EXPECT_THAT(Drops(out_), ElementsAre(DropReason::kNotExpected));
}

TEST_F(SlavePortTest, CountsStampsOfTokensItDoesNotKnow) {
  Clear();
  port_->OnTransmitted(TxToken{12345}, Local(0), After(0), out_);
  EXPECT_THAT(Drops(out_), ElementsAre(DropReason::kTransmitTimestampLate));
}

TEST_F(SlavePortTest, AUnicastSyncIsMeasuredButItsIntervalIsNotAdopted) {
  Qualify(master_);
  Message sync = SyncOf(master_);
  sync.header.log_interval = {-4};
  Hear(sync);
  EXPECT_EQ(port_->sync_interval(), LogInterval{-4});
  sync = SyncOf(master_);
  sync.header.flags.unicast = true;
  sync.header.log_interval = LogInterval::Unspecified();
  Clear();
  Hear(sync);
  EXPECT_EQ(Count<SyncMeasured>(), 1u);
  sync = SyncOf(master_);
  sync.header.log_interval = {100};
  Hear(sync);
  EXPECT_EQ(port_->sync_interval(), LogInterval{-4});
}

TEST_F(SlavePortTest, StopsAskingWhileSyncsDoNotCome) {
  Qualify(master_);
  HearSync(master_);
  for (int t = 1; t <= 30; ++t) {
    PassUntil(t);
    HearAnnounce(master_);
    if (t == 7) Clear();
  }
  ASSERT_TRUE(port_->parent()) << "it still announces itself";
  EXPECT_EQ(Count<Send>(), 0u);
  HearSync(master_);
  EXPECT_EQ(Count<Send>(), 1u);
}

TEST_F(SlavePortTest, MeasuresTheDelayOfItsMaster) {
  Qualify(master_);
  HearSync(master_);
  const Send request = All<Send>(out_).at(0);
  Clear();
  port_->OnTransmitted(request.token, Local(5), After(now_), out_);
  Hear(From(kMaster, Parsed(request).header.sequence.value, DelayResp{Tai(9), kSelf}));
  ASSERT_EQ(Count<DelayMeasured>(), 1u);
  EXPECT_EQ(All<DelayMeasured>(out_)[0].master, kMaster);
}

TEST_F(PeerToPeerPortTest, MeasuresTheLinkWithoutAMaster) {
  const auto sends = All<Send>(out_);
  ASSERT_EQ(sends.size(), 1u);
  const uint16_t sequence = Parsed(sends[0]).header.sequence.value;
  port_->OnTransmitted(sends[0].token, Local(0), After(0), out_);
  Hear(From(kOther, sequence, PdelayResp{{}, kSelf}), Local(2000));
  EXPECT_EQ(Count<PeerDelayMeasured>(), 1u) << "one-step";
  Clear();
  PassUntil(10);
  EXPECT_GE(Count<Send>(), 9u);
}

TEST_F(PeerToPeerPortTest, AsksNoMasterForTheDelay) {
  Clear();
  HearSync(master_);
  EXPECT_EQ(Count<SyncMeasured>(), 1u);
  EXPECT_EQ(Count<Send>(), 0u);
  EXPECT_THAT(DropsOf(From(kMaster, 1, DelayResp{{}, kSelf})),
              ElementsAre(DropReason::kNotExpected));
}

TEST_F(PeerToPeerPortTest, AnswersItsNeighbour) {
  Clear();
  Hear(From(kOther, 5, PdelayReq{}));
  ASSERT_EQ(Count<Send>(), 1u);
  port_->OnTransmitted(All<Send>(out_)[0].token, Local(9), After(0), out_);
  ASSERT_EQ(Count<Send>(), 2u);
  EXPECT_EQ(All<Send>(out_)[1].type, MessageType::kPdelayRespFollowUp);
}

// ---- Anything at all, for a long time.

class Chaos {
 public:
  explicit Chaos(uint64_t seed) : rng_(seed) {}

  // Few values, so that messages meet; now and then an absurd one.
  // Answers are about the request `asked`, all others about `announced`.
  Message AnyMessage(SequenceId announced, SequenceId asked) {
    const PortIdentity source =
        rng_.Chance(0.6)
            ? kMaster
            : PortIdentity{{rng_.Below(12)}, static_cast<uint16_t>(rng_.Below(2))};
    const PortIdentity requesting = rng_.Chance(0.9) ? kSelf : source;
    const TaiTime t = Tai(static_cast<int64_t>(rng_.Next() >> 8));
    Announce announce;
    announce.grandmaster = {rng_.Below(12)};
    announce.grandmaster_priority1 = static_cast<uint8_t>(rng_.Below(3));
    announce.steps_removed =
        static_cast<uint16_t>(rng_.Chance(0.1) ? 255 : rng_.Below(3));
    const Body bodies[] = {Sync{t},
                           DelayReq{t},
                           PdelayReq{t},
                           PdelayResp{t, requesting},
                           FollowUp{t},
                           DelayResp{t, requesting},
                           PdelayRespFollowUp{t, requesting},
                           announce,
                           Signaling{requesting},
                           Management{requesting, 0, 0, 0}};
    const Body& body = bodies[rng_.Below(std::size(bodies))];
    const bool answer = std::holds_alternative<DelayResp>(body) ||
                        std::holds_alternative<PdelayResp>(body) ||
                        std::holds_alternative<PdelayRespFollowUp>(body);
    const uint16_t near = (answer ? asked : announced).value;
    const uint64_t sequence = rng_.Chance(0.1) ? rng_.Next() : near - rng_.Below(4);
    Message m = From(source, static_cast<uint16_t>(sequence), body);
    m.header.flags.two_step = rng_.Chance(0.5);
    m.header.flags.unicast = rng_.Chance(0.1);
    m.header.flags.alternate_master = rng_.Chance(0.02);
    m.header.domain.value = rng_.Chance(0.02);
    m.header.log_interval.value =
        static_cast<int8_t>(rng_.Chance(0.1) ? rng_.Next() : rng_.Below(3));
    m.header.correction = TimeDelta::FromScaledNanos(
        static_cast<int64_t>(rng_.Next()) >> (rng_.Chance(0.1) ? 0 : 30));
    return m;
  }
  std::optional<LocalTime> AnyStamp() {
    if (rng_.Chance(0.1)) return {};
    return Local(static_cast<int64_t>(rng_.Next()) >> (rng_.Chance(0.1) ? 0 : 32));
  }
  Rng& rng() { return rng_; }

 private:
  Rng rng_;
};

class SlavePortChaosTest : public testing::TestWithParam<DelayMechanism> {};

TEST_P(SlavePortChaosTest, HoldsItsPromisesWhateverComesIn) {
  Chaos chaos(20261121);
  Rng& rng = chaos.rng();
  SlavePort port(Settings(GetParam()), Rng(3));
  MonoTime now = kStart;
  uint16_t announced = 0;
  uint64_t newest_token = 0;
  SequenceId asked;
  std::optional<PortIdentity> measured;
  std::map<size_t, int> seen;  // Kinds of action, to see that the test bites.

  for (int step = 0; step < 100'000; ++step) {
    PortActions out;
    now = now + absl::Milliseconds(static_cast<int64_t>(rng.Below(40)));
    if (step % 4 == 0) ++announced;
    const double dice = rng.Uniform();
    if (dice < 0.0005) {
      port.Stop(now, out);
    } else if (dice < 0.01) {
      port.Start(now, out);
    } else if (dice < 0.02) {
      port.OnCalibrated(rng.Chance(0.8), now, out);
    } else if (dice < 0.2) {
      port.OnTransmitted(TxToken{newest_token - rng.Below(3)},
                         chaos.AnyStamp().value_or(Local(0)), now, out);
    } else {
      port.OnMessage(chaos.AnyMessage({announced}, asked), chaos.AnyStamp(), now, out);
    }
    if (port.Deadline() && *port.Deadline() <= now) {
      port.OnTime(now, out);
      ASSERT_TRUE(!port.Deadline() || *port.Deadline() > now) << step;
    }

    ASSERT_LE(out.size(), 8u) << "more would allocate";
    for (const PortAction& action : out) {
      ++seen[action.index()];
      if (const auto* send = std::get_if<Send>(&action)) {
        ASSERT_GT(send->token.value, newest_token);
        newest_token = send->token.value;
        const Header header = Parsed(*send).header;
        ASSERT_EQ(header.type, send->type);
        if (header.type == MessageType::kDelayReq ||
            header.type == MessageType::kPdelayReq) {
          asked = header.sequence;
        }
      } else if (const auto* restarted = std::get_if<MeasuringRestarted>(&action)) {
        measured = restarted->master;
      } else if (const auto* sync = std::get_if<SyncMeasured>(&action)) {
        ASSERT_EQ(sync->master, measured);
      } else if (const auto* delay = std::get_if<DelayMeasured>(&action)) {
        ASSERT_EQ(delay->master, measured);
      }
    }
    const bool has_parent =
        port.state() == PortState::kUncalibrated || port.state() == PortState::kSlave;
    ASSERT_EQ(port.parent().has_value(), has_parent) << PortStateName(port.state());
    if (has_parent) {
      ASSERT_EQ(port.parent()->port, measured);
    }
  }
  const bool e2e = GetParam() == DelayMechanism::kE2E;
  for (size_t kind = 0; kind < std::variant_size_v<PortAction>; ++kind) {
    const bool impossible = kind == PortAction(e2e ? PortAction(PeerDelayMeasured{})
                                                   : PortAction(DelayMeasured{}))
                                        .index();
    EXPECT_EQ(seen[kind] < 20, impossible) << kind << ": " << seen[kind];
  }
}

INSTANTIATE_TEST_SUITE_P(BothMechanisms, SlavePortChaosTest,
                         testing::Values(DelayMechanism::kE2E, DelayMechanism::kP2P),
                         [](const auto& test) {
                           return test.param == DelayMechanism::kE2E ? "E2E" : "P2P";
                         });

}  // namespace
}  // namespace bridge::ptp
