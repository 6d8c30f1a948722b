// bridge/source/companion_source.h
//
// The time source of a companion: a ptp4l that somebody else runs, asked through its
// management socket. It says which Sync it received when, how far off it takes its
// clock to be, and who its master is; from that, and from readings of its clock, the
// Sync is measured anew on CLOCK_MONOTONIC_RAW, which ptp4l's servo does not touch.
//
// A measurement: TIME_STATUS_NP (pushed or asked for), CURRENT_DATA_SET asked for right
// behind it, and, as wants_reading() then says, a reading of the clocks.
//
// What it wants sent or said is in TakeActions() after each input.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "bridge/ptp/management.h"
#include "bridge/source/companion_actions.h"
#include "bridge/source/phc_pace.h"
#include "bridge/source/ptp4l_leap.h"
#include "bridge/source/sync_rhythm.h"
#include "bridge/source/time_source.h"

namespace bridge {

class CompanionSource final : public TimeSource {
 public:
  struct Settings {
    // Whose our questions are; not ptp4l's own. Its port is below 0x8000: with that
    // added it is the subscriber's.
    ptp::PortIdentity identity;
    ptp::DomainNumber domain;  // Where ptp4l is looked for first.
    std::vector<ptp::ClockIdentity> allowed_masters{};  // Grandmasters; empty = any.
    OffsetEstimator::Settings estimator{};  // Its `stamps` are not looked at.
    // What a read-only socket does not tell.
    std::string interface {};           // "": unknown.
    std::optional<StampKind> stamps{};  // Nothing: found out.
  };

  explicit CompanionSource(const Settings& settings);

  // The socket was opened (again), or is gone.
  void OnSocket(ManagementSocket socket, MonoTime now, ptp::PortActions& out);
  // What came from it.
  void OnDatagram(std::span<const uint8_t> octets, MonoTime now, ptp::PortActions& out);
  // Takes leave: pushes end.
  void Stop(MonoTime now);

  void Restart(MonoTime now, ptp::PortActions& out) override;
  Reading OnReading(const ClockReading& reading, MonoTime now,
                    ptp::PortActions& out) override;
  void OnTime(MonoTime now, ptp::PortActions& out) override;
  std::optional<MonoTime> Deadline() const override;

  // Of the port that follows a master, if one does, as ptp4l says it; INITIALIZING
  // before ptp4l was found, FAULTY when it is gone.
  ptp::PortState state() const override;
  const std::optional<ptp::ParentInfo>& parent() const override { return parent_; }
  std::optional<ParentNews> parent_news() const override;
  absl::Duration sync_interval() const override;
  // Not every Sync is measured.
  absl::Duration MeasuringInterval() const;
  bool hardware() const override {
    return clock_ && clock_->stamps == StampKind::kHardware;
  }
  bool measures_on_raw() const override { return true; }
  bool answers() const override { return ptp4l_.has_value(); }

  // It steers CLOCK_REALTIME, for certain: of software stamps its port is SLAVE only
  // while its servo is locked, and has the clock. With free_running 1, or a servo that
  // feeds others or does nothing, the port stays UNCALIBRATED.
  bool steers_system_clock() const;
  static constexpr char kSteersSystemClock[] =
      "ptp4l steers the system clock (software time stamps), and an NTP daemon that "
      "steers it too fights with it: let refclockd be the client in ptp4l's place "
      "(role = \"client\"), or give ptp4l hardware time stamps";

  // A measurement waits for a reading of the clocks.
  bool wants_reading() const { return pending_ && pending_->delay; }
  bool has_actions() const { return !actions_.empty(); }
  CompanionActions TakeActions() { return std::exchange(actions_, {}); }
  // Whether a reply came that parent_news() depends on, once.
  bool TakeParentRenewed() { return std::exchange(parent_renewed_, false); }

  // The clock that stamps are of; nothing until known.
  const std::optional<UseClock>& clock() const { return clock_; }
  // Where ptp4l is, or is looked for.
  ptp::DomainNumber domain() const { return place_.domain; }
  // TIME_STATUS_NP comes by itself, so nobody polls for it.
  bool pushed() const { return pushed_; }
  // How the PHC is dialled, ppb, as the next reading will find it. Until told, and for
  // a clock that UseClock has just named, unknown.
  void OnDial(double ppb) { dial_ppb_ = ppb; }
  TimeDelta phc_window() const { return pace_.window(); }
  uint64_t phc_steps() const { return phc_steps_; }

 private:
  struct Place {
    ptp::DomainNumber domain;
    uint8_t sdo = 0;  // majorSdoId
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Port {
    ptp::PortDataSet set;
    std::optional<UseClock> clock{};  // From PORT_PROPERTIES_NP and PORT_HWCLOCK_NP.
    std::optional<int> phc_index{};
  };
  struct Asked {
    ptp::ManagementId id;
    std::optional<ptp::SequenceId> sequence{};  // Of the latest question.
  };
  struct Pending {
    ptp::TimeStatusNp status;
    std::optional<TimeDelta> delay{};
  };

  // Finding it and losing it.
  void Look(MonoTime now);
  void Probe(MonoTime now);
  void Found(const ptp::ManagementMessage& message, MonoTime now);
  void Lose(ptp::PortActions& out);

  // Questions.
  void Send(ptp::ManagementAction action, const ptp::ManagementData& data);
  void Ask(ptp::ManagementId id);
  void AskAboutMaster(MonoTime now);
  void AskAboutClocks();
  void AskAboutTimescale(MonoTime now);
  void AskStatus(MonoTime now);
  void Subscribe(MonoTime now, uint16_t duration);
  void Poll(MonoTime now, ptp::PortActions& out);
  absl::Duration PollInterval() const;
  MonoTime NextBeat(MonoTime now) const;
  void PlanStatus(MonoTime now, bool repeated);

  // Answers.
  Asked* AskedOf(ptp::ManagementId id);
  const ptp::PortIdentity& Asker(ptp::ManagementId id) const;
  bool IsReply(const ptp::ManagementMessage& message);
  void Close(ptp::ManagementId id);
  std::optional<ptp::DropReason> Refusal(const ptp::ManagementMessage& message);
  void On(const ptp::PortDataSet& set, MonoTime now, ptp::PortActions& out);
  void On(const ptp::PortPropertiesNp& properties);
  void On(const ptp::PortHwclockNp& clock);
  void On(const ptp::ParentDataSet& set, MonoTime now, ptp::PortActions& out);
  void On(const ptp::CurrentDataSet& set, ptp::PortActions& out);
  void On(const ptp::GrandmasterSettingsNp& settings);
  void OnPush(MonoTime now);
  void On(const ptp::TimeStatusNp& status, bool pushed, MonoTime now);

  // What follows from them.
  Port* PortOf(const ptp::PortIdentity& identity);
  const Port* Chosen() const;
  void ChooseClock();
  void Use(const UseClock& clock);
  std::optional<ptp::ParentInfo> Followed() const;
  void Refresh(ptp::PortActions& out);
  void ForgetMaster();
  void ForgetMeasurements();

  // Measuring.
  bool FollowPhc(const ClockReading& reading);
  void GuessClock(TimeDelta ingress, const ClockReading& reading);
  std::optional<RawTime> Carry(TimeDelta ingress, const ClockReading& reading) const;
  std::optional<TimeDelta> BehindMaster(UtcTime utc);
  bool JumpExplained(LocalTime t2, TaiTime t1, MonoTime now);
  bool DelaySettled(TimeDelta delay, MonoTime now);
  void Measure(const ClockReading& reading, MonoTime now, ptp::PortActions& out);
  bool NearMonthEnd() const;

  void Say(Severity severity, std::string text);

  const Settings settings_;
  const ptp::PortIdentity subscriber_;
  CompanionActions actions_;
  ManagementSocket socket_ = ManagementSocket::kClosed;

  // Where it is.
  Place home_;   // Where it was found last, or is configured to be.
  Place place_;  // Where it is, or where the last question went.
  uint32_t probes_ = 0;
  struct Ptp4l {
    ptp::ClockIdentity clock;
    uint16_t ports;
  };
  std::optional<Ptp4l> ptp4l_;
  bool found_before_ = false;
  bool heard_ = false;  // Since the last poll.
  int unanswered_ = 0;  // Polls in a row.
  uint32_t polls_ = 0;

  ptp::SequenceId sequence_;
  std::array<Asked, 10> asked_;
  MonoTime next_probe_;
  MonoTime next_poll_;
  MonoTime next_inquiry_;  // About the master, at the earliest.
  MonoTime next_properties_;
  MonoTime next_subscription_;
  MonoTime next_status_;

  // What it said.
  absl::InlinedVector<Port, 2> ports_;
  std::optional<ptp::ParentDataSet> parent_set_;
  std::optional<ptp::CurrentDataSet> current_;
  std::optional<ptp::TimePropertiesDataSet> properties_;
  MonoTime properties_heard_;
  bool parent_renewed_ = false;
  std::optional<ptp::GrandmasterSettingsNp> own_settings_;
  std::optional<ptp::TimeStatusNp> status_;
  std::optional<ptp::ParentInfo> parent_;

  // Its clock.
  std::optional<UseClock> clock_;
  bool guessing_ = false;  // Which clock it is, with a read-only socket.
  bool told_steering_ = false;
  PhcPace pace_;
  std::optional<double> dial_ppb_;
  uint64_t phc_steps_ = 0;

  // Measuring.
  SyncRhythm rhythm_;
  bool pushed_ = false;
  bool wants_pushes_ = true;  // Until they turn out to be too many.
  MonoTime last_push_;
  bool retried_ = false;  // A Sync that had not come yet when it was asked for.
  int measured_ = 0;      // Since measuring began anew.
  TimeDelta last_ingress_;
  std::optional<Pending> pending_;
  std::optional<MonoTime> measured_at_;
  MonoTime next_delay_;
  // Since its port became SLAVE under our eyes.
  struct Settling {
    MonoTime began;
    MonoTime since;  // That it shows this delay.
    std::optional<TimeDelta> delay;
  };
  std::optional<Settling> settling_;
  Ptp4lLeap leap_;
  // The newest that was measured; and when one came that was another second.
  std::optional<TaiTime> last_tai_;
  LocalTime last_local_;
  std::optional<MonoTime> jumped_;
};

}  // namespace bridge
