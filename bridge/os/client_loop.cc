#include "bridge/os/client_loop.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/clocks.h"
#include "bridge/os/signals.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

ptp::PortIdentity IdentityOf(const InterfaceInfo& interface) {
  return {ptp::ClockIdentity::FromMac(interface.mac), 1};
}

// Only spreads the times of requests: any number will do that differs between
// hosts and starts.
uint64_t Seed(const InterfaceInfo& interface) {
  return ptp::ClockIdentity::FromMac(interface.mac).value ^
         static_cast<uint64_t>(MonoNow().Nanos());
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClientLoop>> ClientLoop::Open(const Config& config,
                                                             const std::string& version,
                                                             TraceFile* record) {
  ASSIGN_OR_RETURN(const InterfaceInfo interface, ReadInterface(config.ptp.interface));
  std::optional<absl::StatusOr<LeapTable>> leap_table;
  if (!config.utc.leap_file.empty()) {
    leap_table = LeapFile(config.utc.leap_file).ReadIfChanged();
    if (leap_table && !leap_table->ok()) {
      return absl::Status(
          leap_table->status().code(),
          absl::StrCat("utc.leap_file: ", leap_table->status().message(),
                       "; install tzdata, name another list, or set "
                       "utc.leap_file = \"\" to do without one"));
    }
  }
  ASSIGN_OR_RETURN(auto transport,
                   PtpTransport::Open({.kind = config.ptp.transport,
                                       .interface = config.ptp.interface}));
  std::unique_ptr<ClientLoop> loop(
      new ClientLoop(config, version, interface, std::move(transport)));
  for (const Config::Shm& shm : config.output.shm) {
    ASSIGN_OR_RETURN(auto sink, ShmSink::Attach(shm.unit, shm.mode));
    loop->may_be_ours_ |= sink->fed_before();
    loop->shm_.push_back(std::move(sink));
  }
  for (const Config::Sock& sock : config.output.sock) {
    ASSIGN_OR_RETURN(auto sink, SockSink::Open(sock.path));
    loop->sock_.push_back(std::move(sink));
  }
  loop->WarnOfInterface();
  // People can do without being able to ask; clocks can't do without time.
  auto status = StatusServer::Listen(config.status.socket);
  if (status.ok()) {
    loop->status_ = *std::move(status);
  } else {
    loop->log_.Write({Severity::kWarning,
                      absl::StrCat("no status socket: ", status.status().message())});
  }
  // After Listen, which makes the directory.
  loop->may_be_ours_ |= loop->fed_marker_.IsSet();
  if (record) loop->Record(record);
  return loop;
}

ClientLoop::ClientLoop(const Config& config, std::string version,
                       const InterfaceInfo& interface,
                       std::unique_ptr<PtpTransport> transport)
    : config_(config),
      version_(std::move(version)),
      link_(config.ptp.interface),
      transport_(std::move(transport)),
      fed_marker_(config.status.socket),
      engine_(config, IdentityOf(interface), Seed(interface)) {
  if (!config.utc.leap_file.empty()) leap_file_.emplace(config.utc.leap_file);
}

// What will keep samples from coming although nothing fails.
void ClientLoop::WarnOfInterface() const {
  const std::string& name = config_.ptp.interface;
  if (StampsTransmissions(name) == false) {
    log_.Write({Severity::kWarning, absl::StrCat("the driver of ", name,
                                                 " stamps no transmissions: the path "
                                                 "delay cannot be measured")});
  }
  const auto addresses = ReadAddresses(name);
  if (!addresses) return;
  const bool missing =
      (config_.ptp.transport == Transport::kUdp4 && !addresses->ipv4) ||
      (config_.ptp.transport == Transport::kUdp6 && !addresses->ipv6_link_local);
  if (missing) {
    log_.Write({Severity::kWarning, absl::StrCat(name,
                                                 " has no address yet: requests "
                                                 "cannot be sent until it has")});
  }
}

ClientLoop::~ClientLoop() {
  engine_.Stop(MonoNow(), actions_);
  CarryOut(MonoNow());
  if (recorder_) recorder_->End();
  if (record_) record_->Flush();
}

void ClientLoop::Record(TraceFile* file) {
  record_ = file;
  recorder_.emplace([file](absl::string_view line) { file->Write(line); }, version_);
  engine_.set_recorder(&*recorder_);
}

void ClientLoop::Run() {
  if (!link_.netlink_status().ok()) {
    log_.Write(
        {Severity::kWarning, absl::StrCat("looking at the interface once a second: ",
                                          link_.netlink_status().message())});
  }
  const MonoTime now = MonoNow();
  suspended_for_ = SuspendedFor();
  OncePerSecond(now);
  engine_.OnPair(ReadPair(), now, actions_);
  engine_.OnLink(link_.IsUp(), now, actions_);
  CarryOut(now);
  while (!StopRequested() && !ReloadRequested()) Turn();
}

void ClientLoop::Turn() {
  Poll(MonoNow());
  const MonoTime now = MonoNow();
  if (transport_) ReadTransport(now);
  if (Ready(link_fds_)) OnLinkEvent(link_.OnReadable(), now);
  if (now >= next_second_) OncePerSecond(now);
  if (const auto deadline = engine_.Deadline(); deadline && now >= *deadline) {
    engine_.OnTime(now, actions_);
    CarryOut(now);
  }
  // On most interfaces the stamp of what was just sent is there already.
  if (std::exchange(sent_event_, false)) ReadTransmitted(now);
  // Slow clients have a deadline, so they are looked at without being ready, too.
  if (status_ && (Ready(status_fds_) || status_->clients() > 0)) {
    status_->Serve(now, [this, now] { return Report(now); });
  }
}

void ClientLoop::Poll(MonoTime now) {
  polled_.clear();
  const auto range_from = [this](size_t first) {
    return PolledRange{first, polled_.size() - first};
  };
  if (transport_) transport_->AppendPollFds(polled_);
  transport_fds_ = range_from(0);
  if (link_.fd() >= 0) polled_.push_back({link_.fd(), POLLIN, 0});
  link_fds_ = range_from(transport_fds_.count);
  if (status_) status_->AppendPollFds(polled_);
  status_fds_ = range_from(transport_fds_.count + link_fds_.count);

  // What is done once a second waits for company: waking up costs more than it.
  MonoTime wake = next_second_ + absl::Milliseconds(300);
  if (const auto deadline = engine_.Deadline()) wake = std::min(wake, *deadline);
  // Up to a millisecond late, never early.
  const int64_t wait_ms =
      (std::max<int64_t>((wake - now).Nanos(), 0) + 999'999) / 1'000'000;
  if (poll(polled_.data(), polled_.size(),
           static_cast<int>(std::min<int64_t>(wait_ms, 1'000))) < 0) {
    // EINTR: a signal has set its flag. Nothing was reported in any case.
    for (pollfd& fd : polled_) fd.revents = 0;
  }
}

bool ClientLoop::Ready(PolledRange range, short events) const {
  const auto fds = std::span(polled_).subspan(range.first, range.count);
  return std::any_of(fds.begin(), fds.end(),
                     [events](const pollfd& fd) { return (fd.revents & events) != 0; });
}

void ClientLoop::ReadTransport(MonoTime now) {
  if (!Ready(transport_fds_)) return;
  // After the stamps that wait to be read and before they are used.
  engine_.OnPair(ReadPair(), now, actions_);
  CarryOut(now);
  if (Ready(transport_fds_, POLLPRI | POLLERR)) ReadTransmitted(now);
  for (int i = 0; i < PtpTransport::kBatch; ++i) {
    const auto frame = transport_->Receive(buffer_);
    if (!frame.ok()) {
      if (error_log_.Allow(now.SinceEpoch().SecondsDouble())) {
        log_.Write({Severity::kWarning, std::string(frame.status().message())});
      }
      continue;
    }
    if (!*frame) break;
    engine_.OnFrame((*frame)->octets, (*frame)->stamp, now, actions_);
    CarryOut(now);
  }
}

void ClientLoop::ReadTransmitted(MonoTime now) {
  while (transport_) {
    const auto stamp = transport_->ReadTransmitted();
    if (!stamp) break;
    engine_.OnPair(ReadPair(), now, actions_);
    engine_.OnTransmitted(stamp->token, stamp->sent, now, actions_);
    CarryOut(now);
  }
}

void ClientLoop::OnLinkEvent(std::optional<LinkEvent> event, MonoTime now) {
  if (!event) return;
  const std::string& name = config_.ptp.interface;
  switch (*event) {
    case LinkEvent::kUp:
    case LinkEvent::kDown:
      log_.Write({Severity::kNotice,
                  absl::StrCat(name, link_.IsUp() ? " is up" : " is down")});
      break;
    case LinkEvent::kGone:
      log_.Write({Severity::kWarning,
                  absl::StrCat(name, " is gone: waiting until there is one again")});
      transport_.reset();
      break;
    case LinkEvent::kBack:
    case LinkEvent::kReplaced:
      log_.Write({Severity::kNotice, absl::StrCat(name, " is there again")});
      engine_.OnLink(false, now, actions_);
      CarryOut(now);
      ReopenTransport(now);
      break;
  }
  engine_.OnLink(link_.IsUp() && transport_ != nullptr, now, actions_);
  CarryOut(now);
}

void ClientLoop::ReopenTransport(MonoTime now) {
  auto opened = PtpTransport::Open(
      {.kind = config_.ptp.transport, .interface = config_.ptp.interface});
  if (opened.ok()) {
    transport_ = *std::move(opened);
  } else {
    transport_.reset();
    if (error_log_.Allow(now.SinceEpoch().SecondsDouble())) {
      log_.Write({Severity::kWarning, std::string(opened.status().message())});
    }
  }
}

void ClientLoop::OncePerSecond(MonoTime now) {
  next_second_ = now + absl::Seconds(1);
  if (record_) record_->Flush();
  const auto suspended_for = SuspendedFor();
  if (suspended_for && suspended_for_ &&
      *suspended_for - *suspended_for_ > absl::Milliseconds(10)) {
    log_.Write({Severity::kNotice, "the system has slept: measuring anew"});
    engine_.OnResume(now, actions_);
    CarryOut(now);
  }
  suspended_for_ = suspended_for;

  if (auto kernel = ReadKernelClock(); kernel.ok()) {
    kernel->may_be_ours = may_be_ours_;
    engine_.OnKernelClock(*kernel, now, actions_);
  }
  if (leap_file_) {
    if (const auto table = leap_file_->ReadIfChanged()) {
      engine_.OnLeapFile(*table, now, actions_);
    }
  }
  CarryOut(now);
  if (link_.fd() < 0) OnLinkEvent(link_.Refresh(), now);
  if (!transport_ && link_.info()) {  // It could not be opened when it came back.
    ReopenTransport(now);
    engine_.OnLink(link_.IsUp() && transport_ != nullptr, now, actions_);
    CarryOut(now);
  }
}

void ClientLoop::CarryOut(MonoTime now) {
  bool fed = false;
  // Actions that follow from ReadCrossTimestamp are appended while we walk.
  for (size_t i = 0; i < actions_.size(); ++i) {
    if (const auto* send = std::get_if<SendMessage>(&actions_[i])) {
      Send(*send, now);
    } else if (std::holds_alternative<ReadCrossTimestamp>(actions_[i])) {
      engine_.OnCrossTimestamp(ClockReading{ReadPair()}, now, actions_);
    } else if (const auto* publish = std::get_if<Publish>(&actions_[i])) {
      SinkOf(publish->output).Publish(publish->sample);
      fed = true;
    } else if (const auto* withdraw = std::get_if<Withdraw>(&actions_[i])) {
      SinkOf(withdraw->output).Withdraw();
    } else if (const auto* line = std::get_if<WriteLog>(&actions_[i])) {
      log_.Write(line->line);
    }
  }
  actions_.clear();
  if (!fed) return;
  fed_marker_.Set();
  TellNews();
  // Somebody may have stepped the system clock between the reading and the store:
  // then what stands there now is withdrawn at once.
  engine_.OnPair(ReadPair(), now, actions_);
  CarryOut(now);
}

SampleSink& ClientLoop::SinkOf(size_t output) {
  if (output < shm_.size()) return *shm_[output];
  return *sock_[output - shm_.size()];
}

void ClientLoop::Send(const ptp::Send& message, MonoTime now) {
  if (!transport_) return;
  const absl::Status sent = transport_->Send(message);
  sent_event_ |= sent.ok() && ptp::IsEvent(message.type);
  if (!sent.ok() && error_log_.Allow(now.SinceEpoch().SecondsDouble())) {
    log_.Write({Severity::kWarning, std::string(sent.message())});
  }
}

void ClientLoop::TellNews() {
  for (const auto& sink : shm_) {
    if (const auto line = sink->TakeNews()) log_.Write(*line);
  }
  for (const auto& sink : sock_) {
    if (const auto line = sink->TakeNews()) log_.Write(*line);
  }
}

std::string ClientLoop::Report(MonoTime now) const {
  StatusReport report = engine_.Status(now);
  report.version = version_;
  for (size_t i = 0; i < sock_.size(); ++i) {
    report.outputs[shm_.size() + i].connected = sock_[i]->connected();
  }
  if (transport_) {
    const PtpTransport::Counters& counters = transport_->counters();
    report.counters.emplace_back("rx_ignored", counters.rx_ignored);
    report.counters.emplace_back("rx_truncated", counters.rx_truncated);
    report.counters.emplace_back("sent", counters.sent);
    report.counters.emplace_back("send_errors", counters.send_errors);
    report.counters.emplace_back("tx_stamps_missing", counters.tx_stamps_missing);
    report.counters.emplace_back("tx_stamps_unknown", counters.tx_stamps_unknown);
  }
  return report.ToJson();
}

}  // namespace bridge::os
