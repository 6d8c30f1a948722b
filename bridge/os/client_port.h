// bridge/os/client_port.h
//
// A port that hears PTP itself, with all that it owns in the kernel: its interface, its
// sockets, the PHC.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/os/hardware.h"
#include "bridge/os/interface.h"
#include "bridge/os/latency_meter.h"
#include "bridge/os/port.h"
#include "bridge/os/transport.h"

namespace bridge::os {

class ClientPort final : public Port {
 public:
  // Opens everything; an error says what is wrong and what would be right, and
  // nothing has been published or withdrawn then. `number` is its portNumber.
  static absl::StatusOr<std::unique_ptr<ClientPort>> Open(
      const Config& config, uint16_t number, Hardware hardware,
      const PortSurroundings& surroundings);
  // Withdraws every sample.
  ~ClientPort() override;

  void Start(MonoTime now) override;
  void AppendPollFds(std::vector<pollfd>& polled, bool all) override;
  void OnPolled(const std::vector<pollfd>& polled, MonoTime now) override;
  void AfterTurn(MonoTime now) override;
  void OncePerSecond(const std::optional<KernelClock>& kernel, MonoTime now) override;
  StatusReport Report(MonoTime now) const override;

 private:
  ClientPort(const Config& config, ptp::PortIdentity identity, Hardware hardware,
             std::unique_ptr<PtpTransport> transport,
             const PortSurroundings& surroundings);

  // Where somebody's descriptors stand among those polled.
  struct PolledRange {
    size_t first = 0;
    size_t count = 0;
  };

  void WarnOfInterface() const;
  absl::Status OpenMeter();
  void ReadFrames(bool errors, MonoTime now);
  void ReadTransmitted(MonoTime now);
  void OnLinkEvent(std::optional<LinkEvent> event, MonoTime now);
  // Without a PHC where there was one, there is nothing to measure with.
  bool hardware() const { return config_.ptp.timestamping == Timestamping::kHardware; }
  bool Ready() const {
    return transport_ != nullptr && hardware_.present() == hardware();
  }
  void TellNetworkError(const absl::Status& error, MonoTime now);
  void Reopen(MonoTime now);
  absl::Status FindPhc(MonoTime now);
  void LosePhc(MonoTime now);
  void OnPhcError(const absl::Status& error, MonoTime now);
  void BeginSteering(MonoTime now);
  void LookAfterHardware(MonoTime now);
  bool AnotherClockStamps() const;
  void FollowDial(MonoTime now);
  std::optional<SetPhcFrequency> RememberedFrequency(MonoTime now);
  void RememberFrequency(MonoTime now);
  ClockReading ReadClocks(MonoTime now) override;
  void Adjust(const PhcCommand& command, MonoTime now) override;
  void Switch(const SetOneStep& one_step, MonoTime now) override;
  void Send(const ptp::Send& message, MonoTime now) override;
  void Flush(MonoTime now);

  Hardware hardware_;  // Not present although hardware(): waiting for a PHC.
  SyncStamps syncs_ = SyncStamps::kTwoStep;
  LinkMonitor link_;
  std::unique_ptr<PtpTransport> transport_;  // Null while the interface is gone.
  std::unique_ptr<LatencyMeter> meter_;      // Null: ebpf.enable is off.

  PolledRange transport_fds_;
  PolledRange link_fds_;
  std::array<uint8_t, PtpTransport::kBufferSize> buffer_;
  bool sent_event_ = false;  // In this turn.
  std::optional<SetPhcFrequency> dialled_;
  bool adjusted_ = false;     // By us: worth remembering.
  std::string last_refusal_;  // To be opened again, as it was told.
  int seconds_ = 0;
  uint64_t stamps_switched_on_again_ = 0;
  uint64_t dialled_by_others_ = 0;
};

}  // namespace bridge::os
