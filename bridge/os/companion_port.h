// bridge/os/companion_port.h
//
// A port beside a ptp4l that runs on this machine already. It asks ptp4l's management
// socket and reads the clock of ptp4l's stamps; it opens no network socket, switches no
// time stamps on and adjusts no clock.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/os/management_socket.h"
#include "bridge/os/phc_device.h"
#include "bridge/os/port.h"

namespace bridge::os {

class CompanionPort final : public Port {
 public:
  // ptp4l need not be there yet. `number`: which of the daemon's ports.
  static absl::StatusOr<std::unique_ptr<CompanionPort>> Open(
      const Config& config, uint16_t number, const PortSurroundings& surroundings);
  // Withdraws every sample.
  ~CompanionPort() override { Finish(); }

  void Start(MonoTime now) override;
  void AppendPollFds(std::vector<pollfd>& polled, bool all) override;
  void OnPolled(const std::vector<pollfd>& polled, MonoTime now) override;
  void AfterTurn(MonoTime now) override;
  std::optional<MonoTime> Deadline() override;
  void OncePerSecond(const std::optional<KernelClock>& kernel, MonoTime now) override;
  StatusReport Report(MonoTime now) const override;

 private:
  CompanionPort(const Config& config, uint16_t number,
                const PortSurroundings& surroundings);

  bool ReadAnswer(MonoTime now);
  void LookAfterSocket(MonoTime now);
  void LoseSocket(MonoTime now);
  void OpenPhc(MonoTime now);
  absl::Status TryPhc();
  void Ask(const SendManagement& question, MonoTime now) override;
  void Use(const UseClock& clock, MonoTime now) override;
  ClockReading ReadClocks(MonoTime now) override;
  void TellDial(MonoTime now);

  ManagementClient client_;
  std::optional<size_t> polled_at_;  // Where its descriptor stands among those polled.
  int asked_ = 0;                    // Questions that no answer was read to.
  std::optional<MonoTime> answered_by_;  // By then; nobody listens before.
  MonoTime attentive_until_;             // To what comes unasked.
  bool attentive_ = true;
  MonoTime next_look_;        // At the files of both sockets.
  std::string last_refusal_;  // Why there is no socket, as the log has it.
  UseClock clock_;
  std::unique_ptr<PhcDevice> phc_;  // Null: software stamps, or it can't be opened.
  std::string phc_refusal_;         // Why it can't, as the log has it.
  bool phc_lost_ = false;           // There was one.
  std::optional<SetPhcFrequency> dialled_;  // As the engine was told.
  uint64_t sockets_opened_ = 0;
};

}  // namespace bridge::os
