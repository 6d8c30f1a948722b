// bridge/engine/client_engine.h
//
// The brain of a client and of a companion: frames and stamps, or what a ptp4l says of
// its own, in; samples for NTP daemons out.
//
// engine.h has the rules of a turn.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/engine/actions.h"
#include "bridge/engine/engine.h"
#include "bridge/engine/trace.h"
#include "bridge/engine/utc_witnesses.h"
#include "bridge/refclock/continuity.h"
#include "bridge/refclock/sampler.h"
#include "bridge/refclock/settled.h"
#include "bridge/source/companion_source.h"
#include "bridge/source/native_source.h"
#include "bridge/telemetry/status_report.h"
#include "bridge/time/leap_table.h"

namespace bridge {

class ClientEngine final : public Engine {
 public:
  // `seed` spreads the times of Delay_Req and of Announce timeouts.
  ClientEngine(const Config& config, ptp::PortIdentity identity, uint64_t seed);

  void set_recorder(TraceWriter* recorder) override;

  void OnLink(bool up, MonoTime now, Actions& out) override;
  void OnPair(const CrossTimestamp<Raw>& pair, MonoTime now, Actions& out) override;
  void OnFrame(std::span<const uint8_t> octets, std::optional<EventStamp> received,
               const std::optional<ptp::PortAddress>& from, MonoTime now,
               Actions& out) override;
  void OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                     Actions& out) override;
  void OnCrossTimestamp(const std::optional<ClockReading>& reading, MonoTime now,
                        Actions& out) override;
  void OnPhcAdjusted(const PhcAdjusted& adjusted, MonoTime now, Actions& out) override;
  void OnTime(MonoTime now, Actions& out) override;
  std::optional<MonoTime> Deadline() const override;
  void OnManagementSocket(ManagementSocket socket, MonoTime now, Actions& out) override;
  void OnManagement(std::span<const uint8_t> datagram, MonoTime now,
                    Actions& out) override;
  bool answered() const override { return source_->answers(); }
  void OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now,
                  Actions& out) override;
  void OnKernelClock(const KernelClock& clock, MonoTime now, Actions& out) override;
  void OnResume(MonoTime now, Actions& out) override;
  void Stop(MonoTime now, Actions& out) override;
  StatusReport Status(MonoTime now) const override;

  // Of a clock that follows another master for a while (role auto): nothing is
  // published while there is a reason against it.
  void Forbid(std::optional<WithholdReason> why, MonoTime now, Actions& out);
  // The PHC shows TAI already: it is not stepped at the start, only slewed.
  void BeginGently() { servo_.BeginGently(); }

  // For tests and simulations.
  bool publishing() const { return publishing_; }
  std::optional<WithholdReason> withheld() const { return withheld_; }
  const TimeSource& source() const { return *source_; }
  const CompanionSource* companion() const { return companion_.get(); }
  uint64_t dropped(ptp::DropReason reason) const {
    return dropped_[static_cast<size_t>(reason)];
  }

 private:
  struct Output {
    explicit Output(double rate) : limit(rate) {}
    RateLimit limit;
    uint64_t samples = 0;
    std::optional<MonoTime> last;
  };

  // All but jitter and error bound, which only a sample needs.
  SourceView View(MonoTime now);
  void Absorb(const ptp::PortActions& said, MonoTime now, Actions& out);
  void OnParent(const std::optional<ptp::ParentInfo>& parent, MonoTime now,
                Actions& out);
  void RenewAnnounce();
  void CountSync(std::optional<MonoTime> previous, MonoTime now);
  std::optional<TaiTime> TaiAtLastReading() const;
  std::optional<TaiTime> TaiAtLastReading(
      const std::optional<ClockMap<Local, Tai>>& map) const;
  void KeepReading(const CrossTimestamp<Local>& reading, MonoTime now);
  void AskForReading(MonoTime now, Actions& out);
  void OnPhcStepped(MonoTime now, Actions& out);
  void SteerPhc(MonoTime now, Actions& out);
  bool disciplines() const {
    return native_ && native_->hardware() && config_.phc.mode == PhcMode::kDiscipline &&
           steers_;
  }
  void AfterManagement(const ptp::PortActions& said, bool answered,
                       ptp::PortState before, MonoTime now, Actions& out);
  bool AnyDue(MonoTime now) const;
  std::optional<MonoTime> NextBetween() const;
  void DescribeSource(StatusReport& report) const;
  void RefreshClaims(MonoTime now, Actions& out);
  void Consider(MonoTime now, Actions& out);
  std::optional<WithholdReason> Doubt(const Continuity::Reading& reading,
                                      const RefclockSample& sample);
  void PublishSample(const RefclockSample& sample, MonoTime now, Actions& out);
  void Withhold(WithholdReason reason, MonoTime now, Actions& out);
  void WithdrawAll(Actions& out);

  const Config config_;
  const ptp::PortIdentity identity_;
  const uint64_t seed_;
  // One of the two, by the role; source_ is what both can do.
  const std::unique_ptr<NativeSource> native_;
  const std::unique_ptr<CompanionSource> companion_;
  TimeSource* const source_;
  UtcWitnesses witnesses_;
  Continuity continuity_;
  std::vector<Output> outputs_;
  const absl::Duration output_interval_;

  TraceWriter* recorder_ = nullptr;

  std::optional<WithholdReason> forbidden_;
  bool link_up_;  // A companion's link is ptp4l's business.
  bool stopped_ = false;
  bool publishing_ = false;
  std::optional<WithholdReason> withheld_;
  std::optional<CrossTimestamp<Local>> last_reading_;
  MonoTime last_reading_at_;
  bool sample_wanted_ = false;  // Of the reading that was asked for.
  MonoTime next_between_;       // A companion's next sample without a measurement.
  MonoTime next_reading_;       // Of a PHC, at the latest.
  PhcServo servo_{{}};
  MonoTime next_steering_;
  bool steers_ = true;  // Until the PHC refuses.
  int refused_in_a_row_ = 0;
  MonoTime next_claims_;
  std::optional<MonoTime> silence_at_;  // The window of a leap second begins.
  uint64_t measured_syncs_ = 0;
  int syncs_to_resume_ = 0;  // After a silence.
  Settled quality_;
  Settled utc_;
  std::string last_dissent_;
  std::optional<RefclockSample> last_sample_;
  std::optional<std::string> last_master_line_;

  uint64_t frames_ = 0;
  uint64_t samples_ = 0;
  uint64_t phc_steps_ = 0;        // By somebody else.
  uint64_t phc_adjustments_ = 0;  // By us.
  uint64_t phc_refusals_ = 0;
  std::array<uint64_t, ptp::kDropReasonCount> dropped_{};
  std::array<uint64_t, kWithholdReasonCount> withheld_counts_{};
  LogLimit state_log_{10};
  LogLimit master_log_{10};
  LogLimit gate_log_{10};
  LogLimit utc_log_{4};
  LogLimit phc_log_{4};
  LogLimit companion_log_{20};
};

}  // namespace bridge
