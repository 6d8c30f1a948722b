// A grandmaster with nothing round it: transport, master port, the system clock taken
// for TAI.  master_server INTERFACE [l2|udp4|udp6]
#include <cstdio>
#include <cstring>
#include <string>

#include "bridge/os/clocks.h"
#include "bridge/os/interface.h"
#include "bridge/os/signals.h"
#include "bridge/os/transport.h"
#include "bridge/ptp/master_port.h"

namespace bridge::os {
namespace {

class Server {
 public:
  Server(std::unique_ptr<PtpTransport> transport, ptp::MasterPortSettings settings)
      : transport_(std::move(transport)),
        port_(settings,
              {.priority1 = 10,
               .quality = {.clock_class = 6},
               .current_utc_offset = 37,
               .current_utc_offset_valid = true},
              Rng(1)) {
    port_.set_clock(ClockMap<Local, Tai>(LocalTime(), TaiTime(), 0, Era()));
  }

  void Run() {
    port_.Start(MonoNow(), said_);
    CarryOut();
    while (!StopRequested()) Turn();
    transport_->CountOverflows();
    const PtpTransport::Counters& c = transport_->counters();
    std::printf(
        "received %lu sent %lu send_errors %lu missing %lu unknown %lu overflows %lu\n",
        c.received, c.sent, c.send_errors, c.tx_stamps_missing, c.tx_stamps_unknown,
        c.rx_overflows);
  }

 private:
  void Turn() {
    fds_.clear();
    transport_->AppendPollFds(fds_);
    int64_t wait = 300;
    if (const auto due = port_.Deadline()) {
      wait = std::clamp<int64_t>(((*due - MonoNow()).Nanos() + 999'999) / 1'000'000, 0,
                                 wait);
    }
    if (poll(fds_.data(), fds_.size(), static_cast<int>(wait)) < 0) {
      for (pollfd& fd : fds_) fd.revents = 0;
    }
    now_ = MonoNow();
    ReadPair();
    bool errors = false, any = false;
    for (const pollfd& fd : fds_) {
      errors |= (fd.revents & (POLLPRI | POLLERR)) != 0;
      any |= fd.revents != 0;
    }
    if (errors) ReadTransmitted();
    if (any) ReadFrames();
    if (const auto due = port_.Deadline(); due && now_ >= *due) {
      port_.OnTime(now_, said_);
      CarryOut();
    }
    if (std::exchange(sent_event_, false)) ReadTransmitted();
    (void)transport_->Flush();
  }

  void ReadFrames() {
    while (true) {
      const auto frame = transport_->Receive(buffer_);
      if (!frame.ok() || !*frame) break;
      const auto parsed = ptp::ParseMessage((*frame)->octets);
      const auto* message = std::get_if<ptp::Message>(&parsed);
      if (message == nullptr) continue;
      std::optional<LocalTime> received;
      if ((*frame)->stamp) received = ToLocal(*(*frame)->stamp);
      port_.OnMessage(*message, received, (*frame)->from, now_, said_);
      CarryOut();
    }
  }

  void ReadTransmitted() {
    while (const auto stamp = transport_->ReadTransmitted()) {
      port_.OnTransmitted(stamp->token, ToLocal(stamp->sent), now_, said_);
      CarryOut();
    }
  }

  static LocalTime ToLocal(const EventStamp& stamp) {
    return LocalTime::FromNanos(std::get<UtcTime>(stamp).Nanos());
  }

  void CarryOut() {
    for (const ptp::PortAction& action : said_) {
      const auto* send = std::get_if<ptp::Send>(&action);
      if (send == nullptr) continue;
      if (transport_->Send(*send).ok()) sent_event_ |= ptp::IsEvent(send->type);
    }
    said_.clear();
  }

  std::unique_ptr<PtpTransport> transport_;
  ptp::MasterPort port_;
  ptp::PortActions said_;
  std::vector<pollfd> fds_;
  std::array<uint8_t, PtpTransport::kBufferSize> buffer_;
  MonoTime now_;
  bool sent_event_ = false;
};

int Main(int argc, char** argv) {
  InstallSignalHandlers();
  const std::string interface = argv[1];
  const std::string kind = argc > 2 ? argv[2] : "udp4";
  auto transport = PtpTransport::Open({.kind = kind == "l2"     ? Transport::kL2
                                               : kind == "udp6" ? Transport::kUdp6
                                                                : Transport::kUdp4,
                                       .interface = interface});
  if (!transport.ok()) {
    std::fprintf(stderr, "%s\n", std::string(transport.status().message()).c_str());
    return 1;
  }
  ptp::MasterPortSettings settings;
  settings.identity = {ptp::ClockIdentity::FromMac(ReadInterface(interface)->mac), 1};
  settings.announce_interval = ptp::LogInterval{0};
  settings.sync_interval = ptp::LogInterval{-3};
  settings.delay_interval = ptp::LogInterval{-5};  // 64 a second for each.
  settings.request_limit.burst = 64;
  Server(*std::move(transport), settings).Run();
  return 0;
}

}  // namespace
}  // namespace bridge::os

int main(int argc, char** argv) { return argc < 2 ? 2 : bridge::os::Main(argc, argv); }
