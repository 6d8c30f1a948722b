#include "bridge/os/companion_port.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/clocks.h"
#include "bridge/os/hardware_stamps.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

// ptp4l answers within a tenth of that. Sleeping until then costs less than being woken
// by each answer.
constexpr absl::Duration kAnswering = absl::Milliseconds(1);
// Otherwise nobody listens but now and then, while nothing is said unasked (pushed):
// after that, for so long, and at first.
constexpr absl::Duration kAttentive = absl::Seconds(5);
constexpr absl::Duration kAttentiveAtFirst = absl::Seconds(15);
// That the sockets' files are the same ones still, while ptp4l answers.
constexpr absl::Duration kLookAtFiles = absl::Seconds(30);

// Who asks. ptp4l keeps a subscription for each identity, so it has to be nobody
// else's: "refc", and what no other process starts with.
ptp::PortIdentity OwnIdentity(uint16_t number) {
  const auto unique = static_cast<uint32_t>(getpid()) * 2'654'435'761u ^
                      static_cast<uint32_t>(MonoNow().Nanos());
  return {{uint64_t{0x72656663} << 32 | unique}, number};
}

// ptp4l's clock is ptp4l's to steer.
Config OnlyObserving(Config config) {
  config.phc.mode = PhcMode::kObserve;
  return config;
}

ManagementClient::Options ClientOptions(const Config& config, uint16_t number) {
  return {
      .server = config.companion.socket,
      .fallback_directory = std::filesystem::path(config.status.socket).parent_path(),
      .clock_is_known = !config.ptp.interface.empty() || config.phc.device != "auto" ||
                        config.ptp.timestamping == Timestamping::kSoftware,
      .number = number};
}

// The PHC that stamps with, as "/dev/ptp0". One that comes back need not have the
// configured name, which may be another's by then.
absl::StatusOr<std::string> DeviceOf(const UseClock& clock, const Config& config,
                                     bool comes_back) {
  const std::string& interface =
      clock.interface.empty() ? config.ptp.interface : clock.interface;
  const bool named = config.phc.device != "auto";
  const bool told = clock.phc_index || !interface.empty();
  if (named && !(comes_back && told)) return config.phc.device;
  if (clock.phc_index) return absl::StrCat("/dev/ptp", *clock.phc_index);
  if (interface.empty()) {
    return absl::FailedPreconditionError(
        "ptp4l's read-only socket does not tell which clock it stamps with: set "
        "ptp.interface or phc.device");
  }
  ASSIGN_OR_RETURN(const HardwareStamps stamps, ReadHardwareStamps(interface));
  if (stamps.phc_index < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(interface, " has no clock of its own: set phc.device"));
  }
  return absl::StrCat("/dev/ptp", stamps.phc_index);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CompanionPort>> CompanionPort::Open(
    const Config& config, uint16_t number, const PortSurroundings& surroundings) {
  std::unique_ptr<CompanionPort> port(new CompanionPort(config, number, surroundings));
  RETURN_IF_ERROR(port->OpenOutputs());
  return port;
}

CompanionPort::CompanionPort(const Config& config, uint16_t number,
                             const PortSurroundings& surroundings)
    : Port(OnlyObserving(config), OwnIdentity(number), surroundings),
      client_(ClientOptions(config, number)) {}

void CompanionPort::Start(MonoTime now) {
  engine_->OnPair(ReadPair(), now, actions_);
  CarryOut(now);
  LookAfterSocket(now);
}

// ---- A turn.

std::optional<MonoTime> CompanionPort::Deadline() {
  return Earlier(Port::Deadline(), answered_by_);
}

void CompanionPort::AppendPollFds(std::vector<pollfd>& polled, bool all) {
  polled_at_.reset();
  if (!client_.open() || answered_by_) return;
  if (!all && !attentive_ && engine_->answered()) return;
  polled_at_ = polled.size();
  polled.push_back({client_.fd(), POLLIN, 0});
}

void CompanionPort::OnPolled(const std::vector<pollfd>& polled, MonoTime now) {
  const bool waited = answered_by_ && now >= *answered_by_;
  const bool ready = polled_at_ && polled[*polled_at_].revents != 0;
  attentive_ = now < attentive_until_;
  if (!waited && !ready) return;
  if (phc_ == nullptr) {
    engine_->OnPair(ReadPair(), now, actions_);
    CarryOut(now);
  }
  // One at a time where we were woken by it: mostly there is one, and asking for a
  // second costs as much as poll(2).
  int expected = waited ? std::exchange(asked_, 0) : 1;
  if (waited) answered_by_.reset();
  while (expected > 0 && ReadAnswer(now)) --expected;
  // More will be pushed, or is late.
  if (ready || expected > 0) attentive_until_ = now + kAttentive;
  attentive_ = now < attentive_until_;
}

// False when there is none.
bool CompanionPort::ReadAnswer(MonoTime now) {
  const auto datagram = client_.Receive();
  if (!datagram) return false;
  engine_->OnManagement(*datagram, now, actions_);
  CarryOut(now);
  return true;
}

void CompanionPort::AfterTurn(MonoTime now) {
  Port::AfterTurn(now);
  if (!answered_by_ && asked_ > 0) answered_by_ = now + kAnswering;
}

void CompanionPort::OncePerSecond(const std::optional<KernelClock>& kernel,
                                  MonoTime now) {
  Port::OncePerSecond(kernel, now);
  LookAfterSocket(now);
  if (clock_.stamps == StampKind::kHardware && phc_ == nullptr) {
    OpenPhc(now);
    CarryOut(now);
  }
}

// ---- ptp4l comes and goes.

void CompanionPort::LookAfterSocket(MonoTime now) {
  const bool look = now >= next_look_ || !engine_->answered();
  if (client_.open() && look) {
    next_look_ = now + kLookAtFiles;
    if (!client_.IsCurrent()) {
      LoseSocket(now);
      CarryOut(now);
    }
  }
  if (client_.open()) return;
  if (const absl::Status opened = client_.Open(); !opened.ok()) {
    const std::string refusal(opened.message());
    if (refusal != last_refusal_) log_.Write({Severity::kWarning, refusal});
    last_refusal_ = refusal;
    return;
  }
  last_refusal_.clear();
  ++sockets_opened_;
  attentive_until_ = now + kAttentiveAtFirst;
  log_.Write({Severity::kNotice, absl::StrCat("asking ptp4l at ", client_.server())});
  engine_->OnManagementSocket(client_.kind(), now, actions_);
  CarryOut(now);
}

void CompanionPort::LoseSocket(MonoTime now) {
  log_.Write({Severity::kWarning, absl::StrCat("the ptp4l at ", client_.server(),
                                               " is gone: waiting for another")});
  client_.Close();
  asked_ = 0;
  answered_by_.reset();
  engine_->OnManagementSocket(ManagementSocket::kClosed, now, actions_);
}

// ---- Actions.

void CompanionPort::Ask(const SendManagement& question, MonoTime now) {
  if (!client_.open()) return;
  ++asked_;
  const absl::Status sent = client_.Send(question.octets());
  if (sent.ok()) return;
  if (absl::IsUnavailable(sent)) return LoseSocket(now);
  Warn(std::string(sent.message()), now);
}

void CompanionPort::Use(const UseClock& clock, MonoTime now) {
  clock_ = clock;
  phc_.reset();
  phc_lost_ &= clock.stamps == StampKind::kHardware;
  dialled_.reset();
  if (clock.stamps == StampKind::kHardware) OpenPhc(now);
}

void CompanionPort::OpenPhc(MonoTime now) {
  const absl::Status opened = TryPhc();
  if (!opened.ok() && opened.message() != phc_refusal_) {
    log_.Write({Severity::kWarning, std::string(opened.message())});
  }
  phc_refusal_ = std::string(opened.message());
  // It may be another one now.
  if (opened.ok() && std::exchange(phc_lost_, false)) engine_->OnResume(now, actions_);
}

absl::Status CompanionPort::TryPhc() {
  ASSIGN_OR_RETURN(const std::string device, DeviceOf(clock_, config_, phc_lost_));
  ASSIGN_OR_RETURN(phc_, PhcDevice::Open(device, PhcDevice::Access::kRead));
  log_.Write(
      {Severity::kNotice, absl::StrCat("ptp4l's time stamps are of ", device, " (",
                                       phc_->clock_name(), "), which is only read")});
  if (clock_.phc_index && phc_->index() >= 0 && phc_->index() != *clock_.phc_index) {
    log_.Write({Severity::kWarning,
                absl::StrCat("phc.device is ", device, ", but ptp4l stamps with ",
                             "/dev/ptp", *clock_.phc_index)});
  }
  return absl::OkStatus();
}

ClockReading CompanionPort::ReadClocks(MonoTime now) {
  std::optional<CrossTimestamp<Phc>> phc;
  if (phc_ != nullptr) {
    TellDial(now);
    const auto read = phc_->Read();
    if (read.ok()) {
      phc = *read;
    } else if (absl::IsNotFound(read.status())) {
      log_.Write({Severity::kWarning, absl::StrCat(phc_->device(),
                                                   " is gone: waiting until ptp4l's "
                                                   "clock is back")});
      phc_.reset();
      dialled_.reset();
      phc_lost_ = true;
    } else {
      Warn(std::string(read.status().message()), now);
    }
  }
  return {ReadPair(), phc};
}

// ptp4l turns it after each Sync.
void CompanionPort::TellDial(MonoTime now) {
  const auto dialled = phc_->ReadFrequency();
  if (!dialled.ok()) return;  // Then its pace of late has to do.
  if (dialled_ && dialled->Scaled() == dialled_->Scaled()) return;
  dialled_ = *dialled;
  engine_->OnPhcAdjusted({*dialled, RawNow()}, now, actions_);
}

StatusReport CompanionPort::Report(MonoTime now) const {
  StatusReport report = Port::Report(now);
  report.counters.emplace_back("management_sockets_opened", sockets_opened_);
  if (phc_ != nullptr && report.phc) {
    DescribePhc(*phc_, *report.phc);
    report.counters.emplace_back("phc_read_errors", phc_->read_errors());
  } else if (phc_lost_) {
    report.phc.reset();
    report.warnings.push_back({"phc-gone", "waiting until ptp4l's clock is back"});
  }
  return report;
}

}  // namespace bridge::os
