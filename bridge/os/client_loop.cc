#include "bridge/os/client_loop.h"

#include <time.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/client_port.h"
#include "bridge/os/clocks.h"
#include "bridge/os/companion_port.h"
#include "bridge/os/hardware.h"
#include "bridge/os/shm_neighbours.h"
#include "bridge/os/signals.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

// It changes twice a year.
constexpr absl::Duration kLookAtLeapFile = absl::Seconds(8);
// Each descriptor costs something at each wake-up, each wake-up costs more, and some
// need not wake us: they are left out of short waits, unless that was so for long.
constexpr absl::Duration kShortWait = absl::Milliseconds(250);
constexpr absl::Duration kLookAtAll = absl::Milliseconds(500);

absl::Status CheckLeapFile(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const auto table = LeapFile(path).ReadIfChanged();
  if (!table || table->ok()) return absl::OkStatus();
  return absl::Status(table->status().code(),
                      absl::StrCat("utc.leap_file: ", table->status().message(),
                                   "; install tzdata, name another list, or set "
                                   "utc.leap_file = \"\" to do without one"));
}

using Ports = std::vector<std::unique_ptr<Port>>;

// As poll(2) of nothing would, but that costs twice as much.
void Sleep(int milliseconds) {
  const timespec time{.tv_sec = 0, .tv_nsec = milliseconds * 1'000'000L};
  if (milliseconds > 0) nanosleep(&time, nullptr);
}

uint16_t Number(size_t port) { return static_cast<uint16_t>(port + 1); }

absl::StatusOr<Ports> OpenClients(std::vector<Config> configs,
                                  const std::vector<PortSurroundings>& surroundings) {
  // Before anything is touched.
  for (const Config& port : configs) {
    RETURN_IF_ERROR(ReadInterface(port.ptp.interface).status());
  }
  std::vector<Hardware> hardware;
  for (Config& port : configs) {
    ASSIGN_OR_RETURN(hardware.emplace_back(), FindHardware(port));
  }
  ShareClocks(configs, hardware);
  Ports ports;
  for (size_t i = 0; i < configs.size(); ++i) {
    ASSIGN_OR_RETURN(ports.emplace_back(),
                     ClientPort::Open(configs[i], Number(i), std::move(hardware[i]),
                                      surroundings[i]));
  }
  return ports;
}

absl::StatusOr<Ports> OpenCompanions(
    const std::vector<Config>& configs,
    const std::vector<PortSurroundings>& surroundings) {
  Ports ports;
  for (size_t i = 0; i < configs.size(); ++i) {
    ASSIGN_OR_RETURN(ports.emplace_back(),
                     CompanionPort::Open(configs[i], Number(i), surroundings[i]));
  }
  return ports;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClientLoop>> ClientLoop::Open(
    const Config& config, const std::string& version,
    const std::vector<std::unique_ptr<TraceFile>>& records) {
  RETURN_IF_ERROR(CheckLeapFile(config.utc.leap_file));
  std::unique_ptr<ClientLoop> loop(new ClientLoop(config, version));
  const std::vector<Config> configs = PortConfigs(config);
  std::vector<PortSurroundings> surroundings;
  for (size_t i = 0; i < configs.size(); ++i) {
    surroundings.push_back(
        {version, loop->fed_marker_, i < records.size() ? records[i].get() : nullptr});
  }
  ASSIGN_OR_RETURN(loop->ports_, config.role == Role::kCompanion
                                     ? OpenCompanions(configs, surroundings)
                                     : OpenClients(configs, surroundings));
  if (!config.utc.leap_file.empty()) loop->leap_file_.emplace(config.utc.leap_file);
  if (!config.gnss.gpsd.empty()) {
    ASSIGN_OR_RETURN(loop->gpsd_, GpsdClient::Open(config.gnss.gpsd));
  }
  loop->OpenStatus(config);
  loop->WarnOfNeighbours(config.gnss.gpsd);
  return loop;
}

void ClientLoop::WarnOfNeighbours(absl::string_view gpsd) const {
  std::set<int> units;
  for (const auto& port : ports_) {
    for (const Config::Shm& shm : port->config().output.shm) units.insert(shm.unit);
  }
  const std::vector<ShmNeighbour> neighbours = FindShmNeighbours();
  for (const LogLine& line : DescribeShmNeighbours(neighbours, units)) log_.Write(line);
  if (const auto line = DescribeGpsdUnits(gpsd, neighbours, units)) log_.Write(*line);
}

// People can do without being able to ask; clocks can't do without time.
void ClientLoop::OpenStatus(const Config& config) {
  auto status = StatusServer::Listen(config.status.socket);
  if (status.ok()) {
    status_ = *std::move(status);
  } else {
    log_.Write({Severity::kWarning,
                absl::StrCat("no status socket: ", status.status().message())});
  }
}

void ClientLoop::Run() {
  if (!std::exchange(started_, true)) Start(MonoNow());
  while (!StopRequested() && !ReloadRequested()) Turn();
}

void ClientLoop::Start(MonoTime now) {
  suspended_for_ = SuspendedFor();
  // The system clock may have been set from any of the outputs.
  const bool fed =
      fed_marker_.IsSet() || std::any_of(ports_.begin(), ports_.end(),
                                         [](auto& port) { return port->fed_before(); });
  for (auto& port : ports_) port->SetFed(fed);
  OncePerSecond(now);
  for (auto& port : ports_) port->Start(now);
}

void ClientLoop::Turn() {
  Poll(MonoNow());
  const MonoTime now = MonoNow();
  for (auto& port : ports_) port->OnPolled(polled_, now);
  if (gpsd_) ServeGpsd(now);
  if (now >= next_second_) OncePerSecond(now);
  for (auto& port : ports_) port->AfterTurn(now);
  // Slow clients have a deadline, so they are looked at without being ready, too.
  const bool asked =
      std::any_of(polled_.begin() + static_cast<ptrdiff_t>(status_fds_), polled_.end(),
                  [](const pollfd& fd) { return fd.revents != 0; });
  if (status_ && (asked || status_->clients() > 0)) {
    status_->Serve(now, [this, now] { return Report(now); });
  }
}

void ClientLoop::Poll(MonoTime now) {
  // What is done once a second waits for company: waking up costs more than it.
  MonoTime wake = next_second_ + absl::Milliseconds(300);
  for (const auto& port : ports_) {
    if (const auto deadline = port->Deadline()) wake = std::min(wake, *deadline);
  }
  if (gpsd_ && gpsd_->Deadline()) wake = std::min(wake, *gpsd_->Deadline());
  const bool all = wake > now + kShortWait || now >= next_look_at_all_;
  if (all) next_look_at_all_ = now + kLookAtAll;
  polled_.clear();
  for (auto& port : ports_) port->AppendPollFds(polled_, all);
  if (gpsd_) gpsd_->AppendPollFds(polled_);
  status_fds_ = polled_.size();
  if (status_ && (all || status_->clients() > 0)) status_->AppendPollFds(polled_);

  // Up to a millisecond late, never early; so what is due then is done together.
  const auto wait = static_cast<int>(
      std::clamp<int64_t>(((wake - now).Nanos() + 999'999) / 1'000'000, 0, 999));
  if (polled_.empty()) return Sleep(wait);
  if (poll(polled_.data(), polled_.size(), wait) < 0) {
    // EINTR: a signal has set its flag. Nothing was reported in any case.
    for (pollfd& fd : polled_) fd.revents = 0;
  }
}

// What is wrong is told once, until it is something else.
void ClientLoop::ServeGpsd(MonoTime now) {
  gpsd_->Serve(now, [&](const GnssReport& report) {
    for (auto& port : ports_) port->OnGnss(report, now);
  });
  std::string trouble(gpsd_->connected() ? "" : gpsd_->trouble().message());
  if (trouble == gpsd_trouble_) return;
  gpsd_trouble_ = std::move(trouble);
  log_.Write(gpsd_trouble_.empty()
                 ? LogLine{Severity::kNotice,
                           absl::StrCat("gpsd ", gpsd_->release(), " answers")}
                 : LogLine{Severity::kWarning, absl::StrCat("gpsd: ", gpsd_trouble_)});
}

void ClientLoop::OncePerSecond(MonoTime now) {
  next_second_ = now + absl::Seconds(1);
  const auto suspended_for = SuspendedFor();
  if (suspended_for && suspended_for_ &&
      *suspended_for - *suspended_for_ > absl::Milliseconds(10)) {
    log_.Write({Severity::kNotice, "the system has slept: measuring anew"});
    for (auto& port : ports_) port->OnResume(now);
  }
  suspended_for_ = suspended_for;

  std::optional<KernelClock> kernel;
  if (auto read = ReadKernelClock(); read.ok()) kernel = *read;
  for (auto& port : ports_) port->OncePerSecond(kernel, now);
  if (!leap_file_ || now < next_leap_look_) return;
  next_leap_look_ = now + kLookAtLeapFile;
  if (const auto table = leap_file_->ReadIfChanged()) {
    for (auto& port : ports_) port->OnLeapFile(*table, now);
  }
}

std::string ClientLoop::Report(MonoTime now) const {
  std::vector<StatusReport> reports;
  for (const auto& port : ports_) {
    reports.push_back(port->Report(now));
    reports.back().version = version_;
  }
  return ToJson(reports);
}

}  // namespace bridge::os
